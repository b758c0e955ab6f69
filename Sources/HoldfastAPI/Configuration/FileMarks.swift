import Foundation

/// What `stat` says of some files, to tell later whether one of them changed.
package struct FileMarks: Sendable, Equatable {
    private struct Mark: Sendable, Equatable {
        var modified: Int64
        var size: Int64
        var inode: UInt64
    }

    /// Nil: there is no such file.
    private var marks: [String: Mark?] = [:]

    /// - Parameter known: taken from there where it has the file.
    package init(of files: [String], known: FileMarks? = nil) {
        for file in files {
            marks[file] = .some(known?.marks[file] ?? Self.mark(of: file))
        }
    }

    /// Whether the path still leads to the file that was opened.
    package static func isFile(at path: String, openAs descriptor: Int32) -> Bool {
        var (held, there) = (stat(), stat())
        guard fstat(descriptor, &held) == 0, stat(path, &there) == 0 else { return false }
        return held.st_ino == there.st_ino && held.st_dev == there.st_dev
    }

    private static func mark(of file: String) -> Mark? {
        var facts = stat()
        guard stat(file, &facts) == 0 else { return nil }
        let modified = Int64(facts.st_mtim.tv_sec) * 1_000_000_000 + Int64(facts.st_mtim.tv_nsec)
        return Mark(modified: modified, size: Int64(facts.st_size), inode: UInt64(facts.st_ino))
    }
}
