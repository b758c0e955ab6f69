import Testing

@testable import HoldfastCore

@Suite struct RetryBudgetTests {
    private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * Span.millisecond) }

    private func taken(_ budget: inout RetryBudget, at milliseconds: Int64, of asked: Int = 1_000) -> Int {
        var made = 0
        for _ in 0..<asked where budget.takeRetry(now: at(milliseconds)) {
            budget.attempted(now: at(milliseconds))
            made += 1
        }
        return made
    }

    @Test func aQuietDeploymentHasOneASecond() {
        var budget = RetryBudget()
        #expect(taken(&budget, at: 0) == 10)
        #expect(taken(&budget, at: 9_999) == 0)
        #expect(taken(&budget, at: 10_000) == 10, "what was taken ten seconds ago is forgotten")
    }

    @Test func aBusyOneHasATenthOfItsAttemptsBesides() {
        var budget = RetryBudget()
        for place in 0..<1_000 { budget.attempted(now: at(Int64(place) * 10)) }
        #expect(taken(&budget, at: 9_990) == 110)
    }

    @Test func attemptsOfTenSecondsAgoEarnNothing() {
        var budget = RetryBudget()
        for _ in 0..<1_000 { budget.attempted(now: at(500)) }
        #expect(taken(&budget, at: 10_500) == 10)
    }

    @Test func secondTriesDoNotEarnSecondTries() {
        var budget = RetryBudget()
        for _ in 0..<100 { budget.attempted(now: at(0)) }
        var made = 0
        while budget.takeRetry(now: at(1)) {
            budget.attempted(now: at(1))
            made += 1
        }
        #expect(made == 20)
    }

    @Test func aBusyMinuteOfFailuresStaysWithinATenth() {
        var budget = RetryBudget()
        var (attempts, retries) = (0, 0)
        for millisecond in stride(from: Int64(0), to: 60_000, by: 5) {
            budget.attempted(now: at(millisecond))
            attempts += 1
            if budget.takeRetry(now: at(millisecond)) {
                budget.attempted(now: at(millisecond))
                retries += 1
            }
        }
        #expect(retries <= attempts / 10 + 70 && retries >= attempts / 10)
    }
}
