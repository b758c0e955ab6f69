import HoldfastCore
import Testing

@testable import HoldfastSimulation

@Suite struct ThrottleCheckerTests {
    private static let overloaded = AttemptResult(outcome: .neutral, failure: .capacity, startedAt: .zero)
    private static let answered = AttemptResult(outcome: .ok, startedAt: .zero)

    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * Span.second) }

    /// What it says of one attempt that is dropped after so many were taken and so many turned away.
    private func violations(
        taken: Int, turnedAway: Int, _ criticality: Criticality = .standard, after seconds: Int64 = 0
    ) -> [String] {
        var checker = ThrottleChecker(provider: 0)
        for exchange in 0..<taken + turnedAway {
            checker.given(exchange: exchange, .standard, now: at(1))
            checker.settled(exchange: exchange, exchange < taken ? Self.answered : Self.overloaded)
        }
        checker.given(exchange: 1_000, .critical, now: at(1))
        checker.dropped(exchange: 1_001, criticality, now: at(1 + seconds))
        #expect(checker.hasDropped(1_001, now: at(1 + seconds)) && !checker.hasDropped(1_000, now: at(1)))
        return checker.violations
    }

    @Test func whereMostWereTurnedAwayItIsRight() {
        #expect(violations(taken: 10, turnedAway: 11) == [])
        #expect(violations(taken: 0, turnedAway: 10) == [])
    }

    @Test func whereHalfWereTakenItIsWrong() {
        #expect(violations(taken: 10, turnedAway: 10) == ["provider 0 dropped an attempt where it took 10 of 20"])
        #expect(violations(taken: 20, turnedAway: 0).count == 1)
    }

    @Test func aHandfulIsTooFew() {
        #expect(violations(taken: 0, turnedAway: 9) == ["provider 0 dropped an attempt where it took 0 of 9"])
    }

    @Test func whatOthersWereRefusedIsNoReason() {
        #expect(violations(taken: 0, turnedAway: 100, .critical).count == 1)
    }

    @Test func afterASecondWithoutAnAttemptOneIsDue() {
        let due = "provider 0 dropped an attempt where none was sent for a second"
        #expect(violations(taken: 0, turnedAway: 100, after: 1) == [due])
        #expect(violations(taken: 0, turnedAway: 100, after: 200).count == 2, "and all is forgotten")
    }

    @Test func whatNobodyKnowsCountsForNothing() {
        var checker = ThrottleChecker(provider: 0)
        for exchange in 0..<20 {
            checker.given(exchange: exchange, .standard, now: at(1))
            let failure = exchange < 10 ? FailureClass.silent : .capacity
            checker.settled(
                exchange: exchange, AttemptResult(outcome: .fail, failure: failure, startedAt: .zero))
        }
        checker.dropped(exchange: 20, .standard, now: at(1))
        #expect(checker.violations == [])
    }
}
