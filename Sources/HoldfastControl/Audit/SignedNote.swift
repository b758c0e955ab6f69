package import Crypto
package import Foundation

/// A text and an Ed25519 signature of it, in the note format of checksum databases and transparency logs: the text, an
/// empty line, and `— NAME BASE64(key hash ‖ signature)`.
package struct SignedNote: Sendable, Equatable {
    /// The key's algorithm as the note format numbers it.
    static let ed25519: UInt8 = 0x01
    private static let mark = "\u{2014} "

    /// Ends with a line end.
    package let text: String
    package let signer: String
    package let signature: Data

    package init(signing text: String, as signer: String, key: Curve25519.Signing.PrivateKey) throws {
        self.text = text
        self.signer = signer
        signature = try key.signature(for: Data(text.utf8))
    }

    /// Nil where it has not the shape of a note with one signature.
    package init?(_ note: String, key: Curve25519.Signing.PublicKey) {
        guard let end = note.range(of: "\n\n", options: .backwards) else { return nil }
        let lines = note[end.upperBound...].split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 2, lines[1].isEmpty, lines[0].hasPrefix(Self.mark) else { return nil }
        let parts = lines[0].dropFirst(Self.mark.count).split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2, let raw = Data(base64Encoded: String(parts[1])), raw.count == 4 + 64 else { return nil }
        text = String(note[..<end.lowerBound]) + "\n"
        signer = String(parts[0])
        signature = raw.dropFirst(4)
        guard raw.prefix(4) == Self.hash(of: key, named: signer) else { return nil }
    }

    /// Whether it looks like a note, whoever signed it.
    package static func hasShape(_ note: String) -> Bool {
        note.contains("\n\n\(mark)")
    }

    package func isSigned(by key: Curve25519.Signing.PublicKey) -> Bool {
        key.isValidSignature(signature, for: Data(text.utf8))
    }

    /// - Parameter key: of the signer.
    package func description(key: Curve25519.Signing.PublicKey) -> String {
        let raw = Self.hash(of: key, named: signer) + signature
        return "\(text)\n\(Self.mark)\(signer) \(raw.base64EncodedString())\n"
    }

    /// The first four bytes of SHA-256 over name, line end, algorithm and key.
    private static func hash(of key: Curve25519.Signing.PublicKey, named name: String) -> Data {
        var hash = SHA256()
        hash.update(data: Data("\(name)\n".utf8))
        hash.update(data: [ed25519])
        hash.update(data: key.rawRepresentation)
        return Data(hash.finalize()).prefix(4)
    }
}

/// What the log was at a moment, for those who keep it elsewhere: a plain chain cannot show a tail that was cut off.
package struct Checkpoint: Sendable, Equatable {
    package var origin: String
    package var size: Int
    package var root: MerkleHash

    package init(origin: String, size: Int, root: MerkleHash) {
        self.origin = origin
        self.size = size
        self.root = root
    }

    package init?(text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 4, lines[3].isEmpty, let size = Int(lines[1]), size >= 0, String(size) == lines[1],
            let root = Data(base64Encoded: String(lines[2])).flatMap({ MerkleHash($0) })
        else { return nil }
        self.init(origin: String(lines[0]), size: size, root: root)
    }

    package var text: String { "\(origin)\n\(size)\n\(root.bytes.base64EncodedString())\n" }
}
