import Testing

@testable import HoldfastCore

/// Who is asked first, and how long: strategies, learnt paces, and models that are taken away.
@Suite struct ExchangeOrderTests {
    private func plan(
        _ facts: [CandidateFacts], strategy: RouteStrategy = .ordered, retired: UInt64 = 0, timeout: Int64? = nil
    ) -> ExchangePlan {
        let ordinary = facts.count(where: { !$0.isStandIn })
        var plan = ExchangePlan(
            candidates: facts.count, limits: ExchangeLimits(RouteTimeouts(), candidates: ordinary),
            retries: RouteRetries(), criticality: .standard, isStream: true, clientTimeoutNanoseconds: timeout,
            facts: facts)
        plan.strategy = strategy
        plan.retired = retired
        plan.need = TokenNeed(inputTokens: 100, outputTokens: 100)
        return plan
    }

    /// Candidates in the order in which they are asked while each of them fails.
    private func asked(_ plan: ExchangePlan, seed: UInt64 = 7, paces: [Int: Int64] = [:]) -> [Int] {
        var rig = ExchangeRig(plan, seed: seed)
        for (candidate, milliseconds) in paces {
            rig.gate.paces[candidate].medianFirstTokenNanoseconds = milliseconds * Span.millisecond
        }
        var order: [Int] = []
        var step = rig.send(.started)
        while case .sendAttempt(let candidate) = step.action {
            order.append(candidate)
            step = rig.send(.attemptFailed(.empty, retryAfterNanoseconds: nil))
        }
        return order
    }

    private let two = [CandidateFacts(provider: 0), CandidateFacts(provider: 1)]

    @Test func theCheapestGoesFirstAndAnUnknownPriceLast() {
        func price(_ micros: Int64) -> Price {
            Price(inputMicros: micros, cachedInputMicros: nil, outputMicros: micros)
        }
        let facts = [
            CandidateFacts(provider: 0), CandidateFacts(provider: 1, price: price(9)),
            CandidateFacts(provider: 2, price: price(2)),
        ]
        #expect(asked(plan(facts, strategy: .cheapest)) == [2, 1, 0])
        #expect(asked(plan(facts)) == [0, 1, 2])
    }

    @Test func weightsShareTheTraffic() {
        let facts = [CandidateFacts(provider: 0, weight: 9), CandidateFacts(provider: 1, weight: 1)]
        let first = (0..<1_000).map { asked(plan(facts, strategy: .weighted), seed: $0)[0] }
        #expect((50...150).contains(first.count { $0 == 1 }))
        let orders = Set((0..<1_000).map { asked(plan(facts, strategy: .weighted), seed: $0) })
        #expect(orders == [[0, 1], [1, 0]], "whoever fails, the other is asked")
    }

    @Test(arguments: RouteStrategy.allCases)
    func whoeverIsAskedFirstIsNoFailoverAndWhoeverComesThenIs(strategy: RouteStrategy) {
        for seed in 0..<40 as Range<UInt64> {
            var rig = ExchangeRig(plan(two, strategy: strategy), seed: seed)
            #expect(!rig.machine.isFailover)
            rig.send(.started)
            #expect(!rig.machine.isFailover, "\(rig.machine.attempts)")
            rig.send(.attemptFailed(.empty, retryAfterNanoseconds: nil))
            #expect(rig.machine.isFailover, "\(rig.machine.attempts)")
            // Out already, and so never asked: by its breaker, or because an operator drains it.
            var drained = plan(two, strategy: strategy)
            drained.drained = .bit(0)
            var other = ExchangeRig(drained, seed: seed)
            other.send(.started)
            let order = asked(plan(two, strategy: strategy), seed: seed)
            #expect(other.machine.isFailover == (order[0] == 0))
            drained.drained = 0
            drained.unlawful = .bit(0)
            var lawful = ExchangeRig(drained, seed: seed)
            lawful.send(.started)
            #expect(!lawful.machine.isFailover, "whom the law leaves out was never to answer")
        }
    }

    @Test func theFasterOfTwoGoesFirst() {
        let first = (0..<1_000).map {
            asked(plan(two, strategy: .fastest), seed: $0, paces: [0: 800, 1: 100])[0]
        }
        #expect((1...60).contains(first.count { $0 == 0 }), "now and then the slower one is looked at")
    }

    @Test func aStandInIsNeverDrawn() {
        let facts = two + [CandidateFacts(provider: 2, isStandIn: true)]
        for strategy in RouteStrategy.allCases {
            #expect((0..<100).allSatisfy { !asked(plan(facts, strategy: strategy), seed: $0).contains(2) })
        }
    }

    // MARK: - Pace

    private func firstTokenLimit(learntMilliseconds: Int64?, timeouts: RouteTimeouts = RouteTimeouts()) -> Int64? {
        var rig = ExchangeRig(timeouts: timeouts)
        rig.gate.paces[0].p99FirstTokenNanoseconds = learntMilliseconds.map { $0 * Span.millisecond }
        rig.send(.started)
        rig.send(.attemptConnected)
        rig.send(.headReceived)
        return rig.wakeMilliseconds
    }

