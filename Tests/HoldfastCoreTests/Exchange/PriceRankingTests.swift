import Testing

@testable import HoldfastCore

@Suite struct PriceRankingTests {
    private typealias PricedRoute = PriceRanking.PricedRoute

    private func price(_ input: Int64?, _ output: Int64?) -> Price {
        Price(inputMicros: input, cachedInputMicros: nil, outputMicros: output)
    }

    private func route(_ name: String, _ candidates: [(String, Price?)]) -> PricedRoute {
        PricedRoute(name: name, candidates: candidates.map { PricedRoute.Candidate(id: $0.0, price: $0.1) })
    }

    @Test func theOrderDependsOnWhatIsNeeded() {
        let prices: [Price?] = [price(400_000, 1_600_000), price(100_000, 4_000_000)]
        #expect(PriceRanking.order(of: prices, inputTokens: 1_000, outputTokens: 500) == [0, 1])
        #expect(PriceRanking.order(of: prices, inputTokens: 100_000, outputTokens: 500) == [1, 0])
    }

    @Test func theUnknownIsNeverTakenForFree() {
        let prices: [Price?] = [nil, price(nil, 5), price(5, nil), price(9_000_000, 9_000_000), price(nil, nil)]
        #expect(PriceRanking.order(of: prices, inputTokens: 1_000, outputTokens: 500) == [3, 0, 1, 2, 4])
        #expect(PriceRanking.order(of: prices, inputTokens: 1_000, outputTokens: 0).prefix(2) == [2, 3])
    }

    @Test func aPriceThatIsNotNeededIsNotMissed() {
        #expect(price(5, nil).cost(of: TokenNeed(inputTokens: 10, outputTokens: 0)) == 50)
        #expect(price(nil, nil).cost(of: TokenNeed(inputTokens: 0, outputTokens: -3)) == 0)
    }

    @Test func nothingOverflows() {
        let most = TokenNeed(inputTokens: .max, outputTokens: .max)
        let (dear, dearer) = (price(.max, .max - 1), price(.max, .max))
        #expect(PriceRanking.order(of: [dearer, dear], inputTokens: .max, outputTokens: .max) == [1, 0])
        #expect(dearer.cost(of: most) ?? .max < Int128.max, "the dearest price is still not an unknown one")
    }

    @Test func tiesStandAsTheyStood() {
        let prices: [Price?] = [price(2, 2), price(1, 1), price(2, 2), price(1, 1)]
        #expect(PriceRanking.order(of: prices, inputTokens: 3, outputTokens: 4) == [1, 3, 0, 2])
    }

    // MARK: - What a repricing did

    @Test func aRepricingThatMovesTrafficIsTold() {
        let old = [route("a", [("x/1", price(1, 1)), ("y/2", price(2, 2)), ("z/3", nil)])]
        let new = [route("a", [("x/1", price(3, 3)), ("y/2", price(2, 2)), ("z/3", nil)])]
        #expect(
            PriceRanking.rerankings(from: old, to: new) == [
                PriceRanking.Reranking(route: "a", old: ["x/1", "y/2", "z/3"], new: ["y/2", "x/1", "z/3"])
            ])
    }

    @Test func aPriceThatBecameKnownIsTold() {
        let old = [route("a", [("x/1", price(5, 5)), ("y/2", nil)])]
        let new = [route("a", [("x/1", price(5, 5)), ("y/2", price(2, 2))])]
        #expect(PriceRanking.rerankings(from: old, to: new).map(\.new) == [["y/2", "x/1"]])
        #expect(PriceRanking.rerankings(from: new, to: old).map(\.new) == [["x/1", "y/2"]])
    }

    @Test func aRepricingThatMovesNothingIsNot() {
        let old = [route("a", [("x/1", price(1, 1)), ("y/2", price(2, 2))])]
        let new = [route("a", [("x/1", price(1, 2)), ("y/2", price(9, 9))])]
        #expect(PriceRanking.rerankings(from: old, to: new) == [])
    }

    @Test func whatWasMovedOrAddedOrTakenAwayByHandIsNot() {
        let old = [route("a", [("x/1", price(2, 2)), ("y/2", price(2, 2)), ("z/3", price(1, 1))])]
        let moved = [route("a", [("y/2", price(2, 2)), ("x/1", price(2, 2)), ("z/3", price(1, 1))])]
        let other = [route("a", [("w/0", price(0, 0)), ("x/1", price(2, 2)), ("y/2", price(2, 2))])]
        #expect(PriceRanking.rerankings(from: old, to: moved) == [])
        #expect(PriceRanking.rerankings(from: old, to: other) == [])
    }

    @Test func onlyRoutesThatAreInBothAreCompared() {
        let (cheap, dear) = (price(1, 1), price(9, 9))
        let old = [route("gone", [("x/1", cheap), ("y/2", dear)]), route("b", [("x/1", cheap), ("y/2", dear)])]
        let new = [route("b", [("x/1", dear), ("y/2", cheap)]), route("new", [("x/1", dear), ("y/2", cheap)])]
        #expect(PriceRanking.rerankings(from: old, to: new).map(\.route) == ["b"])
    }
}
