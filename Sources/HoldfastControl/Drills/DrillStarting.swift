import HoldfastAPI
import HoldfastCore
import Synchronization

extension Drills {
    /// Who starts it, and on whose behalf.
    struct Starter: Sendable {
        var actor: Actor
        var reason: String
        var isAnnounced = false
        /// Nil: a person does.
        var schedule: String?
    }

    /// Publishes the order, with the drill's record in the same transaction.
    func start(_ request: DrillRequest, _ starter: Starter, _ now: Rollouts.Times) async throws -> DrillView {
        let before = try check(now)
        let plan: PlannedDrill
        do throws(DrillProblems) {
            plan = try self.plan(request, in: before, now: now.wall)
        } catch {
            throw ProblemView.invalid(
                error.problems.map { .init(field: Self.field($0.field), message: $0.message, mend: $0.mend) })
        }
        let expected = gateways.seen(now: now.monotonic)
            .filter { now.monotonic.nanoseconds(since: $0.seen.at) <= limits.silentNanoseconds }.map(\.id)
        guard !expected.isEmpty else { throw ProblemView.noGatewayForDrill }
        let order = order(plan, starter, now: now.wall)
        var drill = StoredDrill(
            view: view(plan, request, starter, before, now: now.wall), beganAt: now.wall, coverage: plan.coverage)
        drill.view.overrideId = order.id
        let run = DrillRun(
            DrillRun.Terms(plan.order, recoveryTargetMilliseconds: plan.recoveryTargetMilliseconds),
            expected: expected, limits: limits, now: now.monotonic)
        let active = ActiveDrill(
            run: run, stored: drill, overrideID: order.id, looked: before.number, document: before.payload.document)
        if starter.isAnnounced, starter.schedule == nil { announce(drill.view, now: now.wall) }
        try await publish(active, order, starter, over: before.payload, now: now.wall)
        return active.view(gateways, now: now)
    }

    private func publish(
        _ active: ActiveDrill, _ order: OverrideView, _ starter: Starter, over planned: SnapshotPayload, now: Int64
    ) async throws {
        let view = active.stored.view
        var details = [
            "reason": starter.reason, "plan": view.plan, "override": order.id,
            "order": view.order.map { String(decoding: APICoding.encode($0), as: UTF8.self) } ?? "",
        ]
        details["schedule"] = starter.schedule
        let event = AuditEvent(starter.actor, Permission.drillsStart.rawValue, view.id, details)
        _ = try await snapshots.change(event, now: now) {
            [drill = active.stored] previous, database in
            guard let previous else { throw ProblemView.nothingPublished }
            // Who is left to answer was judged by both: what was drained meanwhile could make an outage of it.
            guard previous.payload.document == planned.document, previous.payload.overrides == planned.overrides else {
                throw ProblemView.drillOvertaken
            }
            let halt = try DrillStore.halt(in: database)
            guard !halt.halted else { throw ProblemView.drillsHalted(halt) }
            if let other = try DrillStore.open(in: database).first(where: { $0.view.phase != .tabletop }) {
                throw ProblemView.drillUnderWay(other.view.id)
            }
            guard previous.payload.overrides.count < OverrideSet.most else {
                throw ProblemView.conflict(OverrideSet.Refusal.full.message, mend: OverrideSet.Refusal.full.mend)
            }
            try DrillStore.insert(drill, in: database)
            try OverrideStore.insert(order, in: database)
            return .unchanged(from: previous, reason: starter.reason)
        } whenCommitted: { _ in
            self.state.withLock { $0.active = active }
        }
    }

    /// What stands in its way whatever is asked for. Returns the configuration that is drilled.
    private func check(_ now: Rollouts.Times) throws -> Generation {
        let (active, halt) = state.withLock { ($0.active, $0.halt) }
        guard !halt.halted else { throw ProblemView.drillsHalted(halt) }
        if let active { throw ProblemView.drillUnderWay(active.id) }
        guard let newest = snapshots.newest else { throw ProblemView.nothingPublished }
        // Half of the gateways would be drilled on another configuration than the rest.
        guard snapshots.goodDuringRollout == nil else { throw ProblemView.drillDuringRollout }
        return newest
    }

