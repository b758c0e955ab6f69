/// How many exchanges one deployment is given at once, learned from how long it takes to begin its answers.
///
/// After Netflix's Gradient2 (github.com/Netflix/concurrency-limits: `Gradient2Limit`, `ExpAvgMeasurement`,
/// `WindowedLimit`). The intuition: answers that begin later than they usually do stand in a queue at the provider, and
/// what stands in a queue there waits better here, where somebody more important may overtake it. The time to first
/// token is the measure, since the length of an answer depends on the question; and as a long input takes longer to
/// read, each size of input has averages of its own.
///
/// What it does not know: why answers begin later. A provider that becomes twice as slow for good looks like one that is
/// overloaded until the long average has learned it. The reverse holds too: under an overload that never ends the long
/// average follows, and the limit doubles about every seven minutes. Only a configured bound prevents that.
///
/// Two things are taken with care, because first tokens scatter far more than the calls that Netflix measures:
/// 1. The short measure is an average over about ten answers, as in the first versions of Gradient2, not one answer. With
///    single answers a healthy deployment is held below two hundred where one answer in twenty takes five times the
///    average: each takes more from the limit than the others give back.
/// 2. The limit takes one step a second, as in `WindowedLimit`. What a step did shows a round trip later; a step for each
///    answer sends the limit to its floor before the first of them is seen.
package struct ConcurrencyLimit: Sendable {
    package static let first = 256
    package static let least = 20
    package static let most = 4096
    /// Nothing is limited before as many answers have begun, but by a configured bound.
    package static let warmUpSamples = 50
    /// What the limit may grow by at full gradient before smoothing: a queue that is allowed for.
    package static let allowedQueue = 4
    package static let stepNanoseconds = 1 * Span.second
    /// Upper ends of the sizes of input, in bytes; what is longer is the last. A page of text, a long conversation, a
    /// book chapter: about 1,000, 8,000 and 64,000 tokens.
    package static let bucketBytes: InlineArray<3, Int> = [4 << 10, 32 << 10, 256 << 10]

    /// In thousandths, so that steps of less than one add up.
    private var limitMillis: Int64
    /// What the configuration allows at once; it holds from the first exchange on, and beats the floor.
    package private(set) var bound: Int?
    private var samples = 0
    private var buckets = InlineArray<4, Bucket>(repeating: Bucket())
    private var steppedAt: Instant?
    /// The most that were in flight when an answer began, since the last step.
    private var mostInFlight = 0

    package init(bound: Int? = nil) {
        limitMillis = Int64(Self.first) * 1_000
        setBound(bound)
    }

    /// The configuration changed; what was learned stays.
    package mutating func setBound(_ bound: Int?) {
        precondition(bound.map { $0 > 0 } ?? true, "a bound of \(bound ?? 0) would let nothing through")
        self.bound = bound
        limitMillis = clamped(limitMillis)
    }

    /// What it would hold a deployment to; before `isLearned`, only `bound` does.
    package var limit: Int {
        Int(limitMillis / 1_000)
    }

    package var isLearned: Bool {
        samples >= Self.warmUpSamples
    }

    /// Whether one more may be sent, where `inFlight` are.
    ///
    /// - Parameter hasReserve: a fifth is kept for critical exchanges. Rounded to the nearest, so that a limit of three
    ///   keeps one and a limit of one or two serves everybody.
    package func admits(inFlight: Int, criticality: Criticality, hasReserve: Bool) -> Bool {
        guard let limit = isLearned ? limit : bound else { return true }
        return Self.hasRoom(limit, inFlight: inFlight, criticality: criticality, hasReserve: hasReserve)
    }

    static func hasRoom(_ limit: Int, inFlight: Int, criticality: Criticality, hasReserve: Bool) -> Bool {
        let reserve = hasReserve && criticality < .critical ? reserve(of: limit) : 0
        return inFlight < limit - reserve
    }

    package static func reserve(of limit: Int) -> Int {
        limit / 5 + (limit % 5 >= 3 ? 1 : 0)
    }

    /// An answer began.
    ///
    /// - Parameters:
    ///   - firstTokenNanoseconds: from sending the request to the first token of the answer.
    ///   - inFlight: at the deployment, this exchange included.
    package mutating func observe(firstTokenNanoseconds: Int64, inputBytes: Int, inFlight: Int, now: Instant) {
        // Below a tenth of a millisecond it was no provider that answered (the same bound as in `WindowedLimit`); the
        // upper end only keeps the sums within 64 bits.
        guard firstTokenNanoseconds >= 100 * Span.microsecond else { return }
        let sample = min(firstTokenNanoseconds, Span.hour)
        let place = Self.bucket(inputBytes: inputBytes)
        samples = min(samples + 1, Self.warmUpSamples)
        mostInFlight = max(mostInFlight, inFlight)
        buckets[place].note(sample, now: now)
        // The first samples of a size are their own average and cannot show a difference.
        guard isLearned, buckets[place].isWarm else { return }
        if let steppedAt, now.nanoseconds(since: steppedAt) < Self.stepNanoseconds { return }
        step(gradientMillis: buckets[place].gradientMillis)
        steppedAt = now
        mostInFlight = 0
    }

    private mutating func step(gradientMillis: Int64) {
        // Fewer than half of the limit in flight do not show that it could be higher. That it is too high they may show:
        // where clients give up, a limit far above what can be had at once is never reached, and holds nobody back.
        // Below the least nobody is held back anyway.
        let isReached = Int64(mostInFlight) * 2_000 >= limitMillis
        guard isReached || mostInFlight >= Self.least else { return }
        let target = limitMillis * gradientMillis / 1_000 + Int64(Self.allowedQueue) * 1_000
        let next = clamped((limitMillis * 800 + target * 200) / 1_000)
        limitMillis = isReached ? next : min(next, limitMillis)
    }

    /// A bound also ends the growth of what is learned: otherwise it would have to shrink all the way down to the bound
    /// before a slow deployment felt it.
    private func clamped(_ millis: Int64) -> Int64 {
        let most = Int64(min(bound ?? Self.most, Self.most)) * 1_000
        let least = min(Int64(Self.least) * 1_000, most)
        return min(max(millis, least), most)
    }

    package static func bucket(inputBytes: Int) -> Int {
        var place = 0
        while place < bucketBytes.count, inputBytes > bucketBytes[place] { place += 1 }
        return place
    }
}

