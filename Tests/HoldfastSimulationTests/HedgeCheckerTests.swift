import HoldfastCore
import Testing

@testable import HoldfastSimulation

/// What the checkers see of exchanges in two runs.
@Suite struct HedgeCheckerTests {
    private func milliseconds(_ count: Int64) -> Instant { Instant(nanoseconds: count * Span.millisecond) }

    // MARK: - The budget

    @Test func moreThanATwentiethIsSeen() {
        var checker = HedgeChecker()
        for exchange in 0..<40 as Range<Int64> { checker.exchanged(now: milliseconds(exchange)) }
        checker.hedged(now: milliseconds(40))
        checker.hedged(now: milliseconds(41))
        #expect(checker.violations == [])
        checker.hedged(now: milliseconds(42))
        #expect(checker.violations == ["made 3 hedges for 40 exchanges"])
    }

    @Test func aStormThatABusyHourPaidForIsSeen() {
        var checker = HedgeChecker()
        for exchange in 0..<1_000 as Range<Int64> { checker.exchanged(now: milliseconds(exchange)) }
        checker.hedged(now: milliseconds(10_999))
        #expect(checker.violations == [])
        // One was saved, and the last of the exchanges is too old to pay for another.
        checker.hedged(now: milliseconds(11_000))
        #expect(checker.violations == ["made 2 hedges in a span that 1 exchanges pay for"])
    }

    // MARK: - The runs

    private typealias Told = (run: Int, step: ExchangeStep, event: ExchangeEvent)

    /// Exchange 0 is asked of candidate 0, and hedged.
    private func hedged(mayHedge: Bool = true, attempts: Int = 3) -> ExchangeChecker {
        var checker = ExchangeChecker()
        var facts = ExchangeFacts(
            providers: [0, 1, 2], contexts: [1_000, 1_000, 2_000], isStream: true, attemptsAllowed: attempts,
            endsBy: .distantFuture)
        facts.mayHedge = mayHedge
        checker.see(.arrived(exchange: 0, facts), now: .zero)
        tell(&checker, 0, .sendAttempt(candidate: 0), .started)
        tell(&checker, 0, .hedge, .timerFired)
        checker.see(.hedged(exchange: 0, run: 1), now: .zero)
        return checker
    }

    private func tell(
        _ checker: inout ExchangeChecker, _ run: Int, _ action: ExchangeStep.Action, _ event: ExchangeEvent,
        cancels: Bool = false
    ) {
        checker.see(.stepped(run: run, ExchangeStep(cancelsAttempt: cancels, action), after: event), now: .zero)
    }

    private let token = ExchangeEvent.chunkReceived(hasToken: true)
    private func failed(_ failure: FailureClass) -> ExchangeEvent {
        .attemptFailed(failure, retryAfterNanoseconds: nil)
    }

    @Test func aHedgeThatWinsPasses() {
        var checker = hedged()
        tell(&checker, 1, .sendAttempt(candidate: 1), .started)
        tell(&checker, 0, .finish(.clientGone), .clientGone, cancels: true)
        tell(&checker, 1, .forward, token)
        tell(&checker, 1, .finish(.answered), .upstreamEnded)
        checker.see(.ended(exchange: 0, .answered, after: .upstreamEnded), now: .zero)
        checker.finish()
        #expect(checker.violations == [])
    }

    @Test func twoRunsThatAskTheSameAreSeen() {
        var checker = hedged()
        tell(&checker, 1, .sendAttempt(candidate: 0), .started)
        #expect(checker.violations.first == "exchange 0 asked candidate 0 in both runs at once")
        checker = hedged()
        tell(&checker, 1, .sendAttempt(candidate: 1), .started)
        tell(&checker, 0, .sendAttempt(candidate: 1), failed(.transient))
        #expect(checker.violations == ["exchange 0 asked candidate 1 in both runs at once"])
    }

    @Test func theAttemptsOfBothRunsCountTogether() {
        var checker = hedged(attempts: 2)
        tell(&checker, 1, .sendAttempt(candidate: 1), .started)
        tell(&checker, 0, .sendAttempt(candidate: 2), failed(.transient))
        #expect(checker.violations == ["exchange 0 made 3 attempts"])
    }

