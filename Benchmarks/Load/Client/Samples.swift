/// Every sample is kept: a run has some hundred thousand at most, and exact quantiles need no argument about buckets.
struct Samples {
    private var values: [Int64] = []

    init(capacity: Int) {
        values.reserveCapacity(capacity)
    }

    mutating func add(_ nanoseconds: Int64) {
        values.append(nanoseconds)
    }

    /// Microseconds.
    func summary() -> Quantiles {
        let sorted = values.sorted()
        func at(_ quantile: Double) -> Double {
            guard let last = sorted.indices.last else { return 0 }
            return Double(sorted[min(Int(Double(sorted.count) * quantile), last)]) / 1_000
        }
        return Quantiles(
            count: sorted.count, p50: at(0.50), p90: at(0.90), p99: at(0.99), p999: at(0.999), max: at(1))
    }
}

/// Microseconds.
struct Quantiles: Encodable, Sendable {
    var count: Int
    var p50: Double
    var p90: Double
    var p99: Double
    var p999: Double
    var max: Double
}
