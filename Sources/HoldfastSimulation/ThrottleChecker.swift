import HoldfastCore

/// Keeps everything that wanted to be sent to one provider, and goes through all of it whenever something is dropped: that
/// is right only where the provider took less than its share of what came within two minutes.
struct ThrottleChecker: Sendable {
    private static let longestNanoseconds = 2 * Span.minute
    /// Nobody has to count in steps finer than this.
    private static let shortestNanoseconds = longestNanoseconds - 10 * Span.second

    private struct Request: Sendable {
        var exchange: Int
        var criticality: Criticality
        var at: Instant
        var isTaken: Bool
    }

    private let provider: Int
    private var requests: [Request] = []
    private var sentAt: [Criticality: Instant] = [:]
    private var droppedAt: (exchange: Int, at: Instant)?
    private(set) var violations: [String] = []

    init(provider: Int) {
        self.provider = provider
    }

    /// An attempt is taken until its provider turns it away.
    mutating func given(exchange: Int, _ criticality: Criticality, now: Instant) {
        requests.append(Request(exchange: exchange, criticality: criticality, at: now, isTaken: true))
        sentAt[criticality] = now
    }

    mutating func settled(exchange: Int, _ result: AttemptResult) {
        guard let failure = result.failure, !result.hasBegun,
            let place = requests.lastIndex(where: { $0.exchange == exchange && $0.isTaken })
        else { return }
        let hasToldWhen = result.retryAfterNanoseconds ?? 0 > 0
        if failure == .capacity || failure == .rateLimit && !hasToldWhen {
            requests[place].isTaken = false
        } else if [.rateLimit, .neutral, .silent, .localExhaustion].contains(failure) {
            // Nobody knows whether it would have been taken.
            requests.remove(at: place)
        }
    }

    mutating func dropped(exchange: Int, _ criticality: Criticality, now: Instant) {
        let share = criticality == .critical ? 4 : 2
        var (asked, taken, mayDrop) = (0, 0, false)
        for request in requests.reversed() where request.criticality == criticality {
            let age = now.nanoseconds(since: request.at)
            if age >= Self.shortestNanoseconds, share * taken < asked { mayDrop = true }
            if age >= Self.longestNanoseconds { break }
            asked += 1
            taken += request.isTaken ? 1 : 0
        }
        if share * taken < asked { mayDrop = true }
        if !mayDrop || asked < 10 { report("dropped an attempt where it took \(taken) of \(asked)") }
        let quiet = sentAt[criticality].map { now.nanoseconds(since: $0) } ?? .max
        if quiet >= Span.second { report("dropped an attempt where none was sent for a second") }
        requests.append(Request(exchange: exchange, criticality: criticality, at: now, isTaken: false))
        droppedAt = (exchange, now)
    }

    /// Whether the exchange was just told so.
    func hasDropped(_ exchange: Int, now: Instant) -> Bool {
        droppedAt.map { $0.exchange == exchange && $0.at == now } ?? false
    }

    private mutating func report(_ violation: String) {
        violations.append("provider \(provider) \(violation)")
    }
}
