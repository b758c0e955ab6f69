import HoldfastCore
import Testing

@Suite struct TraceBudgetTests {
    private func taken(_ budget: inout TraceBudget, every nanoseconds: Int64, for seconds: Int64, from start: Instant)
        -> Int
    {
        (0..<seconds * Span.second / nanoseconds).count { step in
            budget.take(now: start.advanced(byNanoseconds: step * nanoseconds))
        }
    }

    @Test func whatRunsSlowerIsTracedWhole() {
        var budget = TraceBudget(perSecond: 100)
        #expect(taken(&budget, every: Span.second / 100, for: 20, from: Instant(nanoseconds: 5)) == 2_000)
    }

    @Test func whatRunsFasterIsTracedAtTheRateAfterOneSecondsWorth() {
        var budget = TraceBudget(perSecond: 100)
        #expect(
            (1_098...1_101).contains(taken(&budget, every: Span.millisecond, for: 10, from: Instant(nanoseconds: 5))))
    }

    @Test func quietIsNotSavedUpBeyondOneSecond() {
        var budget = TraceBudget(perSecond: 10)
        let later = Instant(nanoseconds: 3_600 * Span.second)
        #expect((0..<1_000).count { _ in budget.take(now: later) } == 10)
    }

    @Test func sharesDivideItAndGetOneAtLeast() {
        var share = TraceBudget(perSecond: 1_000, shares: 4)
        #expect((0..<1_000).count { _ in share.take(now: Instant(nanoseconds: 1)) } == 250)
        var least = TraceBudget(perSecond: 1, shares: 4)
        #expect((0..<1_000).count { _ in least.take(now: Instant(nanoseconds: 1)) } == 1)
    }
}
