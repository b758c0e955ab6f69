import Testing

@testable import HoldfastCore

@Suite struct ExchangeLimitTests {
    private func timeouts(_ change: (inout RouteTimeouts) -> Void) -> RouteTimeouts {
        var timeouts = RouteTimeouts()
        change(&timeouts)
        return timeouts
    }

    @Test func defaultsDependOnWhetherAnotherCandidateExists() {
        let two = ExchangeLimits(RouteTimeouts(), candidates: 2)
        #expect(two.withOthers.firstTokenNanoseconds == 10 * Span.second)
        #expect(two.withOthers.responseNanoseconds == 60 * Span.second)
        #expect(two.alone.firstTokenNanoseconds == 60 * Span.second)
        #expect(two.alone.responseNanoseconds == 10 * Span.minute)
        let one = ExchangeLimits(RouteTimeouts(), candidates: 1)
        #expect(one.withOthers == one.alone)
        #expect(one.alone.firstByteNanoseconds == 60 * Span.second)
    }

    @Test func whatIsWrittenHoldsForEveryAttempt() {
        let written = timeouts {
            $0.firstByteNanoseconds = 1
            $0.firstTokenNanoseconds = 2
            $0.responseNanoseconds = 3
        }
        let limits = ExchangeLimits(written, candidates: 2)
        #expect(limits.withOthers == limits.alone)
        #expect(limits.alone.firstByteNanoseconds == 1)
        #expect(limits.alone.firstTokenNanoseconds == 2)
        #expect(limits.alone.responseNanoseconds == 3)
    }

    @Test func theLastCandidateIsWaitedForLonger() {
        var rig = ExchangeRig(candidates: 2)
        rig.send(.started)
        rig.send(.attemptConnected)
        #expect(rig.wakeMilliseconds == 10_000)
        #expect(rig.wake() == .send(1, cancels: true))
        rig.send(.attemptConnected)
        rig.send(.headReceived)
        #expect(rig.wakeMilliseconds == 70_000)
        #expect(rig.wake() == .end(.refused(.everyCandidateFailed(.silent)), cancels: true))
    }

    @Test func whatFailsBeforeItsRequestHasLeftWasNeverSent() {
        let failed = ExchangeEvent.attemptFailed(.transient, retryAfterNanoseconds: nil)
        var rig = ExchangeRig(candidates: 4)
        rig.send(.started)
        rig.send(failed)
        #expect(rig.gate.unsent == [0])
        rig.wake()
        #expect(rig.gate.unsent == [0, 1], "the connect limit")
        rig.send(.attemptConnected)
        rig.send(.connectionStale)
        rig.send(failed)
        #expect(rig.gate.unsent == [0, 1], "it may have come over the old connection")
        rig.send(.clientGone)
        #expect(rig.gate.unsent == [0, 1, 3])
    }

    @Test func aShortDeadlineLeavesTimeForAnotherCandidate() {
        var rig = ExchangeRig(candidates: 3, clientTimeoutNanoseconds: 8 * Span.second)
        rig.send(.started)
        rig.send(.attemptConnected)
        rig.send(.headReceived)
        #expect(rig.wakeMilliseconds == 4_000)
        #expect(rig.wake() == .send(1, cancels: true))
        rig.send(.attemptConnected)
        #expect(rig.wakeMilliseconds == 6_000)
        #expect(rig.wake() == .send(2, cancels: true))
        rig.send(.attemptConnected)
        #expect(rig.wakeMilliseconds == 8_000, "the last has all that is left")
        var unary = ExchangeRig(candidates: 2, isStream: false, clientTimeoutNanoseconds: 8 * Span.second)
        unary.send(.started)
        unary.send(.attemptConnected)
        #expect(unary.wakeMilliseconds == 8_000, "a whole answer is not given half of the time")
    }

    @Test func theLastAttemptIsWaitedForLongerToo() {
        var retries = RouteRetries()
        retries.attempts = 1
        var rig = ExchangeRig(candidates: 2, isStream: false, retries: retries)
        rig.send(.started)
        rig.send(.attemptConnected)
        #expect(rig.wakeMilliseconds == 600_000)
    }

