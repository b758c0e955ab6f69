import Testing

@testable import HoldfastCore

@Suite struct DrillWatchTests {
    // MARK: - Phases

    @Test func theFaultIsEffectiveFromTheEndOfTheBaselineToTheEndOfTheLease() {
        let rig = WatchRig()
        let phases: [(Int64, DrillWatch.Phase, Bool)] = [
            (-3_000, .baseline, false), (-1, .baseline, false), (0, .fault, true), (59_999, .fault, true),
            (60_000, .recovery, false), (149_999, .recovery, false), (150_000, .over, false), (999_000, .over, false),
        ]
        for (now, phase, isEffective) in phases {
            #expect(rig.isEffective(now) == isEffective, "\(now)")
            #expect(rig.watch.phase == phase, "\(now)")
        }
        #expect(rig.watch.ending == .lease && WatchRig.milliseconds(rig.watch.endedAt) == 60_000)
    }

    @Test func whoeverAsksLateFindsThatTheLeaseEndedWhenItDid() {
        let rig = WatchRig()
        #expect(!rig.isEffective(100_000))
        #expect(rig.watch.phase == .recovery && WatchRig.milliseconds(rig.watch.endedAt) == 60_000)
        let late = WatchRig()
        #expect(late.look(999_000) == .over)
    }

    @Test func aClockThatIsReadBeforeOthersTakesNothingBack() {
        let rig = WatchRig()
        #expect(!rig.isEffective(60_000) && !rig.isEffective(59_999))
        #expect(rig.watch.phase == .recovery)
    }

    @Test func withoutABaselineTheFaultIsEffectiveAtOnce() {
        let rig = WatchRig { $0.baselineMilliseconds = 0 }
        #expect(rig.watch.phase == .fault && rig.isEffective(0))
    }

    @Test func aShamHasItsPhasesAndFailsNothing() {
        let rig = WatchRig(.sham)
        #expect(!rig.isEffective(1) && rig.watch.phase == .fault)
        #expect(rig.look(60_000) == .recovery && rig.watch.ending == .lease)
    }