    private func plan(
        _ request: DrillRequest, in generation: Generation, now: Int64
    ) throws(DrillProblems) -> PlannedDrill {
        let applied: (snapshot: Snapshot, effects: OverrideEffects)
        do {
            applied = try generation.applied(by: snapshots, nowMilliseconds: now)
        } catch {
            throw DrillProblems([
                OverrideProblem(
                    "plan", "the newest configuration cannot be read: \(error)", mend: "publish one that is valid")
            ])
        }
        return try request.planned(in: applied.snapshot, under: applied.effects)
    }

    /// As the request has it: what an order calls otherwise.
    private static func field(_ name: String) -> String {
        switch name {
        case "share_percent": "share"
        case "lease_milliseconds": "lease"
        case "delay_milliseconds": "delay"
        case "baseline_milliseconds": "baseline"
        case "probes_per_second": "probes"
        case "deployment", "provider", "vendor", "jurisdiction": "name"
        default: name
        }
    }

    private func order(_ plan: PlannedDrill, _ starter: Starter, now: Int64) -> OverrideView {
        var effect = OverrideEffectView(kind: "fault")
        effect.fault = FaultView(plan.order)
        return OverrideView(
            id: "fault-\(Overrides.word())", effect: effect, author: starter.actor.principal, reason: starter.reason,
            createdAt: now, expiresAt: now + DrillRun.longest(plan.order, limits) / Span.millisecond)
    }

    private func view(
        _ plan: PlannedDrill, _ request: DrillRequest, _ starter: Starter, _ before: Generation, now: Int64
    ) -> DrillView {
        var view = DrillView(
            id: "drill-\(Overrides.word())", plan: request.plan.rawValue, author: starter.actor.principal,
            reason: starter.reason, isAnnounced: starter.isAnnounced, phase: .starting, generation: before.number,
            beganAt: TimeOfDay.text(milliseconds: now))
        view.route = request.route
        view.order = FaultView(plan.order)
        view.schedule = starter.schedule
        return view
    }

    private func announce(_ view: DrillView, now: Int64) {
        events.add(
            EventLog.News(
                type: "drill.announced", subject: view.id,
                summary: "\(view.plan)\(view.route.map { " of \($0)" } ?? "") begins: \(view.reason)", by: view.author,
                details: ["plan": view.plan, "reason": view.reason]), now: now)
    }

    // MARK: - Table-tops

    static let mostSteps = 100
    /// Open at once: people forget to end them.
    static let mostTabletops = 50

    func startTabletop(_ steps: [String], route: String?, _ starter: Starter, now: Int64) async throws -> DrillView {
        guard 1...Self.mostSteps ~= steps.count else {
            throw ProblemView.invalid([
                .init(
                    field: "steps", message: "a table-top has 1 to \(Self.mostSteps) steps",
                    mend: "name what people do, one step each")
            ])
        }
        var view = DrillView(
            id: "drill-\(Overrides.word())", plan: DrillPlan.tabletop.rawValue, author: starter.actor.principal,
            reason: starter.reason, isAnnounced: starter.isAnnounced, phase: .tabletop,
            generation: snapshots.newest?.number ?? 0, beganAt: TimeOfDay.text(milliseconds: now))
        view.route = route
        view.steps = steps.map { DrillView.Step(text: $0) }
        if starter.isAnnounced { announce(view, now: now) }
        let event = AuditEvent(
            starter.actor, Permission.drillsStart.rawValue, view.id,
            ["reason": starter.reason, "plan": view.plan, "steps": "\(steps.count)"])
        try await audit.change(event, now: now) { [view] database in
            guard try DrillStore.open(in: database).count < Self.mostTabletops else {
                throw ProblemView.conflict(
                    "\(Self.mostTabletops) table-tops are open", mend: "end those that are over: holdfast drill stop")
            }
            try DrillStore.insert(StoredDrill(view: view, beganAt: now), in: database)
        }
        return view
    }

