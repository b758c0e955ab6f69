/// How long one deployment has lately taken to its first token, as a histogram that forgets.
///
/// Everything that compares deployments or waits for one asks for a quantile: the order of a `fastest` route for the
/// median, a hedge for the p95, the limit of an attempt for the p99. Four buckets a doubling, each a quarter of its
/// doubling's lower end wide, tell any of them at most a quarter too high and never too low, from a millisecond up to two
/// minutes, in a fixed 600 bytes. A moving average was rejected: the tail is what limits and hedges are about. Sampling a
/// reservoir was too: it needs chance, and sorting.
///
/// Two generations: the newer takes over, and the older is dropped, once the newer is two minutes old and has samples
/// enough to stand alone. Busy deployments so speak of the last two to four minutes: long enough for a p99 to rest on
/// more than its one slowest sample at an exchange a second, short enough for an incident to be over soon after it is
/// over. Quiet ones speak of their last 50 samples or more, however old: old knowledge is better than none.
///
/// What it does not know: how long an attempt would have taken that was given up. A silent one is observed at the time
/// it was waited for, which is too short, but longer than all that was answered in time: where more than one in a
/// hundred is given up, the p99 grows until the limit that follows from it is the configured one. Nor does it know how
/// large a request was; two deployments that get different ones are not comparable by it.
package struct FirstTokenLatency: Sendable {
    package static let leastSamples = 50
    package static let generationNanoseconds = 2 * Span.minute

    /// Both generations together, and the newer alone; the older one is never needed by itself.
    private var both = Buckets(repeating: 0)
    private var newer = Buckets(repeating: 0)
    private var newerSamples = 0
    private var newerSince: Instant?
    /// Of both generations.
    package private(set) var samples = 0
    /// Read for each attempt and kept, so that reading counts nothing; nil below `leastSamples`.
    private var quantiles: Quantiles?

    private struct Quantiles: Sendable {
        var median: Int64
        var p95: Int64
        var p99: Int64
    }

    package init() {}

    // MARK: - Reading

    /// Nanoseconds, at most a quarter too high; nil below `leastSamples`.
    package var median: Int64? { quantiles?.median }
    package var p95: Int64? { quantiles?.p95 }
    package var p99: Int64? { quantiles?.p99 }

    /// The shortest limit that is learnt. A model on the same machine answers in 20 ms, and four times that would take a
    /// pause of its process, or a lost packet sent again, for silence. A person hardly notices a second.
    package static let leastLimitNanoseconds = 1 * Span.second
    /// A deployment that takes four times as long as 99 of 100 of its answers did is not merely having a slow moment.
    package static let limitPerP99: Int64 = 4

    /// How long to wait for a first token.
    ///
    /// - Parameters:
    ///   - learntP99: nil where too little is known; then it is `most`.
    ///   - most: the limit as configured or by default: a limit that is learnt is only ever shorter.
    package static func firstTokenLimit(
        learntP99: Int64?, least: Int64 = leastLimitNanoseconds, most: Int64
    ) -> Int64 {
        guard let learntP99 else { return most }
        let (limit, overflow) = learntP99.multipliedReportingOverflow(by: limitPerP99)
        return overflow ? most : min(max(limit, least), most)
    }

    // MARK: - Learning

    /// A first token came, or an attempt was given up as silent, after so long.
    package mutating func observe(nanoseconds: Int64, now: Instant) {
        if let since = newerSince, newerSamples >= Self.leastSamples,
            now.nanoseconds(since: since) >= Self.generationNanoseconds
        {
            both = newer
            samples = newerSamples
            newer = Buckets(repeating: 0)
            newerSamples = 0
            newerSince = now
        }
        newerSince = newerSince ?? now
        let bucket = Self.bucket(nanoseconds)
        both[bucket] += 1
        newer[bucket] += 1
        samples += 1
        newerSamples += 1
        if samples >= Self.leastSamples { quantiles = counted() }
    }

    /// All three in one pass: a quantile is the end of the first bucket up to which its share of the samples lies.
    private func counted() -> Quantiles {
        // Read through a span: a subscript with a running index copies the whole array each time.
        let counts = both.span
        var bucket = 0
        var counted = Int(counts[0])
        // Ends in bounds: the whole histogram holds `samples`, and no rank is higher.
        func end(of rank: Int) -> Int64 {
            while counted < rank {
                bucket += 1
                counted += Int(counts[bucket])
            }
            return Self.upperBound(bucket)
        }
        return Quantiles(
            median: end(of: rank(percent: 50)), p95: end(of: rank(percent: 95)), p99: end(of: rank(percent: 99)))
    }

    private func rank(percent: Int) -> Int {
        (samples * percent + 99) / 100
    }

    // MARK: - Buckets

    /// Four below the first doubling and four for each of 17 doublings.
    private typealias Buckets = InlineArray<72, UInt32>
    private static let buckets = 72
    /// 2¹⁸ ns, 0.26 ms: a quarter of the first doubling, so that the buckets double from 1.05 ms to 137 s. A power of
    /// two, so that a bucket is found by the leading bits alone.
    private static let unitBits = 18

    /// The exponent and the two bits after the leading one; what is too long for the last bucket counts as being in it.
    private static func bucket(_ nanoseconds: Int64) -> Int {
        let units = max(nanoseconds, 0) >> unitBits
        guard units >= 4 else { return Int(units) }
        let doubling = 61 - units.leadingZeroBitCount
        return min(doubling * 4 + Int(units >> doubling), buckets - 1)
    }

    /// The smallest span that is too long for the bucket.
    private static func upperBound(_ bucket: Int) -> Int64 {
        let doubling = max(bucket / 4 - 1, 0)
        return Int64(bucket - doubling * 4 + 1) << (doubling + unitBits)
    }
}
