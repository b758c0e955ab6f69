import Testing

@testable import HoldfastCore

@Suite struct DeliveryTests {
    private let cut = ExchangeEvent.attemptFailed(.truncated, retryAfterNanoseconds: nil)
    private let token = ExchangeEvent.chunkReceived(hasToken: true)

    /// A stream whose first candidate has sent content.
    private func begun(
        _ delivery: Delivery, candidates: Int = 2, heartbeatNanoseconds: Int64? = nil, facts: [CandidateFacts] = []
    ) -> ExchangeRig {
        var rig = ExchangeRig(
            candidates: candidates, delivery: delivery, heartbeatNanoseconds: heartbeatNanoseconds, facts: facts)
        rig.send(.started)
        answer(&rig)
        rig.send(token)
        return rig
    }

    private func answer(_ rig: inout ExchangeRig) {
        rig.send(.attemptConnected)
        rig.send(.headReceived)
    }

    // MARK: - Splice

    @Test func aCutStreamIsContinuedByTheNextCandidate() {
        var rig = begun(.splice)
        #expect(rig.send(cut) == .send(1))
        #expect(rig.machine.continuation == .repeated)
        answer(&rig)
        #expect(rig.send(.chunkRepeated) == .hold)
        #expect(rig.send(token) == .forward)
        #expect(rig.send(.upstreamEnded) == .end(.answered))
        #expect(rig.gate.settled == [.init(0, .fail), .init(1, .ok)])
        #expect(rig.machine.attempts.map(\.failure) == [.truncated, nil])
    }

    @Test func aStalledStreamIsContinuedToo() {
        var rig = begun(.splice)
        #expect(rig.wake() == .send(1, cancels: true))
        #expect(rig.machine.attempts.first?.failure == .truncated)
    }

    @Test func whatCannotBeContinuedEndsAsInterrupted() {
        var stop = begun(.stop)
        #expect(stop.send(cut) == .end(.interrupted(.truncated)))
        var barred = begun(.splice)
        barred.send(.becameUncontinuable)
        #expect(barred.send(cut) == .end(.interrupted(.truncated)))
        var alone = begun(.splice, candidates: 1)
        #expect(alone.send(cut) == .end(.interrupted(.truncated)), "the same question to the same one proves nothing")
    }

    @Test func whenAllHaveFailedItIsStillTheFirstInterruptionThatIsTold() {
        var rig = begun(.splice, candidates: 3)
        rig.send(cut)
        answer(&rig)
        #expect(rig.send(.attemptFailed(.diverged, retryAfterNanoseconds: nil)) == .send(2))
        let refused = ExchangeEvent.attemptFailed(.credential, retryAfterNanoseconds: nil)
        #expect(rig.send(refused) == .end(.interrupted(.truncated)))
        #expect(rig.gate.settled == [.init(0, .fail), .init(1, .neutral), .init(2, .neutral)])
    }

    @Test func aContinuationThatIsCutIsContinuedAgain() {
        var rig = begun(.splice, candidates: 3)
        rig.send(cut)
        answer(&rig)
        rig.send(token)
        #expect(rig.send(cut) == .send(2))
        answer(&rig)
        #expect(rig.send(token) == .forward)
        #expect(rig.send(.upstreamEnded) == .end(.answered))
    }

    @Test func repeatingCountsAsProgressAndNoTokenInTimeDoesNot() {
        var rig = begun(.splice)
        rig.send(cut)
        answer(&rig)
        #expect(rig.wakeMilliseconds == 60_000, "the last candidate's patience for a first token")
        rig.send(.chunkRepeated, atMilliseconds: 50_000)
        #expect(rig.wakeMilliseconds == 60_000, "and from then on the idle limit")
        rig.send(.chunkRepeated, atMilliseconds: 59_000)
        #expect(rig.wakeMilliseconds == 69_000)
        #expect(rig.wake() == .end(.interrupted(.truncated), cancels: true))
    }

    @Test func aDeclaredPrefillIsUsedAndARefusalOfItAskedForTheWhole() {
        let facts = [CandidateFacts(provider: 0), CandidateFacts(provider: 1, prefills: true)]
        var rig = begun(.splice, facts: facts)
        #expect(rig.send(cut) == .send(1))
        #expect(rig.machine.continuation == .prefilled)
        rig.send(.attemptConnected)
        #expect(rig.send(.attemptFailed(.callerFault, retryAfterNanoseconds: nil)) == .send(1))
        #expect(rig.machine.continuation == .repeated)
        answer(&rig)
        #expect(rig.send(token) == .forward)
    }

