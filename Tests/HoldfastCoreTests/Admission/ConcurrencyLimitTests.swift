import Testing

@testable import HoldfastCore

@Suite struct ConcurrencyLimitTests {
    private func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * Span.millisecond) }

    private func feed(
        _ limit: inout ConcurrencyLimit, _ count: Int, of milliseconds: Int64, at time: Int64, inFlight: Int = 4096,
        inputBytes: Int = 100
    ) {
        for _ in 0..<count {
            limit.observe(
                firstTokenNanoseconds: milliseconds * Span.millisecond, inputBytes: inputBytes, inFlight: inFlight,
                now: at(time))
        }
    }

    @Test func beginsAt256AndLimitsNothingBeforeFiftyAnswers() {
        var limit = ConcurrencyLimit()
        #expect(limit.limit == 256)
        feed(&limit, 49, of: 100, at: 0)
        #expect(!limit.isLearned && limit.limit == 256)
        #expect(limit.admits(inFlight: 100_000, criticality: .deferrable, hasReserve: true))
        feed(&limit, 1, of: 100, at: 0)
        #expect(limit.isLearned)
        #expect(!limit.admits(inFlight: 256, criticality: .critical, hasReserve: false))
    }

    @Test func growsByFourFifthsAStepWhileAnswersBeginAsUsual() {
        var limit = ConcurrencyLimit()
        feed(&limit, 50, of: 100, at: 0)
        for second in 1...4 { feed(&limit, 1, of: 100, at: Int64(second) * 1_000) }
        #expect(limit.limit == 260, "256 and five steps of 0.2 · 4")
    }

    @Test func stepsOnceASecondHoweverBusyItIs() {
        var limit = ConcurrencyLimit()
        for millisecond in 0..<5_000 { feed(&limit, 1, of: 100, at: Int64(millisecond)) }
        #expect(limit.limit == 260)
    }

    @Test func oneStepTakesATenthAtMost() {
        var limit = ConcurrencyLimit()
        feed(&limit, 50, of: 100, at: 0)
        feed(&limit, 100, of: 10_000, at: 500)
        #expect(limit.limit == 256)
        feed(&limit, 1, of: 10_000, at: 1_000)
        #expect(limit.limit == 231, "256.8 · (0.8 + 0.2 · 0.5) + 0.2 · 4 = 231.92")
    }

    @Test func answersWithinOneAndAHalfTimesTheUsualAreNoSign() {
        var limit = ConcurrencyLimit()
        feed(&limit, 50, of: 100, at: 0)
        for second in 1...20 { feed(&limit, 10, of: 148, at: Int64(second) * 1_000) }
        #expect(limit.limit == 272, "21 steps of 0.8")
        var slower = ConcurrencyLimit()
        feed(&slower, 50, of: 100, at: 0)
        for second in 1...20 { feed(&slower, 10, of: 200, at: Int64(second) * 1_000) }
        #expect(slower.limit < 256)
    }

    @Test func fewInFlightSayNothing() {
        var limit = ConcurrencyLimit()
        feed(&limit, 50, of: 100, at: 0, inFlight: 127)
        for second in 1...100 { feed(&limit, 10, of: 100, at: Int64(second) * 1_000, inFlight: 127) }
        #expect(limit.limit == 256, "no growth when idle")
        feed(&limit, 10, of: 100, at: 101_000, inFlight: 19)
        for second in 102...110 { feed(&limit, 10, of: 1_000, at: Int64(second) * 1_000, inFlight: 19) }
        #expect(limit.limit == 256, "and whatever is slow there is not for the number in flight")
    }

    @Test func theMostInFlightSinceTheLastStepCount() {
        var limit = ConcurrencyLimit()
        feed(&limit, 50, of: 100, at: 0, inFlight: 19)
        feed(&limit, 20, of: 1_000, at: 500, inFlight: 19)
        var busier = limit
        feed(&limit, 1, of: 1_000, at: 1_000, inFlight: 1)
        #expect(limit.limit == 256)
        feed(&busier, 1, of: 1_000, at: 900, inFlight: 20)
        feed(&busier, 1, of: 1_000, at: 1_000, inFlight: 1)
        #expect(busier.limit < 256)
    }

    /// Eighty that wait and give up never reach half of the first limit, and it has to come down to them.
    @Test func aLimitThatNobodyReachesComesDownWhereAnswersAreSlow() {
        var limit = ConcurrencyLimit()
        feed(&limit, 50, of: 100, at: 0, inFlight: 80)
        for second in 1...10 { feed(&limit, 10, of: 100, at: Int64(second) * 1_000, inFlight: 80) }
        #expect(limit.limit == 256)
        for second in 11...25 { feed(&limit, 10, of: 4_000, at: Int64(second) * 1_000, inFlight: 80) }
        #expect((40..<80).contains(limit.limit), "\(limit.limit)")
        for second in 26...30 { feed(&limit, 10, of: 100, at: Int64(second) * 1_000, inFlight: 19) }
        let low = limit.limit
        for second in 31...400 { feed(&limit, 10, of: 100, at: Int64(second) * 1_000, inFlight: low / 2 - 1) }
        #expect(limit.limit == low, "few in flight are still no reason to grow")
        for second in 401...500 { feed(&limit, 10, of: 100, at: Int64(second) * 1_000, inFlight: 80) }
        #expect(limit.limit > low + 60)
    }

    @Test func staysWithinItsBounds() {
        var slow = ConcurrencyLimit()
        feed(&slow, 50, of: 10, at: 0)
        for second in 1...60 { feed(&slow, 20, of: 60_000, at: Int64(second) * 1_000) }
        #expect(slow.limit == 20)
        var quick = ConcurrencyLimit()
        for second in 0..<6_000 { feed(&quick, 20, of: 100, at: Int64(second) * 1_000) }
        #expect(quick.limit == 4096)
    }

    @Test func noSequenceOfAnswersLeavesTheBounds() {
        var random = SeededRandom(seed: 7)
        for bound in [nil, 1, 4, 64, 1_000_000] {
            var limit = ConcurrencyLimit(bound: bound)
            var now: Int64 = 0
            for _ in 0..<5_000 {
                now += random.below(3_000)
                // Nonsense too: nothing a clock may say ends the process.
                let sample = random.below(10) == 0 ? Int64.max - random.below(9) : random.below(1 << 45) - (1 << 40)
                limit.observe(
                    firstTokenNanoseconds: sample, inputBytes: Int(random.below(1 << 20)),
                    inFlight: Int(random.below(6_000)), now: at(now))
                let most = min(bound ?? 4096, 4096)
                #expect((min(20, most)...most).contains(limit.limit))
            }
        }
    }

    @Test func aConfiguredBoundHoldsFromTheFirstExchangeAndBeatsTheFloor() {
        var limit = ConcurrencyLimit(bound: 4)
        #expect(limit.limit == 4)
        #expect(limit.admits(inFlight: 3, criticality: .deferrable, hasReserve: false))
        #expect(!limit.admits(inFlight: 4, criticality: .critical, hasReserve: false))
        feed(&limit, 100, of: 100, at: 0, inFlight: 4)
        for second in 1...50 { feed(&limit, 10, of: 9_000, at: Int64(second) * 1_000, inFlight: 4) }
        #expect(limit.limit == 4)
        limit.setBound(nil)
        for second in 51...150 { feed(&limit, 10, of: 100, at: Int64(second) * 1_000, inFlight: 40) }
        #expect(limit.limit > 20, "and grows where the bound is lifted")
        limit.setBound(10)
        #expect(limit.limit == 10)
    }

    @Test func aBoundAboveWhatIsLearnedHoldsUntilThen() {
        var limit = ConcurrencyLimit(bound: 10_000)
        #expect(limit.admits(inFlight: 9_999, criticality: .standard, hasReserve: false))
        #expect(!limit.admits(inFlight: 10_000, criticality: .standard, hasReserve: false))
        feed(&limit, 50, of: 100, at: 0)
        #expect(!limit.admits(inFlight: 257, criticality: .standard, hasReserve: false))
    }

    @Test func aBoundEndsTheGrowthSoThatASlowDeploymentFeelsItAtOnce() {
        var limit = ConcurrencyLimit(bound: 100)
        feed(&limit, 50, of: 100, at: 0, inFlight: 100)
        for second in 1...600 { feed(&limit, 10, of: 100, at: Int64(second) * 1_000, inFlight: 100) }
        #expect(limit.limit == 100)
        for second in 601...603 { feed(&limit, 50, of: 1_000, at: Int64(second) * 1_000, inFlight: 100) }
        #expect(limit.limit < 80)
    }

    @Test(arguments: [
        (1, 0), (2, 0), (3, 1), (4, 1), (5, 1), (7, 1), (8, 2), (10, 2), (13, 3), (20, 4), (256, 51), (4096, 819),
    ])
    func theReserveIsAFifthToTheNearest(limit: Int, reserve: Int) {
        #expect(ConcurrencyLimit.reserve(of: limit) == reserve)
        let bounded = ConcurrencyLimit(bound: limit)
        for criticality in Criticality.allCases {
            let most = criticality == .critical ? limit : limit - reserve
            #expect(bounded.admits(inFlight: most - 1, criticality: criticality, hasReserve: true))
            #expect(!bounded.admits(inFlight: most, criticality: criticality, hasReserve: true))
            #expect(bounded.admits(inFlight: limit - 1, criticality: criticality, hasReserve: false))
            #expect(!bounded.admits(inFlight: limit, criticality: criticality, hasReserve: false))
        }
    }

    @Test func eachSizeOfInputIsComparedWithItself() {
        #expect(
            [0, 4_096, 4_097, 32_768, 32_769, 262_144, 262_145, .max].map(ConcurrencyLimit.bucket) == [
                0, 0, 1, 1, 2, 2, 3, 3,
            ])
        var limit = ConcurrencyLimit()
        feed(&limit, 50, of: 100, at: 0)
        feed(&limit, 50, of: 5_000, at: 0, inputBytes: 1 << 20)
        for second in 1...100 {
            let time = Int64(second) * 1_000
            feed(&limit, 1, of: second % 2 == 0 ? 100 : 5_000, at: time, inputBytes: second % 2 == 0 ? 100 : 1 << 20)
        }
        #expect(limit.limit == 336, "256 and 101 steps of 0.8: long inputs are no slow answers")
    }

    @Test func aSizeThatIsNewTakesNoStep() {
        var limit = ConcurrencyLimit()
        feed(&limit, 50, of: 100, at: 0)
        for second in 1...9 { feed(&limit, 1, of: 9_000, at: Int64(second) * 1_000, inputBytes: 1 << 20) }
        #expect(limit.limit == 256)
    }

    /// One answer in twenty takes nearly five times the average. With single answers as the short measure the limit ends
    /// between 120 and 210, after it was below a hundred.
    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func answersThatScatterDoNotLimitAHealthyDeployment(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var limit = ConcurrencyLimit()
        var least = Int.max
        for tick in 0..<60_000 {
            let roll = random.below(100)
            feed(&limit, 1, of: roll < 80 ? 300 : roll < 95 ? 600 : 2_000, at: Int64(tick) * 50)
            least = min(least, limit.limit)
        }
        #expect(least >= 100 && limit.limit > 400, "least \(least), last \(limit.limit)")
    }

    @Test func whatWasSlowForLongIsUsedAgainSoon() {
        var limit = ConcurrencyLimit()
        feed(&limit, 50, of: 4_000, at: 0)
        // The long average is at 4 s. Well again, then a queue builds up: it must be seen against what is usual now.
        for second in 1...40 { feed(&limit, 20, of: 400, at: Int64(second) * 1_000) }
        let before = limit.limit
        for second in 41...50 { feed(&limit, 20, of: 1_600, at: Int64(second) * 1_000) }
        #expect(limit.limit < before - 50, "\(before) → \(limit.limit)")
    }
}
