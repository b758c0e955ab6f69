import HoldfastCore

/// What the checkers are told. They see what a driver, a client and a provider would see, never the inside of a machine
/// or of a breaker.
enum Observation: Sendable {
    case arrived(exchange: Int, ExchangeFacts)
    case stepped(exchange: Int, ExchangeStep, after: ExchangeEvent)
    case permitGiven(exchange: Int, provider: Int, Breaker.Permit)
    case permitSettled(exchange: Int, provider: Int, Breaker.Permit, AttemptOutcome)
    case lastResortAsked(provider: Int)
}

struct ExchangeFacts: Sendable {
    var providers: [Int]
    var isStream: Bool
    var attemptsAllowed: Int
    /// The sooner of the route's and the client's.
    var endsBy: Instant
}

/// Breakers as the world holds them, telling every permit to the checkers.
struct SimulatedGate: CandidateGate, Sendable {
    var breakers: [Breaker]
    /// The exchange that asks now and its candidates as providers.
    var exchange = 0
    var order: [Int] = []
    var observed: [Observation] = []

    init(providers: Int) {
        breakers = Array(repeating: Breaker(), count: providers)
    }

    mutating func admit(
        candidate: Int, defersProbe: Bool, now: Instant, random: inout SeededRandom
    ) -> Breaker.Decision {
        let decision = breakers[order[candidate]].admit(now: now, defersProbe: defersProbe, random: &random)
        if case .admitted(let permit) = decision { give(candidate, permit) }
        return decision
    }

    mutating func admitDespiteSlowStart(candidate: Int) -> Breaker.Permit? {
        let permit = breakers[order[candidate]].admitDespiteSlowStart()
        if let permit { give(candidate, permit) }
        return permit
    }

    mutating func admitLastResort(candidate: Int, now: Instant) -> Breaker.Permit? {
        observed.append(.lastResortAsked(provider: order[candidate]))
        let permit = breakers[order[candidate]].admitLastResort(now: now)
        if let permit { give(candidate, permit) }
        return permit
    }

    mutating func settle(
        candidate: Int, permit: Breaker.Permit, outcome: AttemptOutcome, now: Instant, random: inout SeededRandom
    ) {
        breakers[order[candidate]].settle(permit, outcome: outcome, now: now, random: &random)
        observed.append(
            .permitSettled(exchange: exchange, provider: order[candidate], permit, outcome))
    }

    private mutating func give(_ candidate: Int, _ permit: Breaker.Permit) {
        observed.append(.permitGiven(exchange: exchange, provider: order[candidate], permit))
    }
}