    @Test func aRefusalOfTheContentIsNotRoutedAround() {
        var rig = begun(.splice, candidates: 3)
        rig.send(cut)
        #expect(rig.send(.attemptFailed(.policy, retryAfterNanoseconds: nil)) == .end(.interrupted(.truncated)))
    }

    @Test func theDeadlineEndsAContinuationAsInterrupted() {
        var rig = ExchangeRig(delivery: .splice, clientTimeoutNanoseconds: 5 * Span.second)
        rig.send(.started)
        answer(&rig)
        rig.send(token)
        rig.send(cut)
        rig.now = Instant(nanoseconds: 5 * Span.second)
        #expect(rig.send(.timerFired) == .end(.interrupted(.truncated), cancels: true))
    }

    @Test func aClientThatWaitsForAContinuationHearsSo() {
        var rig = begun(.splice, heartbeatNanoseconds: 2 * Span.second)
        #expect(rig.wakeMilliseconds == 10_000, "no heartbeat while the answer flows")
        rig.send(cut, atMilliseconds: 1_000)
        answer(&rig)
        #expect(rig.wakeMilliseconds == 3_000)
        #expect(rig.wake() == .heartbeat)
        #expect(rig.wake() == .heartbeat)
        #expect(rig.wakeMilliseconds == 7_000)
        #expect(rig.send(token) == .forward)
        #expect(rig.wakeMilliseconds == 15_000)
    }

    // MARK: - Hold

    @Test func aHeldAnswerBeginsAnewAfterACut() {
        var rig = begun(.hold)
        #expect(rig.send(cut) == .send(1))
        #expect(rig.machine.continuation == nil)
        answer(&rig)
        #expect(rig.send(token) == .hold)
        #expect(rig.send(.upstreamEnded) == .end(.answered))
    }

    @Test func aHeldAnswerThatStallsIsTruncatedAndNotSilent() {
        var rig = begun(.hold)
        #expect(rig.wakeMilliseconds == 10_000)
        #expect(rig.wake() == .send(1, cancels: true))
        #expect(rig.machine.attempts.first?.failure == .truncated)
    }

    @Test func aHeldAnswerWithNothingInItIsEmpty() {
        var rig = ExchangeRig(delivery: .hold)
        rig.send(.started)
        answer(&rig)
        #expect(rig.send(.upstreamEnded) == .send(1))
        #expect(rig.machine.attempts.first?.failure == .empty)
    }

    @Test func anAnswerBeyondTheBoundIsLetGoAndGoesOnAsASplice() {
        var rig = begun(.hold, candidates: 3)
        #expect(rig.send(.holdFilled) == .forward)
        #expect(rig.send(token) == .forward)
        #expect(rig.send(cut) == .send(1))
        #expect(rig.machine.continuation == .repeated)
        answer(&rig)
        #expect(rig.send(.chunkRepeated) == .hold)
        #expect(rig.send(token) == .forward, "what was let go is not held again")
    }

    @Test func aClientOfAHeldAnswerHearsFromTheStart() {
        var rig = ExchangeRig(delivery: .hold, heartbeatNanoseconds: 4 * Span.second)
        rig.send(.started)
        answer(&rig)
        #expect(rig.wakeMilliseconds == 4_000)
        #expect(rig.wake() == .heartbeat)
        #expect(rig.wake() == .heartbeat)
        #expect(rig.wakeMilliseconds == 10_000, "the limit of the first token comes first")
        #expect(rig.wake() == .send(1, cancels: true))
    }

    @Test func aUnaryRequestKnowsNeither() {
        for delivery in Delivery.allCases {
            var rig = ExchangeRig(isStream: false, delivery: delivery, heartbeatNanoseconds: Span.second)
            rig.send(.started)
            rig.send(.attemptConnected)
            #expect(rig.wakeMilliseconds == 60_000)
            rig.send(.headReceived)
            #expect(rig.send(.upstreamEnded) == .end(.answered))
        }
    }
}
