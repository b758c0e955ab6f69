import Testing

@testable import HoldfastCore

@Suite struct DrillRunTests {
    private typealias Rig = DrillRig

    @Test func onAGoodDayItPasses() {
        var run = Rig.run()
        var phases: [DrillRun.Phase] = [run.phase]
        run.second(0.5, [("a", nil)])
        #expect(run.phase == .starting && run.isOrderOut)
        run.second(1, [("a", Rig.seen(.baseline))])
        phases.append(run.phase)
        run.second(4, [("a", Rig.seen(.fault, age: 0))])
        phases.append(run.phase)
        run.second(24, [("a", Rig.seen(.recovery, age: 20, degraded: 40) { $0.recoveryIsFinal = false })])
        phases.append(run.phase)
        #expect(phases == [.starting, .baseline, .fault, .recovery] && !run.isOrderOut)
        run.second(30, [("a", Rig.seen(.recovery, age: 26, degraded: 40) { $0.recoveryIsFinal = false })])
        #expect(run.isOpen, "recovery is not final")
        run.second(64, [("a", Rig.seen(.recovery, age: 60, degraded: 40))])
        #expect(run.verdict == DrillVerdict([]))
        #expect(run.verdict?.outcome == .pass)
        let measures = DrillMeasures(of: run)
        #expect(measures.recoveredAfter == 40 && measures.isRecoveryFinal && measures.met == 40)
        #expect(measures.facts(target: 5_000).first == "recovered after 40 ms; the target is 5 s")
    }

    @Test func nobodyTakesIt() {
        var run = Rig.run()
        run.second(14, [("a", nil)])
        #expect(run.isOpen)
        run.second(15, [("a", nil)])
        #expect(run.verdict == DrillVerdict([.nobodyTookIt]) && run.verdict?.outcome == .inconclusive)
    }

    @Test func anUnsteadyBaselineInjectsNothingAndProvesNothing() {
        var run = Rig.run(expected: ["a", "b"])
        run.second(1, [("a", Rig.seen(.baseline)), ("b", Rig.seen(.baseline))])
        run.second(4, [("a", Rig.seen(.refused) { $0.ended = .unsteady }), ("b", Rig.seen(.fault))])
        #expect(run.phase == .recovery, "the other one is to stop too")
        run.second(5, [("b", Rig.seen(.recovery, age: 1))])
        #expect(run.verdict?.reasons == [.unsteadyBaseline(["a"])])
    }

    static let failures: [(@Sendable (inout DrillObservation) -> Void, DrillReason)] = [
        ({ $0.recoveredAfter = nil }, .notRecovered(["a"])),
        ({ if $0.recoveredAfter != nil { $0.recoveredAfter = 5_001 } }, .tooSlow(milliseconds: 5_001, target: 5_000)),
        ({ $0.isSteadyAgain = false }, .notSteadyAgain(["a"])),
        ({ if $0.ended != nil { $0.ended = .lostCritical } }, .stoppedByItself(gateway: "a", .lostCritical)),
        ({ if $0.ended != nil { $0.ended = .lostPercent } }, .stoppedByItself(gateway: "a", .lostPercent)),
        (
            { if $0.phase == .over { $0.critical.lost = 2 } }, .lostAfterRecovery(critical: 2)
        ),
    ]

    @Test(arguments: failures.indices)
    func itFails(place: Int) {
        let (change, reason) = Self.failures[place]
        var run = Rig.run()
        run.goWell("a") { seen in
            change(&seen)
            // So that its end is looked at, too.
            if case .lostAfterRecovery = reason, seen.phase == .recovery { seen.recoveryIsFinal = false }
        }
        run.tick(now: Rig.at(200))
        #expect(run.verdict?.outcome == .fail, "\(String(describing: run.verdict))")
        #expect(run.verdict?.reasons.first == reason)
        #expect(run.verdict?.reasons.allSatisfy { !$0.mend.isEmpty && !$0.message.isEmpty } == true)
    }

    @Test func whatWasLostBeforeRecoveryIsForTheStopConditions() {
        var run = Rig.run()
        run.goWell("a") { if $0.phase != .baseline { $0.critical.lost = 3 } }
        #expect(run.verdict?.outcome == .pass)
    }

