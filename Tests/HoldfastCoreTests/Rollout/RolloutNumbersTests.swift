import Testing

@testable import HoldfastCore

/// What comes in between: urgent changes that both documents are signed anew with, and another document.
@Suite struct RolloutNumbersTests {
    private static let all = ["a", "b", "c"]
    private static let later = Rollout.Generations(good: 10, proposed: 11, restored: 12)

    private static func rig(_ phase: Rollout.Phase) -> RolloutRig {
        var rig = RolloutRig(all)
        rig.run(200, all, until: { $0.phase == phase })
        return rig
    }

    private static let phases: [(phase: Rollout.Phase, targets: [UInt64])] = [
        (.pending, [10, 10, 10]), (.canary, [11, 10, 10]), (.spreading, [11, 11, 11]),
    ]

    // MARK: - Signed anew

    @Test(arguments: phases) func bothGetNewNumbersAndItGoesOn(phase: Rollout.Phase, targets: [UInt64]) {
        var rig = Self.rig(phase)
        let waiting = rig.rollout.waiting
        rig.rollout.renumber(Self.later)
        #expect(rig.rollout.phase == phase && rig.rollout.waiting == waiting && rig.targets == targets)
        #expect(rig.rollout.generations == Self.later && rig.rollout.isOpen)
        rig.rollout.takeBack(now: rig.now)
        #expect(rig.targets == [12, 12, 12])
    }

    @Test func theEarlierNumberCountsAsTheSame() {
        var rig = Self.rig(.canary)
        rig.run(40, Self.all)
        rig.rollout.renumber(Self.later)
        // Nobody has pulled the new numbers, and the time it was watched goes on all the same.
        for second in 1...22 {
            rig.now = rig.now.advanced(byNanoseconds: Span.second)
            rig.report("a", 8, 400 + Int64(second) * 10)
            for gateway in ["b", "c"] { rig.report(gateway, 7, 500) }
            rig.rollout.tick(now: rig.now)
        }
        #expect(rig.rollout.phase == .spreading)
        #expect(rig.rollout.notThere(now: rig.now) == ["b", "c"])
    }

    @Test func whatWasCountedStays() {
        for isRenumbered in [false, true] {
            var rig = Self.rig(.canary)
            // Too little to be judged by itself, before and after.
            rig.report("a", 8, 4, 4)
            rig.rollout.tick(now: rig.now)
            #expect(rig.rollout.phase == .canary)
            if isRenumbered { rig.rollout.renumber(Self.later) }
            rig.report("a", isRenumbered ? 11 : 8, 5, 5)
            rig.rollout.tick(now: rig.now)
            #expect(rig.rollout.phase == .returned(.errorsRose))
            #expect(Set(rig.targets) == [isRenumbered ? 12 : 9])
        }
        // A gateway that restarts in between begins from nothing, and nothing is lost.
        var rig = Self.rig(.canary)
        rig.report("a", 8, 4, 4)
        rig.rollout.renumber(Self.later)
        rig.report("a", 11, 1, 1)
        rig.rollout.tick(now: rig.now)
        #expect(rig.rollout.phase == .returned(.errorsRose))
    }

    @Test func anEarlierNumberIsNoPermission() {
        var rig = Self.rig(.canary)
        rig.rollout.renumber(Self.later)
        rig.report("b", 8, 100, 100)
        rig.report("b", 11, 100, 100)
        rig.rollout.tick(now: rig.now)
        #expect(rig.rollout.phase == .canary)
    }

    @Test func onlySoManyEarlierNumbersAreKnown() {
        var rig = Self.rig(.canary)
        for step in 0...UInt64(RolloutNumbers.mostEarlier) {
            rig.rollout.renumber(.init(good: 10 + 2 * step, proposed: 11 + 2 * step, restored: 12 + 2 * step))
        }
        rig.now = rig.now.advanced(byNanoseconds: 30 * Span.second)
        rig.report("b", 7)
        rig.report("c", 10)
        #expect(rig.rollout.notThere(now: rig.now) == ["a", "b"])
    }

    // MARK: - Another document

    @Test(arguments: phases) func anotherDocumentGoesToTheSameGatewayFirst(phase: Rollout.Phase, targets: [UInt64]) {
        var rig = Self.rig(phase)
        rig.rollout.supersede(Self.later, now: rig.now)
        #expect(rig.rollout.phase == (phase == .pending ? .pending : .canary))
        #expect(rig.targets == [phase == .pending ? 10 : 11, 10, 10])
        rig.run(60, Self.all)
        #expect(rig.rollout.phase == .canary, "it is watched for its whole time")
        rig.run(100, Self.all)
        #expect(rig.rollout.phase == .done && rig.targets == [11, 11, 11])
    }

    @Test func whatWasCountedOnTheOneBeforeIsForgotten() {
        var rig = Self.rig(.canary)
        rig.report("a", 8, 4, 4)
        rig.rollout.supersede(Self.later, now: rig.now)
        rig.report("a", 8, 10, 10)
        rig.report("a", 11, 1, 1)
        rig.rollout.tick(now: rig.now)
        #expect(rig.rollout.phase == .canary, "four errors were of another document")
        rig.report("a", 11, 5, 5)
        rig.rollout.tick(now: rig.now)
        #expect(rig.rollout.phase == .returned(.errorsRose) && rig.targets == [12, 12, 12])
    }

    @Test func whoHasTheOneBeforeIsNotTakenForReady() {
        var rig = Self.rig(.spreading)
        rig.run(5, Self.all)
        rig.rollout.supersede(Self.later, now: rig.now)
        for second in 1...60 {
            rig.now = rig.now.advanced(byNanoseconds: Span.second)
            rig.report("a", 8, 900 + Int64(second))
            rig.rollout.tick(now: rig.now)
        }
        #expect(rig.rollout.phase == .returned(.canaryDidNotComeBack))
    }

