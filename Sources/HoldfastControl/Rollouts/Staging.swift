import GRDB
import HoldfastAPI
import HoldfastCore

/// Which generations a change makes, and what becomes of the roll-out under way. Within one transaction.
struct Staging {
    struct Made: Sendable {
        var newest: Generation
        var staged: StagedRollout?
    }

    let maker: GenerationMaker
    let fleet: Fleet
    let now: Instant
    /// The newest roll-out, which may be over.
    let staged: StagedRollout?

    func make(
        _ draft: Snapshots.Draft, _ reach: Snapshots.Reach, after newest: Generation?, in database: Database
    ) throws -> Made {
        let open = staged.flatMap { $0.rollout.isOpen ? $0 : nil }
        let made: Made
        switch (reach, open, newest) {
        case (.staged, nil, let good?): made = try begin(draft, good: good)
        case (.staged, let open?, _): made = try supersede(open, with: draft)
        case (.beside, let open?, let newest?): made = try renumber(open, draft, proposed: newest)
        case (.all, let open?, _): made = try end(open, with: draft)
        // Nobody has anything yet, or nothing is under way.
        default: made = Made(newest: try maker.make(draft, maker.first), staged: staged)
        }
        if let staged = made.staged { try RolloutStore.write(staged, in: database) }
        return made
    }

    private func begin(_ draft: Snapshots.Draft, good: Generation) throws -> Made {
        let proposed = try maker.make(draft, maker.first)
        let numbers = Rollout.Generations(
            good: good.number, proposed: proposed.number, restored: proposed.number + 1)
        let rollout = fleet.begin(numbers, now: now, nowMilliseconds: proposed.payload.madeAt)
        return Made(newest: proposed, staged: Self.staged(rollout, good: good, proposed))
    }

    private func supersede(_ open: StagedRollout, with draft: Snapshots.Draft) throws -> Made {
        let (numbers, good) = try goodAgain(open, reason: "another document is rolled out: \(draft.reason)")
        let proposed = try maker.make(draft, numbers.proposed)
        var rollout = open.rollout
        rollout.supersede(numbers, now: now)
        return Made(newest: proposed, staged: Self.staged(rollout, good: good, proposed))
    }

    private func renumber(_ open: StagedRollout, _ draft: Snapshots.Draft, proposed: Generation) throws -> Made {
        let (numbers, good) = try goodAgain(open, reason: draft.reason)
        // It is confirmed no more than it was.
        var draft = draft
        draft.confirmed = proposed.payload.confirmed
        var next = open
        next.rollout.renumber(numbers)
        next.good = good
        return Made(newest: try maker.make(draft, numbers.proposed), staged: next)
    }

    private func end(_ open: StagedRollout, with draft: Snapshots.Draft) throws -> Made {
        let newest = try maker.make(draft, maker.first)
        var next = open
        next.rollout.takeBack(now: now)
        next.changedAt = newest.payload.madeAt
        next.outcome = "rolled back by \(newest.payload.author): \(draft.reason)"
        return Made(newest: newest, staged: next)
    }

    private func goodAgain(
        _ open: StagedRollout, reason: String
    ) throws -> (numbers: Rollout.Generations, good: Generation) {
        let numbers = Rollout.Generations(
            good: maker.first, proposed: maker.first + 1, restored: maker.first + 2)
        return (numbers, try maker.again(open.good, numbers.good, reason: reason))
    }

    private static func staged(_ rollout: Rollout, good: Generation, _ proposed: Generation) -> StagedRollout {
        let payload = proposed.payload
        return StagedRollout(
            rollout: rollout, good: good, author: payload.author, reason: payload.reason, beganAt: payload.madeAt,
            changedAt: payload.madeAt)
    }
}
