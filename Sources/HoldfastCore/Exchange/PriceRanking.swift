/// What one exchange is expected to use, before it is made.
package struct TokenNeed: Sendable, Hashable {
    package var inputTokens: Int
    package var outputTokens: Int

    package init(inputTokens: Int, outputTokens: Int) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
    }
}

extension Price {
    /// What the need costs, in micro-dollars × a million: prices are per million tokens, and nothing is rounded away that
    /// might decide between two. Nil where a price is missing for something that is needed: unknown is not free. Wider
    /// than its factors, so that nothing overflows. What a provider may have cached is not known beforehand.
    func cost(of need: TokenNeed) -> Int128? {
        guard let input = Self.cost(of: need.inputTokens, at: inputMicros),
            let output = Self.cost(of: need.outputTokens, at: outputMicros)
        else { return nil }
        return input + output
    }

    private static func cost(of tokens: Int, at micros: Int64?) -> Int128? {
        guard tokens > 0 else { return 0 }
        return micros.map { Int128(tokens) * Int128($0) }
    }
}

/// Who is cheapest, told outside of any exchange: a changed price in the file moves the traffic of a `cheapest` route, and
/// whoever changed it should read so.
package enum PriceRanking {
    /// What prices are compared for where no exchange is at hand: twice as much in as out.
    package static let referenceNeed = TokenNeed(inputTokens: 1_000, outputTokens: 500)

    /// Places by price ascending, the unknown last, ties as they stand.
    package static func order(of prices: [Price?], inputTokens: Int, outputTokens: Int) -> [Int] {
        let need = TokenNeed(inputTokens: inputTokens, outputTokens: outputTokens)
        let costs = prices.map { $0?.cost(of: need) ?? .max }
        return costs.indices.sorted { (costs[$0], $0) < (costs[$1], $1) }
    }

    /// A `cheapest` route as far as its order depends on the file.
    package struct PricedRoute: Sendable, Hashable {
        package struct Candidate: Sendable, Hashable {
            package var id: String
            package var price: Price?

            package init(id: String, price: Price?) {
                self.id = id
                self.price = price
            }
        }

        package var name: String
        package var candidates: [Candidate]

        package init(name: String, candidates: [Candidate]) {
            self.name = name
            self.candidates = candidates
        }
    }

    /// A route whose order a repricing changed, with the ids of its candidates, cheapest first.
    package struct Reranking: Sendable, Hashable {
        package var route: String
        package var old: [String]
        package var new: [String]

        package init(route: String, old: [String], new: [String]) {
            self.route = route
            self.old = old
            self.new = new
        }
    }

    /// What new prices did to the order of routes that are in both. A candidate that came or went is seen in the file
    /// without counting, and one that was moved there was moved on purpose: neither is told.
    package static func rerankings(from old: [PricedRoute], to new: [PricedRoute]) -> [Reranking] {
        new.compactMap { route in old.first { $0.name == route.name }.flatMap { reranking(from: $0, to: route) } }
    }

    private static func reranking(from old: PricedRoute, to new: PricedRoute) -> Reranking? {
        let stayed = new.candidates.filter { candidate in old.candidates.contains { $0.id == candidate.id } }
        // As they stand in the new file, with the prices of the old: only prices differ then.
        let before = stayed.compactMap { candidate in old.candidates.first { $0.id == candidate.id } }
        guard ids(before) != ids(stayed) else { return nil }
        return Reranking(route: new.name, old: ids(old.candidates), new: ids(new.candidates))
    }

    private static func ids(_ candidates: [PricedRoute.Candidate]) -> [String] {
        order(
            of: candidates.map(\.price), inputTokens: referenceNeed.inputTokens,
            outputTokens: referenceNeed.outputTokens
        ).map { candidates[$0].id }
    }
}
