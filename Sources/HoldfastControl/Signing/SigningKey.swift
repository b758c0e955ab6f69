package import Crypto
import Foundation
import Glibc
import HoldfastAPI

/// The Ed25519 key that signs snapshots and the audit log's checkpoints. Made at the first start; whoever holds it can
/// speak for this management plane, so the file is readable by its user alone and by nobody once more than that.
package struct SigningKey: Sendable {
    package static let fileName = "signing.key"
    /// For those who verify: the console's operators, auditors and gateways.
    package static let publicFileName = "signing.pub"

    package let key: Curve25519.Signing.PrivateKey

    package init(key: Curve25519.Signing.PrivateKey = Curve25519.Signing.PrivateKey()) {
        self.key = key
    }

    package var publicText: String { VerifyingKey.text(of: key.publicKey) }

    /// Reads the key of `folder`, or makes one where the folder has none.
    package static func open(in folder: String) throws(StoreFailure) -> SigningKey {
        let path = "\(folder)/\(fileName)"
        guard let raw = FileManager.default.contents(atPath: path) else {
            guard access(path, F_OK) != 0 else {
                throw StoreFailure(
                    "the signing key \(path) cannot be read", mend: "give this user the right to read it (mode 0400)")
            }
            return try make(in: folder)
        }
        guard let key = SigningKey(file: raw) else {
            throw StoreFailure(
                "the signing key \(path) is damaged",
                mend: "put the file back from a backup: gateways trust no other key")
        }
        // A process that died between the two left the first alone.
        if access("\(folder)/\(publicFileName)", F_OK) != 0 { try key.writePublic(in: folder) }
        return key
    }

    /// Nil where the file holds none.
    init?(file raw: Data) {
        guard let text = String(data: raw, encoding: .utf8)?.trimmingCharacters(in: .whitespacesAndNewlines),
            text.hasPrefix(VerifyingKey.prefix),
            let bytes = Data(base64Encoded: String(text.dropFirst(VerifyingKey.prefix.count))),
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes)
        else { return nil }
        self.init(key: key)
    }

    /// As it stands in its file.
    var fileText: Data { Data((VerifyingKey.prefix + key.rawRepresentation.base64EncodedString() + "\n").utf8) }
    var publicFileText: Data { Data((publicText + "\n").utf8) }

    private static func make(in folder: String) throws(StoreFailure) -> SigningKey {
        let made = SigningKey()
        try DurableFile.write(made.fileText, to: "\(folder)/\(fileName)", mode: 0o400)
        try made.writePublic(in: folder)
        return made
    }

    private func writePublic(in folder: String) throws(StoreFailure) {
        try DurableFile.write(publicFileText, to: "\(folder)/\(Self.publicFileName)", mode: 0o400)
    }
}
