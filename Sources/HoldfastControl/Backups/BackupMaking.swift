import Foundation
import GRDB
import Glibc
import HoldfastAPI
import NIOPosix

/// Makes one backup: under a name that nobody takes for one, synced, and renamed last.
struct BackupMaking: Sendable {
    static let partPrefix = ".part-"

    let audit: AuditLog
    let key: SigningKey
    let version: String
    /// Where backups are.
    let folder: String

    /// - Parameter between: called between two steps of the copy.
    func make(id: String, now: Int64, between: @Sendable () async throws -> Void) async throws -> BackupManifest {
        let part = "\(folder)/\(Self.partPrefix)\(id)"
        do {
            return try await fill(part, id: id, now: now, between: between)
        } catch {
            // What a process leaves behind that is killed, the next backup removes.
            BackupFiles.remove(part)
            throw error
        }
    }

    private func fill(
        _ part: String, id: String, now: Int64, between: @Sendable () async throws -> Void
    ) async throws -> BackupManifest {
        try BackupFiles.makeFolder(part)
        // All that the backup's log holds so far is signed in the backup itself.
        _ = try await audit.checkpoint()
        try await PageCopy.run(from: audit.store, to: "\(part)/\(ControlStore.fileName)", between: between)
        // Reading all of it takes time, which is not that of the threads that answer.
        return try await NIOThreadPool.singleton.runIfActive { try finish(part, id: id, now: now) }
    }

    private func finish(_ part: String, id: String, now: Int64) throws -> BackupManifest {
        let database = "\(part)/\(ControlStore.fileName)"
        try PageCopy.settle(database)
        try DurableFile.write(key.fileText, to: "\(part)/\(SigningKey.fileName)", mode: 0o600)
        try DurableFile.write(key.publicFileText, to: "\(part)/\(SigningKey.publicFileName)", mode: 0o644)
        let manifest = try manifest(of: part, id: id, now: now)
        let (bytes, signature) = try manifest.encoded(signedBy: key)
        try DurableFile.write(signature, to: "\(part)/\(BackupManifest.signatureName)", mode: 0o600)
        try DurableFile.write(bytes, to: "\(part)/\(BackupManifest.fileName)", mode: 0o600)
        try BackupFiles.syncFolder(part)
        let place = "\(folder)/\(id)"
        // Refused by the kernel where a folder of this name holds anything.
        guard rename(part, place) == 0 else { throw DurableFile.failure(place) }
        try BackupFiles.syncFolder(folder)
        return manifest
    }

    private func manifest(of part: String, id: String, now: Int64) throws -> BackupManifest {
        let path = "\(part)/\(ControlStore.fileName)"
        var configuration = Configuration()
        configuration.readonly = true
        let database = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? database.close() }
        let (record, newest, migrations) = try database.read { database in
            (
                try AuditRecord.read(database),
                try Int64.fetchOne(database, sql: "SELECT max(number) FROM generations") ?? 0,
                try String.fetchAll(database, sql: "SELECT identifier FROM grdb_migrations ORDER BY identifier")
            )
        }
        let files = try BackupManifest.contents.map { name in
            let measured = try BackupFiles.copy("\(part)/\(name)", to: nil)
            return BackupManifest.File(name: name, bytes: measured.bytes, sha256: measured.sha256)
        }
        return BackupManifest(
            format: BackupManifest.format, id: id, version: version, madeAt: now, migrations: migrations,
            generation: UInt64(clamping: newest), auditEntries: record.leaves.count, auditRoot: record.root,
            publicKey: key.publicText, files: files)
    }
}