    @Test func aClaimThatMovesIsAnotherClaim() {
        var run = Rig.run()
        run.second(1, [("a", Rig.seen(.baseline))])
        run.second(5, [("a", Rig.seen(.fault, age: 1, degraded: 10))])
        run.second(
            6, [("a", Rig.seen(.fault, age: 2, degraded: 12) { ($0.critical.lost, $0.recoveredAfter) = (1, nil) })])
        run.second(
            9, [("a", Rig.seen(.fault, age: 5, degraded: 40) { ($0.critical.lost, $0.recoveredAfter) = (1, 3_000) })])
        run.second(
            25, [("a", Rig.seen(.over, age: 21, degraded: 60) { ($0.critical.lost, $0.recoveredAfter) = (1, 3_000) })])
        run.second(
            26, [("a", Rig.seen(.over, age: 21, degraded: 60) { ($0.critical.lost, $0.recoveredAfter) = (1, 3_000) })])
        #expect(run.verdict?.outcome == .pass, "\(String(describing: run.verdict))")
        #expect(DrillMeasures(of: run).recoveredAfter == 3_000)
    }

    @Test func tooLittleTrafficProvesNothing() {
        var run = Rig.run()
        for (second, phase, age) in [
            (1.0, DrillObservation.Phase.baseline, 0), (4, .fault, 0), (25, .recovery, 21), (26, .over, 22),
        ] {
            run.second(second, [("a", Rig.seen(phase, age: Int64(age), degraded: phase == .baseline ? 0 : 4))])
        }
        run.second(27, [])
        #expect(run.verdict?.outcome == .inconclusive)
        #expect(run.verdict?.reasons.contains(.tooFewExchanges(4)) == true)
        #expect(run.verdict?.reasons.contains(.tooFewMet(4)) == true)
    }

    @Test func littleThatWasLostHasFailed() {
        var run = Rig.run()
        run.goWell { seen in
            seen.standard = DrillObservation.Counts(lost: seen.standard.degraded > 0 ? 6 : 0)
            seen.recoveredAfter = nil
        }
        #expect(run.verdict?.outcome == .fail)
        #expect(run.verdict?.reasons == [.notRecovered(["a"]), .tooFewExchanges(6)])
    }

    @Test func aFaultWithoutEffectWasNone() {
        var run = Rig.run()
        run.goWell("a") { seen in
            seen.standard = DrillObservation.Counts(answered: seen.standard.degraded)
            seen.detectedAfter = nil
        }
        #expect(run.verdict?.reasons == [.notEffective])
    }

    @Test func aGatewayThatFallsSilentEndsIt() {
        var run = Rig.run(expected: ["a", "b"])
        run.second(1, [("a", Rig.seen(.baseline)), ("b", Rig.seen(.baseline))])
        run.second(4, [("a", Rig.seen(.fault)), ("b", Rig.seen(.fault))])
        run.second(15, [("a", Rig.seen(.fault, age: 11, degraded: 40))])
        #expect(run.phase == .fault)
        run.second(20, [("a", Rig.seen(.fault, age: 16, degraded: 60))])
        #expect(run.phase == .recovery, "nobody knows what the silent one does, so all stop")
        run.second(36, [("a", Rig.seen(.recovery, age: 17, degraded: 60))])
        #expect(run.verdict?.outcome == .inconclusive)
        #expect(run.verdict?.reasons.contains(.silent(["b"])) == true)
    }

    @Test func whoeverIsCutOffFromTheManagementPlaneIsSilentAndThatIsTheDrill() {
        var run = Rig.run(.refuse, .control)
        run.second(1, [("a", Rig.seen(.baseline))])
        for second in 2...26 { run.second(Double(second), []) }
        #expect(run.phase == .baseline && run.isOrderOut)
        run.second(27, [("a", Rig.seen(.recovery, age: 23) { ($0.standard.answered, $0.recoveredAfter) = (50, 0) })])
        run.second(28, [("a", Rig.seen(.recovery, age: 24) { ($0.standard.answered, $0.recoveredAfter) = (50, 0) })])
        run.second(29, [("a", Rig.seen(.over, age: 25) { ($0.standard.answered, $0.recoveredAfter) = (52, 0) })])
        run.second(30, [("a", Rig.seen(.over, age: 25) { ($0.standard.answered, $0.recoveredAfter) = (52, 0) })])
        #expect(run.verdict?.outcome == .pass, "\(String(describing: run.verdict))")
    }

    @Test func oneThatReportsAndDoesNotTakePartLeavesItOpen() {
        var run = Rig.run(expected: ["a", "b"])
        run.goWell("a")
        #expect(run.verdict?.reasons == [.notTakenBy(["b"])])
    }

    @Test func aStopConditionAtOneEndsItForAll() {
        var run = Rig.run(expected: ["a", "b"])
        run.second(1, [("a", Rig.seen(.baseline)), ("b", Rig.seen(.baseline))])
        run.second(4, [("a", Rig.seen(.fault)), ("b", Rig.seen(.fault))])
        run.second(8, [("a", Rig.seen(.recovery, age: 4) { $0.ended = .lostCritical })])
        #expect(run.phase == .recovery && !run.isOrderOut)
    }

