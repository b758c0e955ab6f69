import Testing

@testable import HoldfastCore

@Suite struct RecentSpansTests {
    private static let window = RecentSpans.windowNanoseconds

    private func at(_ nanoseconds: Int64) -> Instant { Instant(nanoseconds: 7 * Span.hour + nanoseconds) }

    @Test func ofNothingNothingIsKnown() {
        let spans = RecentSpans()
        #expect(spans.quantile(permille: 500, now: at(0)) == nil)
    }

    @Test func everySpanFallsIntoABucketWhoseMiddleIsNear() {
        var random = SeededRandom(seed: 1)
        var last = -1
        for bucket in 0..<RecentSpans.buckets {
            let middle = RecentSpans.middleNanoseconds(of: bucket)
            #expect(RecentSpans.bucket(of: middle) == bucket, "the middle of \(bucket) lies in another")
        }
        for octave in 0..<42 {
            let least = Int64(1) << Int64(octave)
            let spans = (0..<20).map { _ in least + random.below(least) }.sorted()
            for span in spans {
                let bucket = RecentSpans.bucket(of: span)
                #expect(bucket >= last, "a longer span never falls into an earlier bucket")
                last = bucket
                guard bucket < RecentSpans.buckets - 1 else { continue }
                let off = abs(RecentSpans.middleNanoseconds(of: bucket) - span)
                #expect(off <= max(span / 16, Int64(1) << Int64(RecentSpans.unitBits - 1)), "\(span) is off by \(off)")
            }
        }
        #expect(RecentSpans.bucket(of: -5) == 0 && RecentSpans.bucket(of: .max) == RecentSpans.buckets - 1)
    }

    /// Against a list of all samples, over the whole life of two windows and long silences.
    @Test func quantilesAreOfWhatIsYoungerThanAWindowAndOfNothingOlderThanTwo() throws {
        for seed in 0..<12 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var spans = RecentSpans()
            var samples: [(at: Int64, span: Int64)] = []
            var now: Int64 = 0
            for _ in 0..<400 {
                now += random.below(20) == 0 ? random.below(3 * Self.window) : random.below(Span.second)
                let span = Span.millisecond + random.below(10 * Span.second)
                spans.observe(nanoseconds: span, now: at(now))
                samples.append((now, span))
                let asked = now + (random.below(4) == 0 ? random.below(3 * Self.window) : 0)
                let sure = samples.filter { asked - $0.at < Self.window }.map(\.span)
                let perhaps = samples.filter { asked - $0.at < 2 * Self.window }.map(\.span).max()
                let found = spans.quantile(permille: 1_000, now: at(asked))
                if let least = sure.max() {
                    let longest = try #require(found)
                    #expect(longest >= Self.lower(least))
                }
                if let found {
                    let most = try #require(perhaps)
                    #expect(found <= Self.upper(most))
                }
            }
        }
    }

    @Test func theMedianAndTheTailAreTheNearestRanks() throws {
        var spans = RecentSpans()
        for milliseconds in 1...1_000 { spans.observe(nanoseconds: Int64(milliseconds) * Span.millisecond, now: at(0)) }
        for (permille, milliseconds) in [(1, 1), (500, 500), (990, 990), (1_000, 1_000)] as [(Int, Int64)] {
            let found = try #require(spans.quantile(permille: permille, now: at(0)))
            let meant = milliseconds * Span.millisecond
            #expect(abs(found - meant) <= meant / 16 + Span.millisecond / 8, "\(permille): \(found)")
        }
        var one = RecentSpans()
        one.observe(nanoseconds: Span.second, now: at(0))
        #expect(one.quantile(permille: 1, now: at(0)) == one.quantile(permille: 1_000, now: at(0)))
    }

    private static func lower(_ span: Int64) -> Int64 { span - span / 16 - Span.millisecond / 8 }
    private static func upper(_ span: Int64) -> Int64 { span + span / 16 + Span.millisecond / 8 }
}
