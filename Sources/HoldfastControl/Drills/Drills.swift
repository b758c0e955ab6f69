import GRDB
import HoldfastAPI
import HoldfastCore
import Synchronization

/// Drills: one that injects a fault at a time, and as many table-tops as people like to sit through.
///
/// One at a time, whatever its target: two that overlap could not say which of them did what, and a fallback of the one may
/// be what the other has just taken away.
final class Drills: Sendable {
    struct State: Sendable {
        /// What is committed; changed with it.
        var active: ActiveDrill?
        var halt: DrillHaltView
        /// By name.
        var schedules: [String: StoredSchedule]
        /// What the newest generation says, read again when that changes.
        var published: PublishedDrills?
        /// What is known of fallbacks; nil: to be made again.
        var fallbacks: KnownFallbacks?
        /// By verdict, those that have ended since the start.
        var verdicts: [DrillView.Verdict: Int] = [:]
        /// What was read before one ended is not what is known after it.
        var ended: Int { verdicts.values.reduce(0, +) }
    }

    let snapshots: Snapshots
    let audit: AuditLog
    let gateways: Gateways
    let events: EventLog
    let key: SigningKey
    let version: String
    let limits: DrillRun.Limits
    let state: Mutex<State>

    /// Reads what there is, and ends what a process before this one left open: what happened meanwhile is not known.
    init(
        snapshots: Snapshots, gateways: Gateways, events: EventLog, key: SigningKey, version: String,
        limits: DrillRun.Limits, now: Int64
    ) async throws {
        self.snapshots = snapshots
        audit = snapshots.audit
        self.gateways = gateways
        self.events = events
        self.key = key
        self.version = version
        self.limits = limits
        let (halt, schedules, open) = try await audit.store.read { database in
            (
                try DrillStore.halt(in: database), try DrillStore.schedules(in: database),
                try DrillStore.open(in: database)
            )
        }
        state = Mutex(State(halt: halt, schedules: schedules))
        for drill in open where drill.view.phase != .tabletop { try await endLeftOver(drill, now: now) }
    }

    private func endLeftOver(_ drill: StoredDrill, now: Int64) async throws {
        let verdict = DrillVerdict(
            leftOpenAfter: drill.view.gateways.compactMap { gateway in
                gateway.observation?.ended.flatMap(DrillObservation.Ending.init).map { (gateway.id, $0) }
            })
        var next = drill
        next.view.phase = .done
        next.view.verdict = DrillView.Verdict(rawValue: verdict.outcome.rawValue)
        next.view.because = verdict.reasons.map(\.message)
        next.view.mend = verdict.reasons.first?.mend
        next.view.endedAt = TimeOfDay.text(milliseconds: now)
        next.endedAt = now
        let event = AuditEvent(.system, "drills.finish", drill.view.id, Self.details(from: drill, to: next))
        try await commit(next, from: drill.view.phase, event, takesOrder: true, active: nil, now: now)
    }

    // MARK: - Changes

    /// - Parameters:
    ///   - takesOrder: gateways are to have the order no more: a generation of its own.
    ///   - active: what is under way afterwards.
    func commit(
        _ next: StoredDrill, from phase: DrillView.Phase, _ event: AuditEvent, takesOrder: Bool, active: ActiveDrill?,
        now: Int64
    ) async throws {
        let whenCommitted = { @Sendable in
            self.state.withLock { state in
                state.active = active
                guard next.view.phase == .done, let verdict = next.view.verdict else { return }
                state.fallbacks = nil
                state.verdicts[verdict, default: 0] += 1
            }
        }
        guard takesOrder, let order = next.view.overrideId else {
            try await audit.change(event, now: now) { database in
                try DrillStore.update(next, from: phase, in: database)
            } whenCommitted: { _ in
                whenCommitted()
            }
            return
        }
        _ = try await snapshots.change(event, now: now) { previous, database in
            guard let previous else { throw ProblemView.nothingPublished }
            try DrillStore.update(next, from: phase, in: database)
            try OverrideStore.end(order, by: event.actor.principal, now: now, in: database)
            return .unchanged(from: previous, reason: "the drill \(next.view.id) is over")
        } whenCommitted: { _ in
            whenCommitted()
        }
    }

    static func details(from drill: StoredDrill, to next: StoredDrill) -> [String: String] {
        var details = ["from": drill.view.phase.rawValue, "to": next.view.phase.rawValue, "plan": drill.view.plan]
        details["override"] = next.view.overrideId
        details["verdict"] = next.view.verdict?.rawValue
        if next.view.verdict != nil {
            details["because"] = String(next.view.because.joined(separator: "; ").prefix(400))
        }
        return details
    }

