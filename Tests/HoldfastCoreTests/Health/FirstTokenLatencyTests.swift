import Testing

@testable import HoldfastCore

@Suite struct FirstTokenLatencyTests {
    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * Span.second) }

    private func learnt(_ samples: [Int64], at second: Int64 = 0) -> FirstTokenLatency {
        var latency = FirstTokenLatency()
        for sample in samples { latency.observe(nanoseconds: sample, now: at(second)) }
        return latency
    }

    private func exact(_ samples: [Int64], percent: Int) -> Int64 {
        samples.sorted()[(samples.count * percent + 99) / 100 - 1]
    }

    /// From what a model on the same machine takes to what a reasoning one does, evenly on a logarithmic scale.
    private func spread(_ count: Int, seed: UInt64) -> [Int64] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in
            let lower = Int64(1_100_000) << random.below(16)
            return lower + random.below(lower)
        }
    }

    // MARK: - Quantiles

    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8], [50, 51, 99, 100, 101, 1_000, 20_000])
    func aQuantileIsNeverTooLowAndAtMostAQuarterTooHigh(seed: UInt64, count: Int) throws {
        let samples = spread(count, seed: seed)
        let latency = learnt(samples)
        for (told, percent) in [(latency.median, 50), (latency.p95, 95), (latency.p99, 99)] {
            let told = try #require(told)
            let exact = exact(samples, percent: percent)
            #expect(told >= exact && told <= exact + exact / 4 + 1, "p\(percent) of \(count): \(told) for \(exact)")
        }
    }

    @Test func everySpanIsToldWithinAQuarter() throws {
        var span = Int64(1_100_000)
        while span < 136 * Span.second {
            let told = try #require(learnt(Array(repeating: span, count: 50)).median)
            #expect(told > span && told <= span + span / 4 + 1, "\(told) for \(span)")
            span += span / 37
        }
    }

    @Test func aBucketBeginsWhereTheOneBeforeItEnds() throws {
        var told = try #require(learnt(Array(repeating: 0, count: 50)).median)
        var buckets = 1
        while let next = learnt(Array(repeating: told, count: 50)).median, next != told {
            #expect(next > told)
            let last = learnt(Array(repeating: next - 1, count: 50)).median
            #expect(last == next, "the bucket from \(told) ends at \(next)")
            (told, buckets) = (next, buckets + 1)
        }
        #expect(buckets == 72)
        #expect(told == 1 << 37)
    }

    @Test(arguments: [Int64.min, -1, 0]) func aSpanThatCannotBeCountsAsNone(span: Int64) {
        #expect(learnt(Array(repeating: span, count: 50)).p99 == 1 << 18)
    }

    @Test(arguments: [Int64(138) * Span.second, Span.day, .max]) func whatIsLongerThanTheLastBucketCountsAsBeingInIt(
        span: Int64
    ) {
        #expect(learnt(Array(repeating: span, count: 50)).median == 1 << 37)
    }

    @Test func quantilesRise() throws {
        let latency = learnt(spread(500, seed: 9))
        let (median, p95, p99) = (try #require(latency.median), try #require(latency.p95), try #require(latency.p99))
        #expect(median < p95 && p95 < p99)
    }

    @Test func fewerThanFiftySamplesSayNothing() {
        var latency = learnt(Array(repeating: Span.second, count: 49))
        #expect(latency.samples == 49)
        #expect(latency.median == nil && latency.p95 == nil && latency.p99 == nil)
        latency.observe(nanoseconds: Span.second, now: at(1))
        #expect(latency.samples == 50)
        #expect(latency.median != nil && latency.p95 != nil && latency.p99 != nil)
    }

    // MARK: - Forgetting

    @Test func anIncidentIsForgottenFourMinutesAfterItsEnd() throws {
        var latency = FirstTokenLatency()
        for second in Int64(0)..<240 {
            for _ in 0..<10 { latency.observe(nanoseconds: 5 * Span.second, now: at(second)) }
        }
        for second in Int64(240)..<481 {
            for _ in 0..<10 { latency.observe(nanoseconds: 100 * Span.millisecond, now: at(second)) }
        }
        let p99 = try #require(latency.p99)
        #expect(p99 < 125 * Span.millisecond)
        #expect(latency.samples <= 2_500)
    }

    @Test func whatWasLearntIsKeptForTwoMinutesAtLeast() {
        var latency = learnt(Array(repeating: 5 * Span.second, count: 100))
        for _ in 0..<99 { latency.observe(nanoseconds: 100 * Span.millisecond, now: at(119)) }
        #expect(latency.samples == 199)
        #expect(latency.median ?? 0 > Span.second)
        latency.observe(nanoseconds: 100 * Span.millisecond, now: at(120))
        latency.observe(nanoseconds: 100 * Span.millisecond, now: at(239))
        #expect(latency.samples == 201, "the generation that is complete still counts while the next is young")
    }

    @Test func aQuietDeploymentKeepsWhatItHas() {
        var latency = FirstTokenLatency()
        for hour in Int64(0)..<50 { latency.observe(nanoseconds: Span.second, now: at(hour * 3_600)) }
        #expect(latency.samples == 50)
        var fewest = Int.max
        for hour in Int64(50)..<1_000 {
            latency.observe(nanoseconds: Span.second, now: at(hour * 3_600))
            fewest = min(fewest, latency.samples)
            #expect(latency.median != nil)
        }
        #expect(fewest >= 50 && latency.samples <= 100)
    }

    @Test func aQuietDeploymentThatBecameFastIsKnownToBeAfterAHundred() throws {
        var latency = FirstTokenLatency()
        for minute in Int64(0)..<500 { latency.observe(nanoseconds: 8 * Span.second, now: at(minute * 60)) }
        for minute in Int64(500)..<601 { latency.observe(nanoseconds: 100 * Span.millisecond, now: at(minute * 60)) }
        let p99 = try #require(latency.p99)
        #expect(p99 < 125 * Span.millisecond)
    }

    // MARK: - Limit

    @Test func aLimitIsFourTimesTheP99WithinItsBounds() {
        func limit(_ p99: Int64?, most: Int64 = 10 * Span.second) -> Int64 {
            FirstTokenLatency.firstTokenLimit(learntP99: p99, most: most)
        }
        #expect(limit(nil) == 10 * Span.second, "nothing is learnt yet")
        #expect(limit(500 * Span.millisecond) == 2 * Span.second)
        #expect(limit(20 * Span.millisecond) == Span.second)
        #expect(limit(3 * Span.second) == 10 * Span.second)
        #expect(limit(.max) == 10 * Span.second)
        #expect(limit(20 * Span.millisecond, most: 300 * Span.millisecond) == 300 * Span.millisecond)
        #expect(limit(Span.second, most: 60 * Span.second) == 4 * Span.second)
    }

    @Test func silentAttemptsBringTheConfiguredLimitBack() {
        var latency = learnt(Array(repeating: 500 * Span.millisecond, count: 1_000))
        let most = 10 * Span.second
        let early = FirstTokenLatency.firstTokenLimit(learntP99: latency.p99, most: most)
        #expect(early < 3 * Span.second)
        for _ in 0..<40 {
            let waited = FirstTokenLatency.firstTokenLimit(learntP99: latency.p99, most: most)
            latency.observe(nanoseconds: waited, now: at(1))
        }
        #expect(FirstTokenLatency.firstTokenLimit(learntP99: latency.p99, most: most) == most)
    }
}
