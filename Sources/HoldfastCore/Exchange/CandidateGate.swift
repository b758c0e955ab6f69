/// What an exchange asks of the state that it shares with others: may this candidate be tried, and here is how it went.
///
/// In production the implementation takes one short lock per deployment; in the simulator it is a plain value. Every
/// permit that is given out comes back through `settle` exactly once: at the end of its attempt, or earlier where a
/// streamed probe has proven itself.
package protocol CandidateGate {
    /// - Parameters:
    ///   - candidate: index into the route's candidates.
    ///   - defersProbe: leave a half-open breaker's probe to a less critical exchange.
    mutating func admit(
        candidate: Int, defersProbe: Bool, now: Instant, random: inout SeededRandom
    ) -> CandidateDecision
    mutating func admitDespiteSlowStart(candidate: Int, now: Instant) -> Breaker.Permit?
    mutating func admitLastResort(candidate: Int, now: Instant) -> Breaker.Permit?
    /// How fast it has been of late, and how busy it is.
    func pace(candidate: Int, now: Instant) -> CandidatePace
    /// Takes one second try at the candidate out of its retry budget; false: that is used up.
    mutating func takeRetry(candidate: Int, now: Instant) -> Bool
    mutating func settle(
        candidate: Int, permit: Breaker.Permit, result: AttemptResult, now: Instant, random: inout SeededRandom)
}

package enum CandidateDecision: Sendable, Hashable {
    case admitted(Breaker.Permit)
    case refused(CandidateRefusal)
}

/// Why a candidate is not tried now.
package enum CandidateRefusal: Sendable, Hashable {
    case breaker(Breaker.Refusal)
    case suspended(Suspension.Facts)
}

/// How an attempt went, for everything that outlives its exchange.
package struct AttemptResult: Sendable, Hashable {
    package var outcome: AttemptOutcome
    /// Nil for an answer.
    package var failure: FailureClass?
    /// What the provider asked for.
    package var retryAfterNanoseconds: Int64?
    package var startedAt: Instant
    /// Of a stream: how long its first token took, or was waited for in vain. Nil where neither is known.
    package var firstTokenNanoseconds: Int64?

    package init(
        outcome: AttemptOutcome, failure: FailureClass? = nil, retryAfterNanoseconds: Int64? = nil, startedAt: Instant,
        firstTokenNanoseconds: Int64? = nil
    ) {
        self.outcome = outcome
        self.failure = failure
        self.retryAfterNanoseconds = retryAfterNanoseconds
        self.startedAt = startedAt
        self.firstTokenNanoseconds = firstTokenNanoseconds
    }

    /// Whose suspension the result may begin or end. An answer is a good sign for the deployment and for its provider; a
    /// failure speaks of one of them, or of the whole region, at most.
    package enum Concern: Sendable, Hashable {
        case nobody, deployment, provider, region, deploymentAndProvider
    }

    package var concern: Concern {
        switch failure?.policy.scope {
        case nil: .deploymentAndProvider
        case .exchange?: .nobody
        case .deployment?: .deployment
        case .credential?, .provider?: .provider
        case .region?: .region
        }
    }
}