    @Test(arguments: [
        (-1 as Int64, DrillWatch.Phase.refused, false), (0, .recovery, true), (30_000, .recovery, true),
    ]) func aClearedOrderEndsAtOnce(now: Int64, phase: DrillWatch.Phase, hasBegun: Bool) {
        let rig = WatchRig()
        rig.watch.clear(now: WatchRig.time(now))
        #expect(rig.watch.phase == phase && rig.watch.ending == .cleared && rig.watch.hasBegun == hasBegun)
        #expect(WatchRig.milliseconds(rig.watch.endedAt) == now)
        for later in [now, now + 1, 1_000, 59_000] { #expect(!rig.isEffective(later)) }
    }

    @Test func whatHasEndedIsNotEndedAgain() {
        let rig = WatchRig()
        _ = rig.look(60_500)
        rig.watch.clear(now: WatchRig.time(61_000))
        #expect(rig.watch.ending == .lease && WatchRig.milliseconds(rig.watch.endedAt) == 60_000)
    }

    @Test func anExchangeThatIsLostInTheBaselineIsNoSteadyState() {
        let rig = WatchRig()
        rig.ended(WatchRig.good(from: -2_900), -2_800)
        rig.ended(WatchRig.lost(from: -2_900), -1_000)
        #expect(rig.watch.phase == .refused && rig.watch.ending == .unsteady && !rig.isEffective(10))
        #expect(rig.watch.baseline.answered == 1 && rig.watch.baseline.lost == 1)
        #expect(rig.watch.recoveryIsFinal && rig.watch.recoveredAt == nil && !rig.watch.isUnderWay)
    }

    @Test func whereEveryTargetIsOutAlreadyNothingIsFailed() {
        let rig = WatchRig()
        rig.ended(WatchRig.passedOver(from: -900), -800)
        rig.watch.saw(unwell: [WatchRig.target], now: WatchRig.time(-500))
        #expect(!rig.isEffective(0) && rig.watch.phase == .refused && rig.watch.ending == .unsteady)
        #expect(!rig.watch.hasBegun && !rig.watch.isUnderWay && WatchRig.milliseconds(rig.watch.endedAt) == 0)
        rig.ended(WatchRig.passedOver(from: 5), 9)
        #expect(rig.watch.counts(of: .standard).all == 0 && rig.watch.baseline.degraded == 1)
    }

    @Test func whatIsOutAgainBeforeItBeginsIsFailedAsAnyOther() {
        let rig = WatchRig()
        rig.watch.saw(unwell: [WatchRig.target], now: WatchRig.time(-2_000))
        rig.watch.saw(unwell: [], now: WatchRig.time(-1_000))
        #expect(rig.isEffective(0))
        let two = WatchRig()
        two.watch.adopt(DrillScope(targets: [WatchRig.target, WatchRig.other], watched: ["chat"]))
        two.watch.saw(unwell: [WatchRig.target], now: WatchRig.time(-1_000))
        #expect(two.isEffective(0), "one of them is left to fail")
    }

    @Test func withoutABaselineWhatIsOutAlreadyIsNotFailedEither() {
        let rig = WatchRig { $0.baselineMilliseconds = 0 }
        let watch = DrillWatch(
            id: "1", order: rig.watch.order, scope: rig.watch.scope, unwell: [WatchRig.target], now: WatchRig.time(0))
        #expect(watch.phase == .refused && watch.ending == .unsteady)
    }

    @Test func aShamMeetsWhatItWouldHaveFailed() {
        let rig = WatchRig(.sham)
        rig.ended(WatchRig.good(from: -10), 5)
        #expect(rig.watch.met == 0)
        rig.ended(WatchRig.good(from: 5), 9)
        rig.ended(WatchRig.passedOver(from: 10), 12)
        #expect(rig.watch.met == 2, "a target that is passed over would have met it too")
        rig.ended(WatchRig.good(from: 60_000), 60_004)
        #expect(rig.watch.met == 2, "its lease was over")
    }

    @Test(
        arguments: [
            (.refused(.breaker(.open(until: Instant(nanoseconds: 1)))), true), (.refused(.breaker(.probing)), true),
            (.refused(.breaker(.slowStart)), false), (.tooSlow, false), (.drained, false),
        ] as [(CandidateExclusion.Reason, Bool)])
    func whatComesBackByAndByIsNotOut(reason: CandidateExclusion.Reason, isOut: Bool) {
        #expect(reason.isOut == isOut)
    }

    @Test func anOrderWithoutAnythingToMeasureIsInjectedAllTheSame() {
        let rig = WatchRig()
        #expect(rig.isEffective(5) && rig.watch.baseline.all == 0)
        #expect(rig.look(60_000) == .recovery)
        #expect(rig.look(150_000) == .over && rig.watch.recoveredAt == nil && rig.watch.recoveryIsFinal)
    }

    @Test func theTimeLeftIsThatOfThePhase() {
        let rig = WatchRig()
        func left(_ now: Int64) -> Int64? {
            rig.watch.leftNanoseconds(now: WatchRig.time(now)).map { $0 / Span.millisecond }
        }
        #expect(left(-2_000) == 2_000)
        _ = rig.look(0)
        #expect(left(1_000) == 59_000)
        _ = rig.look(60_000)
        #expect(left(61_000) == 89_000)
        _ = rig.look(150_000)
        #expect(left(151_000) == nil)
    }

    // MARK: - Stop conditions

    @Test func lostCriticalExchangesEndIt() {
        let rig = WatchRig { $0.stop.lostCritical = 3 }
        for number in 1...2 { rig.ended(WatchRig.lost(from: 1, .critical), Int64(number)) }
        rig.ended(WatchRig.lost(from: 1, .standard), 3)
        #expect(rig.isEffective(4))
        rig.ended(WatchRig.lost(from: 1, .critical), 5)
        #expect(!rig.isEffective(5) && rig.watch.ending == .lostCritical)
        #expect(WatchRig.milliseconds(rig.watch.endedAt) == 5)
        #expect(rig.look(6) == .recovery)
    }

    @Test(arguments: [(9, 10, true), (10, 10, false), (9, 9, true), (19, 0, true), (20, 0, false)])
    func soManyPercentOfTwentyOrMoreEndIt(lost: Int, answered: Int, goesOn: Bool) {
        let rig = WatchRig()
        for _ in 0..<answered { rig.ended(WatchRig.good(from: 1), 2) }
        for _ in 0..<lost { rig.ended(WatchRig.lost(from: 1), 3) }
        #expect(rig.isEffective(4) == goesOn)
        #expect(rig.watch.ending == (goesOn ? nil : .lostPercent))
    }

    @Test func whatWasLostBeforeOrIsLostElsewhereDoesNotCount() {
        let rig = WatchRig { $0.stop.lostCritical = 1 }
        var elsewhere = WatchRig.lost(from: 1, .critical)
        elsewhere.route = "other"
        rig.ended(elsewhere, 2)
        rig.watch.shed(.critical, on: "chat", isProbe: false, now: WatchRig.time(3))
        #expect(rig.isEffective(4) && rig.watch.counts(of: .critical).lost == 0)
        #expect(rig.watch.counts(of: .critical).shed == 1)
    }

    // MARK: - Counts

    @Test func exchangesAreCountedByWhatBecameOfThem() {
        let rig = WatchRig()
        rig.ended(WatchRig.good(from: -2_500), -2_000)
        var probe = WatchRig.good(from: -2_500)
        probe.isProbe = true
        rig.ended(probe, -1_500)
        rig.ended(WatchRig.failedOver(from: 10, moved: 20), 30)
        rig.ended(WatchRig.passedOver(from: 40), 1_200)
        rig.ended(WatchRig.good(from: -10), 1_300)
        rig.ended(WatchRig.lost(from: 50, .deferrable), 1_400)
        rig.watch.shed(.deferrable, on: "chat", isProbe: true, now: WatchRig.time(2_100))
        #expect(rig.watch.baseline.answered == 2 && rig.watch.baseline.all == 2)
        #expect(rig.watch.counts(of: .standard).degraded == 2 && rig.watch.counts(of: .critical).answered == 1)
        #expect(rig.watch.counts(of: .deferrable).lost == 1 && rig.watch.counts(of: .deferrable).shed == 1)
        #expect(rig.watch.met == 3 && rig.watch.probes == 2, "one went round the target")
        #expect(rig.watch.answerers.map(\.deployment) == [WatchRig.other, WatchRig.target])
        #expect(rig.watch.answerers.map(\.count) == [2, 1])
        #expect(rig.watch.seconds.map(\.second) == [-2, 0, 1, 2])
        #expect(rig.watch.seconds.map(\.counts.all) == [2, 1, 3, 1])
    }

    @Test func theTimelineKeepsItsNewestSeconds() {
        let rig = WatchRig { $0.leaseMilliseconds = 900_000 }
        for second in 0..<400 as Range<Int64> { rig.ended(WatchRig.good(from: second * 1_000), second * 1_000 + 1) }
        #expect(rig.watch.seconds.count == DrillWatch.mostSeconds)
        #expect(rig.watch.seconds.first?.second == 220 && rig.watch.seconds.last?.second == 399)
        #expect(rig.watch.counts(of: .critical).answered == 400)
    }

    @Test func afterTheObservationNothingIsCounted() {
        let rig = WatchRig()
        _ = rig.look(150_000)
        rig.ended(WatchRig.lost(from: 1), 150_001)
        #expect(rig.watch.counts(of: .standard).all == 0)
    }

    // MARK: - Instants

    @Test func detectionIsTheFirstFailureOrChangeWhicheverIsFirst() {
        let rig = WatchRig()
        rig.watch.changed(WatchRig.target, now: WatchRig.time(-100))
        rig.watch.changed(WatchRig.other, now: WatchRig.time(5))
        rig.ended(WatchRig.failedOver(from: 10, moved: 20, order: "another"), 21)
        #expect(rig.watch.detectedAt == nil)
        rig.watch.changed(WatchRig.target, now: WatchRig.time(300))
        #expect(WatchRig.milliseconds(rig.watch.detectedAt) == 300)
        rig.ended(WatchRig.failedOver(from: 100, moved: 250), 400)
        #expect(WatchRig.milliseconds(rig.watch.detectedAt) == 250, "it failed before, and ended later")
        rig.ended(WatchRig.failedOver(from: 100, moved: 500), 600)
        #expect(WatchRig.milliseconds(rig.watch.detectedAt) == 250)
    }

    @Test func actionIsTheFirstAttemptElsewhereThatAnswered() {
        let rig = WatchRig()
        var fallback = WatchRig.passedOver(from: 5)
        fallback.passedOver = []
        rig.ended(fallback, 10)
        rig.ended(WatchRig.lost(from: 11), 12)
        rig.ended(WatchRig.good(from: 12), 13)
        #expect(rig.watch.actedAt == nil, "nothing was moved")
        rig.ended(WatchRig.passedOver(from: 90), 95)
        #expect(WatchRig.milliseconds(rig.watch.actedAt) == 90)
        rig.ended(WatchRig.failedOver(from: 20, moved: 30), 99)
        #expect(WatchRig.milliseconds(rig.watch.actedAt) == 30)
    }

    @Test func whatIsNoExchangeIsDetectedToo() {
        let rig = WatchRig()
        rig.watch.missed(goesOn: true, now: WatchRig.time(-5))
        #expect(rig.watch.detectedAt == nil)
        rig.watch.missed(goesOn: false, now: WatchRig.time(7))
        #expect(WatchRig.milliseconds(rig.watch.detectedAt) == 7 && rig.watch.actedAt == nil)
        rig.watch.missed(goesOn: true, now: WatchRig.time(8))
        #expect(WatchRig.milliseconds(rig.watch.detectedAt) == 7)
        #expect(WatchRig.milliseconds(rig.watch.actedAt) == 8)
    }

    @Test func whatBeganBeforeTheFaultIsNoSignOfRecovery() {
        let rig = WatchRig()
        for number in 1...9 as ClosedRange<Int64> { rig.ended(WatchRig.good(from: -5), number) }
        #expect(rig.watch.recoveredAt == nil)
        for number in 11...15 as ClosedRange<Int64> { rig.ended(WatchRig.good(from: 2), number) }
        #expect(WatchRig.milliseconds(rig.watch.recoveredAt) == 11 && !rig.watch.recoveryIsFinal)
        _ = rig.look(60_012)
        #expect(rig.watch.recoveryIsFinal)
    }

    @Test func itIsSteadyAgainWhenNoTargetIsOutThatWasNotBefore() {
        let rig = WatchRig()
        rig.watch.saw(unwell: ["east/old"], now: WatchRig.time(-1))
        rig.watch.saw(unwell: [], now: WatchRig.time(1))
        #expect(!rig.watch.isSteadyAgain, "the fault has not ended")
        rig.watch.saw(unwell: ["east/old", WatchRig.target], now: WatchRig.time(60_001))
        #expect(!rig.watch.isSteadyAgain)
        rig.watch.saw(unwell: ["east/old"], now: WatchRig.time(60_002))
        #expect(rig.watch.isSteadyAgain)
    }

    @Test func theObservationEndsEarlyWhereEverythingIsAsItWas() {
        let rig = WatchRig()
        for number in 1...5 as ClosedRange<Int64> { rig.ended(WatchRig.good(from: 0), number) }
        rig.watch.saw(unwell: [], now: WatchRig.time(60_100))
        #expect(rig.look(70_099) == .recovery && rig.look(70_100) == .over)
    }
}

@Suite struct RecoveryRunTests {
    private enum Step {
        case good(Int64)
        case lost(Int64)
    }

