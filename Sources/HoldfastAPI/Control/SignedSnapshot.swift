package import Crypto
package import Foundation

/// A configuration as the management plane hands it to gateways: numbered, with the overrides in force, and signed.
///
/// It carries the document as it was written. References (`${NAME}`, `file:PATH`) are read where the gateway runs, so no
/// provider's key is ever in a snapshot, in the store, or on the way; and both planes read the document with the same
/// compiler.
package struct SnapshotPayload: Codable, Sendable, Equatable {
    /// What this version writes, and the newest it reads.
    package static let format = 1

    package var format: Int
    package var number: UInt64
    /// Of the management plane that made it: numbers of two are not to be compared.
    package var origin: String
    /// Milliseconds since 1970.
    package var madeAt: Int64
    package var author: String
    package var reason: String
    /// A person has confirmed that it is much larger or smaller than the one before.
    package var confirmed: Bool
    /// Stands for the document in messages.
    package var name: String
    package var document: String
    package var overrides: [OverrideView]
    /// Client keys that stand in no document. Absent: the management plane never made any.
    package var keys: [IssuedKeyDigest]?

    package init(
        number: UInt64, origin: String, madeAt: Int64, author: String, reason: String, confirmed: Bool, name: String,
        document: String, overrides: [OverrideView], keys: [IssuedKeyDigest]?
    ) {
        format = Self.format
        self.number = number
        self.origin = origin
        self.madeAt = madeAt
        self.author = author
        self.reason = reason
        self.confirmed = confirmed
        self.name = name
        self.document = document
        self.overrides = overrides
        self.keys = keys
    }
}

/// The bytes of a payload and who signed them. What is signed is the bytes, so that nobody needs to agree on how JSON is
/// written.
package struct SignedSnapshot: Codable, Sendable, Equatable {
    package var payload: Data
    package var signature: Data

    package init(payload: Data, signature: Data) {
        self.payload = payload
        self.signature = signature
    }

    package init(_ payload: SnapshotPayload, key: Curve25519.Signing.PrivateKey) throws {
        self.payload = APICoding.encode(payload)
        signature = try key.signature(for: Self.signed(self.payload))
    }

    package enum Refusal: Error, Sendable, Equatable {
        case signature
        case unreadable
        /// Written by a newer version.
        case format(Int)

        package var message: String {
            switch self {
            case .signature: "the snapshot is not signed by the management plane that this gateway trusts"
            case .unreadable: "the snapshot is signed, and still cannot be read"
            case .format(let format):
                "the snapshot has the format \(format), and this gateway reads up to \(SnapshotPayload.format)"
            }
        }

        package var mend: String {
            switch self {
            case .signature:
                "check that the trusted key is that of the management plane (signing.pub in its data directory)"
            case .unreadable: "look at the management plane's version, and report this as a defect"
            case .format: "update this gateway before the management plane"
            }
        }
    }

    package func verified(by key: Curve25519.Signing.PublicKey) throws(Refusal) -> SnapshotPayload {
        guard key.isValidSignature(signature, for: Self.signed(payload)) else { throw .signature }
        // The format first: what a newer version writes may not be read as a whole.
        guard let format = try? APICoding.decode(Format.self, from: payload).format else { throw .unreadable }
        guard format <= SnapshotPayload.format else { throw .format(format) }
        guard let read = try? APICoding.decode(SnapshotPayload.self, from: payload) else { throw .unreadable }
        return read
    }

    private struct Format: Decodable { var format: Int }

    /// So that a signature of something else, such as a checkpoint of the audit log, never passes for one of a snapshot.
    private static func signed(_ payload: Data) -> Data { Data("holdfast-snapshot\0".utf8) + payload }
}

/// An Ed25519 public key as people copy it.
package enum VerifyingKey {
    package static let prefix = "ed25519:"

    package static func text(of key: Curve25519.Signing.PublicKey) -> String {
        prefix + key.rawRepresentation.base64EncodedString()
    }

    /// `ed25519:` and the key in base64. Nil where it is not one.
    package static func read(_ text: String) -> Curve25519.Signing.PublicKey? {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard text.hasPrefix(prefix), let raw = Data(base64Encoded: String(text.dropFirst(prefix.count))) else {
            return nil
        }
        return try? Curve25519.Signing.PublicKey(rawRepresentation: raw)
    }
}