    @Test func aKnownPaceShortensThePatienceAndNeverLengthensIt() {
        #expect(firstTokenLimit(learntMilliseconds: nil) == 10_000)
        #expect(firstTokenLimit(learntMilliseconds: 500) == 2_000)
        #expect(firstTokenLimit(learntMilliseconds: 20) == 1_000)
        #expect(firstTokenLimit(learntMilliseconds: 9_000) == 10_000)
        var asked = RouteTimeouts()
        asked.firstTokenNanoseconds = 8 * Span.second
        #expect(firstTokenLimit(learntMilliseconds: 500, timeouts: asked) == 8_000, "somebody said how long")
    }

    @Test func theLastCandidateHasAllPatience() {
        var rig = ExchangeRig(candidates: 1)
        rig.gate.paces[0].p99FirstTokenNanoseconds = Span.millisecond
        rig.send(.started)
        rig.send(.attemptConnected)
        #expect(rig.wakeMilliseconds == 60_000)
    }

    @Test func anotherAttemptBeginsOnlyWhereItMayBeInTime() {
        for (milliseconds, next) in [(3_000, 1), (5_000, 2)] as [(Int64, Int)] {
            var rig = ExchangeRig(candidates: 3, clientTimeoutNanoseconds: 5 * Span.second)
            rig.gate.paces[0].medianFirstTokenNanoseconds = Span.minute
            rig.gate.paces[1].medianFirstTokenNanoseconds = milliseconds * Span.millisecond
            #expect(rig.send(.started) == .send(0), "the first one is tried whatever the odds")
            let failed = ExchangeEvent.attemptFailed(.transient, retryAfterNanoseconds: nil)
            #expect(rig.send(failed, atMilliseconds: 1_000) == .send(next))
        }
    }

    /// Found by the simulator: the breaker of a slow candidate is closed, and a last resort is for open ones.
    @Test func aCandidateThatIsTooSlowIsNoLastResort() {
        var rig = ExchangeRig(candidates: 2, clientTimeoutNanoseconds: 5 * Span.second)
        rig.gate.paces[1].medianFirstTokenNanoseconds = Span.minute
        rig.send(.started)
        let end = ExchangeEnd.refused(.everyCandidateFailed(.empty))
        #expect(rig.send(.attemptFailed(.empty, retryAfterNanoseconds: nil)) == .end(end))
        #expect(!rig.machine.usedLastResort)
    }

    @Test func aSilenceCountsAsLongAsItWasWaitedFor() {
        var rig = ExchangeRig()
        rig.send(.started)
        rig.wake()
        #expect(rig.gate.firstTokens == [], "a connection that does not come is no slow model")
        rig.send(.attemptConnected)
        rig.send(.headReceived)
        rig.send(.chunkReceived(hasToken: true), atMilliseconds: 1_400)
        rig.send(.upstreamEnded, atMilliseconds: 9_000)
        #expect(rig.gate.firstTokens == [400 * Span.millisecond])
        rig = ExchangeRig()
        rig.send(.started)
        rig.send(.attemptConnected)
        rig.wake()
        #expect(rig.gate.firstTokens == [10 * Span.second])
    }

    /// Found by the test of goodput: where clients give up before the first token nothing else is ever seen of a queue.
    @Test func aClientThatGivesUpLateShowsThatItIsSlow() {
        func firstTokens(
            usual: Int64?, connects: Bool = true, timeout: Int64? = nil, _ event: ExchangeEvent, at milliseconds: Int64
        ) -> [Int64] {
            var rig = ExchangeRig(candidates: 1, clientTimeoutNanoseconds: timeout.map { $0 * Span.millisecond })
            rig.gate.paces[0].medianFirstTokenNanoseconds = usual.map { $0 * Span.millisecond }
            rig.send(.started)
            if connects { rig.send(.attemptConnected) }
            rig.send(event, atMilliseconds: milliseconds)
            #expect(rig.machine.isFinished)
            return rig.gate.firstTokens
        }
        #expect(firstTokens(usual: 400, .clientGone, at: 2_000) == [2 * Span.second])
        #expect(firstTokens(usual: 400, timeout: 2_000, .timerFired, at: 2_000) == [2 * Span.second])
        #expect(firstTokens(usual: 400, .clientGone, at: 319) == [], "who leaves early says nothing")
        #expect(firstTokens(usual: 400, .clientGone, at: 320) == [320 * Span.millisecond])
        #expect(firstTokens(usual: nil, .clientGone, at: 2_000) == [], "nobody knows what is late")
        #expect(firstTokens(usual: 400, connects: false, .clientGone, at: 900) == [], "nor how slow the model is")
    }

    // MARK: - Retirement

    @Test func onTheDayTheReplacementIsAskedInItsPlace() {
        let facts = [
            CandidateFacts(provider: 0, replacement: 2), CandidateFacts(provider: 1),
            CandidateFacts(provider: 0, isStandIn: true),
        ]
        #expect(asked(plan(facts)) == [0, 1])
        #expect(asked(plan(facts, retired: 0b001)) == [2, 1, 0], "and the model itself after all others")
    }

    @Test func withoutAReplacementItIsAskedLast() {
        #expect(asked(plan(two, retired: 0b01)) == [1, 0])
        #expect(asked(plan(two, retired: 0b11)) == [0, 1])
    }
}
