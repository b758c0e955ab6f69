/// What an exchange asks of the state that it shares with others: may this candidate be tried, and here is how it went.
///
/// In production the implementation takes one short lock per deployment; in the simulator it is a plain value. Every
/// permit that is given out comes back through `settle` exactly once: at the end of its attempt, or earlier where a
/// streamed probe has proven itself.
package protocol CandidateGate {
    /// - Parameters:
    ///   - candidate: index into the route's candidates.
    ///   - defersProbe: leave a half-open breaker's probe to a less critical exchange.
    ///   - mayUseScarce: all others were asked before.
    mutating func admit(
        candidate: Int, defersProbe: Bool, mayUseScarce: Bool, now: Instant, random: inout SeededRandom
    ) -> CandidateDecision
    mutating func admitDespiteSlowStart(candidate: Int, now: Instant) -> AttemptPermit?
    mutating func admitLastResort(candidate: Int, now: Instant) -> AttemptPermit?
    /// Waits for a slot of a candidate that is busy; `slotGranted` or `slotRefused` follows, unless it stops waiting.
    mutating func waitForSlot(candidate: Int, now: Instant) -> DeploymentLoad.Wait
    /// The instant that `waitForSlot` named has come: whose patience is over hears so. Returns the next such instant.
    mutating func expireWaits(candidate: Int, now: Instant) -> Instant?
    /// The exchange ends, or goes elsewhere.
    mutating func stopWaiting(candidate: Int, now: Instant)
    /// How fast it has been of late, and how busy it is.
    func pace(candidate: Int, now: Instant) -> CandidatePace
    /// A stream's first token came, or did not come, after so long.
    mutating func observe(candidate: Int, firstTokenNanoseconds: Int64, now: Instant)
    /// A stream's first token came: it waits for none any more.
    mutating func began(candidate: Int, now: Instant)
    /// Takes one second try at the candidate out of its retry budget; false: that is used up.
    mutating func takeRetry(candidate: Int, now: Instant) -> Bool
    /// Takes one hedge out of the route's budget; false: too little was earned.
    mutating func takeHedge(now: Instant) -> Bool
    mutating func settle(
        candidate: Int, permit: AttemptPermit, result: AttemptResult, now: Instant, random: inout SeededRandom)
}

package enum CandidateDecision: Sendable, Hashable {
    case admitted(AttemptPermit)
    case refused(CandidateRefusal)
}

/// Why a candidate is not tried now.
package enum CandidateRefusal: Sendable, Hashable {
    case breaker(Breaker.Refusal)
    case suspended(Suspension.Facts)
    /// Its limits leave no room before then.
    case limited(until: Instant)
    /// Its limits leave little room before then: others come first.
    case scarce(until: Instant)
    /// As many attempts are under way as it takes without becoming slow.
    case busy
    /// It has turned so much away of late that it is asked for less.
    case throttled
}

/// How an attempt went, for everything that outlives its exchange.
package struct AttemptResult: Sendable, Hashable {
    package var outcome: AttemptOutcome
    /// Nil for an answer.
    package var failure: FailureClass?
    /// What the provider asked for.
    package var retryAfterNanoseconds: Int64?
    package var startedAt: Instant
    /// It was a stream whose first token came.
    package var hasBegun: Bool
    /// Its request has left; one that never did used nothing of what the provider allows.
    package var wasSent: Bool

    package init(
        outcome: AttemptOutcome, failure: FailureClass? = nil, retryAfterNanoseconds: Int64? = nil, startedAt: Instant,
        hasBegun: Bool = false, wasSent: Bool = true
    ) {
        self.outcome = outcome
        self.failure = failure
        self.retryAfterNanoseconds = retryAfterNanoseconds
        self.startedAt = startedAt
        self.hasBegun = hasBegun
        self.wasSent = wasSent
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
