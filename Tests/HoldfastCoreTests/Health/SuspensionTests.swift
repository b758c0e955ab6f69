import Testing

@testable import HoldfastCore

@Suite struct SuspensionTests {
    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * Span.second) }

    private func suspended(_ failure: FailureClass, retryAfter: Int64? = nil, at second: Int64 = 0) -> Suspension {
        var suspension = Suspension()
        suspension.failed(failure, retryAfterNanoseconds: retryAfter, startedAt: at(second), now: at(second))
        return suspension
    }

    /// What takes something out, and for how many seconds the first time; nil: until a person clears it.
    private static let holds: [(FailureClass, Int64?)] = [
        (.credential, 60), (.quota, 300), (.account, 300), (.modelAccess, 60), (.modelGone, 900), (.restricted, nil),
    ]

    @Test(arguments: holds) func whatTryingAgainDoesNotMendIsNotTriedAgainSoon(
        failure: FailureClass, seconds: Int64?
    ) {
        var suspension = suspended(failure)
        #expect(suspension.facts?.failure == failure)
        #expect(suspension.admit(now: at(0)) != nil)
        if let seconds {
            #expect(suspension.admit(now: at(seconds - 1))?.until == at(seconds))
            #expect(suspension.admit(now: at(seconds)) == nil)
        } else {
            #expect(
                suspension.admit(now: at(100_000_000)) == Suspension.Facts(failure: failure, since: at(0), until: nil))
        }
    }

    @Test(arguments: FailureClass.allCases) func everyOtherFailureSuspendsNothing(failure: FailureClass) {
        guard !Self.holds.contains(where: { $0.0 == failure }) else { return }
        #expect(suspended(failure).facts == nil)
        let asked = suspended(failure, retryAfter: Span.minute)
        #expect((asked.facts != nil) == (failure == .rateLimit))
    }

    @Test func aLimitIsOutForAsLongAsItWaitsAndEverythingElseUntilItIsKnownToBeGone() {
        let limited = suspended(.rateLimit, retryAfter: 30 * Span.second)
        #expect(limited.inEffect(now: at(29)) != nil && limited.inEffect(now: at(30)) == nil)
        for (failure, _) in Self.holds { #expect(suspended(failure).inEffect(now: at(100_000_000)) != nil) }
    }

    @Test func oneTrialAtATimeSeesWhetherTheCauseIsGone() {
        var suspension = suspended(.credential)
        #expect(suspension.refusal(now: at(60)) == nil)
        #expect(suspension.admit(now: at(60)) == nil)
        #expect(suspension.admit(now: at(60)) != nil, "the first is the trial")
        #expect(suspension.admit(now: at(89)) != nil)
        #expect(suspension.admit(now: at(90)) == nil, "a trial that nobody reports back on does not block the next")
        let isEnded = suspension.answered(startedAt: at(60))
        #expect(isEnded)
        for _ in 0..<10 { #expect(suspension.admit(now: at(91)) == nil) }
    }

    @Test func aGoodCheckBringsTheTrialForwardAndNothingElse() {
        var suspension = suspended(.credential)
        suspension.mayBeMended(now: at(10))
        #expect(suspension.facts?.failure == .credential, "it is still suspended")
        #expect(suspension.admit(now: at(10)) == nil)
        #expect(suspension.admit(now: at(10)) != nil, "one trial at a time, as ever")
        suspension.failed(.credential, retryAfterNanoseconds: nil, startedAt: at(10), now: at(11))
        #expect(suspension.facts?.until == at(11 + 120), "and where it fails, the wait is twice as long")
        suspension = suspended(.credential)
        suspension.mayBeMended(now: at(300))
        #expect(suspension.facts?.until == at(60), "never later")
    }

    @Test func noCheckLiftsALegalBlockOrALimit() {
        for (failure, asked) in [(FailureClass.restricted, nil), (.rateLimit, Span.minute)] as [(_, Int64?)] {
            var suspension = suspended(failure, retryAfter: asked)
            let before = suspension.facts
            suspension.mayBeMended(now: at(10))
            #expect(suspension.facts == before)
        }
    }

    @Test func theWaitDoublesUpToItsBoundAndBeginsAnewAfterAnAnswer() {
        var suspension = Suspension()
        var now = at(0)
        var waits: [Int64] = []
        for _ in 0..<7 {
            suspension.failed(.credential, retryAfterNanoseconds: nil, startedAt: now, now: now)
            guard let until = suspension.facts?.until else { return }
            waits.append(until.nanoseconds(since: now) / Span.second)
            now = until
            #expect(suspension.admit(now: now) == nil)
            now = now.advanced(byNanoseconds: Suspension.trialNanoseconds)
        }
        #expect(waits == [60, 120, 240, 480, 900, 900, 900])
        let isEnded = suspension.answered(startedAt: now)
        #expect(isEnded)
        suspension.failed(.credential, retryAfterNanoseconds: nil, startedAt: now, now: now)
        #expect(suspension.facts?.until == now.advanced(byNanoseconds: Span.minute))
    }

    @Test func attemptsUnderWayWhenItBeganShowNothingNew() {
        var suspension = suspended(.quota, at: 10)
        suspension.failed(.quota, retryAfterNanoseconds: nil, startedAt: at(9), now: at(11))
        #expect(suspension.facts?.until == at(310))
        let isEnded = suspension.answered(startedAt: at(9))
        #expect(!isEnded, "a long stream from before says nothing of the account now")
        #expect(suspension.refusal(now: at(12)) != nil)
    }

    /// Found by the simulator: a gateway that had stood still heard of everything at one instant, and an answer to what
    /// it had sent just before the suspension ended it.
    @Test func whatBeganAtTheSameInstantWasUnderWayToo() {
        var suspension = suspended(.rateLimit, retryAfter: 60 * Span.second, at: 10)
        let isEnded = suspension.answered(startedAt: at(10))
        #expect(!isEnded)
        #expect(suspension.refusal(now: at(69)) != nil)
        suspension = suspended(.quota, at: 10)
        let isNews = suspension.failed(.quota, retryAfterNanoseconds: nil, startedAt: at(10), now: at(11))
        #expect(!isNews)
        #expect(suspension.facts?.until == at(310))
    }

    @Test func aRestrictionIsEndedByAPersonAlone() {
        var suspension = suspended(.restricted)
        let isEnded = suspension.answered(startedAt: at(1))
        #expect(!isEnded)
        suspension.failed(.credential, retryAfterNanoseconds: nil, startedAt: at(2), now: at(2))
        #expect(suspension.facts?.failure == .restricted)
        suspension.clear(now: at(3))
        #expect(suspension.admit(now: at(3)) == nil)
    }

    /// Found by the simulator: an attempt from before took out again what a person had just cleared.
    @Test(arguments: [FailureClass.restricted, .credential, .modelGone])
    func whatWasClearedStaysClearedWhateverOlderAttemptsBring(failure: FailureClass) {
        var suspension = suspended(failure)
        suspension.clear(now: at(5))
        suspension.failed(failure, retryAfterNanoseconds: nil, startedAt: at(4), now: at(6))
        #expect(suspension.facts == nil)
        suspension.failed(failure, retryAfterNanoseconds: nil, startedAt: at(5), now: at(6))
        #expect(suspension.facts != nil)
    }

    @Test func aLimitLastsAsLongAsTheProviderSaysAndEndsForAllAtOnce() {
        var suspension = suspended(.rateLimit, retryAfter: 20 * Span.second)
        suspension.failed(.rateLimit, retryAfterNanoseconds: 5 * Span.second, startedAt: at(0), now: at(1))
        #expect(suspension.refusal(now: at(19))?.until == at(20), "the end only moves later")
        suspension.failed(.rateLimit, retryAfterNanoseconds: 30 * Span.second, startedAt: at(0), now: at(2))
        #expect(suspension.refusal(now: at(31)) != nil)
        #expect(suspension.admit(now: at(32)) == nil)
        #expect(suspension.admit(now: at(32)) == nil)
        #expect(suspended(.rateLimit, retryAfter: .max).facts?.until == at(3_600), "nobody is believed for longer")
        #expect(suspended(.rateLimit, retryAfter: -5).facts == nil)
    }

    @Test func aLimitDoesNotHideAWorseCause() {
        var suspension = suspended(.modelAccess)
        suspension.failed(.rateLimit, retryAfterNanoseconds: 90 * Span.second, startedAt: at(0), now: at(0))
        #expect(suspension.facts == Suspension.Facts(failure: .modelAccess, since: at(0), until: at(90)))
        var limited = suspended(.rateLimit, retryAfter: 90 * Span.second)
        limited.failed(.modelGone, retryAfterNanoseconds: nil, startedAt: at(1), now: at(1))
        #expect(limited.facts?.failure == .modelGone)
    }

    /// Found by the simulator: an attempt that was under way when a limit began brought back something worse, unheard.
    @Test func aLimitDoesNotHideAWorseCauseThatWasUnderWay() {
        var suspension = suspended(.rateLimit, retryAfter: Span.second, at: 2)
        suspension.failed(.modelAccess, retryAfterNanoseconds: nil, startedAt: at(1), now: at(3))
        #expect(suspension.facts == Suspension.Facts(failure: .modelAccess, since: at(3), until: at(63)))
    }

    @Test func aSuspendedDeploymentIsNoLastResort() {
        var health = DeploymentHealth()
        var random = SeededRandom(seed: 1)
        guard case .admitted(let permit) = health.admit(AttemptAsk(), defersProbe: false, now: at(0), random: &random)
        else {
            Issue.record("a fresh deployment admits")
            return
        }
        let result = AttemptResult(outcome: .neutral, failure: .modelGone, startedAt: at(0))
        let change = health.settle(permit, result, now: at(0), random: &random)
        let facts = Suspension.Facts(failure: .modelGone, since: at(0), until: at(900))
        #expect(change == DeploymentHealth.Change(suspension: .began(facts)))
        #expect(
            health.admit(AttemptAsk(), defersProbe: false, now: at(1), random: &random) == .refused(.suspended(facts)))
        #expect(health.admitLastResort(AttemptAsk(), now: at(1)) == nil)
        #expect(health.admitDespiteSlowStart(AttemptAsk(), now: at(1)) == nil)
    }

    @Test func anAttemptThatTheBreakerRefusesIsNoTrial() {
        var health = DeploymentHealth()
        var random = SeededRandom(seed: 1)
        var permits: [AttemptPermit] = []
        for _ in 0..<6 {
            if case .admitted(let permit) = health.admit(AttemptAsk(), defersProbe: false, now: at(0), random: &random)
            {
                permits.append(permit)
            }
        }
        let gone = AttemptResult(outcome: .neutral, failure: .modelAccess, startedAt: at(0))
        _ = health.settle(permits[0], gone, now: at(0), random: &random)
        // Long streams from before fail in the minute's last second: the breaker opens as the trial comes due.
        let failed = AttemptResult(outcome: .fail, failure: .truncated, startedAt: at(0))
        for permit in permits.dropFirst() { _ = health.settle(permit, failed, now: at(60), random: &random) }
        guard
            case .refused(.breaker(.open)) = health.admit(
                AttemptAsk(), defersProbe: false, now: at(60), random: &random)
        else {
            Issue.record("five failures open the breaker, and the suspension is over")
            return
        }
        #expect(health.admitDespiteSlowStart(AttemptAsk(), now: at(60)) == nil)
        #expect(health.admitLastResort(AttemptAsk(), now: at(60)) == nil)
        #expect(health.suspension.refusal(now: at(60)) == nil, "the trial is still to be had")
    }

    @Test func whatSpeaksOfTheKeyDoesNotSuspendTheDeployment() {
        for failure in FailureClass.allCases where failure.policy.scope != .deployment {
            var health = DeploymentHealth()
            var random = SeededRandom(seed: 1)
            guard
                case .admitted(let permit) = health.admit(AttemptAsk(), defersProbe: false, now: at(0), random: &random)
            else {
                continue
            }
            let result = AttemptResult(
                outcome: failure.policy.outcome, failure: failure, retryAfterNanoseconds: Span.minute, startedAt: at(0))
            #expect(health.settle(permit, result, now: at(0), random: &random).suspension == nil)
        }
    }
}
