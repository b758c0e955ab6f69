import Testing

@testable import HoldfastCore

@Suite struct BreakerTests {
    private struct Rig {
        var breaker = Breaker()
        var random = SeededRandom(seed: 11)
        var now = Instant.zero

        mutating func admit(defersProbe: Bool = false) -> Breaker.Decision {
            breaker.admit(now: now, defersProbe: defersProbe, random: &random)
        }

        mutating func permit(defersProbe: Bool = false) -> Breaker.Permit? {
            if case .admitted(let permit) = admit(defersProbe: defersProbe) { permit } else { nil }
        }

        @discardableResult
        mutating func settle(_ permit: Breaker.Permit?, _ outcome: AttemptOutcome) -> Bool {
            guard let permit else { return false }
            return breaker.settle(permit, outcome: outcome, now: now, random: &random)
        }

        mutating func lastResort() -> Breaker.Permit? {
            breaker.admitLastResort(now: now)
        }

        func despiteSlowStart() -> Breaker.Permit? {
            breaker.admitDespiteSlowStart()
        }

        mutating func attempt(_ outcome: AttemptOutcome) {
            settle(permit(), outcome)
        }

        mutating func wait(_ span: Int64) { now = now.advanced(byNanoseconds: span) }

        mutating func open() { for _ in 0..<5 { attempt(.fail) } }

        var openUntil: Instant? {
            if case .open(let until) = breaker.state { until } else { nil }
        }

        var isHalfOpen: Bool {
            if case .halfOpen = breaker.state { true } else { false }
        }

        mutating func waitUntilOpenEnds() {
            if let openUntil { now = openUntil }
        }
    }

    @Test func fiveFailuresInARowOpen() {
        var rig = Rig()
        for _ in 0..<4 { rig.attempt(.fail) }
        rig.attempt(.ok)
        for _ in 0..<4 { rig.attempt(.fail) }
        #expect(rig.breaker.state == .closed)
        rig.attempt(.fail)
        #expect(rig.openUntil != nil)
    }

    @Test func halfOfABusyWindowOpens() {
        var rig = Rig()
        for round in 0..<10 {
            #expect(rig.breaker.state == .closed, "after \(round * 2) outcomes")
            rig.attempt(.ok)
            rig.attempt(.fail)
            rig.wait(Span.second / 2)
        }
        #expect(rig.openUntil != nil)
    }

    @Test func lessThanHalfDoesNotOpen() {
        var rig = Rig()
        for _ in 0..<200 {
            rig.attempt(.ok)
            rig.attempt(.fail)
            rig.attempt(.ok)
            rig.wait(Span.second / 10)
        }
        #expect(rig.breaker.state == .closed)
    }

    @Test func outcomesOlderThanTheWindowDoNotCount() {
        var rig = Rig()
        for _ in 0..<19 {
            rig.attempt(.ok)
            rig.attempt(.fail)
            rig.wait(1_200 * Span.millisecond)
        }
        #expect(rig.breaker.state == .closed)
    }

    @Test func neutralNeverCounts() {
        var rig = Rig()
        for _ in 0..<1_000 { rig.attempt(.neutral) }
        #expect(rig.breaker.state == .closed)
        for _ in 0..<4 { rig.attempt(.fail) }
        for _ in 0..<100 { rig.attempt(.neutral) }
        #expect(rig.breaker.state == .closed)
        rig.attempt(.fail)
        #expect(rig.openUntil != nil)
    }

    @Test func openTimeDoublesToItsCapWithinItsJitter() {
        var shortest = Int64.max
        var longest: Int64 = 0
        for seed in 0..<40 {
            var rig = Rig()
            rig.random = SeededRandom(seed: UInt64(seed))
            rig.open()
            for seconds in [1, 2, 4, 8, 15, 15, 15] as [Int64] {
                guard let until = rig.openUntil else {
                    Issue.record("not open before \(seconds) s")
                    return
                }
                let open = until.nanoseconds(since: rig.now)
                let base = seconds * Span.second
                #expect((base * 4 / 5...base * 6 / 5).contains(open), "\(seconds) s")
                if seconds == 15 {
                    shortest = min(shortest, open)
                    longest = max(longest, open)
                }
                rig.waitUntilOpenEnds()
                rig.attempt(.fail)
            }
        }
        // The jitter is used to both of its ends.
        #expect(shortest < 13 * Span.second)
        #expect(longest > 17 * Span.second)
    }

