import Foundation
import GRDB
import GRDBSQLite
import Glibc

/// Copies the database while it is in use, through the one connection that has it.
///
/// In steps, each as long as the connection is held: whoever waits to write waits for one step and not for the whole copy.
/// What is written between two steps SQLite brings into the copy too, since it is written by the same connection, so the
/// copy is the database as of its last step. `VACUUM INTO` was rejected: it holds the connection from its beginning to its
/// end. A second connection was rejected too: the fewer there are, the less there is to say about the bug that corrupts a
/// log which two of them reset.
enum PageCopy {
    /// About a megabyte, which takes milliseconds.
    static let pagesPerStep: Int32 = 256

    /// Addresses, because pointers do not cross from one use of the connection to the next.
    private struct Handles: Sendable {
        var target: UInt
        var backup: UInt
    }

    /// - Parameters:
    ///   - path: of a file that does not exist yet. Synced when this returns, and one file: no log beside it.
    ///   - between: called between two steps, while nothing is held.
    static func run(from store: ControlStore, to path: String, between: @Sendable () async throws -> Void) async throws
    {
        let empty = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard empty >= 0 else { throw DurableFile.failure(path) }
        close(empty)
        do {
            let handles = try await store.database.writeWithoutTransaction { try begin($0, path) }
            do {
                while try await !store.database.writeWithoutTransaction({ _ in try step(handles) }) {
                    try Task.checkCancellation()
                    try await between()
                }
            } catch {
                try? finish(handles, store)
                throw error
            }
            try finish(handles, store)
        } catch let error as DatabaseError {
            throw StoreFailure(error, path: path)
        }
    }

    private static func begin(_ source: Database, _ path: String) throws -> Handles {
        var target: OpaquePointer?
        let code = sqlite3_open_v2(path, &target, SQLITE_OPEN_READWRITE, nil)
        guard code == SQLITE_OK, let target else {
            sqlite3_close(target)
            throw DatabaseError(resultCode: ResultCode(rawValue: code))
        }
        // Whole or not at all is what the folder's name says: this file needs no journal, and is synced once, at the end.
        sqlite3_exec(target, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", nil, nil, nil)
        guard let backup = sqlite3_backup_init(target, "main", source.sqliteConnection, "main") else {
            let error = DatabaseError(resultCode: ResultCode(rawValue: sqlite3_errcode(target)))
            sqlite3_close(target)
            throw error
        }
        return Handles(target: UInt(bitPattern: target), backup: UInt(bitPattern: backup))
    }

    /// Returns whether it was the last.
    private static func step(_ handles: Handles) throws -> Bool {
        let code = sqlite3_backup_step(OpaquePointer(bitPattern: handles.backup), pagesPerStep)
        guard code == SQLITE_OK || code == SQLITE_DONE else {
            throw DatabaseError(resultCode: ResultCode(rawValue: code))
        }
        return code == SQLITE_DONE
    }

    /// Waits for nothing: whoever ends is cancelled already.
    private static func finish(_ handles: Handles, _ store: ControlStore) throws {
        try store.database.writeWithoutTransaction { _ in
            let code = sqlite3_backup_finish(OpaquePointer(bitPattern: handles.backup))
            let closed = sqlite3_close(OpaquePointer(bitPattern: handles.target))
            guard code == SQLITE_OK, closed == SQLITE_OK else {
                throw DatabaseError(resultCode: ResultCode(rawValue: code == SQLITE_OK ? closed : code))
            }
        }
    }

    /// The copy says of itself that it has a log beside it, as its source has. It has none, and whoever opens it read-only
    /// must not need one.
    static func settle(_ path: String) throws {
        do {
            let database = try DatabaseQueue(path: path)
            try database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
            try database.close()
        } catch {
            throw StoreFailure(error, path: path)
        }
        try BackupFiles.sync(path)
    }
}
