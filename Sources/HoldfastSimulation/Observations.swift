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
    private var inFlight: [Int]
    /// The exchange that asks now and its candidates as providers.
    var exchange = 0
    var order: [Int] = []
    var observed: [Observation] = []

    init(providers: Int) {
        deployments = Array(repeating: DeploymentHealth(), count: providers)
        suspensions = Array(repeating: Suspension(), count: providers)
        inFlight = Array(repeating: 0, count: providers)
    }

    mutating func admit(
        candidate: Int, defersProbe: Bool, now: Instant, random: inout SeededRandom
    ) -> CandidateDecision {
        let provider = order[candidate]
        if let refusal = suspensions[provider].refusal(now: now) { return .refused(.suspended(refusal)) }
        let decision = deployments[provider].admit(defersProbe: defersProbe, now: now, random: &random)
        if case .admitted(let permit) = decision {
            give(candidate, permit, now: now)
        }
        return decision
    }

    mutating func admitDespiteSlowStart(candidate: Int, now: Instant) -> Breaker.Permit? {
        guard suspensions[order[candidate]].refusal(now: now) == nil else { return nil }
        let permit = deployments[order[candidate]].admitDespiteSlowStart(now: now)
        if let permit { give(candidate, permit, now: now) }
        return permit
    }

    mutating func admitLastResort(candidate: Int, now: Instant) -> Breaker.Permit? {
        guard suspensions[order[candidate]].refusal(now: now) == nil else { return nil }
        observed.append(.lastResortAsked(provider: order[candidate]))
        let permit = deployments[order[candidate]].admitLastResort(now: now)
        if let permit { give(candidate, permit, now: now) }
        return permit
    }

    func pace(candidate: Int, now: Instant) -> CandidatePace {
        let provider = order[candidate]
        return deployments[provider].pace(inFlight: inFlight[provider])
    }

    mutating func takeRetry(candidate: Int, now: Instant) -> Bool {
        guard deployments[order[candidate]].takeRetry(now: now) else { return false }
        observed.append(.secondTryGranted(provider: order[candidate]))
        return true
    }

    mutating func settle(
        candidate: Int, permit: Breaker.Permit, result: AttemptResult, now: Instant, random: inout SeededRandom
    ) {
        let provider = order[candidate]
        inFlight[provider] -= 1
        _ = deployments[provider].settle(permit, result, now: now, random: &random)
        switch result.concern {
        case .provider, .region, .deploymentAndProvider: _ = suspensions[provider].note(result, now: now)
        case .nobody, .deployment: break
        }
        observed.append(.permitSettled(exchange: exchange, provider: provider, permit, result))
    }

    /// What operators do: new keys, paid bills, a lawyer's word.
    mutating func clearSuspensions(now: Instant) {
        for provider in suspensions.indices {
            suspensions[provider].clear(now: now)
            deployments[provider].clearSuspension(now: now)
        }
    }

    private mutating func give(_ candidate: Int, _ permit: Breaker.Permit, now: Instant) {
        _ = suspensions[order[candidate]].admit(now: now)
        inFlight[order[candidate]] += 1
        observed.append(.permitGiven(exchange: exchange, provider: order[candidate], permit))
    }
}
