import Crypto
import Foundation
import HoldfastAPI

/// What a backup holds, signed by the key that is in it: whoever changes a byte of any of its files shows.
///
/// The signature says that the files belong together, and not that they are this management plane's: whoever has the key
/// can sign others. Against that only the public key helps, kept elsewhere.
package struct BackupManifest: Codable, Sendable, Equatable {
    /// What this version writes, and the newest it reads.
    package static let format = 1
    static let fileName = "manifest.json"
    static let signatureName = "manifest.sig"
    /// All of a backup besides the manifest. Nothing else may be listed.
    static let contents = [ControlStore.fileName, SigningKey.fileName, SigningKey.publicFileName]
    private static let longestBytes = 64 << 10
    /// A pebibyte: no store grows to that, and three of them are far from the end of an integer.
    private static let mostFileBytes: Int64 = 1 << 50

    package struct File: Codable, Sendable, Equatable {
        package var name: String
        package var bytes: Int64
        /// In lower-case hex.
        package var sha256: String
    }

    package var format: Int
    package var id: String
    /// Of Holdfast.
    package var version: String
    /// Milliseconds since 1970.
    package var madeAt: Int64
    package var migrations: [String]
    /// The newest; 0: none.
    package var generation: UInt64
    package var auditEntries: Int
    /// In base64, as in checkpoints.
    package var auditRoot: String
    package var publicKey: String
    package var files: [File]

    package var bytes: Int64 { files.reduce(0) { $0 + $1.bytes } }

    // MARK: - On disk

    /// Its two files. For people too, so it is written over several lines.
    func encoded(signedBy key: SigningKey) throws -> (manifest: Data, signature: Data) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let manifest = try encoder.encode(self) + Data("\n".utf8)
        let signature = try key.key.signature(for: Self.signed(manifest))
        return (manifest, Self.signatureFile(signature))
    }

    /// Without looking at the files that it lists.
    ///
    /// - Returns: the digest of its bytes as well, which stands for the whole backup.
    static func read(_ folder: String) throws(StoreFailure) -> (manifest: BackupManifest, digest: Data) {
        let raw = try file(fileName, in: folder)
        struct Format: Decodable { var format: Int }
        // The format first: what a newer version writes may not be readable as a whole.
        guard let format = try? APICoding.decode(Format.self, from: raw).format else {
            throw damaged(folder, "its manifest cannot be read")
        }
        guard format <= Self.format else {
            throw StoreFailure(
                "\(folder) was made by a newer version of Holdfast: its format is \(format), and \(Self.format) is known",
                mend: "restore it with that version", kind: .newer)
        }
        guard let manifest = try? APICoding.decode(BackupManifest.self, from: raw), format == Self.format,
            let key = VerifyingKey.read(manifest.publicKey)
        else { throw damaged(folder, "its manifest cannot be read") }
        guard let signature = signature(in: try file(signatureName, in: folder)),
            key.isValidSignature(signature, for: signed(raw))
        else { throw damaged(folder, "its manifest is not what was signed") }
        guard manifest.files.map(\.name).sorted() == contents.sorted() else {
            throw damaged(folder, "its manifest does not list what a backup holds")
        }
        // Whoever made it may have signed anything.
        guard manifest.files.allSatisfy({ 0...mostFileBytes ~= $0.bytes }) else {
            throw damaged(folder, "its manifest gives a file a size that none has")
        }
        return (manifest, Data(SHA256.hash(data: raw)))
    }

    static func damaged(_ folder: String, _ what: String) -> StoreFailure {
        StoreFailure(
            "the backup \(folder) is damaged: \(what)",
            mend: "restore another one; then look at the disk that this one is on (dmesg, smartctl)", kind: .damaged)
    }

    private static func file(_ name: String, in folder: String) throws(StoreFailure) -> Data {
        let path = "\(folder)/\(name)"
        guard FileManager.default.fileExists(atPath: folder) else {
            throw StoreFailure("there is no backup \(folder)", mend: "check the name", kind: .absent)
        }
        guard FileManager.default.fileExists(atPath: path) else {
            throw StoreFailure(
                "\(folder) is no whole backup: \(name) is missing",
                mend: "name the folder that holds \(fileName), and copy all of its files", kind: .damaged)
        }
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw StoreFailure("\(path) cannot be read", mend: "give this user the right to read it", kind: .absent)
        }
        defer { try? handle.close() }
        guard let raw = try? handle.read(upToCount: longestBytes + 1), raw.count <= longestBytes else {
            throw damaged(folder, "\(name) cannot be read")
        }
        return raw
    }

    // MARK: - Signature

    /// So that a signature of something else never passes for one of a manifest.
    private static func signed(_ manifest: Data) -> Data { Data("holdfast-backup\0".utf8) + manifest }

    private static func signatureFile(_ signature: Data) -> Data {
        Data((VerifyingKey.prefix + signature.base64EncodedString() + "\n").utf8)
    }

    /// One way to write it, so that no byte of the file can differ.
    private static func signature(in file: Data) -> Data? {
        let text = String(decoding: file, as: UTF8.self)
        guard text.hasPrefix(VerifyingKey.prefix), text.hasSuffix("\n"),
            let raw = Data(base64Encoded: String(text.dropFirst(VerifyingKey.prefix.count).dropLast())),
            signatureFile(raw) == file
        else { return nil }
        return raw
    }
}