    /// One look at the drill under way, to be taken every second. What is decided is on record before any gateway hears.
    func advance(_ now: Rollouts.Times) async throws {
        guard let active = state.withLock({ $0.active }) else { return }
        var next = active
        next.look(gateways, newest: snapshots.newest, now: now.monotonic)
        guard next.run.phase != active.run.phase else {
            state.withLock { state in
                guard state.active?.id == next.id, state.active?.run.phase == next.run.phase else { return }
                state.active = next
            }
            return
        }
        let action = next.run.isOpen ? "drills.advance" : "drills.finish"
        try await step(from: active, to: next, action, by: .system, reason: nil, now)
    }

    private func step(
        from active: ActiveDrill, to next: ActiveDrill, _ action: String, by actor: Actor, reason: String?,
        _ now: Rollouts.Times
    ) async throws {
        var next = next
        next.stored = next.stored(gateways, now: now)
        var details = Self.details(from: active.stored, to: next.stored)
        details["reason"] = reason
        let event = AuditEvent(actor, action, active.id, details)
        try await commit(
            next.stored, from: active.stored.view.phase, event,
            takesOrder: active.run.isOrderOut && !next.run.isOrderOut, active: next.run.isOpen ? next : nil,
            now: now.wall)
    }

    /// Ends it before its time. Ending what has ended changes nothing.
    func stop(_ id: String, reason: String, by actor: Actor, _ now: Rollouts.Times) async throws -> DrillView {
        // It may go on by itself in the same moment, and then is ended in the phase that it has come to.
        for _ in 0..<Self.mostTries {
            guard let active = state.withLock({ $0.active }), active.id == id else { break }
            do {
                try await end(active, .person("\(actor.principal): \(reason)"), "drills.stop", by: actor, reason, now)
            } catch let problem as ProblemView where problem == .drillOvertaken {}
        }
        guard let found = try await stored(id) else { throw ProblemView.notFound("drill") }
        guard found.view.phase == .tabletop else { return found.view }
        return try await stopTabletop(found, reason: reason, by: actor, now: now.wall)
    }

    private static let mostTries = 5

    private func end(
        _ active: ActiveDrill, _ reason: DrillRun.Stop, _ action: String, by actor: Actor, _ words: String,
        _ now: Rollouts.Times
    ) async throws {
        var next = active
        next.look(gateways, newest: nil, now: now.monotonic)
        next.run.stop(reason, now: now.monotonic)
        try await step(from: active, to: next, action, by: actor, reason: words, now)
    }

    // MARK: - The lever

    /// Ends what is under way and refuses what is new, until somebody releases it. The lever comes first: nothing can
    /// begin between the two.
    func halt(reason: String, by actor: Actor, _ now: Rollouts.Times) async throws -> DrillHaltView {
        let halt = DrillHaltView(
            halted: true, by: actor.principal, reason: reason, since: TimeOfDay.text(milliseconds: now.wall))
        try await pull(halt, "drills.halt", reason: reason, by: actor, now: now.wall)
        for _ in 0..<Self.mostTries {
            guard let active = state.withLock({ $0.active }) else { break }
            do {
                try await end(active, .lever("\(actor.principal): \(reason)"), "drills.stop", by: actor, reason, now)
            } catch let problem as ProblemView where problem == .drillOvertaken {}
        }
        return halt
    }

    func resume(reason: String, by actor: Actor, now: Int64) async throws -> DrillHaltView {
        let halt = DrillHaltView(halted: false)
        try await pull(halt, "drills.resume", reason: reason, by: actor, now: now)
        return halt
    }

    private func pull(
        _ halt: DrillHaltView, _ action: String, reason: String, by actor: Actor, now: Int64
    ) async throws {
        try await audit.change(AuditEvent(actor, action, "drills", ["reason": reason]), now: now) { database in
            try DrillStore.write(halt, in: database)
        } whenCommitted: { _ in
            self.state.withLock { $0.halt = halt }
        }
    }

    // MARK: - Reading

    /// - Parameter place: the id of the last one of the page before.
    func list(after place: String?, limit: Int, _ now: Rollouts.Times) async throws -> [DrillView] {
        let found = try await audit.store.read { try DrillStore.list(after: place, limit: limit, in: $0) }
        return found.map { live($0.view, now) }
    }

    func find(_ id: String, _ now: Rollouts.Times) async throws -> DrillView? {
        try await stored(id).map { live($0.view, now) }
    }

    func stored(_ id: String) async throws -> StoredDrill? {
        try await audit.store.read { try DrillStore.find(id, in: $0) }
    }

    /// With what gateways say now, where it is under way.
    private func live(_ view: DrillView, _ now: Rollouts.Times) -> DrillView {
        guard view.phase != .done, let active = state.withLock({ $0.active }), active.id == view.id else { return view }
        return active.view(gateways, now: now)
    }

    var status: DrillsStatusView {
        let (active, halt) = state.withLock { ($0.active, $0.halt) }
        var view = DrillsStatusView(halt: halt)
        view.running = active?.id
        view.plan = active?.stored.view.plan
        view.phase = active?.run.phase.word
        return view
    }
}

extension ProblemView {
    static let drillOvertaken = conflict(
        "the drill has gone on meanwhile", mend: "look at it (holdfast drill show), and do it again")
}
