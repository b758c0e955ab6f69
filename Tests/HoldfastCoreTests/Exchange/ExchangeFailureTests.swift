import Testing

@testable import HoldfastCore

@Suite struct ExchangeFailureTests {
    enum Next: Equatable {
        case sends(Int)
        case waits
        case ends(ExchangeEnd)
        case told

        init(_ rig: ExchangeRig, _ step: ExchangeStep) {
            switch step.action {
            case .sendAttempt(let candidate): self = .sends(candidate)
            case .finish(.refused(.noneAvailable)): self = step.refuses(for: Span.second) ? .told : .waits
            case .finish(let end): self = .ends(end)
            case .none, .hold, .forward, .heartbeat, .hedge: self = .waits
            }
        }
    }

    /// What follows the first failure: with another candidate, and with none.
    private static let expected: [(FailureClass, AttemptOutcome, Next, Next)] = [
        (.transient, .fail, .sends(1), .waits),
        (.silent, .fail, .sends(1), .ends(.refused(.everyCandidateFailed(.silent)))),
        (.capacity, .neutral, .sends(1), .waits),
        (.rateLimit, .neutral, .sends(1), .told),
        (.quota, .neutral, .sends(1), .ends(.refused(.everyCandidateFailed(.quota)))),
        (.credential, .neutral, .sends(1), .ends(.refused(.everyCandidateFailed(.credential)))),
        (.restricted, .neutral, .sends(1), .ends(.refused(.noneLawful))),
        (.account, .neutral, .sends(1), .ends(.refused(.everyCandidateFailed(.account)))),
        (.modelAccess, .neutral, .sends(1), .ends(.refused(.everyCandidateFailed(.modelAccess)))),
        (.modelGone, .neutral, .sends(1), .ends(.refused(.everyCandidateFailed(.modelGone)))),
        (
            .tooLong, .neutral, .ends(.refused(.upstreamAnswer(.tooLong))),
            .ends(.refused(.upstreamAnswer(.tooLong)))
        ),
        (.policy, .neutral, .ends(.refused(.upstreamAnswer(.policy))), .ends(.refused(.upstreamAnswer(.policy)))),
        (
            .callerFault, .neutral, .ends(.refused(.upstreamAnswer(.callerFault))),
            .ends(.refused(.upstreamAnswer(.callerFault)))
        ),
        (.misconfigured, .fail, .sends(1), .ends(.refused(.everyCandidateFailed(.misconfigured)))),
        (.empty, .fail, .sends(1), .ends(.refused(.everyCandidateFailed(.empty)))),
        (.truncated, .fail, .sends(1), .ends(.refused(.everyCandidateFailed(.truncated)))),
        (.diverged, .neutral, .sends(1), .ends(.refused(.everyCandidateFailed(.diverged)))),
        (.neutral, .neutral, .ends(.refused(.upstreamAnswer(.neutral))), .ends(.refused(.upstreamAnswer(.neutral)))),
        (
            .localExhaustion, .neutral, .sends(1), .ends(.refused(.everyCandidateFailed(.localExhaustion)))
        ),
    ]

    @Test(arguments: FailureClass.allCases) func eachClassBeforeCommit(failure: FailureClass) throws {
        let (_, outcome, withOther, alone) = try #require(Self.expected.first { $0.0 == failure })
        for (candidates, next) in [(2, withOther), (1, alone)] {
            var rig = ExchangeRig(candidates: candidates)
            rig.send(.started)
            let step = rig.send(.attemptFailed(failure, retryAfterNanoseconds: nil), atMilliseconds: 100)
            #expect(Next(rig, step) == next, "\(candidates) candidates")
            #expect(rig.gate.settled == [.init(0, outcome)])
            #expect(rig.machine.attempts.first?.failure == failure)
        }
    }

