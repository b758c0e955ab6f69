import HoldfastCore

/// What the checkers are told. They see what a driver, a client and a provider would see, never the inside of a machine
/// or of a breaker.
enum Observation: Sendable {
    case arrived(exchange: Int, ExchangeFacts)
    case stepped(exchange: Int, ExchangeStep, after: ExchangeEvent)
    case permitGiven(exchange: Int, provider: Int, Breaker.Permit)
    case permitSettled(exchange: Int, provider: Int, Breaker.Permit, AttemptResult)
    case lastResortAsked(provider: Int)
    case secondTryGranted(provider: Int)
    case waits(exchange: Int, provider: Int, Criticality)
    case stoppedWaiting(exchange: Int, provider: Int)
    case handedOver(provider: Int, granted: Int?, refused: [Int])
}

struct ExchangeFacts: Sendable {
    var providers: [Int]
    /// Tokens that each can take, in the order of `providers`; nil: nobody knows.
    var contexts: [Int?]
    var isStream: Bool
    var delivery = Delivery.stop
    var attemptsAllowed: Int
    /// The sooner of the route's and the client's.
    var endsBy: Instant
}

/// Breakers and suspensions as the world holds them, telling every permit to the checkers.
struct SimulatedGate: CandidateGate, Sendable {
    private var deployments: [DeploymentHealth]
    /// Of the providers; here each has one deployment.
    private var suspensions: [Suspension]
    /// The exchange that asks now and its candidates as providers.
    var exchange = 0
    var order: [Int] = []
    /// What it asks for, and how much was used of that, once it is known.
    var ask = AttemptAsk()
    var usage: (input: Int?, output: Int?) = (nil, nil)
    /// Slots handed over and waits refused since the world looked last, by exchange.
    var handovers: [(exchange: Int, isGranted: Bool)] = []
    var observed: [Observation] = []

    /// - Parameter limits: of each provider.
    init(limits: [DeploymentLimits]) {
        let providers = limits.count
        deployments = Array(repeating: DeploymentHealth(), count: providers)
        suspensions = Array(repeating: Suspension(), count: providers)
        for provider in limits.indices { deployments[provider].configure(limits[provider], hasReserve: true) }
    }

    /// Slots taken and waits under way; nothing, once every exchange has ended.
    var isIdle: Bool { deployments.allSatisfy { $0.load.inFlight == 0 && $0.load.waiting == 0 } }

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

    mutating func takeHedge(now: Instant) -> Bool { false }

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
        case .provider, .region, .deploymentAndProvider: _ = suspensions[provider].note(result, now: now)
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
