import HoldfastCore
import Testing

@testable import HoldfastSimulation

/// Every checker is shown a world that breaks its promise: one that cannot complain proves nothing.
@Suite struct CheckerTests {
    private func exchange(_ events: [(ExchangeStep, ExchangeEvent)], isStream: Bool = true, at: Int64 = 0) -> [String] {
        var checker = ExchangeChecker()
        let facts = ExchangeFacts(
            providers: [0, 1], contexts: [1_000, 2_000], isStream: isStream, attemptsAllowed: 3,
            endsBy: Instant(nanoseconds: Span.second))
        checker.see(.arrived(exchange: 0, facts), now: .zero)
        for (step, event) in events {
            checker.see(.stepped(run: 0, step, after: event), now: Instant(nanoseconds: at))
            guard case .finish(let end) = step.action else { continue }
            checker.see(.ended(exchange: 0, end, after: event), now: Instant(nanoseconds: at))
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
        #expect(exchange([sent, forward, answered, answered]).last == "exchange 0 ended twice")
        #expect(exchange([sent, forward, answered, forward]).count == 1)
        #expect(exchange([sent, forward, (step(.finish(.answered)), failed)]).count == 1)
        #expect(exchange([sent, forward, (step(.finish(.refused(.deadlinePassed))), failed)]).count == 1)
        #expect(exchange([sent, (step(.finish(.interrupted(.truncated))), failed)]).count == 1)
        #expect(exchange([sent, forward, (step(.sendAttempt(candidate: 1)), failed), answered]).count == 1)
        #expect(exchange([sent, sent, sent, forward, answered]).count == 1)
        #expect(
            exchange([sent, forward, (ExchangeStep(cancelsAttempt: true, .finish(.clientGone)), .timerFired)]).count
                == 1)
        #expect(exchange([sent, forward, answered], isStream: false).count == 1)
        let late = exchange([sent, forward, answered], at: Span.second + ExchangeChecker.tickNanoseconds + 1)
        #expect(late == Array(repeating: "exchange 0 outlived its deadline", count: 3))
        #expect(exchange([sent, forward, answered], at: Span.second) == [])
    }

    @Test func permitsThatAreKeptOrSettledTwiceAreSeen() {
        var checker = ExchangeChecker()
        let facts = ExchangeFacts(
            providers: [0], contexts: [nil], isStream: false, attemptsAllowed: 1, endsBy: .distantFuture)
        for exchange in 0..<3 { checker.see(.arrived(exchange: exchange, facts), now: .zero) }
        let permit = Breaker.Permit.normal(epoch: 0)
        checker.see(.permitGiven(exchange: 0, provider: 0, permit), now: .zero)
        checker.see(.stepped(run: 0, step(.finish(.answered)), after: .upstreamEnded), now: .zero)
        #expect(checker.violations == ["exchange 0 ended and kept a permit"])
        checker.see(
            .permitSettled(
                exchange: 1, provider: 0, permit, AttemptResult(outcome: .ok, startedAt: .zero)), now: .zero)
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
        checker.given(.probe(lease: 1), now: second)
        checker.finish()
        #expect(checker.violations == ["the breaker of provider 0 is left with 1 probes"])
        checker = afterFiveFailures()
        for _ in 0..<3 { checker.given(.lastResort(epoch: 1), now: second) }
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
        for lease: UInt32 in [1, 2] {
            if lease == 2 { checker.given(.probe(lease: lease), now: Instant(nanoseconds: 2 * Span.second)) }
            checker.settled(.probe(lease: lease), .ok, now: Instant(nanoseconds: 2 * Span.second))
        }
        checker.given(.normal(epoch: 3), now: Instant(nanoseconds: 2 * Span.second))
        checker.turnedAway(inFlight: 1, now: Instant(nanoseconds: 31 * Span.second))
        #expect(checker.violations == [], "slow start has room for one")
        checker.turnedAway(inFlight: 1, now: Instant(nanoseconds: 33 * Span.second))
        #expect(checker.violations == needless)
        checker = afterFiveFailures()
        checker.given(.probe(lease: 1), now: Instant(nanoseconds: Span.second))
        checker.settled(.probe(lease: 1), .ok, now: Instant(nanoseconds: Span.second))
        checker.given(.probe(lease: 2), now: Instant(nanoseconds: Span.second))
        checker.settled(.probe(lease: 2), .ok, now: Instant(nanoseconds: Span.second))
        checker.turnedAway(now: Instant(nanoseconds: 2 * Span.second))
        #expect(checker.violations == needless)
    }

