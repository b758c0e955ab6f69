import HoldfastCore

/// Counts in fixed buckets, as Prometheus has them. A value type: whoever owns it guards it.
struct Histogram: Sendable {
    /// Upper bounds, ascending, in the unit of the metric.
    let bounds: [Double]
    private(set) var counts: [Int]
    private(set) var sum: Double = 0
    private(set) var count = 0

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = [Int](repeating: 0, count: bounds.count + 1)
    }

    /// From a local answer to the longest patience; the conventions' own advice for GenAI durations.
    static let seconds = Histogram(
        bounds: [0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92])
    static let tokens = Histogram(
        bounds: [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304])

    mutating func observe(_ value: Double) {
        var place = 0
        while place < bounds.count, value > bounds[place] { place += 1 }
        counts[place] += 1
        sum += value
        count += 1
    }

    mutating func observe(nanoseconds: Int64) {
        observe(Double(nanoseconds) / 1e9)
    }
}