    @Test func theOpenDeadlineOnlyMovesLater() throws {
        var rig = Rig()
        let early = (0..<40).map { _ in rig.permit() }
        rig.open()
        let until = try #require(rig.openUntil)
        for (place, permit) in early.enumerated() {
            rig.wait(Span.millisecond)
            rig.settle(permit, place.isMultiple(of: 2) ? .ok : .fail)
            #expect(rig.openUntil == until)
        }
        let lastResort = rig.breaker.admitLastResort(now: rig.now.advanced(byNanoseconds: Span.second))
        #expect(lastResort != nil)
        rig.settle(lastResort, .ok)
        rig.settle(lastResort, .fail)
        #expect(rig.openUntil == until)
        #expect(rig.admit() == .refused(.open(until: until)))
    }

    @Test func exactlyOneProbeIsInFlight() {
        var rig = Rig()
        rig.open()
        rig.waitUntilOpenEnds()
        let probe = rig.permit()
        #expect(probe != nil)
        for _ in 0..<100 { #expect(rig.admit() == .refused(.probing)) }
        rig.settle(probe, .ok)
        #expect(rig.isHalfOpen)
        let second = rig.permit()
        #expect(second != nil)
        #expect(rig.admit() == .refused(.probing))
        let changed = rig.settle(second, .ok)
        #expect(changed)
        #expect(rig.breaker.state == .closed)
    }

    @Test(arguments: AttemptOutcome.allCases) func theLeaseReturnsOnEveryOutcome(outcome: AttemptOutcome) {
        var rig = Rig()
        rig.open()
        rig.waitUntilOpenEnds()
        rig.attempt(outcome)
        rig.waitUntilOpenEnds()
        #expect(rig.permit() != nil)
    }

    @Test func aFailedProbeAfterASuccessStartsTheCountAgain() {
        var rig = Rig()
        rig.open()
        rig.waitUntilOpenEnds()
        rig.attempt(.ok)
        rig.attempt(.fail)
        #expect(rig.openUntil != nil)
        rig.waitUntilOpenEnds()
        rig.attempt(.ok)
        #expect(rig.isHalfOpen)
        rig.attempt(.ok)
        #expect(rig.breaker.state == .closed)
    }

    @Test func aProbeSettledTwiceOrLateChangesNothing() {
        var rig = Rig()
        rig.open()
        rig.waitUntilOpenEnds()
        let probe = rig.permit()
        rig.settle(probe, .ok)
        rig.settle(probe, .ok)
        #expect(rig.isHalfOpen)
        rig.settle(rig.permit(), .ok)
        #expect(rig.breaker.state == .closed)
        rig.settle(probe, .fail)
        #expect(rig.breaker.state == .closed)
    }

    @Test func aLostProbeGivesItsLeaseUp() {
        var rig = Rig()
        rig.open()
        rig.waitUntilOpenEnds()
        let lost = rig.permit()
        rig.wait(Breaker.probeLeaseNanoseconds - 1)
        #expect(rig.admit() == .refused(.probing))
        rig.wait(1)
        let next = rig.permit()
        #expect(next != nil)
        rig.settle(lost, .fail)
        #expect(rig.isHalfOpen)
        #expect(rig.admit() == .refused(.probing))
    }

    @Test func criticalLeavesTheProbeForASecondThenTakesIt() {
        var rig = Rig()
        rig.open()
        rig.waitUntilOpenEnds()
        #expect(rig.admit(defersProbe: true) == .refused(.probing))
        rig.wait(Breaker.criticalProbeDelayNanoseconds - 1)
        #expect(rig.admit(defersProbe: true) == .refused(.probing))
        rig.wait(1)
        #expect(rig.permit(defersProbe: true) != nil)
    }

    @Test func aStandardExchangeTakesTheProbeThatACriticalOneLeft() {
        var rig = Rig()
        rig.open()
        rig.waitUntilOpenEnds()
        #expect(rig.admit(defersProbe: true) == .refused(.probing))
        #expect(rig.permit() != nil)
    }

    @Test func outcomesFromBeforeAChangeSayNothingAfterIt() {
        var rig = Rig()
        let early = (0..<20).map { _ in rig.permit() }
        rig.open()
        rig.waitUntilOpenEnds()
        for permit in early[..<10] { rig.settle(permit, .fail) }
        #expect(rig.isHalfOpen || rig.openUntil != nil)
        rig.attempt(.ok)
        rig.attempt(.ok)
        #expect(rig.breaker.state == .closed)
        for permit in early[10...] { rig.settle(permit, .fail) }
        #expect(rig.breaker.state == .closed)
    }

    // MARK: - Slow start

    private func closedAgain(seed: UInt64) -> Rig {
        var rig = Rig()
        rig.random = SeededRandom(seed: seed)
        rig.open()
        rig.waitUntilOpenEnds()
        rig.attempt(.ok)
        rig.attempt(.ok)
        return rig
    }

    @Test(arguments: [(0, 10), (10, 40), (20, 70), (29, 97), (30, 100), (31, 100)])
    func slowStartRampsTheShare(seconds: Int, percent: Int) {
        var rig = closedAgain(seed: 5)
        rig.wait(Int64(seconds) * Span.second)
        let admitted = (0..<4_000).count { _ in rig.permit() != nil }
        #expect((percent * 40 - 120...percent * 40 + 120).contains(admitted))
        if percent == 100 { #expect(admitted == 4_000) }
    }

    @Test func slowStartIsNotWaitedOutWhereThereIsNoOther() {
        var rig = closedAgain(seed: 6)
        #expect(rig.despiteSlowStart() != nil)
        rig.open()
        while rig.breaker.state == .closed {
            rig.settle(rig.despiteSlowStart(), .fail)
        }
        #expect(rig.despiteSlowStart() == nil)
    }

    @Test func openingInSlowStartOpensForLongerAndAFullSlowStartForgets() throws {
        var rig = closedAgain(seed: 7)
        while rig.breaker.state == .closed { rig.settle(rig.despiteSlowStart(), .fail) }
        #expect(try #require(rig.openUntil).nanoseconds(since: rig.now) >= 1_600 * Span.millisecond)
        rig = closedAgain(seed: 8)
        rig.wait(Breaker.slowStartNanoseconds)
        rig.open()
        #expect(try #require(rig.openUntil).nanoseconds(since: rig.now) <= 1_200 * Span.millisecond)
    }

    // MARK: - Last resort

    @Test func lastResortsAreAtMostOneInTenOrOneASecond() {
        var rig = Rig()
        rig.open()
        // At once after opening: one in ten.
        let burst = (0..<1_000).count { _ in rig.lastResort() != nil }
        #expect(burst == 100)
        // One every quarter of a second: one a second.
        var slow = 0
        for _ in 0..<400 {
            rig.wait(Span.second / 4)
            if rig.lastResort() != nil { slow += 1 }
        }
        #expect((99...101).contains(slow))
        // Less often than once a second: each.
        for _ in 0..<20 {
            rig.wait(Span.second)
            #expect(rig.lastResort() != nil)
        }
    }

    @Test func lastResortsThatAreAnsweredEndTheWait() throws {
        var rig = Rig()
        rig.open()
        func lastResort(_ outcome: AttemptOutcome) -> Bool {
            rig.wait(Span.millisecond)
            while true { if let permit = rig.lastResort() { return rig.settle(permit, outcome) } }
        }
        for (outcome, ends) in [
            (AttemptOutcome.ok, false), (.fail, false), (.neutral, false), (.ok, false), (.ok, true),
        ] {
            #expect(rig.permit() == nil)
            let hasEnded = lastResort(outcome)
            #expect(hasEnded == ends)
        }
        #expect(rig.breaker.state == .halfOpen(since: rig.now))
        let probe = rig.permit()
        #expect(probe != nil)
        #expect(rig.permit() == nil, "still one probe at a time")
        rig.settle(probe, .fail)
        #expect(try #require(rig.openUntil).nanoseconds(since: rig.now) >= 1_600 * Span.millisecond)
    }

    @Test func aLastResortFromBeforeItOpenedAnewSaysNothing() throws {
        var rig = Rig()
        rig.open()
        rig.wait(Span.second * 6 / 5)
        let late = try (0..<3).map { _ in
            rig.wait(Span.second)
            let permit = rig.lastResort()
            return try #require(permit)
        }
        rig.settle(rig.permit(), .fail)
        for permit in late { rig.settle(permit, .ok) }
        #expect(rig.openUntil != nil)
    }

    @Test func exchangesThatAnotherCandidateServesEarnNoLastResort() {
        var rig = Rig()
        rig.open()
        for _ in 0..<1_000 { _ = rig.admit() }
        #expect(rig.lastResort() == nil)
    }
}
