/// How a route chooses among its candidates.
package enum RouteStrategy: String, Sendable, Hashable, CaseIterable {
    /// As the file lists them.
    case ordered
    /// At random, by weight.
    case weighted
    /// By the time to first token of late.
    case fastest
    /// By price for what the exchange needs.
    case cheapest
}

/// How fast a candidate is, and how busy.
package struct CandidatePace: Sendable, Hashable {
    /// Nil: too few samples. Coarse: see `FirstTokenLatency`; two that are about as fast are equally fast.
    package var medianFirstTokenNanoseconds: Int64?
    package var p95FirstTokenNanoseconds: Int64?
    package var p99FirstTokenNanoseconds: Int64?
    /// Attempts under way at it; 0 where nobody counts them, and then nothing bounds how many seek out an unknown one at
    /// once.
    package var inFlight: Int

    package init(
        medianFirstTokenNanoseconds: Int64?, p95FirstTokenNanoseconds: Int64? = nil,
        p99FirstTokenNanoseconds: Int64? = nil, inFlight: Int = 0
    ) {
        self.medianFirstTokenNanoseconds = medianFirstTokenNanoseconds
        self.p95FirstTokenNanoseconds = p95FirstTokenNanoseconds
        self.p99FirstTokenNanoseconds = p99FirstTokenNanoseconds
        self.inFlight = inFlight
    }
}

