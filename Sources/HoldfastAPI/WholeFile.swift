package import Foundation
import Glibc

/// Files that are there whole or not at all, also after the power fails.
package enum WholeFile {
    package struct Failure: Error, Sendable, CustomStringConvertible {
        package var reason: String
        package var mend: String

        package init(reason: String, mend: String) {
            self.reason = reason
            self.mend = mend
        }

        package var description: String { "\(reason)\n  mend: \(mend)" }
    }

    /// Writes beside the file, syncs, renames over it, and syncs the folder: the rename itself may be lost otherwise.
    package static func write(_ bytes: Data, to path: String, mode: mode_t) throws(Failure) {
        let part = path + ".part"
        unlink(part)
        let descriptor = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure(part) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure(part, closing: descriptor) }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0 else { throw failure(part, closing: descriptor) }
        guard close(descriptor) == 0 else { throw failure(part) }
        guard rename(part, path) == 0 else { throw failure(path) }
        try syncFolder(of: path)
    }

    package static func syncFolder(of path: String) throws(Failure) {
        let folder = (path as NSString).deletingLastPathComponent
        let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(folder) }
        guard fsync(descriptor) == 0 else { throw failure(folder, closing: descriptor) }
        close(descriptor)
    }

    /// What `errno` says, before anything else changes it.
    package static func failure(_ path: String, closing descriptor: Int32? = nil) -> Failure {
        let code = errno
        if let descriptor { close(descriptor) }
        let mend =
            switch code {
            case ENOSPC, EDQUOT: "free space there; nothing was changed"
            case EROFS, EACCES, EPERM: "give this user the right to write there"
            default: "look at the disk (dmesg, smartctl); nothing was changed"
            }
        return Failure(reason: "\(path) cannot be written: \(String(cString: strerror(code)))", mend: mend)
    }
}
