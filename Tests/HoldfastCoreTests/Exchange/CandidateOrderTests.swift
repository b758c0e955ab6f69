import Testing

@testable import HoldfastCore

@Suite struct CandidateOrderTests {
    private func all(_ count: Int) -> UInt64 { count == 64 ? .max : .bit(count) - 1 }

    private func pace(_ milliseconds: Int64?, inFlight: Int = 0) -> CandidatePace {
        CandidatePace(medianFirstTokenNanoseconds: milliseconds.map { $0 * Span.millisecond }, inFlight: inFlight)
    }

    private func fastest(_ paces: [CandidatePace], _ random: inout SeededRandom) -> [Int] {
        let order = CandidateOrder.fastest(among: all(paces.count), random: &random) { paces[$0] }
        return Array(order.places(of: all(paces.count)))
    }

    /// How often each came first, of one.
    private func shares(_ count: Int, draws: Int = 40_000, _ draw: () -> Int?) -> [Double] {
        var firsts = [Int](repeating: 0, count: count)
        for _ in 0..<draws { if let first = draw() { firsts[first] += 1 } }
        return firsts.map { Double($0) / Double(draws) }
    }

    private func expect(_ shares: [Double], near expected: [Double], within tolerance: Double = 0.012) {
        for (share, expected) in zip(shares, expected) {
            #expect(abs(share - expected) < tolerance, "\(shares) for \(expected)")
        }
    }

    // MARK: - Any order

    @Test func asWrittenIsFileOrder() {
        #expect(CandidateOrder.asWritten.next(of: 0) == nil)
        #expect(CandidateOrder.asWritten.next(of: 0b1100) == 2)
        #expect(Array(CandidateOrder.asWritten.places(of: .bit(63) | 0b101)) == [0, 2, 63])
        #expect(Array(CandidateOrder.asWritten.places(of: .max)) == Array(0..<64))
    }

    @Test func aSetIsAskedInTheOrderOfTheWhole() {
        var random = SeededRandom(seed: 4)
        let order = CandidateOrder.weighted(among: all(9), random: &random) { $0 + 1 }
        let whole = Array(order.places(of: all(9)))
        for set in UInt64(0)..<512 {
            let expected = whole.filter { set & .bit($0) != 0 }
            #expect(Array(order.places(of: set)) == expected)
            #expect(order.next(of: set) == expected.first)
        }
    }

    @Test func candidatesThatItWasNotDrawnUpForFollowInFileOrder() {
        let prices = [9, 1, 5].map { Price(inputMicros: $0, cachedInputMicros: nil, outputMicros: $0) }
        let need = TokenNeed(inputTokens: 1, outputTokens: 1)
        let order = CandidateOrder.cheapest(among: 0b0_0111, need: need) { prices[$0] }
        #expect(Array(order.places(of: 0b1_1111)) == [1, 2, 0, 3, 4])
        #expect(order.next(of: 0b1_1000) == 3)
    }

    @Test(arguments: [1, 2, 3, 63, 64]) func everyOrderHoldsEachCandidateOnce(count: Int) {
        var random = SeededRandom(seed: UInt64(count))
        let need = TokenNeed(inputTokens: 1, outputTokens: 1)
        let orders = [
            CandidateOrder.weighted(among: all(count), random: &random) { _ in CandidateOrder.mostWeight },
            .fastest(among: all(count), random: &random) { self.pace($0 % 3 == 0 ? nil : Int64($0 * 7 % 5)) },
            .cheapest(among: all(count), need: need) { _ in nil },
        ]
        for order in orders {
            #expect(order.places(of: all(count)).sorted() == Array(0..<count))
        }
    }