    @Test(arguments: FailureClass.allCases) func eachClassAfterCommitInterrupts(failure: FailureClass) {
        var rig = ExchangeRig(candidates: 2)
        rig.send(.started)
        rig.send(.attemptConnected)
        rig.send(.headReceived)
        #expect(rig.send(.chunkReceived(hasToken: true)) == .forward)
        let step = rig.send(.attemptFailed(failure, retryAfterNanoseconds: Span.second))
        #expect(step == .end(.interrupted(failure)))
        #expect(rig.gate.settled == [.init(0, failure.policy.outcome)])
    }

    @Test func aTransientFailureIsTriedAgainOnceAndThenGivenUp() {
        var rig = ExchangeRig(candidates: 1)
        rig.send(.started)
        rig.send(.attemptFailed(.transient, retryAfterNanoseconds: nil))
        #expect(rig.wake() == .send(0))
        let step = rig.send(.attemptFailed(.transient, retryAfterNanoseconds: nil))
        #expect(step == .end(.refused(.everyCandidateFailed(.transient))))
        #expect(rig.machine.attempts.count == 2)
    }

    @Test func anotherCandidateComesBeforeASecondTry() {
        var rig = ExchangeRig(candidates: 2)
        rig.send(.started)
        #expect(rig.send(.attemptFailed(.transient, retryAfterNanoseconds: nil)) == .send(1))
        #expect(rig.send(.attemptFailed(.transient, retryAfterNanoseconds: nil)) == .nothing)
        #expect(rig.wake() == .send(0))
        #expect(
            rig.send(.attemptFailed(.silent, retryAfterNanoseconds: nil))
                == .end(.refused(.everyCandidateFailed(.silent))))
    }

    @Test func attemptsAreBounded() {
        var rig = ExchangeRig(candidates: 8)
        rig.send(.started)
        var steps = [ExchangeStep]()
        while !rig.machine.isFinished, steps.count < 20 {
            steps.append(rig.send(.attemptFailed(.transient, retryAfterNanoseconds: nil)))
        }
        #expect(steps == [.send(1), .send(2), .send(3), .end(.refused(.everyCandidateFailed(.transient)))])
    }

    @Test func noRetriesMeansNone() {
        var retries = RouteRetries()
        retries.sameDeployment = 0
        var rig = ExchangeRig(candidates: 1, retries: retries)
        rig.send(.started)
        #expect(
            rig.send(.attemptFailed(.transient, retryAfterNanoseconds: nil))
                == .end(.refused(.everyCandidateFailed(.transient))))
        rig = ExchangeRig(candidates: 1, retries: retries)
        rig.send(.started)
        #expect(
            rig.send(.attemptFailed(.rateLimit, retryAfterNanoseconds: Span.second)).refuses(for: Span.second))
    }

    @Test func noSecondTryIsMadeBeyondTheRetryBudget() {
        for failure in [FailureClass.transient, .rateLimit] {
            var rig = ExchangeRig(candidates: 1)
            while rig.gate.takeRetry(candidate: 0, now: rig.now) {}
            rig.send(.started)
            let asked = failure == .rateLimit ? Span.second : nil
            let step = rig.send(.attemptFailed(failure, retryAfterNanoseconds: asked))
            #expect(rig.machine.isFinished, "\(step)")
        }
        var rig = ExchangeRig(candidates: 2)
        while rig.gate.takeRetry(candidate: 0, now: rig.now) {}
        rig.send(.started)
        #expect(
            rig.send(.attemptFailed(.transient, retryAfterNanoseconds: nil)) == .send(1),
            "failover does not draw on it")
    }

    @Test func aSecondTryThatWouldSleepIntoTheDeadlineIsNotMade() {
        // The longest backoff is 100 ms, so a deadline of one nanosecond is always sooner than any but a zero wait.
        var rig = ExchangeRig(candidates: 1, clientTimeoutNanoseconds: 1)
        rig.send(.started)
        #expect(
            rig.send(.attemptFailed(.transient, retryAfterNanoseconds: nil))
                == .end(.refused(.everyCandidateFailed(.transient))))
    }

    // MARK: - What a provider asks for

    @Test func aShortWaitIsWaitedForEvenBesideOtherCandidates() throws {
        var rig = ExchangeRig(candidates: 2)
        rig.send(.started)
        #expect(rig.send(.attemptFailed(.rateLimit, retryAfterNanoseconds: 2 * Span.second)) == .nothing)
        let wake = try #require(rig.wakeMilliseconds)
        #expect((2_000...2_400).contains(wake))
        #expect(rig.wake() == .send(0))
        #expect(rig.send(.attemptFailed(.rateLimit, retryAfterNanoseconds: Span.second)) == .send(1))
    }

    @Test(arguments: [5 * Span.second + 1, Span.hour, .max]) func aLongWaitMovesOn(wait: Int64) {
        var rig = ExchangeRig(candidates: 2)
        rig.send(.started)
        #expect(rig.send(.attemptFailed(.rateLimit, retryAfterNanoseconds: wait)) == .send(1))
        // Both busy: the client is told the sooner of the two.
        #expect(
            rig.send(.attemptFailed(.rateLimit, retryAfterNanoseconds: 9 * Span.second)).refuses(
                for: min(wait, 9 * Span.second)))
    }

    @Test func aWaitLongerThanAThirdOfTheTimeLeftMovesOn() {
        var rig = ExchangeRig(candidates: 2, clientTimeoutNanoseconds: 6 * Span.second)
        rig.send(.started)
        #expect(rig.send(.attemptFailed(.rateLimit, retryAfterNanoseconds: 2 * Span.second + 1)) == .send(1))
    }

    @Test func aNamedWaitIsAFloorForTransientFailuresToo() throws {
        var rig = ExchangeRig(candidates: 1)
        rig.send(.started)
        #expect(rig.send(.attemptFailed(.capacity, retryAfterNanoseconds: 3 * Span.second)) == .nothing)
        let wake = try #require(rig.wakeMilliseconds)
        #expect((3_000...3_600).contains(wake))
    }

    @Test func anOverloadedProviderThatAsksForAMinuteIsNotTriedAgainAndTheClientIsTold() {
        var rig = ExchangeRig(candidates: 1)
        rig.send(.started)
        #expect(
            rig.send(.attemptFailed(.capacity, retryAfterNanoseconds: Span.minute)).refuses(for: Span.minute))
    }

    @Test func oneRealFailureAmongBusyOnesIsAFailure() {
        var rig = ExchangeRig(candidates: 2)
        rig.send(.started)
        rig.send(.attemptFailed(.silent, retryAfterNanoseconds: nil))
        #expect(
            rig.send(.attemptFailed(.rateLimit, retryAfterNanoseconds: Span.minute))
                == .end(.refused(.everyCandidateFailed(.rateLimit))))
    }

    // MARK: - Breakers

    @Test func anOpenBreakerIsSkipped() {
        var rig = ExchangeRig(candidates: 2)
        rig.open(0)
        #expect(rig.send(.started) == .send(1))
        #expect(!rig.machine.usedLastResort)
    }

    @Test func theLeastBadCandidateIsTheLastResort() {
        var rig = ExchangeRig(candidates: 2)
        rig.open(1)
        rig.now = Instant(nanoseconds: 300 * Span.millisecond)
        rig.open(0)
        // Past the second in which a breaker that has just opened gives nothing, before the first probe is due; the
        // second breaker to open stays open longer by the 300 ms whatever the jitter of this seed.
        guard case .open(let first) = rig.gate.breakers[0].state, case .open(let second) = rig.gate.breakers[1].state
        else {
            Issue.record("both breakers should be open")
            return
        }
        let leastBad = first < second ? 0 : 1
        rig.gate.breakers = rig.gate.breakers.map { breaker in
            var breaker = breaker
            for _ in 1..<Breaker.lastResortOneIn { _ = breaker.admitLastResort(now: rig.now) }
            return breaker
        }
        #expect(leastBad == 1)
        #expect(rig.send(.started) == .send(leastBad))
        #expect(rig.machine.usedLastResort)
        #expect(rig.send(.attemptFailed(.silent, retryAfterNanoseconds: nil)) == .send(0))
        rig.send(.clientGone)
        #expect(rig.gate.settled.count == rig.gate.given)
    }

    @Test func whenNothingMayBeUsedTheClientIsToldWhen() throws {
        var rig = ExchangeRig(candidates: 1)
        rig.open(0)
        guard case .open(let until) = rig.gate.breakers[0].state else { return }
        let wait = until.nanoseconds(since: rig.now)
        #expect(rig.send(.started).refuses(for: wait))
        #expect(rig.machine.attempts.isEmpty)
    }

    @Test func slowStartGivesWayWhereTheAlternativeIsNoAnswer() {
        for seed in 0..<50 {
            var rig = ExchangeRig(candidates: 1, seed: UInt64(seed))
            rig.beginSlowStart(0)
            #expect(rig.send(.started) == .send(0))
            #expect(!rig.machine.usedLastResort)
        }
    }

    @Test func slowStartSendsMostElsewhere() {
        var first = 0
        for seed in 0..<200 {
            var rig = ExchangeRig(candidates: 2, seed: UInt64(seed))
            rig.beginSlowStart(0)
            if rig.send(.started) == .send(0) { first += 1 }
        }
        // 10 % of 200, with room for chance on fixed seeds.
        #expect((8...35).contains(first))
    }

    @Test func aCriticalExchangeLeavesTheProbeToOthersWhereItCan() {
        var rig = ExchangeRig(candidates: 2, criticality: .critical)
        rig.halfOpen(0)
        #expect(rig.send(.started) == .send(1))
        rig = ExchangeRig(candidates: 2, criticality: .standard)
        rig.halfOpen(0)
        #expect(rig.send(.started) == .send(0))
    }

    @Test func aCriticalExchangeTakesTheProbeRatherThanFail() {
        var rig = ExchangeRig(candidates: 2, criticality: .critical)
        rig.halfOpen(0)
        rig.open(1)
        #expect(rig.send(.started) == .send(0))
        #expect(!rig.machine.usedLastResort)
        rig = ExchangeRig(candidates: 2, criticality: .critical)
        rig.halfOpen(1)
        #expect(rig.send(.started) == .send(0))
        #expect(rig.send(.attemptFailed(.silent, retryAfterNanoseconds: nil)) == .send(1))
    }

    @Test func aLongStreamDoesNotHoldItsProbeToTheEnd() {
        var rig = ExchangeRig(candidates: 2)
        rig.halfOpen(0)
        let start = rig.now.nanoseconds / Span.millisecond
        rig.send(.started)
        rig.send(.attemptConnected)
        rig.send(.headReceived)
        rig.send(.chunkReceived(hasToken: true))
        rig.send(.chunkReceived(hasToken: true), atMilliseconds: start + 4_999)
        #expect(rig.gate.settled.isEmpty)
        #expect(rig.send(.chunkReceived(hasToken: false), atMilliseconds: start + 5_001) == .forward)
        #expect(rig.gate.settled == [.init(0, .ok)])
        rig.send(.chunkReceived(hasToken: true))
        rig.send(.attemptFailed(.truncated, retryAfterNanoseconds: nil))
        #expect(rig.gate.settled == [.init(0, .ok)])
        #expect(rig.machine.attempts.first?.failure == .truncated)
    }

    @Test func aClientThatLeavesBeforeTheStartEndsTheExchange() {
        var rig = ExchangeRig()
        #expect(rig.send(.clientGone) == .end(.clientGone))
        #expect(rig.send(.started) == .nothing)
        #expect(rig.gate.given == 0)
    }
}
