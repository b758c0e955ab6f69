import HoldfastCore

/// A provider that answers so many at once, and what it does with more.
struct BoundedProvider: Sendable {
    enum Overflow: Sendable {
        /// Says no at once, with the wait that it asks for.
        case refuses(FailureClass, waitNanoseconds: Int64?)
        /// Takes it into a queue without end, first come first served, and never looks whether anybody still waits for the
        /// answer.
        case queues
    }

    /// About a second each.
    static let serviceNanoseconds = 1 * Span.second
    private static let refusalNanoseconds = 20 * Span.millisecond
    /// From the beginning of its work to the first token.
    private static let firstTokenNanoseconds = 150 * Span.millisecond

    let slots: Int
    let overflow: Overflow
    private var inFlight = 0
    /// When each slot of one that queues is free.
    private var freeAt: [Instant]
    private(set) var asked = 0
    private(set) var refused = 0

    init(slots: Int, _ overflow: Overflow) {
        self.slots = slots
        self.overflow = overflow
        freeAt = Array(repeating: .zero, count: slots)
    }

    /// What it does with one more request, each with its delay.
    mutating func answer(now: Instant, random: inout SeededRandom) -> [(delay: Int64, event: ExchangeEvent)] {
        asked += 1
        inFlight += 1
        let connected = (delay: Span.millisecond, event: ExchangeEvent.attemptConnected)
        let service = Self.serviceNanoseconds * 4 / 5 + random.below(Self.serviceNanoseconds * 2 / 5)
        var start = Span.millisecond
        switch overflow {
        case .refuses(let failure, let wait):
            if inFlight > slots {
                refused += 1
                return [connected, (Self.refusalNanoseconds, .attemptFailed(failure, retryAfterNanoseconds: wait))]
            }
        case .queues:
            let slot = freeAt.indices.min { freeAt[$0] < freeAt[$1] } ?? 0
            let begins = max(freeAt[slot], now)
            freeAt[slot] = begins.advanced(byNanoseconds: service)
            start += begins.nanoseconds(since: now)
        }
        return [
            connected, (start + Self.firstTokenNanoseconds, .headReceived),
            (start + Self.firstTokenNanoseconds, .chunkReceived(hasToken: true)), (start + service, .upstreamEnded),
        ]
    }

    /// The attempt has ended, or was given up: who answers or refuses at once sees that.
    mutating func left() { inFlight -= 1 }
}
