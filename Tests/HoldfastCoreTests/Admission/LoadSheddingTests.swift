import Testing

@testable import HoldfastCore

@Suite struct LoadSheddingTests {
    /// Observes every 100 ms, as the shell does.
    private struct Rig {
        var shedding = LoadShedding()
        var now = Instant.zero
        var changes: [LoadShedding.Level] = []

        mutating func run(milliseconds: Int64, lag: Int64 = 0, memory: Int? = nil) {
            for _ in 0..<(milliseconds / 100) {
                now = now.advanced(byNanoseconds: 100 * Span.millisecond)
                let isChanged = shedding.observe(
                    lagP99Nanoseconds: lag * Span.millisecond, residentBytes: (memory ?? 0) * 10_000,
                    boundBytes: memory == nil ? nil : 1_000_000, now: now)
                if isChanged { changes.append(shedding.level) }
            }
        }
    }

    @Test func theGatesAreAtFiftyMillisecondsAndEightyFiveAndNinetyFivePercent() {
        for (lag, memory, level) in [
            (50, nil, .none), (51, nil, .deferrable), (0, 85, .none), (0, 86, .deferrable), (0, 95, .deferrable),
            (0, 96, .everything), (51, 96, .everything),
        ] as [(Int64, Int?, LoadShedding.Level)] {
            var rig = Rig()
            rig.run(milliseconds: 100, lag: lag, memory: memory)
            #expect(rig.shedding.level == level, "\(lag) ms, \(memory ?? -1) %")
        }
    }

    @Test func eachLevelRefusesTheLessCritical() {
        var rig = Rig()
        let refused = { (shedding: LoadShedding) in Criticality.allCases.filter { shedding.refuses($0) } }
        #expect(refused(rig.shedding) == [])
        rig.run(milliseconds: 100, lag: 60)
        #expect(refused(rig.shedding) == [.deferrable])
        rig.run(milliseconds: 3_000, lag: 60)
        #expect(refused(rig.shedding) == [.deferrable, .standard])
        rig.run(milliseconds: 100, memory: 96)
        #expect(refused(rig.shedding) == Criticality.allCases)
    }

    @Test func standardIsShedOnlyWhereThePressureLasts() {
        var rig = Rig()
        rig.run(milliseconds: 3_000, lag: 60)
        #expect(rig.shedding.level == .deferrable)
        rig.run(milliseconds: 100, lag: 60)
        #expect(rig.shedding.level == .standard)
        rig.run(milliseconds: 60_000, lag: 600)
        #expect(rig.shedding.level == .standard, "lag never sheds critical exchanges")
    }

    @Test func pressureThatComesAndGoesNeitherEscalatesNorEnds() {
        var rig = Rig()
        for _ in 0..<50 {
            rig.run(milliseconds: 1_500, lag: 60)
            rig.run(milliseconds: 1_500, lag: 40)
        }
        #expect(rig.changes == [.deferrable])
    }

    @Test func goesDownALevelAtATime() {
        var rig = Rig()
        rig.run(milliseconds: 5_000, lag: 60, memory: 90)
        rig.run(milliseconds: 100, lag: 60, memory: 97)
        rig.changes = []
        rig.run(milliseconds: 1_900, memory: 20)
        #expect(rig.shedding.level == .everything)
        rig.run(milliseconds: 4_100, memory: 20)
        #expect(rig.changes == [.standard, .deferrable, .none])
        #expect(rig.shedding.level == .none)
    }

    @Test func memoryThatStaysHighButBelowItsGateEndsTheLevelToo() {
        var rig = Rig()
        rig.run(milliseconds: 10_000, memory: 96)
        #expect(rig.shedding.level == .everything)
        rig.run(milliseconds: 10_000, memory: 94)
        #expect(rig.shedding.level == .standard, "94 % is pressure still, and lasts")
        rig.run(milliseconds: 10_000, memory: 84)
        #expect(rig.shedding.level == .none)
    }

    @Test func isBackWithinTenSecondsWhateverHappenedBefore() {
        var random = SeededRandom(seed: 5)
        for _ in 0..<200 {
            var rig = Rig()
            for _ in 0..<random.below(20) {
                rig.run(
                    milliseconds: random.below(40) * 100, lag: random.below(120), memory: 60 + Int(random.below(41)))
            }
            let before = rig.shedding.level
            // The lag window shows what was for two seconds more.
            rig.run(milliseconds: 2_000, lag: 120, memory: 50)
            rig.run(milliseconds: 8_000, lag: 50, memory: 85)
            #expect(rig.shedding.level == .none, "was \(before)")
        }
    }

