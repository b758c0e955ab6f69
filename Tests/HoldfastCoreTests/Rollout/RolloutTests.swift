import Testing

@testable import HoldfastCore

/// A roll-out from 7 to 8, and 9 to go back, with the clock and what gateways count.
struct RolloutRig {
    var rollout: Rollout
    var now = Instant.zero
    var totals: [String: (requests: Int64, errors: Int64)] = [:]

    static let generations = Rollout.Generations(good: 7, proposed: 8, restored: 9)

    init(_ gateways: [String]) {
        rollout = Rollout(Self.generations, gateways: gateways, now: .zero)
    }

    mutating func report(_ gateway: String, _ generation: UInt64, _ requests: Int64 = 0, _ errors: Int64 = 0) {
        rollout.reported(gateway: gateway, generation: generation, requests: requests, errors: errors, now: now)
    }

    /// `seconds` of ticks, a second each, in which the gateways have their target at once and count the same each
    /// second.
    mutating func run(
        _ seconds: Int, _ gateways: [String], requests: Int64 = 10, errors: (UInt64) -> Int64 = { _ in 0 },
        until isReached: (Rollout) -> Bool = { _ in false }
    ) {
        for _ in 0..<seconds {
            if isReached(rollout) { return }
            now = now.advanced(byNanoseconds: Span.second)
            for gateway in gateways {
                let target = rollout.target(of: gateway)
                let name = "\(gateway) \(target)"
                let total = totals[name, default: (0, 0)]
                totals[name] = (total.requests + requests, total.errors + errors(target))
                report(gateway, target, totals[name]?.requests ?? 0, totals[name]?.errors ?? 0)
            }
            rollout.tick(now: now)
        }
    }

    var targets: [UInt64] { ["a", "b", "c"].map(rollout.target) }
}

@Suite struct RolloutTests {
    private static let all = ["a", "b", "c"]

    private static func canary(_ gateways: [String] = all) -> RolloutRig {
        var rig = RolloutRig(gateways)
        rig.run(30, gateways, until: { $0.phase == .canary })
        return rig
    }

    private static func spreading(requests: Int64 = 10) -> RolloutRig {
        var rig = canary()
        rig.run(200, all, requests: requests, until: { $0.phase == .spreading })
        return rig
    }

    @Test func oneFirstThenTheRest() {
        var rig = RolloutRig(Self.all)
        #expect(rig.rollout.phase == .pending && rig.rollout.waiting == .gathering && rig.targets == [7, 7, 7])
        rig.run(1, Self.all)
        #expect(rig.rollout.phase == .canary && rig.targets == [8, 7, 7] && rig.rollout.canary == "a")
        rig.run(60, Self.all)
        #expect(rig.rollout.phase == .canary && rig.rollout.waiting == .settling)
        rig.run(1, Self.all)
        #expect(rig.rollout.phase == .spreading && rig.targets == [8, 8, 8])
        #expect(rig.rollout.notThere(now: rig.now) == ["b", "c"])
        rig.run(60, Self.all)
        #expect(rig.rollout.phase == .spreading && rig.rollout.waiting == .settling)
        rig.run(2, Self.all)
        #expect(rig.rollout.phase == .done && rig.rollout.waiting == nil && rig.targets == [8, 8, 8])
        #expect(rig.rollout.notThere(now: rig.now).isEmpty)
        #expect(rig.rollout.target(of: "new") == 8)
    }

    @Test func aSingleGatewayIsCanaryAndAll() {
        var rig = RolloutRig(["a"])
        rig.run(62, ["a"])
        #expect(rig.rollout.phase == .spreading)
        rig.run(1, ["a"])
        #expect(rig.rollout.phase == .done)
    }

    // MARK: - The choice

    @Test func theCanaryServesLeastOfThoseThatServeEnough() {
        var rig = RolloutRig(Self.all + ["d"])
        for (gateway, requests) in [("a", 500), ("b", 31), ("c", 29), ("d", 31)] as [(String, Int64)] {
            rig.report(gateway, 7, requests)
        }
        rig.rollout.tick(now: rig.now)
        #expect(rig.rollout.canary == "b")
    }

