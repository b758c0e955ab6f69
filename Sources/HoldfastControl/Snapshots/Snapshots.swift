import Foundation
import GRDB
import HoldfastAPI
import HoldfastCore
import Logging
import Synchronization

/// What gateways are to do: the document and the overrides, compiled, numbered and signed. Every change of either is a new
/// generation; to go back is one as well. A document that is published goes to one gateway first (`Rollout`); whatever
/// else changes is urgent, and goes to all at once.
package final class Snapshots: Sendable {
    struct Settings: Sendable {
        /// Where the document's relative references begin, for checking them.
        var directory: String
        var environment: [String: String]
        var fleet: Fleet
        var clock: @Sendable () -> Instant = MonotonicClock.read
    }

    /// What is committed. Changed by whoever writes the store, after it is; only what gateways report changes it otherwise.
    struct Desired: Sendable {
        var newest: Generation?
        /// The newest, which may be over; nil: there never was one.
        var staged: StagedRollout?
    }

    let audit: AuditLog
    private let key: SigningKey
    let settings: Settings
    private let logger: Logger
    private let desired: Mutex<Desired>

    init(audit: AuditLog, key: SigningKey, settings: Settings, now: Int64, logger: Logger) async throws {
        self.audit = audit
        self.key = key
        self.settings = settings
        self.logger = logger
        let monotonic = settings.clock()
        desired = Mutex(
            try await audit.store.read { database in
                let staged = try RolloutStore.read(in: database) {
                    settings.fleet.resume($0, now: monotonic, nowMilliseconds: now)
                }
                return Desired(newest: try GenerationStore.newest(in: database), staged: staged)
            })
    }

    var newest: Generation? { desired.withLock { $0.newest } }
    var staged: StagedRollout? { desired.withLock { $0.staged } }

    /// Nil: no roll-out is under way, and nobody is to have anything but the newest.
    var goodDuringRollout: Generation? { staged.flatMap { $0.rollout.isOpen ? $0.good : nil } }

    /// What the gateway is to have; nil: nothing was ever published.
    func target(of gateway: String) -> Generation? {
        desired.withLock { $0.staged?.exception(for: gateway) ?? $0.newest }
    }

    /// Of the roll-out under way, in memory alone: what must outlive this process is changed with `step`.
    func withRollout<Result: Sendable>(_ body: (inout Rollout) -> Result) -> Result? {
        desired.withLock { desired in
            guard desired.staged?.rollout.isOpen == true else { return nil }
            return desired.staged.map { staged in
                var rollout = staged.rollout
                let result = body(&rollout)
                desired.staged?.rollout = rollout
                return result
            }
        }
    }

    func find(_ number: UInt64) async throws -> Generation? {
        try await audit.store.read { try GenerationStore.find(number, in: $0) }
    }

    func list(below number: UInt64?, limit: Int) async throws -> [Generation] {
        try await audit.store.read { try GenerationStore.list(below: number, limit: limit, in: $0) }
    }

    // MARK: - Changes

    /// Of what a generation is made.
    struct Draft: Sendable {
        var name: String
        var document: String
        var reason: String
        var confirmed = false

        /// Something beside the document has changed.
        static func unchanged(from generation: Generation, reason: String) -> Draft {
            Draft(
                name: generation.payload.name, document: generation.payload.document, reason: reason, confirmed: true)
        }
    }

    /// How a change reaches gateways.
    enum Reach: Sendable {
        /// Another document: one first, then the rest.
        case staged
        /// Something beside the document: all at once, under whichever document they are to have.
        case beside
        /// Another document for all at once, whatever was under way.
        case all
    }

    /// - Parameter expected: the newest number that the author has seen; nil: whatever it is.
    func publish(
        _ draft: Draft, expected: UInt64?, isFromFile: Bool = false, by actor: Actor, now: Int64
    ) async throws -> Generation {
        let issued = try await audit.store.read { try KeyStore.issued(in: $0) }
        let snapshot = try compile(draft, issued: issued).snapshot
        if !draft.confirmed { try Self.checkKeys(issued ?? [], in: snapshot) }
        let event = AuditEvent(
            actor, Permission.snapshotsPublish.rawValue, draft.name,
            ["reason": draft.reason, "digest": Self.digest(draft.document)])
        return try await change(event, expected: expected, reach: .staged, now: now) { previous, database in
            if let previous { try Self.checkSize(draft, after: previous) }
            if isFromFile {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                    arguments: [Self.fileFact, Self.digest(draft.document)])
            }
            return draft
        }
    }

    private static let fileFact = "published_file"

    func wasPublishedFromFileLast(_ document: String) async throws -> Bool {
        let known = try await audit.store.read { database in
            try String.fetchOne(
                database, sql: "SELECT value FROM facts WHERE name = ?", arguments: [Self.fileFact])
        }
        return known == Self.digest(document)
    }

    /// The document of an earlier generation under a new number; the overrides in force stay.
    func rollback(to number: UInt64, reason: String, by actor: Actor, now: Int64) async throws -> Generation {
        guard let old = try await find(number) else { throw ProblemView.notFound("generation") }
        let draft = Draft.unchanged(from: old, reason: reason)
        _ = try compile(draft, issued: try await audit.store.read { try KeyStore.issued(in: $0) })
        let event = AuditEvent(
            actor, Permission.snapshotsRollback.rawValue, "\(number)", ["reason": reason])
        return try await change(event, expected: nil, reach: .all, now: now) { _, _ in draft }
    }

    /// A new generation because something has changed, in the transaction of that change.
    ///
    /// - Parameters:
    ///   - alter: makes the change.
    ///   - whenCommitted: as of the store.
    func change(
        _ event: AuditEvent, expected: UInt64? = nil, reach: Reach = .beside, now: Int64,
        _ alter: @escaping @Sendable (_ previous: Generation?, Database) throws -> Draft,
        whenCommitted: @escaping @Sendable (Generation) -> Void = { _ in }
    ) async throws -> Generation {
        let made = try await audit.change(event, now: now, told: Self.told) { database in
            let previous = try GenerationStore.newest(in: database)
            if let expected, expected != previous?.number ?? 0 {
                throw ProblemView.stale(expected: expected, newest: previous?.number ?? 0)
            }
            let draft = try alter(previous, database)
            let maker = try GenerationMaker(
                key: self.key, author: event.actor.principal, madeAt: now, after: previous, in: database)
            let staging = Staging(
                maker: maker, fleet: self.settings.fleet, now: self.settings.clock(), staged: self.staged)
            return try staging.make(draft, reach, after: previous, in: database)
        } whenCommitted: { made in
            self.commit(Desired(newest: made.newest, staged: made.staged))
            whenCommitted(made.newest)
        }
        return made.newest
    }

    /// A step of the roll-out under way, in one transaction with the generation that it needs: all go back under a new
    /// number.
    ///
    /// - Parameters:
    ///   - outcome: why it is taken back, if it is.
    ///   - alter: decides; asked with what is committed.
    func step(
        _ event: AuditEvent, outcome: String? = nil, now: Int64,
        _ alter: @escaping @Sendable (inout Rollout) throws -> Void
    ) async throws {
        _ = try await audit.change(event, now: now) { database in
            guard var staged = self.staged, staged.rollout.isOpen else { throw ProblemView.noRollout }
            var newest = try GenerationStore.newest(in: database)
            let before = staged.rollout.phase
            try alter(&staged.rollout)
            if staged.rollout.phase != before { staged.changedAt = now }
            if case .returned = staged.rollout.phase {
                staged.outcome = outcome
                let maker = try GenerationMaker(
                    key: self.key, author: event.actor.principal, madeAt: now, after: newest, in: database)
                newest = try maker.again(
                    staged.good, staged.rollout.generations.restored,
                    reason: "generation \(staged.rollout.generations.proposed) was taken back: \(outcome ?? "")")
            }
            try RolloutStore.write(staged, in: database)
            return Desired(newest: newest, staged: staged)
        } whenCommitted: { next in
            self.commit(next)
        }
    }

    /// Comes into force with its transaction. What gateways reported while that was written is lost here, and comes again
    /// with their next pull.
    private func commit(_ next: Desired) {
        let before = desired.withLock { desired in
            defer { desired = next }
            return desired.staged
        }
        guard let staged = next.staged else { return }
        if staged.beganAt != before?.beganAt {
            rolloutChanged(staged, from: nil)
        } else if let before, staged.rollout.phase != before.rollout.phase {
            rolloutChanged(staged, from: before.rollout.phase)
        }
    }

    /// The one place that hears of every phase of every roll-out, when it is committed; on the store's queue, so whoever
    /// is told from here does not wait.
    ///
    /// - Parameter before: nil: it began.
    private func rolloutChanged(_ staged: StagedRollout, from before: Rollout.Phase?) {
        var facts: Logger.Metadata = [
            "generation": "\(staged.rollout.generations.proposed)", "to": "\(staged.rollout.phase.word)",
        ]
        if let before { facts["from"] = "\(before.word)" }
        if let outcome = staged.outcome { facts["reason"] = "\(outcome)" }
        if case .returned = staged.rollout.phase {
            logger.error("the roll-out was taken back; all gateways get the last good generation", metadata: facts)
        } else {
            logger.notice("the roll-out goes on", metadata: facts)
        }
    }

    /// Checks the document with the compiler that gateways use. References that can only be read where a gateway runs
    /// count as right.
    private func compile(_ draft: Draft, issued: [IssuedKeyDigest]?) throws -> LoadedConfiguration {
        do {
            return try ConfigurationFile.compile(
                text: draft.document, name: draft.name, directory: settings.directory,
                environment: settings.environment, issued: issued?.compactMap(\.issuedKey), readsReferences: false)
        } catch {
            throw ProblemView.document(error)
        }
    }

    func loaded(_ generation: Generation) throws -> LoadedConfiguration {
        let payload = generation.payload
        return try compile(.unchanged(from: generation, reason: payload.reason), issued: payload.keys)
    }

    func snapshot(of generation: Generation) throws -> Snapshot { try loaded(generation).snapshot }

    /// Clients whose keys have no place in the document would be refused from one second to the next.
    private static func checkKeys(_ issued: [IssuedKeyDigest], in snapshot: Snapshot) throws {
        let digests = Set(snapshot.keys.map(\.digest))
        let lost = issued.filter { key in ClientKeyHash.digest(key.hash).map { !digests.contains($0) } ?? true }
        guard let first = lost.first else { return }
        let others = lost.count > 1 ? " and \(lost.count - 1) more" : ""
        throw ProblemView.conflict(
            "the client key \(first.id)\(others) would be refused: the document has no workload \(first.workload), or "
                + "a key of the same id",
            mend:
                "keep the workload, end the keys (holdfast keys revoke), or, where that is meant, send confirmed: true "
                + "(by command: --confirm)")
    }

    private static func told(_ made: Staging.Made) -> [String: String] { ["generation": "\(made.newest.number)"] }

    /// Half a configuration is valid too, and so is somebody else's.
    private static func checkSize(_ draft: Draft, after previous: Generation) throws {
        let (new, old) = (draft.document.utf8.count, previous.payload.document.utf8.count)
        guard !draft.confirmed, new > old * SnapshotAcceptance.factor, new > SnapshotAcceptance.alwaysFineBytes else {
            return
        }
        throw ProblemView.conflict(
            "the document has grown from \(old) to \(new) bytes",
            mend: "where that is meant, send confirmed: true (by command: --confirm)")
    }

    private static func digest(_ document: String) -> String {
        MerkleHash.leaf(Data(document.utf8)).bytes.prefix(8).map { String($0, radix: 16) }.joined()
    }
}

extension ProblemView {
    static func stale(expected: UInt64, newest: UInt64) -> ProblemView {
        ProblemView(
            "stale", "Somebody was faster", status: 412,
            detail: "generation \(newest) is the newest, and the request speaks of \(expected)",
            mend: "look at what has changed, and send the request again with If-Match: \"\(newest)\" (by "
                + "command: --if-match \(newest))")
    }

    static func document(_ problems: ConfigurationProblems) -> ProblemView {
        invalid(
            problems.problems.map {
                Field(
                    field: $0.path.isEmpty ? "document" : $0.path,
                    message: "\(problems.file):\($0.line):\($0.column): \($0.message)", mend: $0.mend)
            })
    }
}
