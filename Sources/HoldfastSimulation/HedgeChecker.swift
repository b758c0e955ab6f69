import HoldfastCore

/// Counts the second runs of one gateway's route: one for each twenty exchanges of all so far, and over any span one for
/// each twenty of that span and of the ten seconds before it, and one more.
struct HedgeChecker: Sendable {
    private static let exchangesPerHedge = 20
    private static let savedNanoseconds = 10 * Span.second

    private var exchanges: [Instant] = []
    private var hedges: [Instant] = []
    private(set) var violations: [String] = []

    /// An exchange came, and the snapshot that it sees has its route hedge.
    mutating func exchanged(now: Instant) { exchanges.append(now) }

    mutating func hedged(now: Instant) {
        hedges.append(now)
        if Self.exchangesPerHedge * hedges.count > exchanges.count {
            violations.append("made \(hedges.count) hedges for \(exchanges.count) exchanges")
        }
        var oldest = exchanges.count
        // Every span that ends here; the worst of them begin with a hedge.
        for (made, from) in hedges.reversed().enumerated().map({ ($0.offset + 1, $0.element) }) {
            let paysFrom = from.advanced(byNanoseconds: -Self.savedNanoseconds)
            while oldest > 0, exchanges[oldest - 1] >= paysFrom { oldest -= 1 }
            let paying = exchanges.count - oldest
            if Self.exchangesPerHedge * made > paying + Self.exchangesPerHedge {
                violations.append("made \(made) hedges in a span that \(paying) exchanges pay for")
                return
            }
        }
    }
}
