import Testing

@testable import HoldfastCore

/// Where a failure leads, when it does not lead to whoever is next.
@Suite struct ExchangeRoutingTests {
    private func failed(_ failure: FailureClass, retryAfter: Int64? = nil) -> ExchangeEvent {
        .attemptFailed(failure, retryAfterNanoseconds: retryAfter)
    }

    /// One provider each unless said otherwise.
    private func facts(_ contexts: Int?...) -> [CandidateFacts] {
        contexts.enumerated().map { CandidateFacts(provider: $0, contextTokens: $1) }
    }

    // MARK: - Too long

    @Test func aRequestThatIsTooLongGoesToALargerContextAlone() {
        var rig = ExchangeRig(candidates: 4, facts: facts(8_000, 8_000, nil, 32_000))
        rig.send(.started)
        #expect(rig.send(failed(.tooLong)) == .send(3))
        #expect(rig.send(failed(.tooLong)) == .end(.refused(.upstreamAnswer(.tooLong))))
    }

    @Test func withoutALargerContextTheClientGetsTheProvidersAnswer() {
        for contexts in [[8_000, 4_000], [nil, 32_000], [8_000, nil]] as [[Int?]] {
            var rig = ExchangeRig(
                candidates: 2, facts: contexts.enumerated().map { CandidateFacts(provider: $0, contextTokens: $1) })
            rig.send(.started)
            #expect(rig.send(failed(.tooLong)) == .end(.refused(.upstreamAnswer(.tooLong))))
        }
    }

    @Test func aSecondTryIsNotMadeWhereTheRequestIsTooLong() {
        var rig = ExchangeRig(candidates: 3, facts: facts(8_000, 8_000, 32_000))
        rig.send(.started)
        #expect(rig.send(failed(.transient)) == .send(1))
        #expect(rig.send(failed(.tooLong)) == .send(2))
        #expect(rig.send(failed(.silent)) == .end(.refused(.everyCandidateFailed(.silent))))
    }

    // MARK: - Gone

    private let replaced = [
        CandidateFacts(provider: 0, replacement: 2), CandidateFacts(provider: 1),
        CandidateFacts(provider: 0, isStandIn: true),
    ]

    @Test func aModelThatIsGoneIsReplacedByTheOneThatTheFileNames() {
        var rig = ExchangeRig(candidates: 3, facts: replaced)
        rig.send(.started)
        #expect(rig.send(failed(.modelGone)) == .send(2))
        #expect(rig.send(failed(.silent)) == .send(1))
    }

    @Test func theNextExchangeGoesToTheReplacementAtOnce() {
        var first = ExchangeRig(candidates: 3, facts: replaced)
        first.send(.started)
        first.send(failed(.modelGone))
        var second = ExchangeRig(candidates: 3, facts: replaced)
        second.gate = first.gate
        #expect(second.send(.started) == .send(2))
    }

    /// Found by the simulator: the replacement of a candidate that would fit was asked though it does not fit itself.
    @Test func aReplacementThatIsTooSmallIsNotAsked() {
        var facts = facts(8_000, 32_000, 4_000)
        facts[1].replacement = 2
        facts[2].isStandIn = true
        var rig = ExchangeRig(candidates: 3, facts: facts)
        rig.gate.suspensions[1].failed(.modelGone, retryAfterNanoseconds: nil, startedAt: .zero, now: .zero)
        rig.send(.started)
        #expect(rig.send(failed(.tooLong)) == .end(.refused(.upstreamAnswer(.tooLong))))
    }

    @Test func aStandInIsAskedForNobodyElse() {
        var rig = ExchangeRig(candidates: 3, facts: replaced)
        rig.send(.started)
        #expect(rig.send(failed(.silent)) == .send(1))
        #expect(rig.send(failed(.silent)) == .end(.refused(.everyCandidateFailed(.silent))))
    }

    @Test func modelsThatReplaceEachOtherAndAreBothGoneEndTheSearch() {
        let circle = [CandidateFacts(provider: 0, replacement: 1), CandidateFacts(provider: 0, replacement: 0)]
        var rig = ExchangeRig(candidates: 2, facts: circle)
        rig.send(.started)
        #expect(rig.send(failed(.modelGone)) == .send(1))
        #expect(rig.send(failed(.modelGone)) == .end(.refused(.everyCandidateFailed(.modelGone))))
        var next = ExchangeRig(candidates: 2, facts: circle)
        next.gate = rig.gate
        let wait = 900 * Span.second
        #expect(next.send(.started).refuses(for: wait))
    }

