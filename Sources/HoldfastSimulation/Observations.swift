import HoldfastCore

/// What the checkers are told. They see what a driver, a client and a provider would see, never the inside of a machine
/// or of a breaker. An exchange has the number of its first run; where a run is meant, permits and waits included, a
/// second one has its own.
enum Observation: Sendable {
    case arrived(exchange: Int, ExchangeFacts)
    /// It is asked for a second time, by a run of its own.
    case hedged(exchange: Int, run: Int)
    case stepped(run: Int, ExchangeStep, after: ExchangeEvent)
    /// Its client is told so.
    case ended(exchange: Int, ExchangeEnd, after: ExchangeEvent)
    case permitGiven(exchange: Int, provider: Int, Breaker.Permit)
    case permitSettled(exchange: Int, provider: Int, Breaker.Permit, AttemptResult)
    case lastResortAsked(provider: Int)
    case dropped(exchange: Int, provider: Int)
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
    var mayHedge = false
    var delivery = Delivery.stop
    var attemptsAllowed: Int
    /// At the same provider: one, and the second tries that the route or the client allows.
    var triesOfOne = 2
    var gateway = 0
    /// The sooner of the route's and the client's.
    var endsBy: Instant
}