    @Test func aFirstThatIsNotHeardIsChosenAnew() {
        var rig = Self.rig(.canary)
        rig.run(20, ["b", "c"])
        rig.rollout.supersede(Self.later, now: rig.now)
        #expect(rig.rollout.phase == .pending && rig.rollout.canary == nil && rig.targets == [10, 10, 10])
        rig.run(11, ["b", "c"])
        #expect(rig.rollout.canary == "b" && rig.targets == [10, 11, 10])
    }

    @Test func aReleaseWasOfTheOneBefore() {
        var rig = Self.rig(.canary)
        rig.rollout.release()
        rig.rollout.supersede(Self.later, now: rig.now)
        rig.run(200, Self.all, requests: 0)
        #expect(rig.rollout.phase == .canary && rig.rollout.waiting == .tooLittleTraffic)
    }

    // MARK: - Whatever happens

    /// Overrides, other documents, restarts of whoever runs it, and gateways that pull late.
    @Test(arguments: 0..<200) func targetsOnlyRiseAndOneAtMostHasWhatIsUnproven(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let ids = ["a", "b", "c", "d"]
        var rollout = Rollout(RolloutRig.generations, gateways: ids, now: .zero)
        var targets: [String: UInt64] = [:]
        var inForce: [String: UInt64] = [:]
        for second in 1...600 {
            let now = Instant(nanoseconds: Int64(second) * Span.second)
            for id in ids where random.below(3) > 0 {
                inForce[id] = max(inForce[id] ?? 0, rollout.target(of: id))
                rollout.reported(
                    gateway: id, generation: inForce[id] ?? 0, requests: random.below(200), errors: 0, now: now)
            }
            let first = rollout.generations.proposed + 1
            let next = Rollout.Generations(good: first, proposed: first + 1, restored: first + 2)
            switch rollout.isOpen ? random.below(80) : -1 {
            case 0, 1: rollout.renumber(next)
            case 2: rollout.supersede(next, now: now)
            case 3: rollout = Rollout(resuming: rollout.saved, gateways: [], expected: ids, now: now)
            case 4: rollout.takeBack(now: now)
            default: rollout.tick(now: now)
            }
            let context: Comment = "seed \(seed), second \(second), \(rollout.phase)"
            for id in ids {
                let target = rollout.target(of: id)
                #expect(target >= targets[id] ?? 0, context)
                targets[id] = target
            }
            if rollout.phase == .pending || rollout.phase == .canary {
                #expect(ids.count { rollout.target(of: $0) == rollout.generations.proposed } <= 1, context)
            }
        }
    }

    // MARK: - Who is there

    @Test func whoMayBeThereIsWaitedForBeforeTheChoiceAndNotAfter() {
        var rig = RolloutRig([])
        rig.rollout = Rollout(RolloutRig.generations, gateways: [], expected: ["a", "b", "gone"], now: .zero)
        rig.run(1, ["a"])
        #expect(rig.rollout.phase == .pending && rig.rollout.waiting == .gathering)
        var complete = rig
        complete.rollout.removed(gateway: "gone", now: rig.now)
        complete.run(1, ["a", "b"])
        #expect(complete.rollout.phase == .canary)
        rig.run(8, ["a", "b"])
        #expect(rig.rollout.phase == .pending)
        rig.run(1, ["a", "b"])
        #expect(rig.rollout.phase == .canary)
        rig.run(200, ["a", "b"])
        #expect(rig.rollout.phase == .done)
    }

    @Test func whereNobodyCanUseTheGoodOneSomebodyTriesTheNext() {
        var rig = RolloutRig([])
        for _ in 0..<9 {
            rig.now = rig.now.advanced(byNanoseconds: Span.second)
            for gateway in ["b", "c"] { rig.report(gateway, 0) }
            rig.rollout.tick(now: rig.now)
            #expect(rig.rollout.phase == .pending && rig.rollout.waiting == .gathering)
        }
        rig.run(1, ["b"])
        #expect(rig.rollout.phase == .canary && rig.rollout.canary == "b", "whoever has the good one comes first")
        rig = RolloutRig([])
        rig.report("c", 0)
        rig.now = rig.now.advanced(byNanoseconds: 10 * Span.second)
        rig.rollout.tick(now: rig.now)
        #expect(rig.rollout.canary == "c" && rig.targets == [7, 7, 8])
    }

    @Test func whatWasUsualBeforeOutlivesARestart() {
        var rig = RolloutRig(["a"])
        rig.report("a", 7, 10_000, 2_000)
        rig.rollout.tick(now: rig.now)
        rig.rollout.release()
        let saved = rig.rollout.saved
        #expect(saved.before == RequestCounts(requests: 10_000, errors: 2_000) && saved.isReleased)
        rig.rollout = Rollout(resuming: saved, gateways: [], now: rig.now)
        #expect(rig.rollout.saved == saved)
        rig.run(70, ["a"], errors: { _ in 2 })
        #expect(rig.rollout.phase == .done)
    }

    @Test func everyWaitIsSaidWithItsMend() {
        for waiting in [
            .noGateway, .gathering, .canaryIsSilent, .settling, .tooLittleTraffic, .gatewaysAreSilent(1),
            .gatewaysAreSilent(3),
        ] as [Rollout.Waiting] {
            #expect(!waiting.message.isEmpty && !waiting.mend.isEmpty)
        }
        #expect(Set(Rollout.Reason.allCases.map(\.message)).count == Rollout.Reason.allCases.count)
    }
}