    // MARK: - Lawful

    @Test func onlyWhereEveryCandidateIsRestrictedNoneIsLawful() {
        var rig = ExchangeRig(candidates: 2)
        rig.send(.started)
        #expect(rig.send(failed(.restricted)) == .send(1))
        #expect(rig.send(failed(.restricted)) == .end(.refused(.noneLawful)))
        var next = ExchangeRig(candidates: 2)
        next.gate = rig.gate
        #expect(next.send(.started) == .end(.refused(.noneLawful)))
        #expect(next.gate.given == rig.gate.given, "a restricted provider is not probed, not even as a last resort")

        var other = ExchangeRig(candidates: 2)
        other.send(.started)
        other.send(failed(.restricted))
        #expect(other.send(failed(.silent)) == .end(.refused(.everyCandidateFailed(.silent))))
    }

    @Test func aRestrictedProviderStaysUnaskedForEver() {
        var rig = ExchangeRig(candidates: 1)
        rig.send(.started)
        rig.send(failed(.restricted))
        for day in 1...400 as ClosedRange<Int64> {
            var next = ExchangeRig(candidates: 1)
            next.gate = rig.gate
            next.now = Instant(nanoseconds: day * Span.day)
            #expect(next.send(.started) == .end(.refused(.noneLawful)))
        }
    }

    // MARK: - Pressure

    @Test func othersAtAnOverloadedProviderAreAskedLast() {
        let facts = [0, 0, 1].map { CandidateFacts(provider: $0) }
        var rig = ExchangeRig(candidates: 3, facts: facts)
        rig.send(.started)
        #expect(rig.send(failed(.capacity)) == .send(2))
        #expect(rig.send(failed(.silent)) == .send(1))
        rig = ExchangeRig(candidates: 3, facts: facts)
        rig.send(.started)
        #expect(rig.send(failed(.silent)) == .send(1), "silence speaks of the deployment alone")
    }

    // MARK: - Limits that others ran into

    private func limited(_ candidates: Int, seconds: Int64) -> ExchangeRig {
        var rig = ExchangeRig(candidates: candidates)
        rig.gate.suspensions[0].failed(
            .rateLimit, retryAfterNanoseconds: seconds * Span.second, startedAt: .zero, now: .zero)
        return rig
    }

    @Test func aCandidateOverItsLimitIsPassedOver() {
        var rig = limited(2, seconds: 2)
        #expect(rig.send(.started) == .send(1))
    }

    @Test func whereNobodyElseIsLeftAShortLimitIsWaitedFor() throws {
        var rig = limited(1, seconds: 2)
        #expect(rig.send(.started) == .nothing)
        let wake = try #require(rig.wakeMilliseconds)
        #expect((2_000...2_400).contains(wake))
        #expect(rig.wake() == .send(0))
        #expect(rig.machine.attempts.count == 1)
    }

    @Test func aSecondTryInATenthOfASecondComesBeforeALimitThatEndsInTwo() throws {
        var rig = limited(2, seconds: 2)
        #expect(rig.send(.started) == .send(1))
        #expect(rig.send(failed(.transient)) == .nothing)
        let wake = try #require(rig.wakeMilliseconds)
        #expect(wake <= 100)
        #expect(rig.wake() == .send(1))
        #expect(rig.send(failed(.transient)) == .nothing)
        #expect((1_900...2_400).contains(try #require(rig.wakeMilliseconds)))
        #expect(rig.wake() == .send(0))
    }

    @Test func aLongLimitIsToldToTheClient() {
        var rig = limited(1, seconds: 20)
        #expect(rig.send(.started).refuses(for: 20 * Span.second))
    }

    @Test func nobodyWaitsForTheSameLimitForEver() {
        var rig = limited(1, seconds: 1)
        rig.send(.started)
        var waits = 0
        while !rig.machine.isFinished, waits < 10 {
            waits += 1
            rig.gate.suspensions[0].failed(
                .rateLimit, retryAfterNanoseconds: 2 * Span.second, startedAt: rig.now, now: rig.now)
            rig.wake()
        }
        #expect(waits == 2)
    }
}
