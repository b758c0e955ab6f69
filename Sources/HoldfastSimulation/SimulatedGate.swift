import HoldfastCore

/// Breakers, limits, queues and suspensions as one gateway holds them, telling every permit to the checkers.
struct SimulatedGate: CandidateGate, Sendable {
    /// Enough for a few failures not to move a p95.
    private static let learntSamples = 300

    private var deployments: [DeploymentHealth]
    /// Of the providers; here each has one deployment.
    private var suspensions: [Suspension]
    /// Of each provider: whoever shares one is out by law together.
    private let groups: [Int]
    /// Of the one route that all ask, as long as the gateway lives.
    private var hedges = HedgeBudget()
    /// The run that asks now and its candidates as providers.
    var exchange = 0
    var order: [Int] = []
    /// What it asks for, and how much was used of that, once it is known.
    var ask = AttemptAsk()
    var usage: (input: Int?, output: Int?) = (nil, nil)
    /// Slots handed over and waits refused since the world looked last, by exchange.
    var handovers: [(exchange: Int, isGranted: Bool)] = []
    var observed: [Observation] = []

    /// - Parameter groups: of each provider.
    init(groups: [Int]) {
        deployments = Array(repeating: DeploymentHealth(), count: groups.count)
        suspensions = Array(repeating: Suspension(), count: groups.count)
        self.groups = groups
    }

    /// It has run for a while, and every provider was well and fast: at first many are late for what is known of them.
    mutating func learnPaces(random: inout SeededRandom) {
        for provider in deployments.indices {
            for _ in 0..<Self.learntSamples {
                let took = (50 + random.below(250)) * Span.millisecond
                deployments[provider].observe(firstTokenNanoseconds: took, inputBytes: 0, now: .zero)
            }
        }
    }

    /// A snapshot comes into force. What is known of the deployments outlives it.
    mutating func configure(_ limits: [DeploymentLimits]) {
        for provider in limits.indices { deployments[provider].configure(limits[provider], hasReserve: true) }
    }

    /// Who is out, as drills name them.
    var unwell: Set<String> {
        Set(
            deployments.indices.filter {
                deployments[$0].breaker.state != .closed || deployments[$0].suspension.facts != nil
                    || suspensions[$0].facts != nil
            }.map(DrillPlan.deployment))
    }

    /// What is left once every exchange has ended, which is nothing.
    func leftovers(now: Instant) -> [String] {
        deployments.enumerated().compactMap { provider, deployment in
            let (slots, waits) = (deployment.load.inFlight, deployment.load.waiting)
            if slots != 0 || waits != 0 { return "provider \(provider) is left with \(slots) slots and \(waits) waits" }
            // A lease cannot be seen, but nobody else gets one while it is out.
            var (breaker, random) = (deployment.breaker, SeededRandom(seed: 0))
            let later = now.advanced(byNanoseconds: Span.minute)
            let decision = breaker.admit(now: later, defersProbe: false, random: &random)
            return decision == .refused(.probing) ? "provider \(provider) is left with a probe" : nil
        }
    }

    mutating func admit(
        candidate: Int, defersProbe: Bool, mayUseScarce: Bool, now: Instant, random: inout SeededRandom
    ) -> CandidateDecision {
        let provider = order[candidate]
        var ask = self.ask
        ask.mayUseScarce = mayUseScarce
        var decision = CandidateDecision.refused(.busy)
        if let refusal = suspensions[provider].refusal(now: now) {
            decision = .refused(.suspended(refusal))
        } else {
            decision = deployments[provider].admit(ask, defersProbe: defersProbe, now: now, random: &random)
        }
        if case .admitted(let permit) = decision { give(candidate, permit, now: now) }
        if decision == .refused(.throttled) { observed.append(.dropped(exchange: exchange, provider: provider)) }
        return decision
    }

    mutating func admitDespiteSlowStart(candidate: Int, now: Instant) -> AttemptPermit? {
        guard suspensions[order[candidate]].refusal(now: now) == nil else { return nil }
        let permit = deployments[order[candidate]].admitDespiteSlowStart(ask, now: now)
        if let permit { give(candidate, permit, now: now) }
        return permit
    }