    @Test func whereNobodyServesEnoughItIsTheOneThatServesMost() {
        var rig = RolloutRig(Self.all)
        for (gateway, requests) in [("a", 5), ("c", 29), ("b", 29)] as [(String, Int64)] {
            rig.report(gateway, 7, requests)
        }
        rig.rollout.tick(now: rig.now)
        #expect(rig.rollout.canary == "b")
    }

    @Test func aSilentGatewayIsWaitedForAWhileAndNeverChosen() {
        var rig = RolloutRig(Self.all)
        rig.run(9, ["b", "c"])
        #expect(rig.rollout.phase == .pending && rig.rollout.waiting == .gathering)
        rig.run(1, ["b", "c"])
        #expect(rig.rollout.phase == .canary && rig.rollout.canary == "b")
    }

    @Test func withoutAnyReportItHoldsVisibly() {
        var rig = RolloutRig([])
        rig.run(1_000, [])
        #expect(rig.rollout.phase == .pending && rig.rollout.waiting == .noGateway)
        rig.report("late", 7, 100)
        rig.rollout.tick(now: rig.now)
        #expect(rig.rollout.phase == .canary && rig.rollout.canary == "late")
    }

    // MARK: - The canary

    @Test func errorsThatRiseBringItBack() {
        var rig = Self.canary()
        rig.run(60, Self.all, errors: { $0 == 8 ? 2 : 0 }, until: { $0.phase != .canary })
        #expect(rig.rollout.phase == .returned(.errorsRose) && rig.targets == [9, 9, 9])
        #expect(rig.now < Instant(nanoseconds: 10 * Span.second), "it need not settle to be bad")
        #expect(rig.rollout.waiting == nil && rig.rollout.target(of: "new") == 9)
        #expect(rig.rollout.notThere(now: rig.now) == Self.all)
        rig.run(2, Self.all)
        #expect(rig.rollout.notThere(now: rig.now).isEmpty && rig.rollout.phase == .returned(.errorsRose))
    }

    @Test func errorsThatAllHaveDoNot() {
        var rig = Self.canary()
        rig.run(60, Self.all, errors: { _ in 2 })
        #expect(rig.rollout.phase == .canary)
        rig.run(3, Self.all, errors: { _ in 2 })
        #expect(rig.rollout.phase == .spreading, "a provider fails for everybody")
    }

    @Test func errorsThatWereThereBeforeDoNot() {
        var rig = RolloutRig(["a"])
        rig.report("a", 7, 10_000, 2_000)
        rig.rollout.tick(now: rig.now)
        rig.run(70, ["a"], errors: { _ in 2 })
        #expect(rig.rollout.phase == .done)
    }

    @Test func aCanaryThatNeverComesBackIsGivenUp() {
        var rig = Self.canary()
        rig.run(59, ["b", "c"])
        #expect(rig.rollout.phase == .canary && rig.rollout.waiting == .canaryIsSilent)
        rig.run(1, ["b", "c"])
        #expect(rig.rollout.phase == .returned(.canaryDidNotComeBack) && rig.targets == [9, 9, 9])
    }

    @Test func soIsOneThatFallsSilentOrStaysOnTheGoodOne() {
        for generation in [nil, 7, 9, 1] as [UInt64?] {
            var rig = Self.canary()
            rig.run(10, Self.all)
            let seen = rig.now
            for _ in 0..<60 {
                #expect(rig.rollout.phase == .canary)
                rig.run(1, ["b", "c"])
                if let generation { rig.report("a", generation, 1_000) }
            }
            #expect(rig.rollout.phase == .returned(.canaryDidNotComeBack), "\(String(describing: generation))")
            #expect(rig.now.nanoseconds(since: seen) == 60 * Span.second)
        }
    }

    @Test func aShortSilenceHoldsAndNoMore() {
        var rig = Self.canary()
        rig.run(40, Self.all)
        rig.run(50, ["b", "c"])
        #expect(rig.rollout.phase == .canary && rig.rollout.waiting == .canaryIsSilent, "its settle time is over")
        rig.run(1, Self.all)
        #expect(rig.rollout.phase == .spreading)
    }

