import HoldfastCore
import Synchronization

/// Figures of one route, written once at the end of each exchange.
final class RouteFacts: Sendable {
    struct Shared: Sendable {
        var ends: [String: Int] = [:]
        /// Of `ends`, those that `ExchangeEnd.isFailure` speaks of.
        var failed = 0
        var failovers = 0
        /// Streams that one candidate began and another ended.
        var continued = 0
        var duration = Histogram.seconds
        var timeToFirstToken = Histogram.seconds
        var timePerOutputToken = Histogram(
            bounds: [0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56])
        var inputTokens = Histogram.tokens
        var outputTokens = Histogram.tokens
        var calls = CallCounts()
        /// Of the last minute or two, as `duration` and `timeToFirstToken` are since the start.
        var recent = RecentSpans()
        var recentFirstToken = RecentSpans()
    }

    /// What a report tells of a route. Spans are of the last minute or two, in nanoseconds; nil: there were none.
    struct Figures: Sendable {
        var ended: Int
        var failed: Int
        var failovers: Int
        var inFlight: Int
        var median: Int64?
        var p99: Int64?
        var medianFirstToken: Int64?
        var p99FirstToken: Int64?
    }

    private let shared = Mutex(Shared())
    private let begun = InFlightCount()
    private let hedges = Mutex(HedgeBudget())

    /// An exchange begins, which ends with its record.
    func begin() { begun.add(1) }

    func figures(now: Instant) -> Figures {
        var figures = shared.withLock { facts in
            Figures(
                ended: facts.ends.values.reduce(0, +), failed: facts.failed, failovers: facts.failovers, inFlight: 0,
                median: facts.recent.quantile(permille: 500, now: now),
                p99: facts.recent.quantile(permille: 990, now: now),
                medianFirstToken: facts.recentFirstToken.quantile(permille: 500, now: now),
                p99FirstToken: facts.recentFirstToken.quantile(permille: 990, now: now))
        }
        // Read after those that have ended: what ends in between was counted as begun before.
        figures.inFlight = max(begun.value - figures.ended, 0)
        return figures
    }

    func calls() -> CallCounts { shared.withLock { $0.calls } }

    func countForHedges(now: Instant) { hedges.withLock { $0.exchanged(now: now) } }

    func takeHedge(now: Instant) -> Bool { hedges.withLock { $0.takeHedge(now: now) } }

    func withLock<Result: Sendable>(_ body: (inout Shared) -> Result) -> Result {
        shared.withLock { body(&$0) }
    }

    /// A copy for reports.
    func snapshot() -> Shared {
        shared.withLock { $0 }
    }
}