    @Test func aFaultThatOutlivesItsLeaseIsTakenAwayAndDoubted() {
        var run = Rig.run()
        run.second(1, [("a", Rig.seen(.baseline))])
        run.second(4, [("a", Rig.seen(.fault))])
        for second in 5...43 {
            run.second(Double(second), [("a", Rig.seen(.fault, age: Int64(second) - 4, degraded: 2 * second))])
        }
        #expect(run.phase == .recovery, "lease, baseline and some slack")
        for second in 44...170 {
            run.second(Double(second), [("a", Rig.seen(.fault, age: Int64(second) - 4, degraded: 2 * second))])
        }
        #expect(run.verdict?.outcome == .inconclusive)
        #expect(run.verdict?.reasons.contains(.neverEnded(["a"])) == true)
    }

    @Test func shamsMeasureFalseAlarms() {
        var quiet = Rig.run(.sham)
        quiet.goWell("a") { seen in
            seen.standard = DrillObservation.Counts(answered: seen.standard.degraded)
            (seen.detectedAfter, seen.actedAfter) = (nil, nil)
        }
        #expect(quiet.verdict?.outcome == .pass)
        var alarmed = Rig.run(.sham)
        alarmed.goWell()
        #expect(alarmed.verdict?.outcome == .fail)
        #expect(alarmed.verdict?.reasons.first == .falseAlarm(gateway: "a"))
        var harmed = Rig.run(.sham)
        harmed.goWell("a") { ($0.detectedAfter, $0.actedAfter) = (nil, nil) }
        #expect(harmed.verdict?.reasons.first == .harmWithoutFault(DrillObservation.Counts(degraded: 60)))
        // In the slow start after the drill before it others answer too, and that is none of its doing.
        var early = Rig.run(.sham)
        early.goWell { $0.baseline.degraded = 2 }
        #expect(early.verdict == DrillVerdict([.unsteadyBaseline(["a"])]))
    }

    @Test(arguments: [
        DrillRun.Stop.person("ada: enough"), .lever("ada: a real one"), .orderGone, .configurationChanged, .restarted,
    ])
    func whatIsStoppedIsOpenInEveryPhase(stop: DrillRun.Stop) {
        for seconds in [0.0, 1, 4, 10, 25] {
            var run = Rig.run()
            let story: [(Double, DrillObservation)] = [
                (1, Rig.seen(.baseline)), (4, Rig.seen(.fault)), (10, Rig.seen(.fault, age: 6, degraded: 30)),
                (25, Rig.seen(.recovery, age: 21, degraded: 60) { $0.recoveryIsFinal = false }),
            ]
            for (second, seen) in story where second <= seconds { run.second(second, [("a", seen)]) }
            run.stop(stop, now: Rig.at(seconds + 0.5))
            #expect(run.verdict?.outcome == .inconclusive && run.verdict?.reasons.first == .stopped(stop))
            #expect(!run.isOrderOut)
        }
    }

    /// Nothing of that is an attempt at a deployment, so nothing ever counts as having met it.
    @Test(arguments: [FaultTarget.control, .resolver])
    func whatMeetsNoExchangeIsLookedAtUntilRecoveryIsFinal(target: FaultTarget) {
        var run = Rig.run(.refuse, target)
        func seen(_ phase: DrillObservation.Phase, _ age: Int64, final: Bool = false) -> DrillObservation {
            Rig.seen(phase, age: age) {
                $0.standard.answered = 3 * Int(age)
                if age > 3 { $0.recoveredAfter = 1_000 }
                $0.recoveryIsFinal = final
            }
        }
        run.second(1, [("a", Rig.seen(.baseline))])
        run.second(4, [("a", seen(.fault, 0))])
        run.second(25, [("a", seen(.recovery, 21))])
        run.second(33, [("a", seen(.recovery, 29))])
        #expect(run.isOpen, "steady again, and recovery is not final")
        run.second(36, [("a", seen(.over, 32, final: true))])
        #expect(run.verdict == DrillVerdict([]))
    }

    @Test func aGatewayThatSaysTooLittleOfItsRecoveryLeavesItOpen() {
        var run = Rig.run(expected: ["a", "b"])
        func both(_ second: Double, _ phase: DrillObservation.Phase, age: Int64, degraded: Int) {
            let other = Rig.seen(phase, age: age, degraded: min(degraded, 4)) { $0.met = min(degraded, 3) }
            run.second(second, [("a", Rig.seen(phase, age: age, degraded: degraded)), ("b", other)])
        }
        both(1, .baseline, age: 0, degraded: 0)
        both(4, .fault, age: 0, degraded: 0)
        both(10, .fault, age: 6, degraded: 30)
        both(25, .recovery, age: 21, degraded: 60)
        both(27, .over, age: 23, degraded: 60)
        #expect(run.verdict == DrillVerdict([.recoveryNotFinal(["b"])]))
        #expect(DrillMeasures(of: run).recoveredAfter == nil)
    }