    @Test func whatOneRunWasToldHoldsForTheOther() {
        var checker = hedged()
        tell(&checker, 1, .sendAttempt(candidate: 1), .started)
        tell(&checker, 1, .finish(.refused(.upstreamAnswer(.policy))), failed(.policy))
        tell(&checker, 0, .sendAttempt(candidate: 2), failed(.transient))
        #expect(checker.violations == ["exchange 0 routed a refusal of its request around"])
        checker = hedged()
        tell(&checker, 0, .none, failed(.tooLong))
        tell(&checker, 1, .sendAttempt(candidate: 1), .started)
        #expect(checker.violations == ["exchange 0 is too long for candidate 1 and was sent to it"])
    }

    @Test func aLoserThatIsNotLeftAtOnceIsSeen() {
        var checker = hedged()
        tell(&checker, 1, .sendAttempt(candidate: 1), .started)
        tell(&checker, 0, .forward, token)
        #expect(checker.violations == ["exchange 0 went on in two runs after content had come"])
        tell(&checker, 0, .finish(.answered), .upstreamEnded)
        checker.see(.ended(exchange: 0, .answered, after: .upstreamEnded), now: .zero)
        #expect(checker.violations.last == "exchange 0 ended and a run goes on")
        checker = hedged()
        checker.see(.permitGiven(exchange: 1, provider: 1, .normal(epoch: 0)), now: .zero)
        tell(&checker, 1, .sendAttempt(candidate: 1), .started)
        tell(&checker, 1, .finish(.clientGone), .clientGone)
        #expect(
            checker.violations == [
                "exchange 0 left an attempt behind that nobody waits for", "exchange 0 ended and kept a permit",
            ])
    }

    @Test func anExchangeEndsOnce() {
        var checker = hedged()
        tell(&checker, 1, .finish(.refused(.deadlinePassed)), .started)
        tell(&checker, 0, .finish(.refused(.deadlinePassed)), .timerFired)
        for _ in 0..<2 {
            checker.see(.ended(exchange: 0, .refused(.deadlinePassed), after: .timerFired), now: .zero)
        }
        #expect(checker.violations == ["exchange 0 ended twice"])
    }

    @Test func hedgesThatNobodyWantsAreSeen() {
        #expect(
            hedged(mayHedge: false).violations == [
                "exchange 0 was hedged, and its route or its client does not want that"
            ])
        var checker = hedged()
        tell(&checker, 0, .hedge, .timerFired)
        #expect(checker.violations == ["exchange 0 was hedged twice"])
        checker.see(.hedged(exchange: 0, run: 2), now: .zero)
        #expect(checker.violations.last == "exchange 0 has a second run that nobody asked for")

        checker = ExchangeChecker()
        var facts = ExchangeFacts(
            providers: [0, 1], contexts: [nil, nil], isStream: true, delivery: .hold, attemptsAllowed: 3,
            endsBy: .distantFuture)
        facts.mayHedge = true
        for exchange in 0..<2 { checker.see(.arrived(exchange: exchange, facts), now: .zero) }
        tell(&checker, 0, .sendAttempt(candidate: 0), .started)
        tell(&checker, 0, .hold, token)
        tell(&checker, 0, .hedge, .timerFired)
        #expect(checker.violations == ["exchange 0 was hedged after content had come"])
        tell(&checker, 1, .hedge, .timerFired)
        #expect(checker.violations.last == "exchange 1 was hedged with nothing in flight")
    }

    // MARK: - The bytes

    @Test func answersOfTwoRunsThatAreMixedAreSeen() {
        func delivered(by runs: [Int]) -> [String] {
            var checker = DeliveryChecker()
            let facts = DeliveryChecker.Facts(
                delivery: .splice, holdBytes: 100, bytes: 10, voices: [0, 0], prefills: [false, false])
            checker.began(exchange: 0, facts)
            for (part, run) in runs.enumerated() {
                let text = SimulatedText.bytes(part * 5..<part * 5 + 5, exchange: 0, voice: 0)
                checker.delivered(text, by: part, run: run, exchange: 0)
            }
            checker.ended(.answered, exchange: 0)
            return checker.violations
        }
        #expect(delivered(by: [1, 1]) == [])
        #expect(delivered(by: [0, 1]) == ["exchange 0 mixed the answers of two runs"])
    }
}
