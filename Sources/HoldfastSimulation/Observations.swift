import HoldfastCore

/// What the checkers are told. They see what a driver, a client and a provider would see, never the inside of a machine
/// or of a breaker.
enum Observation: Sendable {
    case arrived(exchange: Int, ExchangeFacts)
    case stepped(exchange: Int, ExchangeStep, after: ExchangeEvent)
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
    var delivery = Delivery.stop
    var attemptsAllowed: Int
    /// At the same provider: one, and the second tries that the route or the client allows.
    var triesOfOne = 2
    var gateway = 0
    /// The sooner of the route's and the client's.
    var endsBy: Instant
}
