package import HoldfastCore

/// How a collector took a batch.
package enum ExportOutcome: Sendable, Hashable {
    /// With how many of it were thrown away all the same.
    case taken(rejected: Int)
    case refused(status: Int, retryAfterNanoseconds: Int64?)
    /// Nobody answered, or not in time; in words for an operator.
    case unreachable(String)
}

/// Why something never reached a collector.
package enum ExportDrop: String, Sendable, Hashable, CaseIterable {
    /// More exchanges than `traces_per_second`.
    case overRate = "over_rate"
    case queueFull = "queue_full"
    /// The collector will not take it, however often it is asked.
    case refused
    /// It took the batch and threw some of it away.
    case rejected
    /// The bound on tries or on time was reached.
    case gaveUp = "gave_up"
    case shutdown
}

/// What becomes of one batch. Which answers are worth another try is the table of the OTLP specification
/// (https://opentelemetry.io/docs/specs/otlp/#otlphttp-response): 429, 502, 503 and 504, and no answer at all. Anything
/// else is about the batch itself and would come again.
package struct ExportRetry: Sendable {
    package enum Decision: Sendable, Hashable {
        case done(rejected: Int)
        case again(afterNanoseconds: Int64)
        case drop(ExportDrop)
    }

    package static let mostTries = 6
    /// Longer than a collector takes to be started again; what waits behind this batch is dropped meanwhile.
    package static let longestNanoseconds = 60 * Span.second
    static let firstWaitNanoseconds = 1 * Span.second
    static let longestWaitNanoseconds = 16 * Span.second

    private let startedAt: Instant
    private let boundNanoseconds: Int64
    private var tries = 0

    package init(startedAt: Instant, boundNanoseconds: Int64 = Self.longestNanoseconds) {
        self.startedAt = startedAt
        self.boundNanoseconds = boundNanoseconds
    }

    /// - Parameter isEnding: the process is: nothing is waited for any more.
    package mutating func decide(
        _ outcome: ExportOutcome, isEnding: Bool, now: Instant, random: inout SeededRandom
    ) -> Decision {
        tries += 1
        var asked: Int64?
        switch outcome {
        case .taken(let rejected): return .done(rejected: rejected)
        case .refused(let status, let retryAfter):
            guard [429, 502, 503, 504].contains(status) else { return .drop(.refused) }
            asked = retryAfter
        case .unreachable: break
        }
        guard !isEnding else { return .drop(.shutdown) }
        let doubled = Self.firstWaitNanoseconds << Int64(min(tries - 1, 10))
        // Many gateways that lost one collector at the same instant do not come back at the same instant.
        let backoff = min(doubled, Self.longestWaitNanoseconds) / 2
        let wait = asked.map { Backoff.told(nanoseconds: $0, random: &random) } ?? backoff + random.below(backoff + 1)
        let left = boundNanoseconds - now.nanoseconds(since: startedAt)
        guard tries < Self.mostTries, wait <= left else { return .drop(.gaveUp) }
        return .again(afterNanoseconds: wait)
    }
}