    @Test func ordersAreEqualWhereTheyAskAlike() {
        var (one, same, other) = (SeededRandom(seed: 1), SeededRandom(seed: 1), SeededRandom(seed: 2))
        func order(_ random: inout SeededRandom) -> CandidateOrder {
            .weighted(among: all(20), random: &random) { $0 + 1 }
        }
        let first = order(&one)
        #expect(first == order(&same))
        #expect(first != order(&other))
        #expect(first != .asWritten)
        #expect(
            first.hashValue
                == {
                    var again = SeededRandom(seed: 1); return order(&again).hashValue
                }())
    }

    // MARK: - Weighted

    @Test func theFirstIsDrawnByWeight() {
        var random = SeededRandom(seed: 11)
        let weights = [5, 3, 2]
        expect(
            shares(3) {
                CandidateOrder.weighted(among: all(3), random: &random) { weights[$0] }.next(of: all(3))
            }, near: [0.5, 0.3, 0.2])
    }

    @Test func theOthersFollowByWeightAmongThoseLeft() {
        var random = SeededRandom(seed: 12)
        let weights = [6, 3, 1]
        var orders: [[Int]: Int] = [:]
        for _ in 0..<60_000 {
            let order = CandidateOrder.weighted(among: all(3), random: &random) { weights[$0] }
            orders[Array(order.places(of: all(3))), default: 0] += 1
        }
        let expected: [[Int]: Double] = [
            [0, 1, 2]: 0.6 * 3 / 4, [0, 2, 1]: 0.6 / 4, [1, 0, 2]: 0.3 * 6 / 7, [1, 2, 0]: 0.3 / 7,
            [2, 0, 1]: 0.1 * 6 / 9, [2, 1, 0]: 0.1 * 3 / 9,
        ]
        for (order, share) in expected {
            #expect(abs(Double(orders[order] ?? 0) / 60_000 - share) < 0.01, "\(order)")
        }
    }

    @Test func whoeverMayNotBeAskedLeavesItsShareInProportion() {
        var random = SeededRandom(seed: 13)
        let weights = [6, 3, 1]
        expect(
            shares(3) {
                CandidateOrder.weighted(among: all(3), random: &random) { weights[$0] }.next(of: 0b110)
            }, near: [0, 0.75, 0.25])
    }

    @Test func equalWeightsAreEqualChances() {
        var random = SeededRandom(seed: 14)
        expect(
            shares(4) { CandidateOrder.weighted(among: all(4), random: &random) { _ in 1 }.next(of: all(4)) },
            near: [0.25, 0.25, 0.25, 0.25])
    }

    // MARK: - Fastest

    @Test func theFasterOfTwoGoesFirstAndTheSlowerIsStillSeen() {
        var random = SeededRandom(seed: 21)
        let paces = [pace(900), pace(200)]
        let shares = shares(2) { fastest(paces, &random).first }
        expect(shares, near: [0.02, 0.98], within: 0.004)
        #expect(shares[0] > 0.01)
    }

    @Test func twoAreDrawnAtRandomAndTheFasterGoesFirst() {
        var random = SeededRandom(seed: 22)
        let paces = [pace(300), pace(100), pace(200)]
        expect(
            shares(3) { fastest(paces, &random).first },
            near: [2.0 / 3 * 0.02, 2.0 / 3 * 0.98, 1.0 / 3])
    }

    @Test func theSlowestOfFourIsSeenInOneOfAHundred() {
        var random = SeededRandom(seed: 23)
        let paces = [pace(100), pace(200), pace(300), pace(400)]
        let slowest = shares(4) { fastest(paces, &random).first }[3]
        #expect(slowest > 0.008 && slowest < 0.012)
    }

    @Test func theOthersFollowFromFastToSlowAndTheUnknownLast() {
        var random = SeededRandom(seed: 24)
        let paces = [pace(300), pace(nil), pace(100), pace(200), pace(nil, inFlight: 2)]
        for _ in 0..<1_000 {
            let order = fastest(paces, &random)
            #expect(order.dropFirst() == [2, 3, 0, 1, 4].filter { $0 != order.first }[...])
        }
    }

    @Test func anUnknownOneWinsItsDuelWhileFewAreUnderWayAtIt() {
        var random = SeededRandom(seed: 25)
        func share(inFlight: Int) -> Double {
            let paces = [pace(1), pace(nil, inFlight: inFlight)]
            return shares(2, draws: 10_000) { fastest(paces, &random).first }[1]
        }
        #expect(share(inFlight: 0) > 0.97)
        #expect(share(inFlight: CandidateOrder.mostExploring - 1) > 0.97)
        #expect(share(inFlight: CandidateOrder.mostExploring) < 0.03)
    }

    @Test func tiesGoToWhoeverIsLessBusyElseToEither() {
        var random = SeededRandom(seed: 26)
        let busy = [pace(100, inFlight: 9), pace(100, inFlight: 3)]
        expect(shares(2) { fastest(busy, &random).first }, near: [0.02, 0.98])
        let alike = [pace(100), pace(100)]
        expect(shares(2) { fastest(alike, &random).first }, near: [0.5, 0.5])
        let unknown = [pace(nil), pace(nil), pace(nil)]
        expect(shares(3) { fastest(unknown, &random).first }, near: [1.0 / 3, 1.0 / 3, 1.0 / 3])
    }

    @Test func aSlowOneThatBecameTheFastestIsFoundOut() {
        var random = SeededRandom(seed: 27)
        var latencies = [FirstTokenLatency(), FirstTokenLatency()]
        for _ in 0..<100 {
            latencies[0].observe(nanoseconds: 500 * Span.millisecond, now: .zero)
            latencies[1].observe(nanoseconds: 3 * Span.second, now: .zero)
        }
        var recent = [0, 0]
        // Twenty minutes of ten exchanges a second.
        for exchange in Int64(0)..<12_000 {
            let now = Instant(nanoseconds: exchange * 100 * Span.millisecond)
            let first = fastest(latencies.map { CandidatePace(medianFirstTokenNanoseconds: $0.median) }, &random)[0]
            latencies[first].observe(nanoseconds: (first == 0 ? 500 : 100) * Span.millisecond, now: now)
            if exchange >= 10_000 { recent[first] += 1 }
        }
        #expect(recent[1] > 1_900, "\(recent)")
    }

    @Test func oneAloneDrawsNothing() {
        var (random, untouched) = (SeededRandom(seed: 28), SeededRandom(seed: 28))
        #expect(fastest([pace(nil)], &random) == [0])
        #expect(random.next() == untouched.next())
    }

    // MARK: - Cheapest

    @Test func theCheapestForThisExchangeGoesFirst() {
        let prices = [
            Price(inputMicros: 400_000, cachedInputMicros: nil, outputMicros: 1_600_000),
            Price(inputMicros: 100_000, cachedInputMicros: nil, outputMicros: 4_000_000),
        ]
        func order(_ input: Int, _ output: Int) -> [Int] {
            let need = TokenNeed(inputTokens: input, outputTokens: output)
            return Array(CandidateOrder.cheapest(among: 0b11, need: need) { prices[$0] }.places(of: 0b11))
        }
        #expect(order(1_000, 500) == [0, 1])
        #expect(order(100_000, 500) == [1, 0])
    }

    @Test func anExchangeOrdersAsTheRankingTells() {
        var random = SeededRandom(seed: 31)
        for _ in 0..<500 {
            let prices = (0..<(1 + Int(random.below(12)))).map { _ -> Price? in
                func micros() -> Int64? { random.below(5) == 0 ? nil : random.below(4) }
                return random.below(6) == 0
                    ? nil : Price(inputMicros: micros(), cachedInputMicros: 0, outputMicros: micros())
            }
            let need = TokenNeed(inputTokens: Int(random.below(3)), outputTokens: Int(random.below(3)))
            let order = CandidateOrder.cheapest(among: all(prices.count), need: need) { prices[$0] }
            #expect(
                Array(order.places(of: all(prices.count)))
                    == PriceRanking.order(
                        of: prices, inputTokens: need.inputTokens, outputTokens: need.outputTokens))
        }
    }
}
