import Testing

@testable import HoldfastCore

@Suite struct HedgeBudgetTests {
    private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * Span.millisecond) }

    private func taken(_ budget: inout HedgeBudget, at milliseconds: Int64, of asked: Int = 10_000) -> Int {
        (0..<asked).count { _ in budget.takeHedge(now: at(milliseconds)) }
    }

    private func exchanged(_ count: Int, _ budget: inout HedgeBudget, at milliseconds: Int64) {
        for _ in 0..<count { budget.exchanged(now: at(milliseconds)) }
    }

    @Test func nothingIsHedgedBeforeTwentyExchanges() {
        var budget = HedgeBudget()
        #expect(taken(&budget, at: 0) == 0)
        exchanged(19, &budget, at: 0)
        #expect(taken(&budget, at: 0) == 0)
        exchanged(1, &budget, at: 0)
        #expect(taken(&budget, at: 0) == 1)
    }

    @Test func aBusyRouteHedgesOneInTwenty() {
        var budget = HedgeBudget()
        for millisecond in Int64(0)..<10_000 { budget.exchanged(now: at(millisecond)) }
        #expect(taken(&budget, at: 9_999) == 500)
    }

    @Test func whatABusyHourEarnedIsForgottenButForOne() {
        var budget = HedgeBudget()
        for millisecond in Int64(0)..<60_000 { budget.exchanged(now: at(millisecond)) }
        #expect(taken(&budget, at: 69_999) == 1)
    }

    @Test func theLastTenSecondsAreKept() {
        var budget = HedgeBudget()
        exchanged(100, &budget, at: 1_000)
        #expect(taken(&budget, at: 10_999, of: 2) == 2)
        #expect(taken(&budget, at: 11_000) == 1, "of sixty exchanges that are too old, twenty are carried over")
    }

    @Test(arguments: [Int64(5), 60, 3_600, 86_400]) func aQuietRouteHedgesOneInTwenty(secondsApart: Int64) {
        var budget = HedgeBudget()
        var hedged: [Int64] = []
        for count in Int64(1)...200 {
            let now = at(count * secondsApart * 1_000)
            budget.exchanged(now: now)
            if budget.takeHedge(now: now) { hedged.append(count) }
        }
        #expect(hedged == (1...10).map { $0 * 20 })
    }

    @Test func theOldestIsSpentFirst() {
        var budget = HedgeBudget()
        exchanged(40, &budget, at: 0)
        exchanged(40, &budget, at: 9_000)
        #expect(taken(&budget, at: 9_500, of: 2) == 2)
        #expect(taken(&budget, at: 10_000) == 2, "what was earned at 0 has paid, and nothing was lost with it")
    }

    /// Loads that come and go, asked as often as can be: the bound of every span, from each exchange to each later hedge.
    @Test(arguments: UInt64(1)...12) func noSpanHasMoreThanItAndTheTenSecondsBeforeEarned(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var budget = HedgeBudget()
        var now: Int64 = 0
        /// Second, exchanges so far, hedges so far.
        var history: [(second: Int64, exchanges: Int, hedges: Int)] = []
        var (exchanges, hedges) = (0, 0)
        for _ in 0..<400 {
            now += [1, 100, 1_000, 7_000, 30_000][Int(random.below(5))]
            let count = Int(random.below(5) == 0 ? random.below(2_000) : random.below(30))
            exchanged(count, &budget, at: now)
            exchanges += count
            history.append((now / 1_000, exchanges, hedges))
            hedges += taken(&budget, at: now, of: Int(random.below(40)))
            #expect(hedges * 20 <= exchanges)
            for start in history {
                let before = history.last { $0.second <= start.second - 10 }?.exchanges ?? 0
                #expect((hedges - start.hedges) * 20 <= exchanges - before + 20)
            }
        }
        #expect(hedges > 0)
    }
}
