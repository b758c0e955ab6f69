import HoldfastAPI
import HoldfastCore

/// What brings a published document to one gateway first, then to the rest, and back where it does harm.
struct Rollouts: Sendable {
    let snapshots: Snapshots
    let gateways: Gateways

    struct Times: Sendable {
        /// Milliseconds since 1970.
        var wall: Int64
        var monotonic: Instant

        static func read() -> Times {
            Times(wall: WallClock.readMilliseconds(), monotonic: MonotonicClock.read())
        }
    }

    /// A gateway reports and asks for what is newer.
    func pull(_ id: String, _ report: GatewayReportView, now: Instant) throws -> SignedSnapshot? {
        try gateways.arrive(id, report, now: now)
        snapshots.withRollout { $0.reported(gateway: id, report, now: now) }
        guard let target = snapshots.target(of: id), target.number > report.generation || report.source != "control"
        else { return nil }
        return target.signed
    }

    /// One look at it, to be taken every second. What is decided is on record before any gateway hears of it.
    func advance(_ now: Times) async throws {
        let fleet = snapshots.settings.fleet
        let decided = snapshots.withRollout { rollout -> Rollout? in
            var next = rollout
            fleet.advance(&next, now: now.monotonic, nowMilliseconds: now.wall)
            guard next.saved != rollout.saved else {
                rollout = next
                return nil
            }
            return next
        }
        guard case .some(.some(let next)) = decided else { return }
        let outcome = outcome(of: next)
        var details = ["from": snapshots.staged?.rollout.phase.word ?? "", "to": next.phase.word]
        details["canary"] = next.canary
        details["reason"] = outcome
        let event = AuditEvent(.system, Self.action(next.phase), "\(next.generations.proposed)", details)
        try await snapshots.step(event, outcome: outcome, now: now.wall) { rollout in
            // Decided again, since it may have been changed, or gateways may have said more, while this was recorded. A step
            // that somebody else has taken meanwhile is not taken twice.
            let before = rollout.saved
            fleet.advance(&rollout, now: now.monotonic, nowMilliseconds: now.wall)
            guard rollout.saved != before, rollout.phase == next.phase, rollout.generations == next.generations else {
                throw ProblemView.overtaken
            }
        }
    }

    /// A person vouches for what no measurement shows.
    func release(reason: String, by actor: Actor, now: Int64) async throws -> RolloutView {
        let open = try open()
        try Self.checkReleasable(open.rollout)
        let event = AuditEvent(
            actor, Permission.rolloutsRelease.rawValue, "\(open.rollout.generations.proposed)",
            ["reason": reason, "phase": open.rollout.phase.word])
        try await snapshots.step(event, now: now) { rollout in
            try Self.check(rollout, isStill: open.rollout)
            rollout.release()
        }
        return try view()
    }

    func takeBack(reason: String, by actor: Actor, now: Times) async throws -> RolloutView {
        let open = try open()
        let event = AuditEvent(
            actor, Permission.rolloutsReturn.rawValue, "\(open.rollout.generations.proposed)",
            ["reason": reason, "from": open.rollout.phase.word])
        try await snapshots.step(event, outcome: "taken back by \(actor.principal): \(reason)", now: now.wall) {
            rollout in
            guard rollout.generations.proposed == open.rollout.generations.proposed else { throw ProblemView.overtaken }
            rollout.takeBack(now: now.monotonic)
        }
        return try view()
    }

    private func open() throws -> StagedRollout {
        guard let staged = snapshots.staged, staged.rollout.isOpen else { throw ProblemView.noRollout }
        return staged
    }

    /// What was vouched for is what somebody had seen: another document, or the same one elsewhere, is not.
    static func check(_ rollout: Rollout, isStill seen: Rollout) throws {
        guard rollout.phase == seen.phase, rollout.generations.proposed == seen.generations.proposed else {
            throw ProblemView.overtaken
        }
    }

    private static func checkReleasable(_ rollout: Rollout) throws {
        guard rollout.phase != .pending else { throw ProblemView.nothingToVouchFor(rollout.waiting) }
    }

    /// Nil: it goes on.
    private func outcome(of rollout: Rollout) -> String? {
        guard let cause = rollout.phase.cause else { return nil }
        guard cause == .canaryDidNotComeBack, let canary = rollout.canary,
            let refused = gateways.report(of: canary)?.refused
        else { return cause.message }
        // Theirs to say, and no longer than a line for people.
        return "gateway \(canary) refused it: \(refused.prefix(400))"
    }

    private static func action(_ phase: Rollout.Phase) -> String {
        switch phase {
        case .returned: Permission.rolloutsReturn.rawValue
        case .pending, .canary, .spreading, .done: "rollouts.advance"
        }
    }

    // MARK: - Views

    /// Nil: there never was one.
    func find(now: Instant) -> RolloutView? {
        snapshots.staged.map { staged in
            let rollout = staged.rollout
            var view = RolloutView(
                phase: rollout.phase.word, good: rollout.generations.good, proposed: rollout.generations.proposed,
                detail: rollout.waiting?.message ?? staged.outcome ?? "every gateway has it",
                notThere: rollout.isOpen ? rollout.notThere(now: now) : [], author: staged.author,
                reason: staged.reason, beganAt: TimeOfDay.text(milliseconds: staged.beganAt),
                changedAt: TimeOfDay.text(milliseconds: staged.changedAt))
            view.cause = rollout.phase.cause?.rawValue
            view.canary = rollout.canary
            view.mend = rollout.waiting?.mend
            return view
        }
    }

    private func view() throws -> RolloutView {
        guard let view = find(now: MonotonicClock.read()) else { throw ProblemView.noRollout }
        return view
    }
}

extension ProblemView {
    static let noRollout = conflict(
        "no roll-out is under way",
        mend:
            "look at the newest one: holdfast rollout show; to go back after it: holdfast rollback --previous --reason …"
    )

    static let overtaken = conflict("the roll-out has changed meanwhile", mend: "look at it, and do it again")

    static func nothingToVouchFor(_ waiting: Rollout.Waiting?) -> ProblemView {
        conflict(
            "no gateway has the proposed generation yet, so there is nothing to vouch for",
            mend: waiting?.mend ?? "wait until one has it")
    }
}