    private static let cases: [(steps: [Step], recoveredAt: Int64?, isFinal: Bool)] = [
        ([], nil, false),
        ([.good(1), .good(2), .good(3), .good(4)], nil, false),
        ([.good(1), .good(2), .good(3), .good(4), .good(5)], 1, false),
        ([.good(1), .good(2), .good(3), .good(4), .lost(5), .good(6)], nil, false),
        ([.lost(1), .good(2), .good(3), .good(4), .good(5), .good(6), .good(9)], 2, false),
        ([.good(1), .good(2), .good(3), .good(4), .good(5), .lost(60)], nil, false),
        ([.good(1), .good(2), .good(3), .good(4), .good(5), .lost(61)], nil, false),
        ([.good(1), .good(2), .good(3), .good(4), .good(5), .lost(62), .good(63)], 1, true),
        ([.good(1), .good(20), .good(40), .good(70), .lost(71), .good(72)], nil, false),
        ([.good(1), .good(20), .good(40), .good(70), .good(71), .lost(72)], 1, true),
        (
            [.good(1), .good(2), .good(3), .good(4), .good(5), .lost(6)] + (7...12).map { Step.good($0) } + [.lost(90)],
            7, true
        ),
    ]

    @Test(arguments: cases.indices) func aRowOfFiveThatNothingBreaksForAMinute(number: Int) {
        let (steps, recoveredAt, isFinal) = Self.cases[number]
        var run = RecoveryRun()
        for step in steps {
            switch step {
            case .good(let second): run.answered(now: Instant(nanoseconds: second * Span.second))
            case .lost(let second): run.lost(now: Instant(nanoseconds: second * Span.second))
            }
        }
        #expect(run.recoveredAt.map { $0.nanoseconds / Span.second } == recoveredAt)
        #expect(run.isFinal == isFinal)
    }
}
