import HoldfastCore
import Synchronization

/// What the loops share about one deployment: its breaker and its figures, behind one short lock. Outlives snapshots.
final class DeploymentState: Sendable {
    struct Shared: Sendable {
        var health = DeploymentHealth()
        var inFlight = 0
        var attemptsByOutcome = OutcomeCounts()
        var failuresByClass: [FailureClass: Int] = [:]
        var lastResorts = 0
        var retriesRefused = 0
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
        var suspension: Suspension.Facts?
        var medianFirstTokenNanoseconds: Int64?
        var inFlight: Int
        var attempts: OutcomeCounts
        var failures: [FailureClass: Int]
        var lastResorts: Int
        var retriesRefused: Int
        var timeToFirstToken: Histogram
        var lastFailure: LastFailure?
    }

    func snapshot() -> Facts {
        shared.withLock {
            Facts(
                breaker: $0.health.breaker.state, suspension: $0.health.suspension.facts,
                medianFirstTokenNanoseconds: $0.health.firstToken.median, inFlight: $0.inFlight,
                attempts: $0.attemptsByOutcome,
                failures: $0.failuresByClass, lastResorts: $0.lastResorts, retriesRefused: $0.retriesRefused,
                timeToFirstToken: $0.timeToFirstToken,
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
    /// What was seen of the failure that is being settled; nil where a limit passed and nothing was.
    var failureDetail: String?

    init(candidates: [DeploymentInForce], shared: GatewayShared) {
        self.candidates = candidates
        self.shared = shared
    }

    mutating func admit(
        candidate: Int, defersProbe: Bool, now: Instant, random: inout SeededRandom
    ) -> CandidateDecision {
        let deployment = candidates[candidate]
        if let refusal = deployment.providerState.refusal(now: now) { return .refused(.suspended(refusal)) }
        let decision = deployment.state.withLock { shared in
            let decision = shared.health.admit(defersProbe: defersProbe, now: now, random: &random)
            if case .admitted = decision { shared.inFlight += 1 }
            return decision
        }
        guard case .admitted(let permit) = decision else { return decision }
        // Another loop's attempt may have become the trial in between.
        guard let refusal = deployment.providerState.admit(now: now) else { return decision }
        deployment.state.withLock { shared in
            shared.inFlight -= 1
            shared.health.giveBack(permit, now: now, random: &random)
        }
        return .refused(.suspended(refusal))
    }

    mutating func admitDespiteSlowStart(candidate: Int, now: Instant) -> Breaker.Permit? {
        take(candidates[candidate], now: now) { $0.health.admitDespiteSlowStart(now: now) }
    }

    mutating func admitLastResort(candidate: Int, now: Instant) -> Breaker.Permit? {
        let permit = take(candidates[candidate], now: now) { $0.health.admitLastResort(now: now) }
        if permit != nil { candidates[candidate].state.withLock { $0.lastResorts += 1 } }
        return permit
    }

    /// The provider is asked last whether it may: an attempt that its deployment refuses must not use up the trial.
    private func take(
        _ deployment: DeploymentInForce, now: Instant, _ ask: (inout DeploymentState.Shared) -> Breaker.Permit?
    ) -> Breaker.Permit? {
        guard deployment.providerState.refusal(now: now) == nil else { return nil }
        let permit = deployment.state.withLock { shared in
            let permit = ask(&shared)
            if permit != nil { shared.inFlight += 1 }
            return permit
        }
        guard permit != nil, deployment.providerState.admit(now: now) != nil else { return permit }
        // No probe is given out here, so nothing but the count goes back.
        deployment.state.withLock { $0.inFlight -= 1 }
        return nil
    }

    func pace(candidate: Int, now: Instant) -> CandidatePace {
        candidates[candidate].state.withLock { $0.health.pace(inFlight: $0.inFlight) }
    }

    mutating func takeRetry(candidate: Int, now: Instant) -> Bool {
        candidates[candidate].state.withLock { shared in
            let isTaken = shared.health.takeRetry(now: now)
            if !isTaken { shared.retriesRefused += 1 }
            return isTaken
        }
    }

    mutating func settle(
        candidate: Int, permit: Breaker.Permit, result: AttemptResult, now: Instant, random: inout SeededRandom
    ) {
        let deployment = candidates[candidate]
        let detail = failureDetail
        failureDetail = nil
        let change = deployment.state.withLock { shared in
            shared.inFlight -= 1
            shared.attemptsByOutcome.count(result.outcome)
            if let failure = result.failure, failure != .neutral {
                shared.failuresByClass[failure, default: 0] += 1
                shared.lastFailure = DeploymentState.LastFailure(
                    failure: failure, detail: detail ?? "nothing came in time", at: now)
            }
            return shared.health.settle(permit, result, now: now, random: &random)
        }
        if let breaker = change.breaker { shared.logBreaker(of: deployment, breaker) }
        if let suspension = change.suspension { shared.logSuspension(suspension, deployment: deployment) }
        switch result.concern {
        case .provider, .deploymentAndProvider: note(result, at: deployment.providerState, now: now)
        case .region: for state in deployment.regionStates { note(result, at: state, now: now) }
        case .nobody, .deployment: break
        }
    }

    private func note(_ result: AttemptResult, at state: ProviderState, now: Instant) {
        if let change = state.note(result, now: now) { shared.logSuspension(change, provider: state.provider.id) }
    }
}
