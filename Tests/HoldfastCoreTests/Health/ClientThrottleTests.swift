import Testing

@testable import HoldfastCore

/// A throttle and its provider, which takes what it is told to take.
private struct ThrottleRig {
    var throttle = ClientThrottle()
    var random = SeededRandom(seed: 7)

    static let answered = AttemptResult(outcome: .ok, startedAt: .zero)
    static let overloaded = AttemptResult(outcome: .neutral, failure: .capacity, startedAt: .zero)

    /// Returns whether it was sent.
    @discardableResult
    mutating func ask(
        _ criticality: Criticality = .standard, _ result: AttemptResult? = Self.answered, now: Instant
    ) -> Bool {
        guard throttle.admits(criticality, now: now, random: &random) else { return false }
        let receipt = throttle.sent(criticality, now: now)
        if let result { throttle.settle(receipt, result, now: now) }
        return true
    }

    /// Sends whether or not it would be admitted, as a last resort is. For exact counts.
    mutating func sends(
        _ count: Int, _ result: AttemptResult? = Self.answered, _ criticality: Criticality = .standard, now: Instant
    ) {
        for _ in 0..<count {
            let receipt = throttle.sent(criticality, now: now)
            if let result { throttle.settle(receipt, result, now: now) }
        }
    }

    mutating func admitted(_ count: Int, _ criticality: Criticality = .standard, now: Instant) -> Int {
        var admitted = 0
        for _ in 0..<count where throttle.admits(criticality, now: now, random: &random) { admitted += 1 }
        return admitted
    }
}

@Suite struct ClientThrottleTests {
    @Test func nothingIsDroppedWhereAllIsAccepted() {
        var rig = ThrottleRig()
        for millisecond in 0..<300_000 where millisecond % 7 == 0 {
            let isSent = rig.ask(now: at(0, Int64(millisecond)))
            #expect(isSent)
        }
        #expect(rig.throttle.droppedMillis(.standard) == 0)
    }

    @Test func theFormulaIsTheOneOfTheBook() {
        var rig = ThrottleRig()
        rig.sends(40, now: at(1))
        rig.sends(60, ThrottleRig.overloaded, now: at(1))
        #expect(rig.throttle.droppedMillis(.standard) == (100 - 2 * 40) * 1_000 / 101)
        rig.sends(100, ThrottleRig.overloaded, now: at(1))
        #expect(rig.throttle.droppedMillis(.standard) == (200 - 2 * 40) * 1_000 / 201)
    }

    @Test func halfRefusedIsNotThrottledAndMoreIs() {
        var rig = ThrottleRig()
        rig.sends(50, now: at(1))
        rig.sends(50, ThrottleRig.overloaded, now: at(1))
        #expect(rig.admitted(1_000, now: at(1)) == 1_000)
        rig.sends(300, ThrottleRig.overloaded, now: at(1))
        // p begins at 300/401, and rises with each that is dropped: those wanted to be sent too.
        #expect((90...150).contains(rig.admitted(1_000, now: at(1))))
    }

    @Test func criticalExchangesAreDroppedOnlyWhereThreeOfFourAreRefused() {
        var rig = ThrottleRig()
        rig.sends(25, ThrottleRig.answered, .critical, now: at(1))
        rig.sends(75, ThrottleRig.overloaded, .critical, now: at(1))
        #expect(rig.throttle.droppedMillis(.critical) == 0)
        rig.sends(50, ThrottleRig.overloaded, .critical, now: at(1))
        #expect(rig.throttle.droppedMillis(.critical) == (150 - 4 * 25) * 1_000 / 151)
        rig.sends(100, ThrottleRig.overloaded, .critical, now: at(1))
        #expect(rig.admitted(100, .critical, now: at(1)) < 100)
    }

    @Test func whatOthersAreRefusedDropsNoCriticalExchange() {
        var rig = ThrottleRig()
        rig.sends(1_000, ThrottleRig.overloaded, .standard, now: at(1))
        rig.sends(1_000, ThrottleRig.overloaded, .deferrable, now: at(1))
        rig.sends(20, ThrottleRig.answered, .critical, now: at(1))
        #expect(rig.admitted(100, .critical, now: at(1)) == 100)
        #expect(rig.admitted(100, .standard, now: at(1)) < 5)
    }

