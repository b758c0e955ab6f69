import HoldfastCore
import HoldfastWire

/// The gate of one exchange: its route's candidates, by index.
struct RouteGate: CandidateGate {
    let candidates: [DeploymentInForce]
    let shared: GatewayShared
    private var ask: AttemptAsk
    /// The exchange that this is the gate of, for whoever grants it a slot; it owns the gate. Nil only before it is
    /// complete.
    unowned var exchange: Exchange?
    /// What was seen of the failure that is being settled; nil where a limit passed and nothing was.
    var failureDetail: String?
    /// The order that the attempt in flight has met; nil: none.
    var injectedBy: String?
    /// What the attempt that is being settled used, as its provider reported it.
    var usage: TokenUsage?
    /// Of the last attempt that was admitted.
    private var permit: AttemptPermit?

    private let facts: RouteFacts

    init(_ admitted: AdmittedExchange, shared: GatewayShared) {
        candidates = admitted.route.candidates
        facts = admitted.route.facts
        self.shared = shared
        ask = AttemptAsk(
            inputBytes: admitted.scan.inputBytes, outputTokenBound: admitted.scan.outputTokenBound,
            criticality: admitted.criticality)
    }

    mutating func admit(
        candidate: Int, defersProbe: Bool, mayUseScarce: Bool, now: Instant, random: inout SeededRandom
    ) -> CandidateDecision {
        let deployment = candidates[candidate]
        if let refusal = deployment.providerState.refusal(now: now) { return .refused(.suspended(refusal)) }
        ask.mayUseScarce = mayUseScarce
        let decision = deployment.state.withLock { [ask] shared in
            shared.health.admit(ask, defersProbe: defersProbe, now: now, random: &random)
        }
        guard case .admitted(let permit) = decision else { return decision }
        self.permit = permit
        // Another loop's attempt may have become the trial in between.
        guard let refusal = deployment.providerState.admit(now: now) else { return decision }
        deployment.state.withSlots { shared, handover in
            handover = shared.health.giveBack(permit, now: now, random: &random)
        }
        return .refused(.suspended(refusal))
    }

    mutating func admitDespiteSlowStart(candidate: Int, now: Instant) -> AttemptPermit? {
        take(candidates[candidate], now: now) { [ask] in $0.health.admitDespiteSlowStart(ask, now: now) }
    }

    mutating func admitLastResort(candidate: Int, now: Instant) -> AttemptPermit? {
        take(candidates[candidate], now: now) { [ask] shared in
            let permit = shared.health.admitLastResort(ask, now: now)
            if permit != nil { shared.lastResorts += 1 }
            return permit
        }
    }

    /// The provider is asked last whether it may: an attempt that its deployment refuses must not use up the trial.
    private mutating func take(
        _ deployment: DeploymentInForce, now: Instant, _ ask: (inout DeploymentState.Shared) -> AttemptPermit?
    ) -> AttemptPermit? {
        guard deployment.providerState.refusal(now: now) == nil else { return nil }
        guard let permit = deployment.state.withLock(ask) else { return nil }
        self.permit = permit
        guard deployment.providerState.admit(now: now) != nil else { return permit }
        // No probe is given out here, so the slot and what was put aside are all that goes back.
        deployment.state.withSlots { shared, handover in
            handover = shared.health.giveBackSlot(of: permit, now: now)
        }
        return nil
    }

    // MARK: - Slots

    mutating func waitForSlot(candidate: Int, now: Instant) -> DeploymentLoad.Wait {
        guard let exchange else { return .full }
        let waiter = SlotWaiter(exchange, on: exchange.services.loop)
        let ticket = ask.ticket ?? shared.tickets.next()
        ask.ticket = ticket
        return candidates[candidate].state.withSlots { [ask] state, handover in
            let wait = state.health.waitForSlot(
                ticket: ticket, criticality: ask.criticality, now: now, handover: &handover)
            if case .until = wait { state.waiters[ticket] = waiter }
            return wait
        }
    }

    mutating func expireWaits(candidate: Int, now: Instant) -> Instant? {
        candidates[candidate].state.withSlots { $0.health.expireWaits(now: now, handover: &$1) }
    }

    mutating func stopWaiting(candidate: Int, now: Instant) {
        guard let ticket = ask.ticket else { return }
        candidates[candidate].state.withSlots { state, handover in
            state.waiters[ticket] = nil
            handover = state.health.stopWaiting(ticket: ticket, now: now)
        }
    }

    // MARK: - What is learnt

    func pace(candidate: Int, now: Instant) -> CandidatePace {
        candidates[candidate].state.withLock { $0.health.pace }
    }

    mutating func observe(candidate: Int, firstTokenNanoseconds: Int64, now: Instant) {
        candidates[candidate].state.withLock { [ask] in
            $0.health.observe(firstTokenNanoseconds: firstTokenNanoseconds, inputBytes: ask.inputBytes, now: now)
        }
    }

    mutating func began(candidate: Int, now: Instant) {
        candidates[candidate].state.withSlots { $1 = $0.health.began(now: now) }
    }

    /// What the head of an answer says of the provider's limits.
    func note(_ limits: [StatedLimit], candidate: Int, now: Instant) {
        guard !limits.isEmpty, let permit else { return }
        candidates[candidate].state.withLock { shared in
            for limit in limits { shared.health.note(limit, of: permit, now: now) }
        }
    }

    mutating func takeHedge(now: Instant) -> Bool {
        facts.takeHedge(now: now)
    }

    mutating func takeRetry(candidate: Int, now: Instant) -> Bool {
        candidates[candidate].state.withLock { shared in
            let isTaken = shared.health.takeRetry(now: now)
            if !isTaken { shared.retriesRefused += 1 }
            return isTaken
        }
    }

    mutating func settle(
        candidate: Int, permit: AttemptPermit, result: AttemptResult, now: Instant, random: inout SeededRandom
    ) {
        let deployment = candidates[candidate]
        let (detail, usage) = (failureDetail, usage)
        (failureDetail, self.usage) = (nil, nil)
        let change = deployment.state.withSlots { [injectedBy] shared, handover in
            shared.attemptsByOutcome.count(result.outcome)
            if result.outcome == .ok { shared.checks.answered(now: now) }
            if let failure = result.failure, failure != .neutral {
                shared.failuresByClass[failure, default: 0] += 1
                var detail = detail ?? "nothing came in time"
                if let injectedBy { detail += " (injected by the override \(injectedBy))" }
                shared.lastFailure = DeploymentState.LastFailure(failure: failure, detail: detail, at: now)
            }
            let change = shared.health.settle(
                permit, result, usage: (usage?.prompt, usage?.completion), now: now, random: &random)
            handover = change.handover
            return change
        }
        if let breaker = change.breaker { shared.logBreaker(of: deployment, breaker) }
        if let suspension = change.suspension { shared.logSuspension(suspension, deployment: deployment) }
        if change.breaker != nil || change.suspension != nil { changed(deployment, now: now) }
        switch result.concern {
        case .provider, .deploymentAndProvider: note(result, at: deployment.providerState, of: deployment, now: now)
        case .region: for state in deployment.regionStates { note(result, at: state, of: deployment, now: now) }
        case .nobody, .deployment: break
        }
    }

    private func note(
        _ result: AttemptResult, at state: ProviderState, of deployment: DeploymentInForce, now: Instant
    ) {
        guard let change = state.note(result, now: now) else { return }
        shared.logSuspension(change, provider: state.provider.id)
        changed(deployment, now: now)
    }

    private func changed(_ deployment: DeploymentInForce, now: Instant) {
        shared.faults.changed(deployment.deployment.id, now: now)
    }
}
