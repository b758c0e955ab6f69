import Crypto
import Foundation
import GRDB
import HoldfastAPI

/// A backup brought into a folder of its own and checked there, as a real restore does it: nothing less shows that one can
/// be restored.
struct TrialRestore {
    let manifest: BackupManifest
    /// Of the manifest's bytes.
    let digest: Data
    let key: SigningKey
    /// Overrides that are in force in it.
    let overrides: Int

    /// - Parameters:
    ///   - backup: is only read.
    ///   - place: an empty folder; the database is left in it.
    ///   - withKeys: leaves the keys there as well.
    init(of backup: String, in place: String, withKeys: Bool) throws(StoreFailure) {
        (manifest, digest) = try BackupManifest.read(backup)
        try Self.refuseNewer(manifest, backup)
        for name in BackupManifest.contents {
            let target = "\(place)/\(name)"
            let isWanted = withKeys || name == ControlStore.fileName
            let mode: mode_t = name == ControlStore.fileName ? 0o600 : name == SigningKey.fileName ? 0o400 : 0o444
            try Self.copy(name, of: manifest, from: backup, to: isWanted ? (target, mode) : nil)
        }
        guard
            let key = FileManager.default.contents(atPath: "\(backup)/\(SigningKey.fileName)").flatMap({
                SigningKey(file: $0)
            }), key.publicText == manifest.publicKey,
            FileManager.default.contents(atPath: "\(backup)/\(SigningKey.publicFileName)") == key.publicFileText
        else { throw BackupManifest.damaged(backup, "its keys are not those that it was signed with") }
        self.key = key
        overrides = try Self.checkDatabase(in: place, of: backup, manifest: manifest, key: key)
    }

    private static func refuseNewer(_ manifest: BackupManifest, _ backup: String) throws(StoreFailure) {
        let unknown = manifest.migrations.filter { !Migrations.all.migrations.contains($0) }
        guard unknown.isEmpty else {
            throw StoreFailure(
                "\(backup) was made by a newer version of Holdfast (\(manifest.version)): its tables are not known",
                mend: "restore it with that version", kind: .newer)
        }
    }

    private static func copy(
        _ name: String, of manifest: BackupManifest, from backup: String, to target: (path: String, mode: mode_t)?
    ) throws(StoreFailure) {
        let path = "\(backup)/\(name)"
        guard FileManager.default.fileExists(atPath: path) else {
            throw BackupManifest.damaged(backup, "\(name) is missing")
        }
        let found = try BackupFiles.copy(path, to: target)
        let listed = manifest.files.first { $0.name == name }
        guard found.bytes == listed?.bytes, found.sha256 == listed?.sha256 else {
            throw BackupManifest.damaged(backup, "\(name) is not what its manifest lists")
        }
    }

    // MARK: - The database

    private static func checkDatabase(
        in place: String, of backup: String, manifest: BackupManifest, key: SigningKey
    ) throws(StoreFailure) -> Int {
        let store: ControlStore
        do {
            store = try ControlStore.open(folder: place)
        } catch {
            // Where it was moved to goes away with the trial.
            throw error.kind == .damaged
                ? BackupManifest.damaged(backup, "its database fails SQLite's own check") : error
        }
        defer { store.close() }
        do {
            return try store.database.read { database in
                try checkLog(database, of: backup, manifest: manifest, key: key)
                try checkNewest(database, of: backup, manifest: manifest, key: key)
                return try OverrideStore.open(in: database).count
            }
        } catch {
            throw StoreFailure(error, path: store.path)
        }
    }

    private static func checkLog(
        _ database: Database, of backup: String, manifest: BackupManifest, key: SigningKey
    ) throws {
        let record = try AuditRecord.read(database)
        let verification = AuditVerification(record, key: key.key.publicKey)
        guard verification.isGood else { throw BackupManifest.damaged(backup, "its audit log is not what was signed") }
        guard verification.size == manifest.auditEntries, record.root == manifest.auditRoot else {
            throw BackupManifest.damaged(backup, "its audit log is not the one that its manifest names")
        }
    }

    private static func checkNewest(
        _ database: Database, of backup: String, manifest: BackupManifest, key: SigningKey
    ) throws {
        let newest = try GenerationStore.newest(in: database)
        guard newest?.number ?? 0 == manifest.generation else {
            throw BackupManifest.damaged(backup, "its newest generation is not the one that its manifest names")
        }
        guard let newest else { return }
        let payload: SnapshotPayload
        do {
            payload = try newest.signed.verified(by: key.key.publicKey)
        } catch let refusal {
            throw StoreFailure(
                "the newest generation of the backup \(backup) is refused: \(refusal.message)", mend: refusal.mend,
                kind: .damaged)
        }
        guard payload.number == manifest.generation, payload.origin == manifest.publicKey else {
            throw BackupManifest.damaged(backup, "its newest generation says another number than it goes by")
        }
    }
}