    /// Whatever is asked, about twice of what is accepted is sent.
    @Test func tenTimesTheLoadIsSentTwice() {
        var rig = ThrottleRig()
        var sent = 0
        // A hundred come a second, and of what is sent the first ten are taken.
        for second in 0..<100 {
            var taken = 0
            for place in 0..<100 {
                let result = taken < 10 ? ThrottleRig.answered : ThrottleRig.overloaded
                guard rig.ask(.standard, result, now: at(Int64(second), Int64(place) * 10)) else { continue }
                taken += 1
                sent += second < 10 ? 0 : 1
            }
        }
        #expect((1_700...2_300).contains(sent), "\(sent) of 9,000, where 900 were accepted")
    }

    // MARK: - Time

    @Test func whatIsOlderThanTwoMinutesIsForgotten() {
        var rig = ThrottleRig()
        rig.sends(100, ThrottleRig.overloaded, now: at(5))
        rig.sends(1, nil, now: at(119, 500))
        #expect(rig.admitted(100, now: at(119, 999)) < 5)
        _ = rig.admitted(1, now: at(125))
        #expect(rig.throttle.droppedMillis(.standard) > 0, "what was dropped since still counts")
        _ = rig.admitted(1, now: at(240))
        #expect(rig.throttle.droppedMillis(.standard) == 0)
    }

    @Test func acceptsAreForgottenWithTheirRequests() {
        var rig = ThrottleRig()
        rig.sends(1_000, now: at(1))
        rig.sends(100, ThrottleRig.overloaded, now: at(115))
        #expect(rig.admitted(50, now: at(115)) == 50)
        rig.sends(1, nil, now: at(120))
        #expect(rig.admitted(50, now: at(120)) < 25)
    }

    @Test func aRefusalOfWhatIsForgottenChangesNothing() {
        var rig = ThrottleRig()
        let receipt = rig.throttle.sent(.standard, now: at(1))
        rig.sends(20, nil, now: at(121))
        rig.throttle.settle(receipt, ThrottleRig.overloaded, now: at(121))
        rig.throttle.withdraw(receipt, now: at(121))
        rig.sends(20, ThrottleRig.overloaded, now: at(121))
        #expect(rig.throttle.droppedMillis(.standard) == 0, "twenty of forty")
        rig.sends(1, ThrottleRig.overloaded, now: at(121))
        #expect(rig.throttle.droppedMillis(.standard) == 1_000 / 42)
    }

    @Test func anInstantThatIsALittleEarlierIsNoHarm() {
        var rig = ThrottleRig()
        rig.sends(10, ThrottleRig.overloaded, now: at(20))
        rig.sends(10, ThrottleRig.overloaded, now: at(19, 999))
        #expect(rig.throttle.droppedMillis(.standard) == 20 * 1_000 / 21)
    }

    // MARK: - Little traffic, and the way back

    @Test func aHandfulOfRefusalsDropsNothing() {
        var rig = ThrottleRig()
        rig.sends(9, ThrottleRig.overloaded, now: at(1))
        #expect(rig.admitted(100, now: at(1)) == 100)
        rig.sends(1, ThrottleRig.overloaded, now: at(1))
        #expect(rig.admitted(100, now: at(1)) < 30)
    }

    @Test func oneASecondGoesThrough() {
        var rig = ThrottleRig()
        rig.sends(10_000, ThrottleRig.overloaded, now: at(1))
        var sent: [Int64] = []
        for millisecond in stride(from: Int64(1_000), to: 11_000, by: 10)
        where rig.ask(.standard, ThrottleRig.overloaded, now: at(0, millisecond)) {
            sent.append(millisecond)
        }
        #expect((9...13).contains(sent.count), "\(sent)")
        // Whoever asks less than once a second never notices.
        for second in 20..<60 {
            let isSent = rig.ask(.standard, ThrottleRig.overloaded, now: at(Int64(second)))
            #expect(isSent)
        }
    }