    @Test func whatHasFailedBeforeItWasStoppedHasFailed() {
        var run = Rig.run()
        run.second(1, [("a", Rig.seen(.baseline))])
        run.second(4, [("a", Rig.seen(.fault))])
        run.second(8, [("a", Rig.seen(.recovery, age: 4, degraded: 8) { $0.ended = .lostCritical })])
        run.stop(.person("ada: oh"), now: Rig.at(9))
        #expect(run.verdict?.outcome == .fail)
        #expect(run.verdict?.reasons.contains(.stopped(.person("ada: oh"))) == true)
    }

    @Test func whatWasLeftOpenIsOpenUnlessAGatewayHadEndedItItself() {
        #expect(DrillVerdict(leftOpenAfter: []) == DrillVerdict([.stopped(.restarted)]))
        #expect(DrillVerdict(leftOpenAfter: [("a", .lease), ("b", .cleared)]).outcome == .inconclusive)
        let failed = DrillVerdict(leftOpenAfter: [("a", .lease), ("b", .lostPercent)])
        #expect(failed.outcome == .fail)
        #expect(failed.reasons == [.stoppedByItself(gateway: "b", .lostPercent), .stopped(.restarted)])
    }

    static let lies: [(String, DrillObservation)] = [
        ("an age from before the drill", Rig.seen(.fault, age: 3_000)),
        ("recovered in the future", Rig.seen(.fault, age: 5, degraded: 10) { $0.recoveredAfter = 6_000 }),
        ("counts that shrink", Rig.seen(.fault, age: 5, degraded: 4)),
        ("a baseline once more", Rig.seen(.baseline)),
        ("less than nothing", Rig.seen(.fault, age: 5, degraded: 10) { $0.critical.lost = -1 }),
        ("more than anybody counts", Rig.seen(.fault, age: 5, degraded: 10) { $0.met = .max }),
        ("a clock that goes back", Rig.seen(.fault, age: 1, degraded: 10)),
    ]

    @Test(arguments: lies.indices)
    func aGatewayThatLiesProvesNothing(place: Int) {
        let (what, lie) = Self.lies[place]
        var run = Rig.run()
        run.second(1, [("a", Rig.seen(.baseline))])
        run.second(7, [("a", Rig.seen(.fault, age: 3, degraded: 9))])
        run.second(8, [("a", lie)])
        #expect(run.phase == .recovery, "\(what)")
        // It may say what it likes from then on.
        run.second(9, [("a", Rig.seen(.over, age: 5, degraded: 60))])
        run.second(30, [("a", Rig.seen(.over, age: 5, degraded: 60))])
        #expect(run.verdict?.outcome == .inconclusive, "\(what): \(String(describing: run.verdict))")
        #expect(run.verdict?.reasons.contains(.contradictory(["a"])) == true)
    }

    /// Whatever gateways say, in whatever order: it ends, the order does not stay out for longer than its bounds, and it
    /// passes only where somebody has said all that a pass takes.
    @Test(arguments: 0..<60)
    func whateverIsSaidItEndsAndNothingPassesUnseen(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var run = Rig.run(expected: ["a", "b"])
        var last: [String: DrillObservation] = [:]
        var orderOutSeconds = 0
        for second in 1...400 where run.isOpen {
            var reports: [(String, DrillObservation?)] = []
            for id in ["a", "b"] where random.below(10) > 0 {
                let phases: [DrillObservation.Phase] = [.baseline, .fault, .recovery, .over, .refused]
                var seen = Rig.seen(
                    phases[Int(random.below(5))], age: random.below(Int64(second + 8)), degraded: Int(random.below(100))
                )
                if random.below(3) == 0 { seen.recoveryIsFinal = false }
                if random.below(3) == 0, var same = last[id] {
                    if let age = same.ageMilliseconds { same.ageMilliseconds = age + 1_000 }
                    seen = same
                }
                last[id] = seen
                reports.append((id, random.below(12) == 0 ? nil : seen))
            }
            run.second(Double(second), reports)
            if run.isOrderOut { orderOutSeconds = second }
        }
        #expect(!run.isOpen)
        #expect(orderOutSeconds <= 15 + 18 + 38)
        if run.verdict?.outcome == .pass {
            let measures = DrillMeasures(of: run)
            #expect(measures.isRecoveryFinal && measures.isSteadyAgain && measures.met >= DrillVerdict.fewestMet)
            #expect(run.gateways.allSatisfy { $0.observation != nil && !$0.isContradictory })
        }
    }
}