    @Test func aProbeBeforeItsTimeNeedsLastResortsThatWereAnswered() {
        let early = Instant(nanoseconds: Span.second / 10)
        for (outcomes, isFine) in [([AttemptOutcome.ok, .ok], true), ([.ok, .fail, .ok], false), ([.ok], false)] {
            var checker = afterFiveFailures()
            for _ in 0..<30 { checker.askedForLastResort() }
            for outcome in outcomes {
                checker.given(.lastResort(epoch: 1), now: early)
                checker.settled(.lastResort(epoch: 1), outcome, now: early)
            }
            checker.given(.probe(lease: 1), now: early)
            let violations = isFine ? [] : ["the breaker of provider 0 probed before its open time was over"]
            #expect(checker.violations == violations)
        }
    }

    @Test func requestsThatAreRoutedAroundARefusalAreSeen() {
        let sent: (ExchangeStep, ExchangeEvent) = (step(.sendAttempt(candidate: 0)), .started)
        let end: (ExchangeStep, ExchangeEvent) = (
            step(.finish(.refused(.upstreamAnswer(.policy)))), .attemptFailed(.policy, retryAfterNanoseconds: nil)
        )
        #expect(exchange([sent, end]) == [])
        let other: (ExchangeStep, ExchangeEvent) = (
            step(.sendAttempt(candidate: 1)), .attemptFailed(.policy, retryAfterNanoseconds: nil)
        )
        #expect(exchange([sent, other, end]).first == "exchange 0 routed a refusal of its request around")
        let tooLong = ExchangeEvent.attemptFailed(.tooLong, retryAfterNanoseconds: nil)
        #expect(exchange([sent, (step(.sendAttempt(candidate: 1)), tooLong), end]) == [])
        let back: (ExchangeStep, ExchangeEvent) = (step(.sendAttempt(candidate: 1)), .started)
        #expect(
            exchange([back, (step(.sendAttempt(candidate: 0)), tooLong), end])
                == ["exchange 0 is too long for candidate 0 and was sent to it"])
    }

    @Test func askingDespiteASuspensionIsSeen() {
        func checker(_ failure: FailureClass, wait: Int64? = nil) -> SuspensionChecker {
            var checker = SuspensionChecker(provider: 0)
            checker.given(now: .zero)
            checker.settled(
                AttemptResult(outcome: .neutral, failure: failure, retryAfterNanoseconds: wait, startedAt: .zero),
                now: .zero)
            return checker
        }
        func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * Span.second) }
        var restricted = checker(.restricted)
        restricted.calledUnlawful()
        #expect(restricted.violations == [])
        var sibling = SuspensionChecker(provider: 0)
        sibling.siblingWasRestricted(startedAt: at(0))
        sibling.given(now: at(1))
        #expect(sibling.violations == ["provider 0 was asked though it is restricted"])
        sibling.mended(now: at(10))
        sibling.siblingWasRestricted(startedAt: at(9))
        sibling.calledUnlawful(since: at(9))
        #expect(sibling.violations.count == 1, "what the exchange saw before an operator came is true for it")
        sibling.calledUnlawful(since: at(10))
        #expect(sibling.violations.count == 2)
        restricted.given(now: at(1_000_000))
        #expect(restricted.violations == ["provider 0 was asked though it is restricted"])
        var credential = checker(.credential)
        credential.given(now: at(60))
        #expect(credential.violations == [])
        credential.given(now: at(61))
        #expect(credential.violations == ["provider 0 was asked though it is suspended"])
        credential.calledUnlawful()
        #expect(credential.violations.count == 2)
        var limited = checker(.rateLimit, wait: 5 * Span.second)
        limited.given(now: at(4))
        #expect(limited.violations == ["provider 0 was asked before its limit ended"])
        #expect(limited.isOut(now: at(4)) && !limited.isOut(now: at(5)))
    }

    @Test func aStormOfSecondTriesIsSeen() {
        var checker = RetryChecker(provider: 0)
        for place in 0..<100 as Range<Int64> {
            checker.sentFirstTry(now: Instant(nanoseconds: place * Span.millisecond))
        }
        for place in 0..<20 as Range<Int64> {
            checker.grantedSecondTry(now: Instant(nanoseconds: Span.second + place * Span.millisecond))
        }
        #expect(checker.violations == [])
        checker.grantedSecondTry(now: Instant(nanoseconds: 2 * Span.second))
        #expect(checker.violations == ["provider 0 was granted 21 second tries in ten seconds"])
    }

    @Test func secondTriesThatNobodyGrantedAndTooManyOfThemAreSeen() {
        var checker = RetryChecker(provider: 0)
        checker.sentFirstTry(now: .zero)
        checker.sentSecondTry(now: .zero)
        #expect(checker.violations == ["provider 0 got a second try unasked"])
        checker = RetryChecker(provider: 0)
        // Few enough in each ten seconds.
        for second in 0..<80 as Range<Int64> {
            checker.grantedSecondTry(now: Instant(nanoseconds: second * Span.second))
        }
        for _ in 0..<80 { checker.sentSecondTry(now: Instant(nanoseconds: 80 * Span.second)) }
        #expect(checker.violations == [])
        checker.grantedSecondTry(now: Instant(nanoseconds: 81 * Span.second))
        checker.sentSecondTry(now: Instant(nanoseconds: 81 * Span.second))
        #expect(checker.violations == ["provider 0 was sent 81 second tries in a minute"])
    }

    @Test func aProviderThatStaysAwayIsSeen() {
        var checker = RecoveryChecker(providers: 3, healsAt: Instant(nanoseconds: Span.second))
        checker.adopted(candidates: [0, 1], now: .zero)
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

    @Test func aProviderWhoseMinuteWasSpentInVainIsWaitedForAndNotForgotten() {
        func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * Span.second) }
        func checker(answeredAt instant: Instant?) -> [String] {
            var checker = RecoveryChecker(providers: 2, healsAt: at(1))
            checker.adopted(candidates: [0, 1], now: .zero)
            checker.spentInVain(provider: 0, at: at(5))
            checker.answered(provider: 1, attemptStarted: at(1), now: at(61))
            if let instant { checker.answered(provider: 0, attemptStarted: at(1), now: instant) }
            return checker.violations
        }
        #expect(checker(answeredAt: at(127)) == [])
        #expect(checker(answeredAt: at(128)) == ["provider 0 carried traffic again only after 61000 ms"])
        #expect(checker(answeredAt: nil) == ["provider 0 never carried traffic again"])
    }

    @Test func aProviderThatASnapshotBringsBackIsWaitedFor() {
        func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * Span.second) }
        var checker = RecoveryChecker(providers: 2, healsAt: at(1))
        checker.adopted(candidates: [0], now: .zero)
        checker.answered(provider: 0, attemptStarted: at(1), now: at(2))
        #expect(checker.isComplete && checker.violations == [] && checker.slowest == Span.second)
        checker.adopted(candidates: [0, 1], now: at(5))
        #expect(!checker.isComplete && checker.slowest == nil)
        #expect(checker.violations == ["provider 1 never carried traffic again"])
        checker.answered(provider: 1, attemptStarted: at(60), now: at(65))
        #expect(checker.violations == [] && checker.slowest == 60 * Span.second)
    }
}