/// What is known about one size of input.
private struct Bucket: Sendable {
    /// The deployment as it is now.
    private var short = ExponentialAverage(window: 10)
    /// The deployment as it usually is.
    private var long = ExponentialAverage(window: 600)
    private var learnedAt: Instant?

    var isWarm: Bool { long.isWarm }

    mutating func note(_ sample: Int64, now: Instant) {
        short.add(sample)
        // Six hundred windows of a second each, as at Netflix: ten minutes, however busy it is. Fed with every answer, a
        // busy deployment would learn an overload as its usual state within seconds.
        if long.isWarm, let learnedAt, now.nanoseconds(since: learnedAt) < ConcurrencyLimit.stepNanoseconds { return }
        long.add(short.value)
        // What was slow for long is well again: the average of ten minutes would not see it for minutes.
        if long.value > 2 * short.value { long.decay(toMillis: 950) }
        learnedAt = now
    }

    /// By what the limit is multiplied: 1,000 as long as answers begin within 1.5 times what is usual, then less, and
    /// never less than half, so that a few outliers do not empty a deployment.
    var gradientMillis: Int64 {
        min(max(long.value * 1_500 / max(short.value, 1), 500), 1_000)
    }
}

/// `ExpAvgMeasurement` of concurrency-limits: the mean of its first ten samples, then exponential with the factor
/// 2 / (window + 1).
private struct ExponentialAverage: Sendable {
    private static let warmUp: Int64 = 10

    private(set) var value: Int64 = 0
    private let window: Int64
    private var sum: Int64 = 0
    private var count: Int64 = 0

    init(window: Int64) {
        self.window = window
    }

    var isWarm: Bool { count == Self.warmUp }

    mutating func add(_ sample: Int64) {
        guard isWarm else {
            count += 1
            sum += sample
            value = sum / count
            return
        }
        value += (sample - value) * 2 / (window + 1)
    }

    mutating func decay(toMillis millis: Int64) {
        value = value * millis / 1_000
    }
}
