import Crypto
import Foundation
import Glibc

/// Copying, measuring and removing the files of backups.
enum BackupFiles {
    private static let chunkBytes = 1 << 20

    /// What was read, byte for byte: measured on the way, so that what is checked is what was copied.
    struct Measured: Sendable, Equatable {
        var bytes: Int64
        var sha256: String
    }

    /// - Parameter target: must not exist yet; synced when this returns. Nil: only measured.
    static func copy(
        _ source: String, to target: (path: String, mode: mode_t)?
    ) throws(StoreFailure) -> Measured {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw unreadable(source) }
        defer { close(input) }
        var output: Int32?
        if let target {
            output = open(target.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, target.mode)
            guard output != -1 else { throw DurableFile.failure(target.path) }
        }
        defer { if let output { close(output) } }
        var hash = SHA256()
        var bytes: Int64 = 0
        var chunk = [UInt8](repeating: 0, count: chunkBytes)
        while true {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(input, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(source) }
            guard count > 0 else { break }
            hash.update(data: chunk[..<count])
            bytes += Int64(count)
            if let output, let target { try write(chunk[..<count], to: output, target.path) }
        }
        if let output, let target, fsync(output) != 0 { throw DurableFile.failure(target.path) }
        return Measured(bytes: bytes, sha256: hash.finalize().map { hex($0) }.joined())
    }

    private static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32, _ path: String) throws(StoreFailure) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw DurableFile.failure(path) }
            rest = rest.dropFirst(count)
        }
    }

    private static func unreadable(_ path: String) -> StoreFailure {
        StoreFailure(
            "\(path) cannot be read: \(String(cString: strerror(errno)))",
            mend: "look at the disk (dmesg, smartctl) and at the permissions there", kind: .damaged)
    }

    private static func hex(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
    }

    /// A new folder for this user alone. Its parents are made where they are missing.
    static func makeFolder(_ path: String) throws(StoreFailure) {
        let parent = (path as NSString).deletingLastPathComponent
        if !parent.isEmpty, access(parent, F_OK) != 0 {
            do {
                try FileManager.default.createDirectory(
                    atPath: parent, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                throw StoreFailure(
                    "the folder \(parent) cannot be made: \(error.localizedDescription)",
                    mend: "give this user the right to write there, or name another folder")
            }
        }
        guard mkdir(path, 0o700) == 0 else { throw DurableFile.failure(path) }
    }

    /// Opens the file and syncs what others have written into it.
    static func sync(_ path: String) throws(StoreFailure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw DurableFile.failure(path) }
        guard fsync(descriptor) == 0 else { throw DurableFile.failure(path, closing: descriptor) }
        close(descriptor)
    }

    /// Syncs the folder's own entries.
    static func syncFolder(_ path: String) throws(StoreFailure) {
        try DurableFile.syncFolder(of: path + "/.")
    }

    static func remove(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)
    }
}