    /// - Parameter number: from 1. A step is ticked once; the last one that is ends it.
    func tick(
        _ id: String, step number: Int, note: String, worked: Bool, by actor: Actor, now: Int64
    ) async throws -> DrillView {
        let event = AuditEvent(
            actor, "drills.tick", id, ["step": "\(number)", "note": note, "worked": worked ? "yes" : "no"])
        return try await audit.change(event, now: now) { database in
            guard var drill = try DrillStore.find(id, in: database) else { throw ProblemView.notFound("drill") }
            guard drill.view.phase == .tabletop else { throw ProblemView.noTabletop }
            guard drill.view.steps.indices.contains(number - 1) else { throw ProblemView.notFound("step") }
            guard drill.view.steps[number - 1].doneAt == nil else { throw ProblemView.stepIsDone }
            drill.view.tick(number - 1, note: note, worked: worked, by: actor.principal, now: now)
            if drill.view.phase == .done { drill.endedAt = now }
            try DrillStore.update(drill, from: .tabletop, in: database)
            return drill.view
        }
    }

    func stopTabletop(
        _ drill: StoredDrill, reason: String, by actor: Actor, now: Int64
    ) async throws -> DrillView {
        let stop = DrillReason.stopped(.person("\(actor.principal): \(reason)"))
        var next = drill
        next.view.phase = .done
        // What people have seen to go wrong has gone wrong, whether they finished or not.
        let failed = next.view.failedSteps
        next.view.verdict = failed.isEmpty ? .inconclusive : .fail
        next.view.because = failed + [stop.message]
        next.view.mend = stop.mend
        next.view.endedAt = TimeOfDay.text(milliseconds: now)
        next.endedAt = now
        var details = Self.details(from: drill, to: next)
        details["reason"] = reason
        let event = AuditEvent(actor, "drills.stop", drill.view.id, details)
        try await audit.change(event, now: now) { [next] database in
            try DrillStore.update(next, from: .tabletop, in: database)
        }
        return next.view
    }
}

extension DrillView {
    fileprivate mutating func tick(_ place: Int, note: String, worked: Bool, by principal: String, now: Int64) {
        steps[place].doneAt = TimeOfDay.text(milliseconds: now)
        steps[place].doneBy = principal
        steps[place].note = note
        steps[place].worked = worked
        guard steps.allSatisfy({ $0.doneAt != nil }) else { return }
        let failed = failedSteps
        phase = .done
        verdict = failed.isEmpty ? .pass : .fail
        because = failed.isEmpty ? ["all \(steps.count) steps went as they were to"] : failed
        mend = failed.isEmpty ? nil : "change what did not work, and go through it again"
        endedAt = TimeOfDay.text(milliseconds: now)
    }

    fileprivate var failedSteps: [String] {
        steps.enumerated().filter { $0.element.worked == false }.map { place, step in
            "step \(place + 1) did not work (\(step.text)): \(step.note ?? "")"
        }
    }
}

extension Generation {
    /// As gateways act on it.
    func applied(
        by snapshots: Snapshots, nowMilliseconds: Int64
    ) throws -> (snapshot: Snapshot, effects: OverrideEffects) {
        var set = OverrideSet()
        for view in payload.overrides { try set.add(try view.override()) }
        return try snapshots.snapshot(of: self).applying(set, nowMilliseconds: nowMilliseconds)
    }
}

extension ProblemView {
    static func drillsHalted(_ halt: DrillHaltView) -> ProblemView {
        conflict(
            "all drills are halted by \(halt.by ?? "somebody"): \(halt.reason ?? "")",
            mend: "ask there, and release the lever: holdfast drill resume --reason …")
    }

    static func drillUnderWay(_ id: String) -> ProblemView {
        conflict(
            "the drill \(id) is under way, and there is one at a time",
            mend: "wait for it (holdfast drill show \(id)), or end it: holdfast drill stop \(id) --reason …")
    }

    static let drillDuringRollout = conflict(
        "a roll-out is under way, and a drill in the middle of it would say nothing about either configuration",
        mend: "wait until it is done: holdfast rollout show")

    static let noGatewayForDrill = conflict(
        "no gateway has reported of late, so nobody would carry the drill out",
        mend: "start a gateway that follows this management plane: holdfast gateways")

    static let noTabletop = conflict(
        "the drill is no table-top that is open", mend: "look at it: holdfast drill show ID")

    static let stepIsDone = conflict(
        "the step is ticked already", mend: "tick the next one: holdfast drill show ID says which are open")
}
