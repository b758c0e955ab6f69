package import Crypto
package import Foundation

/// What a drill was and what it came to, with what shows that it was on record when it happened. For whoever has the
/// management plane's public key, and nothing else.
package struct DrillEvidence: Codable, Sendable, Equatable {
    /// What this version writes, and the newest it reads.
    package static let format = 1

    /// The configuration that was drilled.
    package struct Configuration: Codable, Sendable, Equatable {
        package var generation: UInt64
        package var name: String
        package var madeAt: String
        package var author: String
        package var reason: String
        /// SHA-256 of the document, in hexadecimal digits.
        package var digest: String

        package init(
            generation: UInt64, name: String, madeAt: String, author: String, reason: String, digest: String
        ) {
            self.generation = generation
            self.name = name
            self.madeAt = madeAt
            self.author = author
            self.reason = reason
            self.digest = digest
        }
    }

    /// An entry of the audit log, and what shows that it stands there.
    package struct Entry: Codable, Sendable, Equatable {
        package var entry: AuditEntry
        package var proof: InclusionProofView

        package init(entry: AuditEntry, proof: InclusionProofView) {
            self.entry = entry
            self.proof = proof
        }
    }

    package var format: Int
    package var madeAt: String
    package var madeBy: String
    /// Of the product.
    package var version: String
    /// The public key of the management plane that made it.
    package var key: String
    package var drill: DrillView
    /// Absent for a table-top.
    package var configuration: Configuration?
    /// What a passing drill of this kind says something about.
    package var covers: [CoveredFallbackView]
    /// In the order of the log.
    package var audit: [Entry]
    /// A signed note over the log of the size that the proofs are for.
    package var checkpoint: String

    package init(
        madeAt: String, madeBy: String, version: String, key: String, drill: DrillView, checkpoint: String
    ) {
        format = Self.format
        self.madeAt = madeAt
        self.madeBy = madeBy
        self.version = version
        self.key = key
        self.drill = drill
        self.checkpoint = checkpoint
        covers = []
        audit = []
    }
}

/// A fallback as it was when it was drilled: what it is held against later.
package struct CoveredFallbackView: Codable, Sendable, Equatable {
    package struct Fact: Codable, Sendable, Equatable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var route: String
    package var deployment: String
    /// The one to answer first.
    package var isNext: Bool
    package var facts: [Fact]

    package init(route: String, deployment: String, isNext: Bool, facts: [Fact]) {
        self.route = route
        self.deployment = deployment
        self.isNext = isNext
        self.facts = facts
    }
}

/// The bytes of evidence and who signed them. What is signed is the bytes, as with snapshots.
package struct SignedEvidence: Codable, Sendable, Equatable {
    package var payload: Data
    package var signature: Data

    package init(payload: Data, signature: Data) {
        self.payload = payload
        self.signature = signature
    }

    package init(_ evidence: DrillEvidence, key: Curve25519.Signing.PrivateKey) throws {
        payload = APICoding.encode(evidence)
        signature = try key.signature(for: Self.signed(payload))
    }

    package enum Refusal: Error, Sendable, Equatable {
        case signature
        case unreadable
        /// Written by a newer version.
        case format(Int)

        package var message: String {
            switch self {
            case .signature: "the evidence is not signed with this key, or was changed since"
            case .unreadable: "the evidence is signed, and still cannot be read"
            case .format(let format):
                "the evidence has the format \(format), and this version reads up to \(DrillEvidence.format)"
            }
        }

        package var mend: String {
            switch self {
            case .signature:
                "name the signing.pub of the management plane that made it, and ask there for the bundle again"
            case .unreadable: "report this as a defect"
            case .format: "verify it with the version that made it"
            }
        }
    }

    package func verified(by key: Curve25519.Signing.PublicKey) throws(Refusal) -> DrillEvidence {
        guard key.isValidSignature(signature, for: Self.signed(payload)) else { throw .signature }
        guard let format = try? APICoding.decode(Format.self, from: payload).format else { throw .unreadable }
        guard format <= DrillEvidence.format else { throw .format(format) }
        guard let read = try? APICoding.decode(DrillEvidence.self, from: payload) else { throw .unreadable }
        return read
    }

    /// What it says, whoever signed it: for showing what is asked for over an authenticated line.
    package var unverified: DrillEvidence? { try? APICoding.decode(DrillEvidence.self, from: payload) }

    private struct Format: Decodable { var format: Int }

    /// So that a signature of something else never passes for one of evidence.
    private static func signed(_ payload: Data) -> Data { Data("holdfast-drill-evidence\0".utf8) + payload }
}