    @Test func theOnlyCandidateThatIsNotOpenIsWaitedForLonger() {
        var rig = ExchangeRig(candidates: 2)
        rig.open(0)
        #expect(rig.send(.started) == .send(1))
        rig.send(.attemptConnected)
        #expect(rig.wakeMilliseconds == 60_000)
    }

    @Test func connectIsTransientAndTheRestIsSilent() {
        var rig = ExchangeRig(candidates: 2)
        rig.send(.started)
        #expect(rig.wake() == .send(1, cancels: true))
        #expect(rig.machine.attempts[0].failure == .transient)
        rig = ExchangeRig(candidates: 2)
        rig.send(.started)
        rig.send(.attemptConnected)
        #expect(rig.wake() == .send(1, cancels: true))
        #expect(rig.machine.attempts[0].failure == .silent)
    }

    @Test func firstByteFirstTokenAndIdleEachHaveTheirLimit() {
        let written = timeouts {
            $0.firstByteNanoseconds = 2 * Span.second
            $0.firstTokenNanoseconds = 4 * Span.second
            $0.idleNanoseconds = 3 * Span.second
        }
        var rig = ExchangeRig(candidates: 2, timeouts: written)
        rig.send(.started)
        rig.send(.attemptConnected, atMilliseconds: 900)
        #expect(rig.wakeMilliseconds == 2_000)
        rig.send(.headReceived, atMilliseconds: 1_900)
        #expect(rig.wakeMilliseconds == 4_000)
        rig.send(.chunkReceived(hasToken: false), atMilliseconds: 3_000)
        #expect(rig.wakeMilliseconds == 4_000)
        rig.send(.chunkReceived(hasToken: true), atMilliseconds: 3_900)
        #expect(rig.wakeMilliseconds == 6_900)
        rig.send(.chunkReceived(hasToken: false), atMilliseconds: 6_000)
        #expect(rig.wakeMilliseconds == 9_000)
        #expect(rig.machine.attempts[0].firstTokenAt == Instant(nanoseconds: 3_900 * Span.millisecond))
        #expect(rig.wake() == .end(.interrupted(.truncated), cancels: true))
    }

    @Test func aStaleConnectionStartsConnectingAgainWithinTheSameAttempt() {
        var rig = ExchangeRig(candidates: 2)
        rig.send(.started)
        rig.send(.attemptConnected)
        rig.send(.connectionStale, atMilliseconds: 500)
        #expect(rig.wakeMilliseconds == 1_500)
        rig.send(.attemptConnected, atMilliseconds: 700)
        #expect(rig.wakeMilliseconds == 10_000)
        #expect(rig.machine.attempts.count == 1)
    }

    // MARK: - Deadlines

    @Test func theRouteTotalEndsASilentExchangeAndCountsAgainstTheDeployment() {
        var rig = ExchangeRig(candidates: 1, timeouts: timeouts { $0.totalNanoseconds = 5 * Span.second })
        rig.send(.started)
        rig.send(.attemptConnected)
        #expect(rig.wakeMilliseconds == 5_000)
        #expect(rig.wake() == .end(.refused(.deadlinePassed), cancels: true))
        #expect(rig.gate.settled == [.init(0, .fail)])
    }

    @Test func aClientsShorterDeadlineSaysNothingAboutTheDeployment() {
        var rig = ExchangeRig(candidates: 2, clientTimeoutNanoseconds: 2 * Span.second)
        rig.send(.started)
        rig.send(.attemptConnected)
        #expect(rig.wake() == .send(1, cancels: true))
        rig.send(.attemptConnected)
        #expect(rig.wake() == .end(.refused(.deadlinePassed), cancels: true))
        #expect(rig.now.nanoseconds == 2 * Span.second)
        #expect(rig.gate.settled == [.init(0, .neutral), .init(1, .neutral)])
    }

    @Test func aClientCannotLengthenTheDeadline() {
        var rig = ExchangeRig(
            candidates: 1, timeouts: timeouts { $0.totalNanoseconds = 5 * Span.second },
            clientTimeoutNanoseconds: Span.hour)
        rig.send(.started)
        rig.send(.attemptConnected)
        #expect(rig.wakeMilliseconds == 5_000)
    }

