/// Brings a snapshot to several gateways: to one first, which is watched, then to the rest; and back by itself where it
/// does harm.
///
/// It believes nothing that it was not told: a gateway that is silent, or whose report cannot be true, is unknown, and
/// unknown holds. It never goes on because time has passed alone. Where it holds, `waiting` says for what, and a person
/// may vouch for what no measurement shows (`release`); nobody can vouch for a snapshot that is bad.
///
/// What it does not see: harm that is no error, and harm that takes longer than the settle time to show. And while it
/// spreads there is soon nobody left to compare with, so a provider that fails then is taken for its fault; going back
/// costs little. Waves (one, a tenth, the rest) were rejected: with few gateways they are the same, and a bad snapshot
/// is caught by the first.
///
/// Events only note; `tick` decides everything.
package struct Rollout: Sendable, Hashable {
    /// Numbers of snapshots. Gateways adopt only higher numbers, so going back is a number of its own.
    package struct Generations: Sendable, Hashable {
        /// In force before.
        package var good: UInt64
        package var proposed: UInt64
        /// The content of `good` once more, reserved before it is needed.
        package var restored: UInt64

        package init(good: UInt64, proposed: UInt64, restored: UInt64) {
            precondition(
                good < proposed && proposed < restored,
                "\(good), \(proposed), \(restored) do not rise: a gateway adopts only a higher number")
            self.good = good
            self.proposed = proposed
            self.restored = restored
        }
    }

    package struct Limits: Sendable, Hashable {
        /// How long all gateways are given to report before one of those that did is chosen.
        package var gatherNanoseconds = 10 * Span.second
        /// How long the first is watched at least. Twice the window of a breaker and many times a pull.
        package var settleNanoseconds = 60 * Span.second
        /// A canary that was not seen on the proposed snapshot for so long does not come back.
        package var canaryNanoseconds = 60 * Span.second
        /// A report that is older says nothing of now: several pulls were missed.
        package var freshNanoseconds = 15 * Span.second

        package init() {}
    }

    /// By the words that stores and views have for them.
    package enum Reason: String, Sendable, Hashable, CaseIterable {
        case errorsRose = "errors-rose"
        case canaryDidNotComeBack = "canary-lost"
        case byAPerson = "by-a-person"
    }

    package enum Phase: Sendable, Hashable {
        /// No gateway has it.
        case pending
        /// One has it.
        case canary
        /// It has proven itself, and goes to all.
        case spreading
        case done
        /// All are to have the last good one.
        case returned(Reason)
    }

    /// Why it is not further.
    package enum Waiting: Sendable, Hashable {
        /// No gateway is heard.
        case noGateway
        case gathering
        /// The canary has not been seen on the proposed snapshot of late.
        case canaryIsSilent
        case settling
        /// Too little happened to say anything, or a little that looks bad.
        case tooLittleTraffic
        /// These are not known to have it.
        case gatewaysAreSilent(Int)
    }

    /// More than anybody runs; what reports beyond it is told its target and not counted.
    package static let mostGateways = 4_096

    private var numbers: RolloutNumbers
    package let limits: Limits
    package private(set) var phase = Phase.pending
    /// The gateway that had it first.
    package private(set) var canary: String?
    /// Nil: it is over.
    package private(set) var waiting: Waiting? = .gathering
    /// By id.
    private var gateways: [RolloutGateway]
    /// Those that may report yet: while one of them has not, the choice is not made before its time.
    private var expected: Set<String>
    private var phaseBegan: Instant
    /// What all counted on the good one until the canary was chosen.
    private var before = RequestCounts.none
    /// A person vouches for what is unknown, in this phase.
    private var isReleased = false

    /// What of a roll-out outlives whoever runs it. Most of what was counted does not: gateways report totals, so it comes
    /// again, and whatever was being watched is watched anew. What was counted before does, since a gateway that has the
    /// proposed one by now reports it no more.
    package struct Saved: Sendable, Hashable {
        package var generations: Generations
        package var phase: Phase
        package var canary: String?
        package var before: RequestCounts
        package var isReleased: Bool
        /// Ids of those that are waited for: that one has not been heard since is no sign that it was never there.
        package var gateways: [String]

        package init(
            generations: Generations, phase: Phase, canary: String?, before: RequestCounts = .none,
            isReleased: Bool = false, gateways: [String] = []
        ) {
            self.generations = generations
            self.phase = phase
            self.canary = canary
            self.before = before
            self.isReleased = isReleased
            self.gateways = gateways
        }
    }

    package var saved: Saved {
        Saved(
            generations: generations, phase: phase, canary: canary, before: before, isReleased: isReleased,
            gateways: gateways.map(\.id))
    }

    /// - Parameters:
    ///   - gateways: ids of those that are known, and waited for; others may join by reporting.
    ///   - expected: ids of those that may be there, of whom nobody knows yet.
    package init(
        _ generations: Generations, gateways: [String], expected: [String] = [], limits: Limits = Limits(),
        now: Instant
    ) {
        numbers = RolloutNumbers(generations)
        self.limits = limits
        self.gateways = Set(gateways).sorted().prefix(Self.mostGateways).map { RolloutGateway(id: $0) }
        self.expected = Set(expected.prefix(Self.mostGateways))
        phaseBegan = now
    }

    package init(
        resuming saved: Saved, gateways: [String], expected: [String] = [], limits: Limits = Limits(), now: Instant
    ) {
        let canaries = saved.phase == .canary ? [saved.canary].compactMap(\.self) : []
        self.init(
            saved.generations, gateways: gateways + saved.gateways + canaries, expected: expected, limits: limits,
            now: now)
        canary = saved.canary
        before = saved.before
        isReleased = saved.isReleased
        // Without its canary nothing says which gateway may have it: the choice is made again.
        phase = saved.phase == .canary && canary == nil ? .pending : saved.phase
        if phase == .pending { before = .none }
        if !isOpen { waiting = nil }
    }

    // MARK: - Asking

    package var generations: Generations { numbers.generations }

    package var isOpen: Bool {
        switch phase {
        case .pending, .canary, .spreading: true
        case .done, .returned: false
        }
    }

    /// What the gateway is to pull, whether or not it was ever heard of.
    package func target(of gateway: String) -> UInt64 {
        numbers.number(of: role(for: gateway))
    }

    private func role(for gateway: String) -> RolloutNumbers.Role {
        switch phase {
        case .pending: .good
        case .canary: gateway == canary ? .proposed : .good
        case .spreading, .done: .proposed
        case .returned: .restored
        }
    }

    /// Those that are not known to have what they are to have, by id.
    package func notThere(now: Instant) -> [String] {
        gateways.filter { !isOn(role(for: $0.id), $0, now: now) }.map(\.id)
    }

    // MARK: - What happens

    /// What a gateway says of itself. What cannot be true is not believed, and so the gateway is silent.
    ///
    /// - Parameters:
    ///   - generation: the number that it has in force.
    ///   - requests: and `errors` among them, since it adopted the document of that.
    package mutating func reported(
        gateway id: String, generation: UInt64, requests: Int64, errors: Int64, now: Instant
    ) {
        guard let counts = RequestCounts(requests: requests, errors: errors), let place = place(of: id) else { return }
        gateways[place].heardAt = now
        guard let role = numbers.role(of: generation), mayHave(role, id) else { return }
        gateways[place].seen = RolloutGateway.Sight(generation: generation, at: now)
        switch role {
        case .good: gateways[place].good.note(counts)
        case .proposed:
            gateways[place].proposed.note(counts)
            gateways[place].firstOnProposed = gateways[place].firstOnProposed ?? now
            gateways[place].lastOnProposed = now
        case .restored: break
        }
    }

    /// Something else that goes to all at once, such as an override, was signed into both documents: they go by new
    /// numbers, and the roll-out goes on with what it has counted.
    package mutating func renumber(_ next: Generations) {
        precondition(isOpen, "\(phase): nothing of it is signed anew any more")
        numbers.renumber(next, hasSameProposal: true)
    }

    /// Another document is proposed in place of this one. The gateway that went first goes first again, as long as it is
    /// heard: sent back first, it would serve for seconds what somebody has just mended. All others get the good one.
    package mutating func supersede(_ next: Generations, now: Instant) {
        precondition(isOpen, "\(phase): it is over, and the next one is a roll-out of its own")
        let first = gateways.first { $0.id == canary }
        let isHeard = isFresh(first?.heardAt, now: now)
        numbers.renumber(next, hasSameProposal: false)
        for place in gateways.indices { gateways[place].forgetProposed() }
        if phase != .pending, isHeard {
            enter(.canary, now: now)
        } else {
            (canary, before) = (nil, .none)
            enter(.pending, now: now)
        }
    }

    /// The gateway is gone for good, and not waited for. A canary that is gone proved nothing.
    package mutating func removed(gateway id: String, now: Instant) {
        gateways.removeAll { $0.id == id }
        expected.remove(id)
        if phase == .canary, id == canary { enter(.returned(.canaryDidNotComeBack), now: now) }
    }

    /// A person vouches for what is unknown: too little traffic, or, once it spreads, gateways that say nothing. Holds
    /// for the phase that it is said in, and never against errors that rose.
    package mutating func release() {
        isReleased = true
    }

    /// A person takes it back, also after it is done.
    package mutating func takeBack(now: Instant) {
        if case .returned = phase { return }
        enter(.returned(.byAPerson), now: now)
    }

    /// To be called every second or so.
    package mutating func tick(now: Instant) {
        switch phase {
        case .pending: gather(now: now)
        case .canary: watchCanary(now: now)
        case .spreading: watchAll(now: now)
        case .done, .returned: waiting = nil
        }
    }

    // MARK: - Phases

    private mutating func enter(_ next: Phase, now: Instant) {
        phase = next
        phaseBegan = now
        isReleased = false
        waiting =
            switch next {
            case .pending: .gathering
            case .canary: .canaryIsSilent
            case .spreading: .gatewaysAreSilent(gateways.count { !isOn(.proposed, $0, now: now) })
            case .done, .returned: nil
            }
    }

    private mutating func gather(now: Instant) {
        let found = gateways.filter { isOn(.good, $0, now: now) }
        // Where nobody can use the good one, somebody is to try what may mend it.
        let heard = gateways.filter { isFresh($0.heardAt, now: now) }
        guard let chosen = RolloutGateway.canary(among: found.isEmpty ? heard : found) else {
            waiting = .noGateway
            return
        }
        let isComplete = found.count == gateways.count && expected.isSubset(of: found.map(\.id))
        guard isComplete || now.nanoseconds(since: phaseBegan) >= limits.gatherNanoseconds else {
            waiting = .gathering
            return
        }
        canary = chosen.id
        for place in gateways.indices {
            gateways[place].goodBeforeCanary = gateways[place].good.counts
            before = before + gateways[place].good.counts
        }
        enter(.canary, now: now)
    }

    private mutating func watchCanary(now: Instant) {
        guard let first = gateways.first(where: { $0.id == canary }) else { return }
        let verdict = judge(first.proposed.counts)
        if verdict == .bad {
            enter(.returned(.errorsRose), now: now)
        } else if now.nanoseconds(since: first.lastOnProposed ?? phaseBegan) >= limits.canaryNanoseconds {
            enter(.returned(.canaryDidNotComeBack), now: now)
        } else if !isOn(.proposed, first, now: now) {
            waiting = .canaryIsSilent
        } else if now.nanoseconds(since: first.firstOnProposed ?? now) < limits.settleNanoseconds {
            waiting = .settling
        } else if verdict == .unknown, !isReleased {
            waiting = .tooLittleTraffic
        } else {
            enter(.spreading, now: now)
        }
    }

    private mutating func watchAll(now: Instant) {
        let others = gateways.filter { $0.id != canary }
        let first = gateways.first { $0.id == canary }?.proposed.counts ?? .none
        let rest = others.reduce(RequestCounts.none) { $0 + $1.proposed.counts }
        let silent = gateways.count { !isOn(.proposed, $0, now: now) }
        let latest = others.compactMap(\.firstOnProposed).max() ?? phaseBegan
        // Apart, because the good record of the one must not hide what the others run into.
        if judge(first) == .bad || judge(rest) == .bad {
            enter(.returned(.errorsRose), now: now)
        } else if silent > 0, !isReleased {
            waiting = .gatewaysAreSilent(silent)
        } else if !others.isEmpty, now.nanoseconds(since: max(latest, phaseBegan)) < limits.settleNanoseconds {
            waiting = .settling
        } else if judge(first + rest) != .ok, !isReleased {
            waiting = .tooLittleTraffic
        } else {
            enter(.done, now: now)
        }
    }

    // MARK: - What is known

    /// Held against what was counted before, and against what the others count on the good one meanwhile.
    private func judge(_ counts: RequestCounts) -> ErrorGate.Verdict {
        let beside = gateways.reduce(RequestCounts.none) { $0 + $1.good.counts.since($1.goodBeforeCanary) }
        return ErrorGate.judge(counts, against: [before, beside])
    }

    private func isOn(_ role: RolloutNumbers.Role, _ gateway: RolloutGateway, now: Instant) -> Bool {
        guard let seen = gateway.seen, isFresh(seen.at, now: now) else { return false }
        return numbers.role(of: seen.generation) == role
    }

    private func isFresh(_ heardAt: Instant?, now: Instant) -> Bool {
        heardAt.map { now.nanoseconds(since: $0) < limits.freshNanoseconds } ?? false
    }

    /// Whether a gateway can have it in force, by what it was ever told to have.
    private func mayHave(_ role: RolloutNumbers.Role, _ id: String) -> Bool {
        switch phase {
        case .pending: role == .good
        case .canary: role == .good || role == .proposed && id == canary
        case .spreading, .done: role != .restored
        case .returned: true
        }
    }

    private mutating func place(of id: String) -> Int? {
        var (low, high) = (0, gateways.count)
        while low < high {
            let middle = (low + high) / 2
            if gateways[middle].id < id { low = middle + 1 } else { high = middle }
        }
        if low < gateways.count, gateways[low].id == id { return low }
        guard gateways.count < Self.mostGateways else { return nil }
        gateways.insert(RolloutGateway(id: id), at: low)
        return low
    }
}