    @Test func whatCannotBeTrueIsNotHeard() {
        var rig = Self.canary()
        for (generation, requests, errors) in [(8, 5, 6), (8, -1, 0), (8, 1, -1), (8, .max, 0), (6, 9, 0), (9, 9, 0)]
            as [(UInt64, Int64, Int64)]
        {
            rig.report("a", generation, requests, errors)
        }
        rig.rollout.tick(now: rig.now)
        #expect(rig.rollout.waiting == .canaryIsSilent)
        // Nor can another gateway have what it was never told to have.
        rig.report("b", 8, 1_000, 1_000)
        rig.rollout.tick(now: rig.now)
        #expect(rig.rollout.phase == .canary && rig.targets == [8, 7, 7])
        rig.run(200, Self.all)
        #expect(rig.rollout.phase == .done, "what was not heard is not held against anybody later")
    }

    @Test func tooLittleTrafficHoldsUntilAPersonVouches() {
        var rig = Self.canary()
        rig.run(600, Self.all, requests: 0)
        #expect(rig.rollout.phase == .canary && rig.rollout.waiting == .tooLittleTraffic)
        rig.rollout.release()
        rig.run(1, Self.all, requests: 0)
        #expect(rig.rollout.phase == .spreading)
        rig.run(600, Self.all, requests: 0)
        #expect(rig.rollout.phase == .spreading && rig.rollout.waiting == .tooLittleTraffic, "for one phase only")
        rig.rollout.release()
        rig.run(1, Self.all, requests: 0)
        #expect(rig.rollout.phase == .done)
    }

    @Test func aFewErrorsOfFewRequestsHold() {
        var rig = Self.canary()
        for _ in 0..<100 {
            rig.run(1, ["b", "c"])
            rig.report("a", 8, 40, 4)
        }
        rig.rollout.tick(now: rig.now)
        #expect(rig.rollout.waiting == .tooLittleTraffic)
        rig.report("a", 8, 400, 4)
        rig.rollout.tick(now: rig.now)
        #expect(rig.rollout.phase == .spreading)
    }

    @Test func nobodyVouchesForWhatIsBadOrSilentOrUnsettled() {
        var bad = Self.canary()
        bad.rollout.release()
        bad.run(60, Self.all, errors: { $0 == 8 ? 2 : 0 })
        #expect(bad.rollout.phase == .returned(.errorsRose))
        var silent = Self.canary()
        silent.rollout.release()
        silent.run(60, ["b", "c"])
        #expect(silent.rollout.phase == .returned(.canaryDidNotComeBack))
        var early = Self.canary()
        early.rollout.release()
        early.run(50, Self.all)
        #expect(early.rollout.phase == .canary)
    }

    @Test func aRemovedCanaryProvedNothing() {
        var rig = Self.canary()
        rig.rollout.removed(gateway: "b", now: rig.now)
        #expect(rig.rollout.phase == .canary)
        rig.rollout.removed(gateway: "a", now: rig.now)
        #expect(rig.rollout.phase == .returned(.canaryDidNotComeBack))
    }

    // MARK: - The rest

    @Test func aGatewayThatSaysNothingHoldsTheEndUntilItIsRemovedOrVouchedFor() {
        for way in ["removed", "released", "back"] {
            var rig = Self.spreading()
            rig.run(500, ["a", "b"])
            #expect(rig.rollout.phase == .spreading && rig.rollout.waiting == .gatewaysAreSilent(1))
            #expect(rig.rollout.notThere(now: rig.now) == ["c"])
            switch way {
            case "removed": rig.rollout.removed(gateway: "c", now: rig.now)
            case "released": rig.rollout.release()
            default: rig.run(61, Self.all)
            }
            rig.run(1, ["a", "b"])
            #expect(rig.rollout.phase == .done, "\(way)")
        }
    }

    @Test func errorsOfTheRestBringItBackWhateverTheCanaryServed() {
        var rig = Self.canary()
        rig.run(200, Self.all, requests: 100_000, until: { $0.phase == .spreading })
        for second in 1...60 {
            rig.now = rig.now.advanced(byNanoseconds: Span.second)
            rig.report("b", 8, Int64(second) * 10, Int64(second) * 2)
            rig.rollout.tick(now: rig.now)
        }
        #expect(rig.rollout.phase == .returned(.errorsRose) && rig.targets == [9, 9, 9])
    }