    @Test func theDeadlineInterruptsACommittedStreamWithoutBlame() {
        var rig = ExchangeRig(candidates: 2, clientTimeoutNanoseconds: 2 * Span.second)
        rig.send(.started)
        rig.send(.attemptConnected)
        rig.send(.headReceived)
        rig.send(.chunkReceived(hasToken: true), atMilliseconds: 1_000)
        #expect(rig.wake() == .end(.interrupted(.silent), cancels: true))
        #expect(rig.now.nanoseconds == 2 * Span.second)
        #expect(rig.gate.settled == [.init(0, .neutral)])
    }

    @Test func theDeadlineEndsAWait() {
        var rig = ExchangeRig(candidates: 1, clientTimeoutNanoseconds: 4 * Span.second)
        rig.send(.started)
        rig.send(.attemptFailed(.rateLimit, retryAfterNanoseconds: Span.second))
        rig.now = Instant(nanoseconds: 4 * Span.second)
        #expect(rig.send(.timerFired) == .end(.refused(.deadlinePassed)))
    }

    @Test(arguments: [Int64.min, -1, 0]) func aDeadlineThatHasPassedAlreadyEndsAtOnce(timeout: Int64) {
        var rig = ExchangeRig(candidates: 1, clientTimeoutNanoseconds: timeout)
        rig.now = Instant(nanoseconds: Span.hour)
        rig.send(.started)
        #expect(rig.send(.timerFired) == .end(.refused(.deadlinePassed), cancels: true))
    }
}

@Suite struct BackoffTests {
    @Test func waitsStayWithinTheirBounds() {
        var random = SeededRandom(seed: 3)
        for retry in [-1, 0, 1, 2, 5, 6, 62, 1_000, Int.max] {
            let cap = min(5_000, 100 << min(max(retry, 0), 10)) * Span.millisecond
            let waits = (0..<500).map { _ in Backoff.wait(retry: retry, random: &random) }
            #expect(waits.allSatisfy { (0...cap).contains($0) })
            // Full jitter: both ends of the range are reached, not only its middle.
            #expect((waits.min() ?? cap) < cap / 20)
            #expect((waits.max() ?? 0) > cap - cap / 20)
        }
    }

    @Test func aNamedWaitIsAFloorWithAFifthOnTop() {
        var random = SeededRandom(seed: 4)
        for _ in 0..<500 {
            let wait = Backoff.wait(
                retryAfterNanoseconds: Span.second, timeLeftNanoseconds: Span.minute, random: &random)
            #expect(wait.map { (Span.second...1_200 * Span.millisecond).contains($0) } == true)
        }
        let none = Backoff.wait(retryAfterNanoseconds: 0, timeLeftNanoseconds: Span.minute, random: &random)
        #expect(none == 0)
    }

    @Test(
        arguments: [
            (Int64(-1), Span.minute), (5 * Span.second + 1, Span.hour), (Span.second, 2 * Span.second), (Int64(1), -5),
        ] as [(Int64, Int64)])
    func waitsThatAreTooLongAreRefused(asked: Int64, left: Int64) {
        var random = SeededRandom(seed: 5)
        #expect(Backoff.wait(retryAfterNanoseconds: asked, timeLeftNanoseconds: left, random: &random) == nil)
    }
}

@Suite struct SeededRandomTests {
    @Test func theSequenceIsTheReferenceOne() {
        // SplitMix64 with seed 1234567, from the authors' reference code.
        var random = SeededRandom(seed: 1_234_567)
        #expect(
            (0..<3).map { _ in random.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            ])
    }

    @Test func belowIsUniformAndInRange() {
        var random = SeededRandom(seed: 6)
        var counts = [Int](repeating: 0, count: 10)
        for _ in 0..<10_000 { counts[Int(random.below(10))] += 1 }
        #expect(counts.allSatisfy { (850...1_150).contains($0) })
        #expect(random.below(1) == 0)
        #expect(random.below(0) == 0)
        #expect(random.below(-3) == 0)
        #expect((0..<100).allSatisfy { _ in random.below(.max) >= 0 })
    }
}
