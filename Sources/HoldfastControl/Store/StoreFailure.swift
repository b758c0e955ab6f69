import GRDB

/// What went wrong with the management plane's own files, and what an operator does about it. Nothing that fails with one
/// was changed, but where it says that it may have been.
package struct StoreFailure: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// Somebody must act before anything can be written.
        case unwritable
        /// What is there cannot be trusted.
        case damaged
        /// Another process has it.
        case inUse
        /// Written by a newer version.
        case newer
        /// There is nothing of the name.
        case absent
    }

    package var kind: Kind
    package var reason: String
    package var mend: String

    package init(_ reason: String, mend: String, kind: Kind = .unwritable) {
        self.kind = kind
        self.reason = reason
        self.mend = mend
    }

    package var description: String { "\(reason)\n  mend: \(mend)" }

    /// - Parameter path: of the database.
    init(_ error: any Error, path: String) {
        guard let error = error as? DatabaseError else {
            if let failure = error as? StoreFailure {
                self = failure
            } else {
                self.init("\(path): \(error)", mend: "look at the disk and the permissions there")
            }
            return
        }
        let words = error.message ?? "\(error.resultCode)"
        // All of it was written, and only the disk knows what it has kept: a process that starts there may find it.
        guard error.extendedResultCode != .SQLITE_IOERR_FSYNC else {
            self.init(
                "\(path) cannot be synced: \(words)",
                mend: "look at the disk (dmesg, smartctl), and after the next start whether it was changed all the same"
            )
            return
        }
        switch error.resultCode {
        case .SQLITE_FULL:
            self.init("\(path) cannot grow: the disk is full", mend: "free space there; nothing was changed")
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN:
            self.init(
                "\(path) cannot be written: \(words)",
                mend: "give this user the right to write there, and the file system back its write mode")
        case .SQLITE_IOERR:
            self.init(
                "\(path) cannot be read or written: \(words)",
                mend: "look at the disk (dmesg, smartctl); nothing was changed; restore a backup elsewhere if it fails")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            self.init(
                "\(path) is damaged: \(words)",
                mend: "stop this process and restore the newest backup: holdfast restore --help", kind: .damaged)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init("\(path) is used by another process", mend: "stop that process", kind: .inUse)
        default:
            self.init("\(path): \(words)", mend: "look at the disk and the permissions there")
        }
    }
}
