import Testing

@testable import HoldfastCore

/// Candidates that law, policy or an operator take out before anybody is asked.
@Suite struct ForbiddenCandidateTests {
    private func rig(
        _ candidates: Int, drained: UInt64 = 0, unlawful: UInt64 = 0, facts: [CandidateFacts] = []
    ) -> ExchangeRig {
        var plan = ExchangePlan(
            candidates: candidates, limits: ExchangeLimits(RouteTimeouts(), candidates: candidates),
            retries: RouteRetries(), criticality: .standard, isStream: true, facts: facts)
        plan.drained = drained
        plan.unlawful = unlawful
        return ExchangeRig(plan)
    }

    @Test func nobodyWhoIsOutIsEverAsked() {
        var rig = rig(4, drained: 0b0001, unlawful: 0b0100)
        #expect(rig.send(.started) == .send(1))
        #expect(rig.machine.exclusions.map(\.candidate) == [0, 2])
        #expect(rig.machine.exclusions.map(\.reason) == [.drained, .unlawful])
        #expect(rig.send(.attemptFailed(.silent, retryAfterNanoseconds: nil)) == .send(3))
        #expect(
            rig.send(.attemptFailed(.silent, retryAfterNanoseconds: nil))
                == .end(.refused(.everyCandidateFailed(.silent))))
    }

    @Test func whereNobodyIsLawfulTheClientIsToldSo() {
        var rig = rig(2, unlawful: 0b11)
        #expect(rig.send(.started) == .end(.refused(.noneLawful)))
        #expect(rig.gate.given == 0)
    }

    @Test func whoIsDrainedIsLawfulAndMayComeBack() {
        var drained = rig(2, drained: 0b11)
        #expect(drained.send(.started).refuses(for: Span.second))
        var mixed = rig(2, drained: 0b01, unlawful: 0b10)
        #expect(mixed.send(.started).refuses(for: Span.second))
        #expect(mixed.gate.given == 0, "not even as a last resort")
    }

    @Test func aReplacementThatIsOutReplacesNobody() {
        let facts = [
            CandidateFacts(provider: 0, replacement: 2), CandidateFacts(provider: 1),
            CandidateFacts(provider: 0, isStandIn: true),
        ]
        var rig = rig(3, unlawful: 0b100, facts: facts)
        #expect(rig.send(.started) == .send(0))
        #expect(rig.send(.attemptFailed(.modelGone, retryAfterNanoseconds: nil)) == .send(1))
    }
}
