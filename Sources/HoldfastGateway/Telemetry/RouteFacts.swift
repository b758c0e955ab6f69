import HoldfastCore
import Synchronization

/// Figures of one route, written once at the end of each exchange.
final class RouteFacts: Sendable {
    struct Shared: Sendable {
        var ends: [String: Int] = [:]
        var failovers = 0
        /// Streams that one candidate began and another ended.
        var continued = 0
        var duration = Histogram.seconds
        var timeToFirstToken = Histogram.seconds
        var timePerOutputToken = Histogram(
            bounds: [0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56])
        var inputTokens = Histogram.tokens
        var outputTokens = Histogram.tokens
    }

    private let shared = Mutex(Shared())
    private let hedges = Mutex(HedgeBudget())

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
