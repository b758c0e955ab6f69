import HoldfastCore
import Testing

@testable import HoldfastSimulation

/// Every checker is shown a world that breaks its promise: one that cannot complain proves nothing.
@Suite struct CheckerTests {
    private func exchange(_ events: [(ExchangeStep, ExchangeEvent)], isStream: Bool = true, at: Int64 = 0) -> [String] {
        var checker = ExchangeChecker()
        let facts = ExchangeFacts(
            providers: [0, 1], isStream: isStream, attemptsAllowed: 3, endsBy: Instant(nanoseconds: Span.second))
        checker.see(.arrived(exchange: 0, facts), now: .zero)
        for (step, event) in events {
            checker.see(.stepped(exchange: 0, step, after: event), now: Instant(nanoseconds: at))
        }
        checker.finish()
        return checker.violations
    }

    private func step(_ action: ExchangeStep.Action) -> ExchangeStep { ExchangeStep(action) }

    @Test func aGoodExchangePasses() {
        let events: [(ExchangeStep, ExchangeEvent)] = [
            (step(.sendAttempt(candidate: 0)), .started), (step(.hold), .headReceived),
            (step(.forward), .chunkReceived(hasToken: true)), (step(.finish(.answered)), .upstreamEnded),
            (step(.none), .timerFired),
        ]
        #expect(exchange(events) == [])
    }

    @Test func brokenPromisesOfAnExchangeAreSeen() {
        let sent: (ExchangeStep, ExchangeEvent) = (step(.sendAttempt(candidate: 0)), .started)
        let forward: (ExchangeStep, ExchangeEvent) = (step(.forward), .chunkReceived(hasToken: true))
        let answered: (ExchangeStep, ExchangeEvent) = (step(.finish(.answered)), .upstreamEnded)
        let failed = ExchangeEvent.attemptFailed(.truncated, retryAfterNanoseconds: nil)
        #expect(exchange([sent]) == ["exchange 0 never ended"])
        #expect(exchange([sent, answered]) == ["exchange 0 was answered with nothing"])
        #expect(exchange([sent, forward, answered, answered]).count == 1)
        #expect(exchange([sent, forward, answered, forward]).count == 1)
        #expect(exchange([sent, forward, (step(.finish(.answered)), failed)]).count == 1)
        #expect(exchange([sent, forward, (step(.finish(.refused(.deadlinePassed))), failed)]).count == 1)
        #expect(exchange([sent, (step(.finish(.interrupted(.truncated))), failed)]).count == 1)
        #expect(exchange([sent, forward, (step(.sendAttempt(candidate: 1)), failed), answered]).count == 1)
        #expect(exchange([sent, sent, sent, forward, answered]).count == 1)
        #expect(exchange([sent, forward, (step(.finish(.clientGone)), .timerFired)]).count == 1)
        #expect(exchange([sent, forward, answered], isStream: false).count == 1)
        let late = exchange([sent, forward, answered], at: Span.second + ExchangeChecker.tickNanoseconds + 1)
        #expect(late == Array(repeating: "exchange 0 outlived its deadline", count: 3))
        #expect(exchange([sent, forward, answered], at: Span.second) == [])
    }

    @Test func permitsThatAreKeptOrSettledTwiceAreSeen() {
        var checker = ExchangeChecker()
        let facts = ExchangeFacts(providers: [0], isStream: false, attemptsAllowed: 1, endsBy: .distantFuture)
        for exchange in 0..<3 { checker.see(.arrived(exchange: exchange, facts), now: .zero) }
        let permit = Breaker.Permit.normal(epoch: 0)
        checker.see(.permitGiven(exchange: 0, provider: 0, permit), now: .zero)
        checker.see(.stepped(exchange: 0, step(.finish(.answered)), after: .upstreamEnded), now: .zero)
        #expect(checker.violations == ["exchange 0 ended and kept a permit"])
        checker.see(.permitSettled(exchange: 1, provider: 0, permit, .ok), now: .zero)
        #expect(checker.violations.last == "exchange 1 settled a permit twice")
        checker.see(.permitGiven(exchange: 2, provider: 0, permit), now: .zero)
        checker.see(.permitGiven(exchange: 2, provider: 0, permit), now: .zero)
        #expect(checker.violations.last == "exchange 2 holds two permits")
    }

    private func afterFiveFailures() -> BreakerChecker {
        var checker = BreakerChecker(provider: 0)
        for _ in 0..<5 {
            checker.given(.normal(epoch: 0), now: .zero)
            checker.settled(.normal(epoch: 0), .fail, now: .zero)
        }
        return checker
    }

    @Test func brokenRulesOfABreakerAreSeen() {
        let second = Instant(nanoseconds: Span.second)
        var checker = afterFiveFailures()
        checker.given(.probe(lease: 1), now: second)
        checker.settled(.probe(lease: 1), .ok, now: second)
        checker.given(.probe(lease: 2), now: second)
        checker.settled(.probe(lease: 2), .ok, now: second)
        checker.given(.normal(epoch: 3), now: second)
        #expect(checker.violations == [])

        checker = afterFiveFailures()
        checker.given(.normal(epoch: 0), now: second)
        #expect(checker.violations == ["the breaker of provider 0 let an ordinary attempt through while open"])
        checker = afterFiveFailures()
        checker.given(.probe(lease: 1), now: Instant(nanoseconds: Span.second / 2))
        #expect(checker.violations == ["the breaker of provider 0 probed before its open time was over"])
        checker = afterFiveFailures()
        checker.given(.probe(lease: 1), now: second)
        checker.given(.probe(lease: 2), now: second)
        #expect(checker.violations == ["the breaker of provider 0 has two probes in flight"])
        checker = BreakerChecker(provider: 0)
        checker.given(.probe(lease: 1), now: second)
        #expect(checker.violations.first == "the breaker of provider 0 opened without cause")
        checker = afterFiveFailures()
        for _ in 0..<3 { checker.given(.lastResort, now: second) }
        #expect(checker.violations == ["the breaker of provider 0 gave too many last resorts"])
    }

    @Test func anExchangeTurnedAwayWithoutNeedIsSeen() {
        let needless = ["the breaker of provider 0 turned away an exchange that it could have served"]
        var checker = BreakerChecker(provider: 0)
        checker.turnedAway(now: .zero)
        #expect(checker.violations == needless)
        checker = afterFiveFailures()
        checker.turnedAway(now: Instant(nanoseconds: 17 * Span.second))
        #expect(checker.violations == [])
        checker.turnedAway(now: Instant(nanoseconds: 18 * Span.second))
        #expect(checker.violations == needless)
        checker = afterFiveFailures()
        checker.given(.probe(lease: 1), now: Instant(nanoseconds: Span.second))
        checker.turnedAway(now: Instant(nanoseconds: 18 * Span.second))
        #expect(checker.violations == [])
    }

    @Test func aProviderThatStaysAwayIsSeen() {
        var checker = RecoveryChecker(providers: 2, healsAt: Instant(nanoseconds: Span.second))
        checker.answered(provider: 0, attemptStarted: .zero, now: Instant(nanoseconds: 2 * Span.second))
        checker.answered(
            provider: 1, attemptStarted: Instant(nanoseconds: Span.second),
            now: Instant(nanoseconds: 61 * Span.second + 1))
        #expect(checker.violations.count == 2)
        checker.answered(
            provider: 0, attemptStarted: Instant(nanoseconds: Span.second),
            now: Instant(nanoseconds: 61 * Span.second))
        #expect(checker.violations == ["provider 1 carried traffic again only after 60000 ms"])
    }
}
