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
