import Testing

@testable import HoldfastCore

@Suite struct AdmissionQueueTests {
    private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * Span.millisecond) }

    /// Calls and looks at the answer.
    private struct Rig {
        var queue = AdmissionQueue()

        private func at(_ milliseconds: Int64) -> Instant {
            Instant(nanoseconds: milliseconds * Span.millisecond)
        }

        mutating func enter(
            _ ticket: UInt64, _ criticality: Criticality = .standard, at milliseconds: Int64,
            is expected: AdmissionQueue.Entrance = .waits, _ location: SourceLocation = #_sourceLocation
        ) {
            let found = queue.enter(ticket: ticket, criticality: criticality, now: at(milliseconds))
            #expect(found == expected, sourceLocation: location)
        }

        mutating func expire(
            at milliseconds: Int64, refuses expected: [UInt64], _ location: SourceLocation = #_sourceLocation
        ) {
            var refused: [UInt64] = []
            queue.expire(now: at(milliseconds), refused: &refused)
            #expect(refused == expected, sourceLocation: location)
        }

        mutating func next(
            at milliseconds: Int64, atLeast least: Criticality = .deferrable, serves expected: UInt64?,
            refuses expectedRefused: [UInt64] = [], _ location: SourceLocation = #_sourceLocation
        ) {
            var refused: [UInt64] = []
            let served = queue.next(atLeast: least, now: at(milliseconds), refused: &refused)
            #expect(served == expected && refused == expectedRefused, sourceLocation: location)
        }

        mutating func leave(
            _ ticket: UInt64, isHere expected: Bool = true, _ location: SourceLocation = #_sourceLocation
        ) {
            let isHere = queue.leave(ticket: ticket)
            #expect(isHere == expected, sourceLocation: location)
        }
    }

    @Test func theMoreCriticalFirstAndOfOneClassTheNewest() {
        var rig = Rig()
        rig.enter(1, .standard, at: 0)
        rig.enter(2, .critical, at: 1)
        rig.enter(3, .deferrable, at: 2)
        rig.enter(4, .standard, at: 3)
        rig.enter(5, .critical, at: 3)
        for ticket in [5, 2, 4, 1, 3, nil] as [UInt64?] { rig.next(at: 4, serves: ticket) }
        #expect(rig.queue.isEmpty && rig.queue.count == 0 && rig.queue.nextExpiry == nil)
    }

    @Test func roomThatIsReservedServesOnlyTheCritical() {
        var rig = Rig()
        rig.enter(1, .standard, at: 0)
        rig.enter(2, .critical, at: 0)
        rig.next(at: 1, atLeast: .critical, serves: 2)
        rig.next(at: 1, atLeast: .critical, serves: nil)
        #expect(rig.queue.count == 1)
        rig.next(at: 1, atLeast: .standard, serves: 1)
    }

    @Test func aBurstMayWaitAHundredMilliseconds() {
        var rig = Rig()
        rig.enter(1, at: 0)
        #expect(rig.queue.nextExpiry == at(100))
        rig.expire(at: 99, refuses: [])
        rig.expire(at: 100, refuses: [1])
        #expect(rig.queue.isEmpty)
    }

    @Test func aQueueThatStaysLetsNobodyWaitLongerThanFive() {
        var rig = Rig()
        rig.enter(1, at: 0)
        rig.enter(2, at: 60)
        rig.enter(3, at: 95)
        rig.enter(4, at: 98)
        rig.expire(at: 99, refuses: [])
        rig.expire(at: 100, refuses: [1, 2, 3])
        #expect(rig.queue.nextExpiry == at(103))
        rig.expire(at: 102, refuses: [])
        rig.enter(5, at: 103)
        rig.expire(at: 103, refuses: [4])
        #expect(rig.queue.nextExpiry == at(108))
        rig.expire(at: 108, refuses: [5])
    }

    @Test func anEmptyMomentGivesTheLongPatienceBack() {
        var rig = Rig()
        rig.enter(1, at: 0)
        rig.enter(2, at: 97)
        rig.next(at: 98, serves: 2)
        rig.next(at: 98, serves: 1)
        rig.enter(3, at: 99)
        #expect(rig.queue.nextExpiry == at(199))
        rig.leave(3)
        rig.enter(4, at: 150)
        #expect(rig.queue.nextExpiry == at(250), "a client that leaves empties it as well")
    }

    @Test func roomThatComesTooLateRefusesTheOldAndServesTheNew() {
        var rig = Rig()
        rig.enter(1, at: 0)
        rig.enter(2, at: 99)
        rig.next(at: 101, serves: 2, refuses: [1])
        rig.enter(3, at: 102)
        rig.next(at: 500, serves: nil, refuses: [3])
    }

    @Test func whoeverIsLessCriticalGoesBeforeTheOneWhoseWaitIsOver() {
        var rig = Rig()
        rig.enter(1, .critical, at: 0)
        rig.enter(2, .standard, at: 99)
        rig.enter(3, .deferrable, at: 98)
        rig.enter(4, .critical, at: 99)
        rig.expire(at: 100, refuses: [3, 2, 1])  // however short they have waited
        rig.next(at: 101, serves: 4)

        var other = Rig()
        other.enter(1, .deferrable, at: 0)
        other.enter(2, .standard, at: 99)
        other.expire(at: 100, refuses: [1])  // and nobody more critical goes with them
        #expect(other.queue.count(of: .standard) == 1)
    }

    @Test func aFullQueueTakesTheMoreCriticalInsteadOfTheLeast() {
        var rig = Rig()
        for ticket in 0..<UInt64(AdmissionQueue.capacity - 2) {
            rig.enter(ticket, .critical, at: 0)
        }
        rig.enter(2_000, .standard, at: 1)
        rig.enter(2_001, .deferrable, at: 2)
        rig.enter(2_002, .deferrable, at: 3, is: .full)
        rig.enter(2_003, .standard, at: 3, is: .waitsInsteadOf(ticket: 2_001))
        rig.enter(2_004, .standard, at: 3, is: .full)
        rig.enter(2_005, .critical, at: 3, is: .waitsInsteadOf(ticket: 2_000))
        rig.enter(2_006, .critical, at: 3, is: .waitsInsteadOf(ticket: 2_003))
        rig.enter(2_007, .critical, at: 3, is: .full)
        #expect(rig.queue.count == AdmissionQueue.capacity && rig.queue.count(of: .critical) == AdmissionQueue.capacity)
    }

    @Test func whoeverLeftIsNotServedAndLeavesOnce() {
        var rig = Rig()
        for ticket in 1...3 { rig.enter(UInt64(ticket), at: Int64(ticket)) }
        rig.leave(2)
        rig.leave(2, isHere: false)
        for ticket in [3, 1, nil] as [UInt64?] { rig.next(at: 4, serves: ticket) }
        rig.leave(1, isHere: false)
    }

    @Test func aClockThatWasReadBeforeTheLockDoesNoHarm() {
        var rig = Rig()
        rig.enter(1, at: 10)
        rig.enter(2, at: 9)
        #expect(rig.queue.nextExpiry == at(110))
        rig.expire(at: 110, refuses: [1, 2])
    }
}
