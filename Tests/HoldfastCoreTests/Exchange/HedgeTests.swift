import Testing

@testable import HoldfastCore

@Suite struct HedgeTests {
    private func rig(
        candidates: Int = 3, hedges: Bool = true, p95Milliseconds: Int64? = 400, attempts: Int = 4, excluded: UInt64 = 0
    ) -> ExchangeRig {
        var retries = RouteRetries()
        retries.attempts = attempts
        var plan = ExchangePlan(
            candidates: candidates, limits: ExchangeLimits(RouteTimeouts(), candidates: candidates), retries: retries,
            criticality: .critical, isStream: true)
        plan.hedges = hedges
        plan.excluded = excluded
        var rig = ExchangeRig(plan)
        for candidate in 0..<candidates {
            rig.gate.paces[candidate].p95FirstTokenNanoseconds = p95Milliseconds.map { $0 * Span.millisecond }
        }
        rig.send(.started)
        return rig
    }

    @Test func aLateFirstTokenIsAskedForElsewhereToo() {
        var rig = rig()
        rig.send(.attemptConnected)
        #expect(rig.wakeMilliseconds == 400)
        #expect(rig.wake() == .hedge)
        #expect(rig.machine.asked == 0b001)
        #expect(rig.send(.hedged(candidate: 1)) == .nothing)
        #expect(rig.wakeMilliseconds == 10_000, "once, and the attempt goes on")
        #expect(rig.wake() == .send(2, cancels: true), "the hedge's candidate is not asked twice")
        #expect(rig.machine.attemptsLeft == 1, "the hedge is one of the attempts")
    }

    @Test func aFirstTokenInTimeNeedsNone() {
        var rig = rig()
        rig.send(.attemptConnected)
        rig.send(.headReceived)
        rig.send(.chunkReceived(hasToken: true), atMilliseconds: 300)
        #expect(rig.wakeMilliseconds == 10_300)
    }

    @Test func withoutKnowledgeOptInOrOthersThereIsNone() {
        #expect(rig(p95Milliseconds: nil).wakeMilliseconds == 1_000, "the connect limit")
        #expect(rig(hedges: false).wakeMilliseconds == 1_000)
        #expect(rig(candidates: 1).wakeMilliseconds == 1_000)
        var last = rig(attempts: 1)
        last.send(.attemptConnected)
        #expect(last.wakeMilliseconds == 60_000, "no attempt is left for it")
    }

    @Test func theBudgetHasTheLastWord() {
        var rig = rig()
        rig.gate.mayHedge = false
        rig.send(.attemptConnected)
        #expect(rig.wake() == .nothing)
        #expect(rig.wakeMilliseconds == 10_000)
        #expect(rig.machine.attemptsLeft == 3)
    }

    @Test func aHedgeThatFindsNobodyTakesNoAttempt() {
        var rig = rig(attempts: 2)
        rig.send(.attemptConnected)
        #expect(rig.wake() == .hedge)
        #expect(rig.machine.attemptsLeft == 1)
        #expect(rig.send(.attemptFailed(.transient, retryAfterNanoseconds: nil)) == .send(1))
    }

    /// The rig of a second run, and the first one as it stands.
    private func hedge(of main: ExchangeRig) -> ExchangeRig {
        var plan = main.machine.plan
        plan.hedges = false
        plan.excluded = main.machine.asked
        plan.retries.sameDeployment = 0
        plan.retries.attempts = 1
        var hedge = ExchangeRig(plan)
        hedge.send(.started)
        return hedge
    }

    @Test func aHedgeThatTakesOverAsksNobodyTwice() {
        var main = rig(candidates: 4)
        var hedge = hedge(of: main)
        main.send(.hedged(candidate: 1))
        main.send(.attemptFailed(.empty, retryAfterNanoseconds: nil))
        #expect(main.machine.lastCandidate == 2)
        hedge.machine.takeOver(from: main.machine)
        #expect(hedge.send(.attemptFailed(.empty, retryAfterNanoseconds: nil)) == .send(3))
        #expect(hedge.machine.attemptsLeft == 0, "four in all: two of each run")
    }

    @Test func whatOneRunLearntOfCandidatesTheOtherKnows() {
        var plan = rig().machine.plan
        plan.facts = [2_000, 1_000, 1_500, 4_000].enumerated().map {
            CandidateFacts(provider: $0.offset, contextTokens: $0.element)
        }
        plan.candidates = 4
        let tooLong = ExchangeEvent.attemptFailed(.tooLong, retryAfterNanoseconds: nil)
        var main = ExchangeRig(plan)
        main.send(.started)
        var second = hedge(of: main)
        main.send(.hedged(candidate: 1))
        second.send(tooLong)
        main.machine.learn(from: second.machine)
        #expect(main.send(.attemptFailed(.empty, retryAfterNanoseconds: nil)) == .send(2), "it takes more than 1 000")
        #expect(main.send(tooLong) == .send(3))

        main = ExchangeRig(plan)
        main.send(.started)
        #expect(main.send(tooLong) == .send(3))
        second = hedge(of: main)
        #expect(second.machine.lastCandidate == nil, "nobody is left that takes more than 2 000")
    }

    @Test func aRefusalOfTheRequestIsNotRoutedAroundByTheOtherRun() {
        let refused = ExchangeEvent.attemptFailed(.callerFault, retryAfterNanoseconds: nil)
        let end = ExchangeEnd.refused(.upstreamAnswer(.callerFault))
        var main = rig(candidates: 4)
        var second = hedge(of: main)
        main.send(.hedged(candidate: 1))
        #expect(second.send(refused) == .end(end))
        main.machine.learn(from: second.machine)
        var answered = main
        answered.send(.headReceived)
        #expect(answered.send(.chunkReceived(hasToken: true)) == .forward, "the attempt under way may still answer")
        #expect(main.send(.attemptFailed(.rateLimit, retryAfterNanoseconds: Span.second)) == .nothing)
        #expect(main.wake() == .end(end), "a second try is a new attempt too")
    }

    @Test func onlyAnAnswerOrARefusalOfTheRequestIsALastWord() {
        #expect(ExchangeEnd.answered.isLastWord && ExchangeEnd.interrupted(.truncated).isLastWord)
        #expect(ExchangeEnd.refused(.upstreamAnswer(.policy)).isLastWord)
        #expect(!ExchangeEnd.refused(.upstreamAnswer(.tooLong)).isLastWord, "another may take more")
        #expect(!ExchangeEnd.refused(.deadlinePassed).isLastWord && !ExchangeEnd.clientGone.isLastWord)
    }

    @Test func theHedgeAsksWhomTheOtherRunDidNot() {
        var hedge = rig(hedges: false, attempts: 1, excluded: 0b001)
        #expect(hedge.machine.lastCandidate == 1)
        #expect(
            hedge.send(.attemptFailed(.empty, retryAfterNanoseconds: nil)).action
                == .finish(.refused(.everyCandidateFailed(.empty))))
        var winner = rig(hedges: false, attempts: 1, excluded: 0b001)
        winner.machine.takeOver(attemptsLeft: 2)
        #expect(winner.send(.attemptFailed(.empty, retryAfterNanoseconds: nil)) == .send(2))
    }
}