    mutating func admitLastResort(candidate: Int, now: Instant) -> AttemptPermit? {
        guard suspensions[order[candidate]].refusal(now: now) == nil else { return nil }
        observed.append(.lastResortAsked(provider: order[candidate]))
        let permit = deployments[order[candidate]].admitLastResort(ask, now: now)
        if let permit { give(candidate, permit, now: now) }
        return permit
    }

    // MARK: - Slots

    mutating func waitForSlot(candidate: Int, now: Instant) -> DeploymentLoad.Wait {
        var handover = DeploymentLoad.Handover()
        let wait = deployments[order[candidate]].waitForSlot(
            ticket: UInt64(exchange), criticality: ask.criticality, now: now, handover: &handover)
        if case .until = wait {
            observed.append(.waits(exchange: exchange, provider: order[candidate], ask.criticality))
        }
        note(handover, by: order[candidate])
        return wait
    }

    mutating func expireWaits(candidate: Int, now: Instant) -> Instant? {
        var handover = DeploymentLoad.Handover()
        let next = deployments[order[candidate]].expireWaits(now: now, handover: &handover)
        note(handover, by: order[candidate])
        return next
    }

    mutating func stopWaiting(candidate: Int, now: Instant) {
        observed.append(.stoppedWaiting(exchange: exchange, provider: order[candidate]))
        note(deployments[order[candidate]].stopWaiting(ticket: UInt64(exchange), now: now), by: order[candidate])
    }

    private mutating func note(_ handover: DeploymentLoad.Handover, by provider: Int) {
        guard !handover.isEmpty else { return }
        observed.append(
            .handedOver(
                provider: provider, granted: handover.granted.map { Int($0) }, refused: handover.refused.map { Int($0) }
            ))
        for ticket in handover.refused { handovers.append((Int(ticket), false)) }
        if let ticket = handover.granted { handovers.append((Int(ticket), true)) }
    }

    mutating func observe(candidate: Int, firstTokenNanoseconds: Int64, now: Instant) {
        deployments[order[candidate]].observe(
            firstTokenNanoseconds: firstTokenNanoseconds, inputBytes: ask.inputBytes, now: now)
    }

    func pace(candidate: Int, now: Instant) -> CandidatePace { deployments[order[candidate]].pace }

    mutating func began(candidate: Int, now: Instant) {
        note(deployments[order[candidate]].began(now: now), by: order[candidate])
    }

    /// An exchange of a route that hedges begins.
    mutating func exchanged(now: Instant) { hedges.exchanged(now: now) }

    mutating func takeHedge(now: Instant) -> Bool { hedges.takeHedge(now: now) }

    mutating func takeRetry(candidate: Int, now: Instant) -> Bool {
        guard deployments[order[candidate]].takeRetry(now: now) else { return false }
        observed.append(.secondTryGranted(provider: order[candidate]))
        return true
    }

    mutating func settle(
        candidate: Int, permit: AttemptPermit, result: AttemptResult, now: Instant, random: inout SeededRandom
    ) {
        let provider = order[candidate]
        let change = deployments[provider].settle(permit, result, usage: usage, now: now, random: &random)
        usage = (nil, nil)
        switch result.concern {
        case .provider, .deploymentAndProvider: _ = suspensions[provider].note(result, now: now)
        case .region:
            for place in groups.indices where groups[place] == groups[provider] {
                _ = suspensions[place].note(result, now: now)
            }
        case .nobody, .deployment: break
        }
        observed.append(.permitSettled(exchange: exchange, provider: provider, permit.breaker, result))
        note(change.handover, by: provider)
    }

    /// What operators do: new keys, paid bills, a lawyer's word.
    mutating func clearSuspensions(now: Instant) {
        for provider in suspensions.indices {
            suspensions[provider].clear(now: now)
            deployments[provider].clearSuspension(now: now)
        }
    }

    private mutating func give(_ candidate: Int, _ permit: AttemptPermit, now: Instant) {
        _ = suspensions[order[candidate]].admit(now: now)
        observed.append(.permitGiven(exchange: exchange, provider: order[candidate], permit.breaker))
    }
}
