/// What all exchanges share about one deployment: its breaker, whether it is out for a reason of its own, and how often it
/// may be asked a second time.
package struct DeploymentHealth: Sendable {
    package private(set) var breaker = Breaker()
    package private(set) var suspension = Suspension()
    private var retryBudget = RetryBudget()
    package private(set) var firstToken = FirstTokenLatency()

    package init() {}

    /// A person has mended what kept it out.
    package mutating func clearSuspension(now: Instant) {
        suspension.clear(now: now)
    }

    package mutating func admit(
        defersProbe: Bool, now: Instant, random: inout SeededRandom
    ) -> CandidateDecision {
        if let refusal = suspension.refusal(now: now) { return .refused(.suspended(refusal)) }
        switch breaker.admit(now: now, defersProbe: defersProbe, random: &random) {
        case .refused(let refusal):
            return .refused(.breaker(refusal))
        case .admitted(let permit):
            willAttempt(now: now)
            return .admitted(permit)
        }
    }

    /// Whether an exchange that failed here may try here again.
    package mutating func takeRetry(now: Instant) -> Bool {
        retryBudget.takeRetry(now: now)
    }

    package mutating func admitDespiteSlowStart(now: Instant) -> Breaker.Permit? {
        guard suspension.refusal(now: now) == nil, let permit = breaker.admitDespiteSlowStart() else { return nil }
        willAttempt(now: now)
        return permit
    }

    package mutating func admitLastResort(now: Instant) -> Breaker.Permit? {
        guard suspension.refusal(now: now) == nil, let permit = breaker.admitLastResort(now: now) else { return nil }
        willAttempt(now: now)
        return permit
    }

    /// Only an attempt that is really made may be the trial that ends a suspension.
    private mutating func willAttempt(now: Instant) {
        _ = suspension.admit(now: now)
        retryBudget.attempted(now: now)
    }

    /// Gives a permit back unused.
    package mutating func giveBack(_ permit: Breaker.Permit, now: Instant, random: inout SeededRandom) {
        breaker.settle(permit, outcome: .neutral, now: now, random: &random)
    }

    /// Notes how long a stream took to its first token, or was waited for in vain.
    package mutating func observe(firstTokenNanoseconds: Int64, now: Instant) {
        firstToken.observe(nanoseconds: firstTokenNanoseconds, now: now)
    }

    package func pace(inFlight: Int) -> CandidatePace {
        CandidatePace(
            medianFirstTokenNanoseconds: firstToken.median, p99FirstTokenNanoseconds: firstToken.p99, inFlight: inFlight
        )
    }

    /// What changed, for logs, metrics and alerts.
    package struct Change: Sendable, Hashable {
        package var breaker: Breaker.State?
        package var suspension: SuspensionChange?

        package init(breaker: Breaker.State? = nil, suspension: SuspensionChange? = nil) {
            self.breaker = breaker
            self.suspension = suspension
        }
    }

    package mutating func settle(
        _ permit: Breaker.Permit, _ result: AttemptResult, now: Instant, random: inout SeededRandom
    ) -> Change {
        if let nanoseconds = result.firstTokenNanoseconds { observe(firstTokenNanoseconds: nanoseconds, now: now) }
        let hasChanged = breaker.settle(permit, outcome: result.outcome, now: now, random: &random)
        let change: SuspensionChange? =
            switch result.concern {
            case .deployment, .deploymentAndProvider: suspension.note(result, now: now)
            case .nobody, .provider, .region: nil
            }
        return Change(breaker: hasChanged ? breaker.state : nil, suspension: change)
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