    @Test func soDoErrorsOfTheCanary() {
        var rig = Self.spreading()
        for second in 1...60 {
            rig.run(1, ["b", "c"], requests: 100_000)
            rig.report("a", 8, 700 + Int64(second) * 10, Int64(second) * 10)
        }
        #expect(rig.rollout.phase == .returned(.errorsRose))
    }

    @Test func whoJoinsMeanwhileIsBroughtAlong() {
        var rig = Self.canary()
        rig.run(1, Self.all + ["d"])
        #expect(rig.rollout.target(of: "d") == 7)
        rig.run(200, Self.all, until: { $0.phase == .spreading })
        #expect(rig.rollout.target(of: "d") == 8)
        rig.run(100, Self.all)
        #expect(rig.rollout.waiting == .gatewaysAreSilent(1))
    }

    @Test func aPersonTakesItBackAtAnyTime() {
        var done = Self.spreading()
        done.run(100, Self.all)
        #expect(done.rollout.phase == .done)
        for rig in [RolloutRig(Self.all), Self.canary(), Self.spreading(), done] {
            var rig = rig
            rig.rollout.takeBack(now: rig.now)
            #expect(rig.rollout.phase == .returned(.byAPerson) && rig.targets == [9, 9, 9])
            rig.rollout.release()
            rig.run(100, Self.all)
            #expect(rig.rollout.phase == .returned(.byAPerson))
        }
        var returned = Self.canary()
        returned.rollout.removed(gateway: "a", now: returned.now)
        returned.rollout.takeBack(now: returned.now)
        #expect(returned.rollout.phase == .returned(.canaryDidNotComeBack), "the first reason stays")
    }

    // MARK: - Whoever runs it restarts

    @Test func itGoesOnFromWhatWasSaved() {
        for rig in [RolloutRig(Self.all), Self.canary(), Self.spreading()] {
            let saved = rig.rollout.saved
            var again = rig
            again.rollout = Rollout(resuming: saved, gateways: [], now: rig.now)
            #expect(again.rollout.phase == rig.rollout.phase && again.targets == rig.targets)
            #expect(again.rollout.waiting != nil)
            again.run(1, Self.all)
            again.run(58, Self.all)
            #expect(again.rollout.phase != .done, "what was being watched is watched anew")
            again.run(200, Self.all)
            #expect(again.rollout.phase == .done)
        }
        let lost = Rollout.Saved(generations: RolloutRig.generations, phase: .canary, canary: nil)
        #expect(Rollout(resuming: lost, gateways: ["a"], now: .zero).phase == .pending)
    }

    @Test func afterARestartItIsNotDoneBeforeAllWhoWereThereAreHeard() {
        var rig = Self.spreading()
        rig.rollout = Rollout(resuming: rig.rollout.saved, gateways: [], now: rig.now)
        rig.run(300, ["a"])
        #expect(rig.rollout.phase == .spreading && rig.rollout.waiting == .gatewaysAreSilent(2))
        rig.run(59, Self.all)
        #expect(rig.rollout.phase == .spreading && rig.rollout.waiting == .settling)
        rig.run(10, Self.all)
        #expect(rig.rollout.phase == .done)
        // Vouched for, it still gives everybody the time to come back and say what they have run into.
        var released = Self.spreading()
        released.rollout.release()
        released.rollout = Rollout(resuming: released.rollout.saved, gateways: [], now: released.now)
        released.run(59, [])
        #expect(released.rollout.phase == .spreading)
    }

    @Test func aCanaryThatIsGoneAfterARestartIsGivenUp() {
        var rig = Self.canary()
        rig.rollout = Rollout(resuming: rig.rollout.saved, gateways: ["b", "c"], now: rig.now)
        rig.run(60, ["b", "c"])
        #expect(rig.rollout.phase == .returned(.canaryDidNotComeBack))
    }

    @Test func itKnowsABoundedNumberOfGateways() {
        var rollout = Rollout(RolloutRig.generations, gateways: [], now: .zero)
        for number in 0..<(Rollout.mostGateways + 10) {
            rollout.reported(gateway: "g\(number)", generation: 7, requests: 50, errors: 0, now: .zero)
        }
        rollout.tick(now: .zero)
        #expect(rollout.phase == .canary && rollout.notThere(now: .zero).count == 1)
    }
}
