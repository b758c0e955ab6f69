import Foundation
import GRDB
import Glibc
import HoldfastAPI
import Synchronization

/// Everything that the management plane must not forget, in one SQLite file with one connection.
///
/// One connection, because this system's SQLite has a bug that corrupts a write-ahead log reset by two; and one process,
/// because the audit log's order is that of its writer. `synchronous` is FULL: in simulated power losses NORMAL lost
/// acknowledged rows.
package final class ControlStore: Sendable {
    package static let fileName = "control.sqlite"
    static let lockName = "control.lock"

    package let folder: String
    let database: DatabaseQueue
    private let lock: FileLock

    var path: String { "\(folder)/\(Self.fileName)" }

    /// Makes what is missing; checks what is there.
    package static func open(folder: String) throws(StoreFailure) -> ControlStore {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw StoreFailure(
                "the data directory \(folder) cannot be made: \(error.localizedDescription)",
                mend: "name another one with --data DIR")
        }
        let lock = try FileLock.take("\(folder)/\(lockName)")
        try Quarantine.refuseWhereTaken(in: folder)
        let path = "\(folder)/\(fileName)"
        do {
            let database = try DatabaseQueue(path: path, configuration: configuration)
            try check(database)
            try migrate(database, path: path)
            return ControlStore(folder: folder, database: database, lock: lock)
        } catch {
            let failure = StoreFailure(error, path: path)
            guard failure.kind == .damaged else { throw failure }
            throw try Quarantine.take(path, because: failure)
        }
    }

    private init(folder: String, database: DatabaseQueue, lock: FileLock) {
        self.folder = folder
        self.database = database
        self.lock = lock
    }

    /// Ends the use of the folder: another one may open it then.
    package func close() {
        try? database.close()
        lock.release()
    }

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.label = "holdfast.control.store"
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .immediateError
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = FULL")
            // Deleted text, such as a reason that should never have been written down, does not stay in free pages.
            try database.execute(sql: "PRAGMA secure_delete = ON")
        }
        return configuration
    }

    private static func check(_ database: DatabaseQueue) throws {
        try database.inDatabase { database in
            let synchronous = try Int.fetchOne(database, sql: "PRAGMA synchronous")
            precondition(
                synchronous == 2, "synchronous is FULL, because an acknowledged change must outlive a power loss")
            let found = try String.fetchAll(database, sql: "PRAGMA quick_check(1)")
            guard found == ["ok"] else {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: found.first ?? "no answer to the check")
            }
        }
    }

    private static func migrate(_ database: DatabaseQueue, path: String) throws {
        let migrator = Migrations.all
        if try database.read(migrator.hasBeenSuperseded) {
            throw StoreFailure(
                "\(path) was written by a newer version of Holdfast",
                mend: "start that version again, or restore a backup that this one wrote", kind: .newer)
        }
        try migrator.migrate(database)
    }

    // MARK: - Use

    func read<Result: Sendable>(_ body: @escaping @Sendable (Database) throws -> Result) async throws -> Result {
        do {
            return try await database.read(body)
        } catch let error as DatabaseError {
            throw StoreFailure(error, path: path)
        }
    }

    /// One transaction.
    ///
    /// What is kept in memory follows it in `whenCommitted`, and not through an observer of the transaction: where the disk
    /// fails SQLite undoes one by itself, GRDB tells no observer of that, and the one left over would bring into memory,
    /// with the next transaction, what never was.
    ///
    /// - Parameter whenCommitted: before any other transaction begins.
    func write<Result: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Result,
        whenCommitted: @escaping @Sendable (Result) -> Void = { _ in }
    ) async throws -> Result {
        do {
            return try await database.writeWithoutTransaction { database in
                var made: Result?
                try database.inTransaction(.immediate) {
                    made = try body(database)
                    return .commit
                }
                guard let result = made else { throw DatabaseError(message: "a transaction was committed unseen") }
                whenCommitted(result)
                return result
            }
        } catch let error as DatabaseError {
            throw StoreFailure(error, path: path)
        }
    }
}

/// Held until it is released or the process ends; the kernel lets go of it then, however the process ended.
final class FileLock: Sendable {
    /// Nil: released.
    private let descriptor: Mutex<Int32?>

    private init(descriptor: Int32) {
        self.descriptor = Mutex(descriptor)
    }

    deinit { release() }

    func release() {
        descriptor.withLock {
            if let open = $0 { close(open) }
            $0 = nil
        }
    }

    static func take(_ path: String) throws(StoreFailure) -> FileLock {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw DurableFile.failure(path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, isStill(path, descriptor) else {
            close(descriptor)
            throw StoreFailure(
                "another holdfast control uses this data directory",
                mend: "stop that one, or name another folder with --data DIR", kind: .inUse)
        }
        return FileLock(descriptor: descriptor)
    }

    /// A restore puts another folder in this one's place: a lock that was opened before and taken after it guards nothing.
    private static func isStill(_ path: String, _ descriptor: Int32) -> Bool {
        FileMarks.isFile(at: path, openAs: descriptor)
    }
}

/// Where files go that cannot be read: never deleted, and never silently replaced by empty ones.
enum Quarantine {
    private static let folderName = "quarantine"
    /// Stands where a database was taken away, until one is restored or an empty one is asked for.
    static let markName = "control.quarantined"

    /// Moves the database and its log aside. Returns what to tell.
    static func take(_ path: String, because failure: StoreFailure) throws(StoreFailure) -> StoreFailure {
        let folder = (path as NSString).deletingLastPathComponent
        // Named by number: the wall clock may jump.
        var number = 1
        while access("\(folder)/\(folderName)/\(number)", F_OK) == 0 { number += 1 }
        let place = "\(folder)/\(folderName)/\(number)"
        do {
            try DurableFile.write(Data("\(place)\n".utf8), to: "\(folder)/\(markName)", mode: 0o600)
            try FileManager.default.createDirectory(
                atPath: place, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw StoreFailure(error, path: place)
        }
        for suffix in ["", "-wal", "-shm"] where access(path + suffix, F_OK) == 0 {
            guard rename(path + suffix, place + "/" + ControlStore.fileName + suffix) == 0 else {
                throw StoreFailure(
                    "\(path)\(suffix) is damaged and cannot be moved: \(String(cString: strerror(errno)))",
                    mend: "move it away by hand, then restore a backup: holdfast restore --help", kind: .damaged)
            }
        }
        try DurableFile.syncFolder(of: path)
        return StoreFailure(
            "\(failure.reason); it was moved to \(place)",
            mend: "restore the newest backup: holdfast restore --help", kind: .damaged)
    }

    static func refuseWhereTaken(in folder: String) throws(StoreFailure) {
        guard let mark = FileManager.default.contents(atPath: "\(folder)/\(markName)") else { return }
        let place = String(decoding: mark, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        throw StoreFailure(
            "the database was damaged and moved to \(place)",
            mend: "restore a backup (holdfast restore --help), or begin anew by removing \(folder)/\(markName)",
            kind: .damaged)
    }
}