    /// A minute of ten times the load, then half of it: all is sent again within a few seconds.
    @Test func anOverloadThatIsOverIsForgotten() {
        var rig = ThrottleRig()
        for millisecond in stride(from: Int64(0), to: 60_000, by: 10) {
            rig.ask(
                .standard, millisecond % 100 == 0 ? ThrottleRig.answered : ThrottleRig.overloaded,
                now: at(0, millisecond))
        }
        var dropped: [Int64] = []
        for millisecond in stride(from: Int64(60_000), to: 120_000, by: 200)
        where !rig.ask(now: at(0, millisecond)) {
            dropped.append(millisecond)
        }
        #expect(!dropped.isEmpty)
        #expect(dropped.last ?? 0 < 67_000, "\(dropped)")
    }

    @Test func fiveSecondsWithoutAnAttemptAreNoCalm() {
        var rig = ThrottleRig()
        rig.sends(100, ThrottleRig.overloaded, now: at(1))
        rig.sends(1, nil, now: at(30))
        #expect(rig.admitted(100, now: at(30)) < 5)
        rig.sends(4, nil, now: at(30))
        #expect(rig.admitted(100, now: at(30)) == 100)
    }

    @Test func oneRefusalIsTheEndOfACalm() {
        var rig = ThrottleRig()
        rig.sends(100, ThrottleRig.overloaded, now: at(1))
        rig.sends(5, now: at(5))
        rig.sends(1, ThrottleRig.overloaded, now: at(5, 500))
        rig.sends(5, now: at(6))
        #expect(rig.admitted(100, now: at(6, 500)) < 30)
        rig.sends(1, nil, now: at(10))
        #expect(rig.admitted(100, now: at(10, 499)) < 30)
        #expect(rig.admitted(100, now: at(10, 500)) == 100)
    }

    @Test func whatWasAcceptedBeforeTheCalmStillCounts() {
        var rig = ThrottleRig()
        rig.sends(100, now: at(1))
        rig.sends(300, ThrottleRig.overloaded, now: at(1))
        rig.sends(5, nil, now: at(6))
        #expect(rig.admitted(1, now: at(6)) == 1)
        rig.sends(105, ThrottleRig.overloaded, now: at(6))
        #expect(rig.throttle.droppedMillis(.standard) == 0)
        rig.sends(10, ThrottleRig.overloaded, now: at(6))
        #expect(rig.throttle.droppedMillis(.standard) > 0)
    }

    // MARK: - What is an accept

    private func dropped(after result: AttemptResult) -> Int64 {
        var rig = ThrottleRig()
        rig.sends(20, now: at(1))
        rig.sends(30, result, now: at(1))
        return rig.throttle.droppedMillis(.standard)
    }

    @Test(arguments: FailureClass.allCases) func onlyOverloadIsARefusal(failure: FailureClass) {
        let result = AttemptResult(outcome: failure.policy.outcome, failure: failure, startedAt: .zero)
        let isOverload = failure == .capacity || failure == .rateLimit
        #expect(dropped(after: result) == (isOverload ? 10 * 1_000 / 51 : 0))
        var begun = result
        begun.hasBegun = true
        #expect(dropped(after: begun) == 0)
    }

    @Test func aLimitWithAnEndIsNoRefusal() {
        let result = AttemptResult(
            outcome: .neutral, failure: .rateLimit, retryAfterNanoseconds: Span.second, startedAt: .zero)
        #expect(dropped(after: result) == 0)
    }

    @Test(arguments: [FailureClass.neutral, .silent, .localExhaustion])
    func whatNobodyKnowsIsNeitherARequestNorAnAccept(failure: FailureClass) {
        var rig = ThrottleRig()
        rig.sends(20, now: at(1))
        rig.sends(30, AttemptResult(outcome: .neutral, failure: failure, startedAt: .zero), now: at(1))
        rig.sends(25, ThrottleRig.overloaded, now: at(1))
        #expect(rig.throttle.droppedMillis(.standard) == 5 * 1_000 / 46)
    }

    @Test func slowAnswersAreNoRefusals() {
        var rig = ThrottleRig()
        rig.sends(1_000, nil, now: at(1))
        #expect(rig.admitted(100, now: at(1)) == 100)
    }

    @Test func whatWasNeverSentIsNotCounted() {
        var rig = ThrottleRig()
        rig.sends(20, ThrottleRig.overloaded, now: at(1))
        for _ in 0..<30 {
            let receipt = rig.throttle.sent(.standard, now: at(1))
            rig.throttle.withdraw(receipt, now: at(1))
        }
        #expect(rig.throttle.droppedMillis(.standard) == 20 * 1_000 / 21)
    }
}
