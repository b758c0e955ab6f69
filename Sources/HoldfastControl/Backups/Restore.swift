package import Crypto
import Foundation
import GRDB
import Glibc
import HoldfastAPI
import HoldfastCore

/// A backup becomes a data directory again, offline. Checked first, switched last, and what was there is kept.
package enum Restore {
    /// What was done, or would be.
    package struct Report: Sendable {
        package var manifest: BackupManifest
        /// In force in the backup; they are again.
        package var overrides: Int
        /// The rest is absent after a mere check.
        package var folder: String?
        /// Where what was there is kept; nil: there was nothing.
        package var kept: String?
        /// The number that the next generation has at least.
        package var leastGeneration: UInt64?
        /// Entries of the replaced log that the backup has not; nil: not known.
        package var lostAuditEntries: Int?
        /// The place had another key: gateways that trust it refuse what comes now.
        package var replacesKey = false
    }

    /// Restores it on trial, and changes nothing.
    ///
    /// - Parameter key: that it must be signed with; nil: whatever its own is.
    package static func check(
        _ backup: String, key: Curve25519.Signing.PublicKey?
    ) throws(StoreFailure) -> Report {
        let place = "\(NSTemporaryDirectory())/holdfast-restore-\(UUID().uuidString)"
        try BackupFiles.makeFolder(place)
        defer { BackupFiles.remove(place) }
        let trial = try TrialRestore(of: backup, in: place, withKeys: false)
        try check(trial, key: key, backup)
        return Report(manifest: trial.manifest, overrides: trial.overrides)
    }

    /// - Parameters:
    ///   - folder: the data directory; need not exist.
    ///   - now: milliseconds since 1970.
    package static func perform(
        _ backup: String, into folder: String, key: Curve25519.Signing.PublicKey?, now: Int64
    ) throws(StoreFailure) -> Report {
        let target = try Target(folder)
        defer { target.lock?.release() }
        let place = free("\(target.path).restoring")
        try BackupFiles.makeFolder(place)
        // From then on the old one may go by this name, which is never removed.
        var isSwitched = false
        do throws(StoreFailure) {
            let trial = try TrialRestore(of: backup, in: place, withKeys: true)
            try check(trial, key: key, backup)
            var report = Report(manifest: trial.manifest, overrides: trial.overrides, folder: target.path)
            report.replacesKey = target.publicKey.map { $0 != trial.key.publicText } ?? false
            let restored = try mark(place, with: trial, replacing: target.known, now: now)
            report.leastGeneration = restored.leastGeneration
            report.lostAuditEntries = restored.replacedAuditEntries.map { max(0, $0 - restored.auditEntries) }
            try finish(place, like: target)
            if target.lock != nil {
                let kept = free("\(target.path).before-restore-\(name(of: now))")
                try FolderSwitch.put(place, in: target.path, keeping: kept, isDone: &isSwitched)
                report.kept = kept
            } else {
                guard rename(place, target.path) == 0 else { throw DurableFile.failure(target.path) }
                try DurableFile.syncFolder(of: target.path)
            }
            return report
        } catch {
            if !isSwitched { BackupFiles.remove(place) }
            throw error
        }
    }

    private static func check(
        _ trial: TrialRestore, key: Curve25519.Signing.PublicKey?, _ backup: String
    ) throws(StoreFailure) {
        guard let key, VerifyingKey.text(of: key) != trial.key.publicText else { return }
        throw StoreFailure(
            "the backup \(backup) is one of another management plane: it is signed with another key",
            mend: "name a backup of this one, or the public key of that one with --key", kind: .damaged)
    }

    // MARK: - The place

    /// What is there, held so that nobody starts on it meanwhile.
    private struct Target {
        let path: String
        /// Nil: there is nothing.
        var lock: FileLock?
        var publicKey: String?
        var known: Known?

        struct Known {
            var generation: UInt64
            var auditEntries: Int
        }

        init(_ folder: String) throws(StoreFailure) {
            path = Target.resolved(folder)
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            guard access(path, F_OK) == 0 else { return }
            let ours = [ControlStore.fileName, ControlStore.lockName, SigningKey.fileName, Quarantine.markName]
            guard names.isEmpty || names.contains(where: ours.contains) else {
                throw StoreFailure(
                    "\(path) is no data directory of holdfast control: it holds other files",
                    mend: "name the one that holdfast control is started with, or one that does not exist")
            }
            do {
                lock = try FileLock.take("\(path)/\(ControlStore.lockName)")
            } catch  where error.kind == .inUse {
                throw StoreFailure(
                    "holdfast control runs on \(path)", mend: "stop it, and restore then", kind: .inUse)
            }
            publicKey = (try? String(contentsOfFile: "\(path)/\(SigningKey.publicFileName)", encoding: .utf8))?
                .trimmingCharacters(in: .whitespacesAndNewlines)
            known = Target.known(at: "\(path)/\(ControlStore.fileName)")
        }

        /// Without links, since what is renamed must be the folder itself.
        private static func resolved(_ folder: String) -> String {
            let folder = folder.hasPrefix("/") ? folder : FileManager.default.currentDirectoryPath + "/" + folder
            return URL(fileURLWithPath: folder).standardizedFileURL.resolvingSymlinksInPath().path
        }

        /// As much as can be read. What cannot be is no reason not to restore: often it is the reason to.
        private static func known(at path: String) -> Known? {
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            var configuration = Configuration()
            configuration.readonly = true
            return try? DatabaseQueue(path: path, configuration: configuration).read { database in
                let newest = try Int64.fetchOne(database, sql: "SELECT max(number) FROM generations") ?? 0
                return Known(
                    generation: max(UInt64(clamping: newest), try GenerationStore.least(in: database)),
                    auditEntries: try Int.fetchOne(database, sql: "SELECT count(*) FROM audit") ?? 0)
            }
        }
    }

    /// Says in the store what happened, for its first start.
    private static func mark(
        _ place: String, with trial: TrialRestore, replacing known: Target.Known?, now: Int64
    ) throws(StoreFailure) -> Restoration {
        let store = try ControlStore.open(folder: place)
        defer { store.close() }
        do {
            return try store.database.write { database in
                let manifest = trial.manifest
                let origin = try String.fetchOne(database, sql: "SELECT value FROM facts WHERE name = 'origin'")
                let least = max(manifest.generation, try GenerationStore.least(in: database))
                let restored = Restoration(
                    backup: manifest.id, backupMadeAt: manifest.madeAt, restoredAt: now, auditOrigin: origin ?? "",
                    auditEntries: manifest.auditEntries, auditRoot: manifest.auditRoot,
                    generation: manifest.generation,
                    leastGeneration: RestoredNumber.first(
                        newest: least, replaced: known?.generation ?? 0, nowMilliseconds: now),
                    replacedAuditEntries: known?.auditEntries, replacedGeneration: known?.generation)
                try restored.write(in: database)
                return restored
            }
        } catch {
            throw StoreFailure(error, path: store.path)
        }
    }

    /// Synced, and of whoever had the place: root restores, and the service's user starts.
    private static func finish(_ place: String, like target: Target) throws(StoreFailure) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
        let isGiven = target.lock != nil && geteuid() == 0
        let facts = isGiven ? try? FileManager.default.attributesOfItem(atPath: target.path) : nil
        if let user = facts?[.ownerAccountID] as? NSNumber, let group = facts?[.groupOwnerAccountID] as? NSNumber {
            for path in names.map({ "\(place)/\($0)" }) + [place]
            where chown(path, user.uint32Value, group.uint32Value) != 0 {
                throw DurableFile.failure(path)
            }
        }
        for name in names { try BackupFiles.sync("\(place)/\(name)") }
        try BackupFiles.syncFolder(place)
    }

    // MARK: - Names

    /// Never one that is taken: what is there may be what somebody needs.
    private static func free(_ path: String) -> String {
        guard access(path, F_OK) == 0 else { return path }
        var number = 2
        while access("\(path)-\(number)", F_OK) == 0 { number += 1 }
        return "\(path)-\(number)"
    }

    /// Such as `20270331T120000Z`.
    private static func name(of now: Int64) -> String {
        TimeOfDay.text(milliseconds: now).filter { $0 != "-" && $0 != ":" }.prefix { $0 != "." } + "Z"
    }
}