    @Test func noRandomPressureShedsCriticalBelowTheClosingGate() {
        var random = SeededRandom(seed: 6)
        var rig = Rig()
        var lastDown = Instant.zero
        for _ in 0..<20_000 {
            let before = rig.shedding.level
            rig.run(milliseconds: 100, lag: random.below(60), memory: Int(random.below(96)))
            #expect(!rig.shedding.refuses(.critical))
            if rig.shedding.level < before {
                #expect(rig.now.nanoseconds(since: lastDown) >= LoadShedding.calmNanoseconds)
                lastDown = rig.now
            }
        }
    }

    @Test func withoutABoundMemoryShedsNothing() {
        var shedding = LoadShedding()
        shedding.observe(lagP99Nanoseconds: 0, residentBytes: .max, boundBytes: nil, now: .zero)
        #expect(shedding.level == .none)
        shedding.observe(lagP99Nanoseconds: 0, residentBytes: .max, boundBytes: .max, now: .zero)
        #expect(shedding.level == .everything)
    }

    @Test func theRefusedComeBackScatteredAndNotBeforeTheirClassCanBeLetIn() {
        var random = SeededRandom(seed: 8)
        var rig = Rig()
        let check = { (rig: Rig, criticality: Criticality, levels: Int64, random: inout SeededRandom) in
            var seen: Set<Int64> = []
            for _ in 0..<100 {
                let after = rig.shedding.retryAfterNanoseconds(criticality, random: &random)
                #expect((levels * 2 * Span.second..<levels * 4 * Span.second).contains(after))
                seen.insert(after)
            }
            #expect(seen.count > 90)
        }
        rig.run(milliseconds: 100, lag: 60)
        check(rig, .deferrable, 1, &random)
        rig.run(milliseconds: 5_000, lag: 60)
        check(rig, .deferrable, 2, &random)
        check(rig, .standard, 1, &random)
        rig.run(milliseconds: 100, memory: 96)
        check(rig, .deferrable, 3, &random)
        check(rig, .critical, 1, &random)
    }
}

@Suite struct LagWindowTests {
    private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * Span.millisecond) }

    @Test func anEmptyWindowIsNoLag() {
        #expect(LagWindow(loops: 2).p99(now: at(5)) == 0)
    }

    @Test func ofFewSamplesTheSecondLargestForTwoSeconds() {
        var window = LagWindow(loops: 1)
        window.record(lagNanoseconds: 90, now: at(0))
        #expect(window.p99(now: at(1)) == 0, "one late tick says nothing yet")
        for tick in 1..<20 { window.record(lagNanoseconds: 1, now: at(Int64(tick) * 100)) }
        #expect(window.p99(now: at(1_950)) == 1, "one hiccup sheds nobody, with one loop either")
        window.record(lagNanoseconds: 70, now: at(1_950))
        #expect(window.p99(now: at(1_999)) == 70)
        #expect(window.p99(now: at(2_000)) == 1)
        window.record(lagNanoseconds: -5, now: at(2_000))
        #expect(window.p99(now: at(4_500)) == 0, "nobody has told anything")
    }

    @Test func oneLateTickOfManyIsNoLagButALateLoopIs() {
        var window = LagWindow(loops: 16)
        for tick in 0..<20 {
            for loop in 0..<16 {
                let isLate = loop == 3 && tick == 7
                window.record(lagNanoseconds: isLate ? 900 : 1, now: at(Int64(tick) * 100))
            }
        }
        #expect(window.p99(now: at(1_950)) == 1)
        for tick in 20..<40 {
            for loop in 0..<16 { window.record(lagNanoseconds: loop == 3 ? 900 : 1, now: at(Int64(tick) * 100)) }
        }
        #expect(window.p99(now: at(3_950)) == 900)
    }

    @Test func agreesWithSortingEverything() {
        var random = SeededRandom(seed: 2)
        var window = LagWindow(loops: 10)
        var all: [(lag: Int64, at: Int64)] = []
        for tick in 0..<300 {
            let now = Int64(tick) * 100
            for _ in 0..<10 {
                let lag = random.below(1_000)
                window.record(lagNanoseconds: lag, now: at(now))
                all.append((lag, now))
            }
            let recent = all.filter { $0.at > now - 2_000 }.map(\.lag).sorted()
            #expect(window.p99(now: at(now)) == recent[min((99 * recent.count + 99) / 100, recent.count - 1) - 1])
        }
    }
}
