import HoldfastCore

/// What a provider itself lets through, counted over all gateways.
struct ProviderAllowance: Sendable {
    private static let windowNanoseconds = Span.minute
    /// Nobody is told to come again at once.
    private static let leastWaitNanoseconds = Span.second

    private let requestsPerMinute: Int?
    private let concurrent: Int?
    private var taken: [Instant] = []
    /// The first of `taken` within the window.
    private var oldest = 0
    private var inFlight = 0

    /// - Parameter gateways: as many get what the contract says, each.
    init(_ limits: DeploymentLimits, gateways: Int) {
        requestsPerMinute = limits.requestsPerMinute.map { $0 * gateways }
        concurrent = limits.concurrent.map { $0 * gateways }
    }

    var isUnlimited: Bool { requestsPerMinute == nil && concurrent == nil }

    /// A request comes. Nil: it is taken; else when to come again, in nanoseconds.
    mutating func refusal(now: Instant) -> Int64? {
        inFlight += 1
        if inFlight > concurrent ?? .max { return Self.leastWaitNanoseconds }
        while oldest < taken.count, now.nanoseconds(since: taken[oldest]) >= Self.windowNanoseconds { oldest += 1 }
        if taken.count - oldest >= requestsPerMinute ?? .max {
            return max(Self.windowNanoseconds - now.nanoseconds(since: taken[oldest]), Self.leastWaitNanoseconds)
        }
        if requestsPerMinute != nil { taken.append(now) }
        return nil
    }

    /// What was to come at this instant was given up on the way.
    mutating func neverCame(_ instant: Instant) {
        guard let place = taken[oldest...].lastIndex(of: instant) else { return }
        taken.remove(at: place)
    }

    /// It has been answered, refused or given up.
    mutating func left() { inFlight -= 1 }
}
