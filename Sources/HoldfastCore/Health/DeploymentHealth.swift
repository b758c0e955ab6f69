/// What an exchange would need of a deployment, and how urgently.
package struct AttemptAsk: Sendable, Hashable {
    package var inputBytes: Int
    /// The client's own bound on its answer.
    package var outputTokenBound: Int?
    package var criticality: Criticality
    /// Others were asked, so what is scarce here may be used.
    package var mayUseScarce = false
    /// It waited for a slot under this name.
    package var ticket: UInt64?

    package init(inputBytes: Int = 0, outputTokenBound: Int? = nil, criticality: Criticality = .standard) {
        self.inputBytes = inputBytes
        self.outputTokenBound = outputTokenBound
        self.criticality = criticality
    }
}

/// A permit to make one attempt, and what was put aside for it.
package struct AttemptPermit: Sendable, Hashable {
    package var breaker: Breaker.Permit
    package var limits: LimitReceipt
    package var throttle: ClientThrottle.Receipt
}

/// What all exchanges share about one deployment: whether it is out, how well it answers and how fast, what it may still
/// be asked, and who waits for it.
package struct DeploymentHealth: Sendable {
    package private(set) var breaker = Breaker()
    package private(set) var suspension = Suspension()
    package private(set) var firstToken = FirstTokenLatency()
    package private(set) var load = DeploymentLoad()
    package private(set) var throttle = ClientThrottle()
    private var slowStartRoom = SlowStartRoom()
    private var limits = KnownLimits()
    private var outputs = OutputEstimate()
    private var retryBudget = RetryBudget()
    private var hasReserve = false

    package init() {}

    /// - Parameter hasReserve: some exchanges are critical, so a part of every limit is kept for them.
    package mutating func configure(_ limits: DeploymentLimits, hasReserve: Bool) {
        self.limits.configure(limits)
        self.hasReserve = hasReserve
        load.configure(concurrent: limits.concurrent, hasReserve: hasReserve)
    }

    /// A person has mended what kept it out.
    package mutating func clearSuspension(now: Instant) {
        suspension.clear(now: now)
    }

    /// A check found what kept it out perhaps mended.
    package mutating func mayBeMended(now: Instant) {
        suspension.mayBeMended(now: now)
    }

    /// The breaker is asked last, because only its answer takes something: the probe. That is never throttled: it is how a
    /// deployment is found to be well. The throttle comes after the limits and the slots, as what is held back here is
    /// nothing that the provider refuses.
    package mutating func admit(
        _ ask: AttemptAsk, defersProbe: Bool, now: Instant, random: inout SeededRandom
    ) -> CandidateDecision {
        if let refusal = suspension.refusal(now: now) { return .refused(.suspended(refusal)) }
        let need = need(of: ask)
        switch limits.verdict(
            need: need, isReserved: ask.criticality == .critical, hasReserve: hasReserve, now: now)
        {
        case .open: break
        case .scarce(let until): if !ask.mayUseScarce { return .refused(.scarce(until: until)) }
        case .exhausted(let until): return .refused(.limited(until: until))
        }
        guard hasSlot(ask) else { return .refused(.busy) }
        if breaker.state == .closed, !throttle.admits(ask.criticality, now: now, random: &random) {
            return .refused(.throttled)
        }
        if breaker.isInSlowStart(now: now), !slowStartRoom.admits(inFlight: inFlight(beside: ask)) {
            return .refused(.breaker(.slowStart))
        }
        switch breaker.admit(now: now, defersProbe: defersProbe, random: &random) {
        case .refused(let refusal): return .refused(.breaker(refusal))
        case .admitted(let permit): return .admitted(begin(permit, ask, need, now: now))
        }
    }

    private func need(of ask: AttemptAsk) -> LimitNeed {
        .estimate(inputBytes: ask.inputBytes, outputTokenBound: ask.outputTokenBound, learnt: outputs.p90)
    }

    /// A slot that was handed to the exchange counts as in flight already.
    private func inFlight(beside ask: AttemptAsk) -> Int {
        ask.ticket.map { load.isGranted(to: $0) } == true ? load.inFlight - 1 : load.inFlight
    }

    private func hasSlot(_ ask: AttemptAsk) -> Bool {
        ask.ticket.map { load.isGranted(to: $0) } == true || load.admits(ask.criticality)
    }

    /// Only an attempt that is really made may be the trial that ends a suspension.
    private mutating func begin(
        _ permit: Breaker.Permit, _ ask: AttemptAsk, _ need: LimitNeed, now: Instant
    ) -> AttemptPermit {
        _ = suspension.admit(now: now)
        retryBudget.attempted(now: now)
        load.enter(ticket: ask.ticket)
        return AttemptPermit(
            breaker: permit, limits: limits.take(need, now: now), throttle: throttle.sent(ask.criticality, now: now))
    }

    /// Whether an exchange that failed here may try here again.
    package mutating func takeRetry(now: Instant) -> Bool {
        retryBudget.takeRetry(now: now)
    }

    /// Slow start and open breakers give way where nobody else is left, the one as far as its room goes, the other for a last
    /// resort; what the provider allows does not.
    package mutating func admitDespiteSlowStart(_ ask: AttemptAsk, now: Instant) -> AttemptPermit? {
        if breaker.isInSlowStart(now: now), !slowStartRoom.admitsAll(inFlight: inFlight(beside: ask)) { return nil }
        guard isWithinLimits(ask, now: now), let permit = breaker.admitDespiteSlowStart() else { return nil }
        return begin(permit, ask, need(of: ask), now: now)
    }

    package mutating func admitLastResort(_ ask: AttemptAsk, now: Instant) -> AttemptPermit? {
        guard isWithinLimits(ask, now: now), let permit = breaker.admitLastResort(now: now) else { return nil }
        return begin(permit, ask, need(of: ask), now: now)
    }

    private mutating func isWithinLimits(_ ask: AttemptAsk, now: Instant) -> Bool {
        guard suspension.refusal(now: now) == nil, hasSlot(ask) else { return false }
        let verdict = limits.verdict(
            need: need(of: ask), isReserved: ask.criticality == .critical, hasReserve: hasReserve, now: now)
        if case .exhausted = verdict { return false }
        return true
    }

    /// Gives a permit back unused.
    package mutating func giveBack(
        _ permit: AttemptPermit, now: Instant, random: inout SeededRandom
    ) -> DeploymentLoad.Handover {
        breaker.settle(permit.breaker, outcome: .neutral, now: now, random: &random)
        return giveBackSlot(of: permit, now: now)
    }

    /// Of a permit that is no probe.
    package mutating func giveBackSlot(of permit: AttemptPermit, now: Instant) -> DeploymentLoad.Handover {
        limits.giveBack(permit.limits, now: now)
        throttle.withdraw(permit.throttle, now: now)
        return load.leave(now: now)
    }

    // MARK: - Slots

    package mutating func waitForSlot(
        ticket: UInt64, criticality: Criticality, now: Instant, handover: inout DeploymentLoad.Handover
    ) -> DeploymentLoad.Wait {
        load.wait(ticket: ticket, criticality: criticality, now: now, handover: &handover)
    }

    package mutating func expireWaits(now: Instant, handover: inout DeploymentLoad.Handover) -> Instant? {
        load.expire(now: now, handover: &handover)
    }

    /// Of an exchange that ends or goes elsewhere.
    package mutating func stopWaiting(ticket: UInt64, now: Instant) -> DeploymentLoad.Handover {
        load.stopWaiting(ticket: ticket, now: now)
    }

    // MARK: - What is learnt

    /// What the provider's headers say, with the answer to the attempt that `permit` was for.
    package mutating func note(_ stated: StatedLimit, of permit: AttemptPermit, now: Instant) {
        limits.note(stated, of: permit.limits, now: now)
    }

    /// How long a stream took to its first token, or was waited for in vain.
    package mutating func observe(firstTokenNanoseconds: Int64, inputBytes: Int, now: Instant) {
        firstToken.observe(nanoseconds: firstTokenNanoseconds, now: now)
        load.observe(firstTokenNanoseconds: firstTokenNanoseconds, inputBytes: inputBytes, now: now)
    }

    /// The first token of a stream came.
    package mutating func began(now: Instant) -> DeploymentLoad.Handover {
        load.began(now: now)
    }

    package var pace: CandidatePace {
        CandidatePace(
            medianFirstTokenNanoseconds: firstToken.median, p95FirstTokenNanoseconds: firstToken.p95,
            p99FirstTokenNanoseconds: firstToken.p99,
            inFlight: load.inFlight
        )
    }

    /// What changed, for logs, metrics and alerts.
    package struct Change: Sendable, Hashable {
        package var breaker: Breaker.State?
        package var suspension: SuspensionChange?
        package var handover = DeploymentLoad.Handover()

        package init(breaker: Breaker.State? = nil, suspension: SuspensionChange? = nil) {
            self.breaker = breaker
            self.suspension = suspension
        }
    }

    /// - Parameter usage: input and output tokens as the provider reported them.
    package mutating func settle(
        _ permit: AttemptPermit, _ result: AttemptResult, usage: (input: Int?, output: Int?) = (nil, nil),
        now: Instant, random: inout SeededRandom
    ) -> Change {
        slowStartRoom.settle(result.outcome, inFlight: load.inFlight)
        let hasChanged = breaker.settle(permit.breaker, outcome: result.outcome, now: now, random: &random)
        if hasChanged, breaker.state == .closed { slowStartRoom = SlowStartRoom() }
        if result.wasSent {
            limits.settle(permit.limits, usedInputTokens: usage.input, usedOutputTokens: usage.output, now: now)
        } else {
            limits.giveBack(permit.limits, now: now)
        }
        throttle.settle(permit.throttle, result, now: now)
        if let tokens = usage.output { outputs.learn(outputTokens: tokens) }
        let change: SuspensionChange? =
            switch result.concern {
            case .deployment, .deploymentAndProvider: suspension.note(result, now: now)
            case .nobody, .provider, .region: nil
            }
        var all = Change(breaker: hasChanged ? breaker.state : nil, suspension: change)
        all.handover = load.leave(hasBegun: result.hasBegun, now: now)
        return all
    }
}

package enum SuspensionChange: Sendable, Hashable {
    case began(Suspension.Facts)
    case ended
}

extension Suspension {
    /// Whoever is spoken of by the result notes it: a deployment its own, a provider what concerns its key or itself.
    package mutating func note(_ result: AttemptResult, now: Instant) -> SuspensionChange? {
        guard let failure = result.failure else {
            return result.outcome == .ok && answered(startedAt: result.startedAt) ? .ended : nil
        }
        let isSuspended = failed(
            failure, retryAfterNanoseconds: result.retryAfterNanoseconds, startedAt: result.startedAt, now: now)
        return isSuspended ? facts.map { .began($0) } : nil
    }
}