/// The order in which one exchange asks its candidates: drawn up once, when it begins, and kept, so that whatever fails
/// meanwhile it never goes back and forth between two.
///
/// It says who goes before whom, not who may be asked; sets of candidates are bits, as in `CandidateSets`. Candidates
/// that are not among those it was drawn up for follow in file order. Nothing is allocated.
package struct CandidateOrder: Sendable, Hashable {
    /// The first `count` are in order.
    private var ranked = InlineArray<64, UInt8>(repeating: 0)
    private var count = 0

    /// File order.
    package static var asWritten: CandidateOrder { CandidateOrder() }

    private init() {}

    // MARK: - Reading

    /// The first in order of a set.
    package func next(of set: UInt64) -> Int? {
        for position in 0..<count where set & .bit(Int(ranked[position])) != 0 {
            return Int(ranked[position])
        }
        return set == 0 ? nil : set.trailingZeroBitCount
    }

    package func places(of set: UInt64) -> Places {
        Places(order: self, rest: set)
    }

    package struct Places: Sequence, IteratorProtocol {
        fileprivate let order: CandidateOrder
        fileprivate var rest: UInt64
        private var position = 0

        fileprivate init(order: CandidateOrder, rest: UInt64) {
            self.order = order
            self.rest = rest
        }

        package mutating func next() -> Int? {
            while position < order.count {
                let place = Int(order.ranked[position])
                position += 1
                if rest & .bit(place) != 0 {
                    rest &= ~.bit(place)
                    return place
                }
            }
            guard rest != 0 else { return nil }
            defer { rest &= rest &- 1 }
            return rest.trailingZeroBitCount
        }
    }

    // MARK: - Weighted

    /// Keeps the sum of all weights far from overflow; nobody shares traffic more finely.
    package static let mostWeight = 1_000_000

    /// Drawn one after the other without putting back, each in proportion to its weight among those left. Whoever is
    /// left out later, because it may not be asked, so leaves its share to the others in proportion to theirs.
    ///
    /// - Parameter weight: 1 … `mostWeight`.
    package static func weighted(
        among set: UInt64, random: inout SeededRandom, weight: (Int) -> Int
    ) -> CandidateOrder {
        var order = CandidateOrder()
        var weights = InlineArray<64, Int64>(repeating: 0)
        var total: Int64 = 0
        for place in set.places {
            let weight = weight(place)
            precondition(
                (1...mostWeight).contains(weight),
                "a weight of \(weight): 1 … \(mostWeight) because the file is checked for it")
            weights[place] = Int64(weight)
            total += Int64(weight)
        }
        var left = set
        while left != 0 {
            var ticket = random.below(total)
            for place in left.places {
                ticket -= weights[place]
                guard ticket < 0 else { continue }
                order.append(place)
                total -= weights[place]
                left &= ~.bit(place)
                break
            }
        }
        return order
    }

    // MARK: - Fastest

    /// An unknown candidate is sought out only while fewer attempts than this are under way at it. It is known after
    /// `FirstTokenLatency.leastSamples`, but those come one first token later at the earliest, and until then all traffic
    /// of a busy route would run to a deployment that may still be loading its model.
    package static let mostExploring = 10
    /// One duel in so many goes to the loser: of two candidates the slower would otherwise never be asked again, and
    /// never be seen to have become the faster. Gives the slowest of up to four at least 1 % of the traffic, which is
    /// also what keeps a fallback warm.
    package static let duelsPerUpset: Int64 = 50

    /// The power of two choices (Mitzenmacher, 2001): two are drawn at random, the faster goes first, and the others
    /// follow from fast to slow. Were the fastest of all always first, all gateways would run to it at once, make it
    /// slow, and run to the next.
    ///
    /// One that is not known wins its duel, or it would stay unknown; that ends after a fixed number of samples, and
    /// `mostExploring` at a time. Behind a failed attempt there is no room for a try: there the unknown come last.
    package static func fastest(
        among set: UInt64, random: inout SeededRandom, pace: (Int) -> CandidatePace
    ) -> CandidateOrder {
        var order = CandidateOrder()
        var paces = InlineArray<64, CandidatePace>(repeating: CandidatePace(medianFirstTokenNanoseconds: nil))
        for place in set.places {
            paces[place] = pace(place)
            order.insert(place) { paces[$0].failoverKey < paces[$1].failoverKey }
        }
        guard order.count > 1 else { return order }
        let one = Int(random.below(Int64(order.count)))
        // Any of the others, each as likely.
        let distance = 1 + Int(random.below(Int64(order.count - 1)))
        let other = (one + distance) % order.count
        let isUpset = random.below(duelsPerUpset) == 0
        // Drawn in random order, so that a tie favours neither.
        let otherWins = order.pace(other, paces).duelKey < order.pace(one, paces).duelKey
        order.moveToFront(otherWins != isUpset ? other : one)
        return order
    }

    private func pace(_ position: Int, _ paces: borrowing InlineArray<64, CandidatePace>) -> CandidatePace {
        paces[Int(ranked[position])]
    }

    // MARK: - Cheapest

    /// By price ascending. An unknown price comes last, as it may be any; ties keep the order of the file.
    package static func cheapest(among set: UInt64, need: TokenNeed, price: (Int) -> Price?) -> CandidateOrder {
        var order = CandidateOrder()
        var costs = InlineArray<64, Int128>(repeating: .max)
        for place in set.places {
            if let cost = price(place)?.cost(of: need) { costs[place] = cost }
            order.insert(place) { costs[$0] < costs[$1] }
        }
        return order
    }

    // MARK: - Drawing up

    private mutating func append(_ place: Int) {
        ranked[count] = UInt8(place)
        count += 1
    }

    /// Behind all that it does not go before: stable, and for a handful of candidates the fastest of sorts.
    private mutating func insert(_ place: Int, goesBefore: (Int, Int) -> Bool) {
        append(place)
        var position = count - 1
        while position > 0, goesBefore(place, Int(ranked[position - 1])) {
            ranked.swapAt(position, position - 1)
            position -= 1
        }
    }

    private mutating func moveToFront(_ position: Int) {
        for position in stride(from: position, to: 0, by: -1) {
            ranked.swapAt(position, position - 1)
        }
    }

    // MARK: - Hashable

    package static func == (left: CandidateOrder, right: CandidateOrder) -> Bool {
        left.count == right.count && (0..<left.count).allSatisfy { left.ranked[$0] == right.ranked[$0] }
    }

    package func hash(into hasher: inout Hasher) {
        for position in 0..<count { hasher.combine(ranked[position]) }
    }
}

extension CandidatePace {
    fileprivate var failoverKey: (Int64, Int) {
        (medianFirstTokenNanoseconds ?? .max, inFlight)
    }

    fileprivate var duelKey: (Int64, Int) {
        let unknown: Int64 = inFlight < CandidateOrder.mostExploring ? -1 : .max
        return (medianFirstTokenNanoseconds ?? unknown, inFlight)
    }
}
