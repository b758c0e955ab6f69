import HoldfastCore
import Synchronization

/// What the loops share about one deployment: its breaker and its figures, behind one short lock. Outlives snapshots.
final class DeploymentState: Sendable {
    struct Shared: Sendable {
        var breaker = Breaker()
        var inFlight = 0
        var attemptsByOutcome = OutcomeCounts()
        var failuresByClass: [FailureClass: Int] = [:]
        var lastResorts = 0
        var timeToFirstToken = Histogram.seconds
        /// The last failure, for whoever looks at three in the morning.
        var lastFailure: LastFailure?
    }

    struct LastFailure: Sendable {
        var failure: FailureClass
        var detail: String
        var at: Instant
    }

    struct OutcomeCounts: Sendable {
        var ok = 0
        var fail = 0
        var neutral = 0

        mutating func count(_ outcome: AttemptOutcome) {
            switch outcome {
            case .ok: ok += 1
            case .fail: fail += 1
            case .neutral: neutral += 1
            }
        }
    }

    let id: String
    /// Figures of exchanges that asked for this deployment by its id.
    let directFacts = RouteFacts()
    private let shared = Mutex(Shared())

    init(id: String) {
        self.id = id
    }

    /// A copy for reports.
    struct Facts: Sendable {
        var breaker: Breaker.State
        var inFlight: Int
        var attempts: OutcomeCounts
        var failures: [FailureClass: Int]
        var lastResorts: Int
        var timeToFirstToken: Histogram
        var lastFailure: LastFailure?
    }

    func snapshot() -> Facts {
        shared.withLock {
            Facts(
                breaker: $0.breaker.state, inFlight: $0.inFlight, attempts: $0.attemptsByOutcome,
                failures: $0.failuresByClass, lastResorts: $0.lastResorts, timeToFirstToken: $0.timeToFirstToken,
                lastFailure: $0.lastFailure)
        }
    }

    /// `body` must be short: every loop waits for it.
    func withLock<Result: Sendable>(_ body: (inout Shared) -> Result) -> Result {
        shared.withLock { body(&$0) }
    }
}

/// The gate of one exchange: its route's candidates, by index.
struct RouteGate: CandidateGate {
    let candidates: [DeploymentInForce]
    let shared: GatewayShared

    mutating func admit(
        candidate: Int, defersProbe: Bool, now: Instant, random: inout SeededRandom
    ) -> Breaker.Decision {
        candidates[candidate].state.withLock { shared in
            let decision = shared.breaker.admit(now: now, defersProbe: defersProbe, random: &random)
            if case .admitted = decision { shared.inFlight += 1 }
            return decision
        }
    }

    mutating func admitDespiteSlowStart(candidate: Int) -> Breaker.Permit? {
        candidates[candidate].state.withLock { shared in
            let permit = shared.breaker.admitDespiteSlowStart()
            if permit != nil { shared.inFlight += 1 }
            return permit
        }
    }

    mutating func admitLastResort(candidate: Int, now: Instant) -> Breaker.Permit? {
        candidates[candidate].state.withLock { shared in
            let permit = shared.breaker.admitLastResort(now: now)
            if permit != nil {
                shared.inFlight += 1
                shared.lastResorts += 1
            }
            return permit
        }
    }

    mutating func settle(
        candidate: Int, permit: Breaker.Permit, outcome: AttemptOutcome, now: Instant, random: inout SeededRandom
    ) {
        let deployment = candidates[candidate]
        let changed: Breaker.State? = deployment.state.withLock { shared in
            shared.inFlight -= 1
            shared.attemptsByOutcome.count(outcome)
            let hasChanged = shared.breaker.settle(permit, outcome: outcome, now: now, random: &random)
            return hasChanged ? shared.breaker.state : nil
        }
        if let changed { shared.logBreaker(of: deployment, changed) }
    }
}
