import Foundation
import GRDB
import Glibc
import HoldfastAPI
import HoldfastCore
import NIOPosix
import Synchronization

/// Copies of everything that a new place needs, each of which counts as untested until it was restored on trial.
package final class Backups: Sendable {
    package static let folderName = "backups"
    private static let trialPrefix = ".trial-"
    private static let removedPrefix = ".removed-"

    struct Settings: Sendable {
        /// Where they go; made with the first one. Of this management plane alone.
        var folder: String
        var version: String
    }

    /// Both clocks, read once.
    struct Times: Sendable {
        /// Milliseconds since 1970.
        var wall: Int64
        var monotonic: Instant
    }

    /// Why there is no good new backup, for logs and the status.
    struct Trouble: Error, Sendable, Equatable {
        var reason: String
        var mend: String

        init(_ error: any Error) {
            switch error {
            case let failure as StoreFailure: (reason, mend) = (failure.reason, failure.mend)
            case let problem as ProblemView: (reason, mend) = (problem.detail, problem.mend)
            default: (reason, mend) = ("\(error)", "ask for one again: POST /v1/backups")
            }
        }
    }

    private struct State {
        var isRunning = false
        /// One was made or tried since the start: that says more than what was found there.
        var isKnown = false
        var schedule: BackupSchedule
        /// Of those that are still there, milliseconds since 1970.
        var lastVerified: Int64?
        var trouble: Trouble?
        /// Whose trial it was; nil: of a new one.
        var troubled: String?
    }

    private let settings: Settings
    private let audit: AuditLog
    private let key: SigningKey
    private let state: Mutex<State>

    /// Looks at nothing yet: the folder may be on another disk, for which no start waits.
    init(_ settings: Settings, audit: AuditLog, key: SigningKey, clock: Times) {
        self.settings = settings
        self.audit = audit
        self.key = key
        let schedule = BackupSchedule(
            lastVerifiedMilliseconds: nil, nowMilliseconds: clock.wall, now: clock.monotonic)
        state = Mutex(State(schedule: schedule))
    }

    /// Looks at what is there, for the status and for when the next is due.
    func begin(_ clock: Times) async throws {
        let found = try await entries()
        let last = found.compactMap(\.verifiedAt).max()
        state.withLock {
            guard !$0.isKnown else { return }
            $0.lastVerified = last
            $0.schedule = BackupSchedule(
                lastVerifiedMilliseconds: last, nowMilliseconds: clock.wall, now: clock.monotonic)
            if let newest = found.first, let check = newest.check, let problem = check.problem {
                ($0.trouble, $0.troubled) = (Trouble(StoreFailure(problem, mend: check.mend ?? "")), newest.id)
            }
        }
    }

    // MARK: - Asking

    /// Milliseconds; nil: none that is there was ever restored.
    func lastVerifiedAge(now: Int64) -> Int64? {
        state.withLock { $0.lastVerified }.map { BackupRetention.age(of: $0, nowMilliseconds: now) }
    }

    /// What alerts are decided by; unknown before anybody has looked.
    func sight(now: Int64) -> AlertSights.Backup {
        let (isKnown, isTrouble) = state.withLock { ($0.isKnown, $0.trouble?.reason) }
        return isKnown ? .lastVerified(age: lastVerifiedAge(now: now), problem: isTrouble) : .unknown
    }

    /// Why the last one failed, with its mend.
    var problem: String? {
        state.withLock { $0.trouble }.map { "\($0.reason); mend: \($0.mend)" }
    }

    /// The newest first.
    func list(now: Int64) async throws -> [BackupView] {
        try await entries().map { view(of: $0, now: now) }
    }

    // MARK: - Making and trying

    /// Makes one, restores it on trial, and removes old ones.
    ///
    /// - Parameter between: called between two steps of the copy.
    func make(
        by actor: Actor, clock: Times, between: @escaping @Sendable () async throws -> Void = {}
    ) async throws -> BackupView {
        try await alone(clock) {
            let id = try await self.nextID()
            let making = BackupMaking(
                audit: self.audit, key: self.key, version: self.settings.version, folder: self.settings.folder)
            let event = AuditEvent(actor, Permission.backupsCreate.rawValue, id, ["folder": self.settings.folder])
            _ = try await self.audit.perform(event, now: clock.wall) {
                let made = try await making.make(id: id, now: clock.wall, between: between)
                return AuditLog.Outcome(
                    result: made, details: ["bytes": "\(made.bytes)", "audit_entries": "\(made.auditEntries)"])
            }
            do {
                let view = try await self.tried(id, by: actor, now: clock.wall)
                try await self.prune(now: clock.wall)
                return view
            } catch {
                // Whatever the trial said, what is kept is bounded; and what it said comes first.
                try? await self.prune(now: clock.wall)
                throw error
            }
        }
    }

    /// Restores it on trial.
    func verify(_ id: String, by actor: Actor, clock: Times) async throws -> BackupView {
        guard try await entries().contains(where: { $0.id == id }) else { throw ProblemView.notFound("backup") }
        return try await alone(nil, id) { try await self.tried(id, by: actor, now: clock.wall) }
    }

    /// Nil: none is due, or one is being made.
    func makeIfDue(_ clock: Times) async -> Result<BackupView, Trouble>? {
        guard state.withLock({ $0.schedule.isDue(now: clock.monotonic) && !$0.isRunning }) else { return nil }
        do {
            return .success(try await make(by: .system, clock: clock))
        } catch {
            return Task.isCancelled ? nil : .failure(Trouble(error))
        }
    }

    /// One at a time: two would write into one folder, and remove what the other one counts on.
    ///
    /// - Parameters:
    ///   - clock: of what counts as the day's backup; nil: it is none.
    ///   - id: of the one that is only tried. That it is good says nothing of another one's trouble.
    private func alone(
        _ clock: Times?, _ id: String? = nil, _ work: @Sendable () async throws -> BackupView
    ) async throws -> BackupView {
        let isFree = state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard isFree else { throw ProblemView.backupRunning }
        defer { state.withLock { $0.isRunning = false } }
        do {
            try await NIOThreadPool.singleton.runIfActive { self.removeLeftovers() }
            let view = try await work()
            state.withLock {
                $0.isKnown = true
                if id == nil || $0.troubled == id { $0.trouble = nil }
                if let clock { $0.schedule.succeeded(now: clock.monotonic) }
            }
            return view
        } catch {
            // Whoever asked went away, or the process ends: that says nothing of backups.
            guard !Task.isCancelled else { throw error }
            state.withLock {
                $0.isKnown = true
                ($0.trouble, $0.troubled) = (Trouble(error), id)
                if let clock { $0.schedule.failed(now: clock.monotonic) }
            }
            throw error
        }
    }

    private func tried(_ id: String, by actor: Actor, now: Int64) async throws -> BackupView {
        let event = AuditEvent(actor, Permission.backupsVerify.rawValue, id, ["folder": settings.folder])
        let failure = try await audit.perform(event, now: now) { () -> AuditLog.Outcome<StoreFailure?> in
            let (digest, failure) = try await NIOThreadPool.singleton.runIfActive { try self.trial(of: id) }
            var outcome = AuditLog.Outcome(result: failure)
            if let failure {
                outcome.phase = .failed
                outcome.details["failure"] = failure.reason
            }
            guard let digest else { return outcome }
            let row = BackupCheckRow(
                manifest: digest, backup: id, checkedAt: now, problem: failure?.reason, mend: failure?.mend)
            outcome.keep = { try BackupStore.put(row, in: $0) }
            return outcome
        }
        let found = try await entries()
        state.withLock { $0.lastVerified = found.compactMap(\.verifiedAt).max() }
        if let failure { throw ProblemView.backup(failure) }
        guard let entry = found.first(where: { $0.id == id }) else { throw ProblemView.notFound("backup") }
        return view(of: entry, now: now)
    }

    /// Throws where the trial says nothing of the backup, such as a disk that is full; else what is wrong with it.
    private func trial(of id: String) throws -> (digest: Data?, failure: StoreFailure?) {
        let backup = "\(settings.folder)/\(id)"
        let place = "\(settings.folder)/\(Self.trialPrefix)\(id)"
        BackupFiles.remove(place)
        defer { BackupFiles.remove(place) }
        // Nil where not even the manifest is right, and then the list says so by itself.
        let digest = try? BackupManifest.read(backup).digest
        do throws(StoreFailure) {
            try BackupFiles.makeFolder(place)
            let trial = try TrialRestore(of: backup, in: place, withKeys: false)
            guard trial.key.publicText == key.publicText else {
                throw StoreFailure(
                    "the backup \(backup) is one of another management plane: it is signed with another key",
                    mend: "give each management plane a folder of its own for its backups", kind: .damaged)
            }
            return (trial.digest, nil)
        } catch {
            guard error.kind == .damaged || error.kind == .newer else { throw error }
            return (digest, error)
        }
    }

    // MARK: - What is there

    private struct Entry: Sendable {
        var id: String
        var folder: String
        var manifest: Result<BackupManifest, StoreFailure>
        var check: BackupCheckRow?

        var verifiedAt: Int64? {
            guard case .success = manifest, let check, check.problem == nil else { return nil }
            return check.checkedAt
        }
    }

    /// The newest first. What has no number for a name is none of ours.
    private func entries() async throws -> [Entry] {
        let checks = try await audit.store.read { try BackupStore.all(in: $0) }
        return try await NIOThreadPool.singleton.runIfActive { self.entries(checks) }
    }

    private func entries(_ checks: [BackupCheckRow]) -> [Entry] {
        numbers().map { number in
            let id = Self.id(number)
            let folder = "\(settings.folder)/\(id)"
            do throws(StoreFailure) {
                let (manifest, digest) = try BackupManifest.read(folder)
                return Entry(
                    id: id, folder: folder, manifest: .success(manifest),
                    check: checks.first { $0.manifest == digest && $0.backup == id })
            } catch {
                return Entry(id: id, folder: folder, manifest: .failure(error))
            }
        }
    }

    private func numbers() -> [Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: settings.folder)) ?? []
        return names.compactMap { name in Int(name).flatMap { $0 > 0 && Self.id($0) == name ? $0 : nil } }
            .sorted(by: >)
    }

    /// By number and not by time: the wall clock may jump. In order as names, too.
    private static func id(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    private func nextID() async throws -> String {
        let checks = try await audit.store.read { try BackupStore.all(in: $0) }
        return Self.id(max(numbers().first ?? 0, checks.compactMap { Int($0.backup) }.max() ?? 0) + 1)
    }

    private func view(of entry: Entry, now: Int64) -> BackupView {
        var view = BackupView(id: entry.id, state: .untested, folder: entry.folder, bytes: 0)
        switch entry.manifest {
        case .failure(let failure):
            view.state = .failed
            (view.problem, view.mend) = (failure.reason, failure.mend)
        case .success(let manifest):
            view.bytes = manifest.bytes
            view.madeAt = TimeOfDay.text(milliseconds: manifest.madeAt)
            view.ageMilliseconds = BackupRetention.age(of: manifest.madeAt, nowMilliseconds: now)
            view.version = manifest.version
            view.generation = manifest.generation
            view.auditEntries = manifest.auditEntries
        }
        guard let check = entry.check else { return view }
        view.checkedAt = TimeOfDay.text(milliseconds: check.checkedAt)
        if let problem = check.problem {
            view.state = .failed
            (view.problem, view.mend) = (problem, check.mend)
        } else if BackupRetention.isFresh(checkedMilliseconds: check.checkedAt, nowMilliseconds: now) {
            view.state = .verified
        }
        return view
    }

    // MARK: - Removing

    /// Removes what is surplus, each under another name first: what is half removed never looks like a backup. What
    /// cannot be read, or is another's, is left where it is.
    private func prune(now: Int64) async throws {
        let own = try await entries().filter { entry in
            guard case .success(let manifest) = entry.manifest else { return false }
            return manifest.publicKey == key.publicText
        }
        let last = own.filter { $0.verifiedAt != nil }.max { ($0.verifiedAt ?? 0, $0.id) < ($1.verifiedAt ?? 0, $1.id) }
        for id in BackupRetention.surplus(of: own.map(\.id), lastVerified: last?.id) {
            let event = AuditEvent(.system, "backups.prune", id, ["folder": settings.folder])
            try await audit.perform(event, now: now) {
                let removed = "\(self.settings.folder)/\(Self.removedPrefix)\(id)"
                BackupFiles.remove(removed)
                guard rename("\(self.settings.folder)/\(id)", removed) == 0 else {
                    throw DurableFile.failure("\(self.settings.folder)/\(id)")
                }
                BackupFiles.remove(removed)
                return AuditLog.Outcome(result: (), keep: { try BackupStore.remove(id, in: $0) })
            }
        }
    }

    /// Of a process that was killed.
    private func removeLeftovers() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: settings.folder)) ?? []
        let prefixes = [BackupMaking.partPrefix, Self.trialPrefix, Self.removedPrefix]
        for name in names where prefixes.contains(where: name.hasPrefix) {
            BackupFiles.remove("\(settings.folder)/\(name)")
        }
    }
}
