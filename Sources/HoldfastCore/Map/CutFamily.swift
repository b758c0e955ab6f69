/// Minimal cut sets of one component, up to order three: sets of failures each of which stops it, and none of which
/// holds another. Failures are small numbers; a set of two or three is packed into one word, so that a family is three
/// sorted arrays and whatever is done with it is a merge or a binary search.
struct CutFamily: Sendable, Hashable {
    typealias Packed = UInt64

    /// As many failures as a packed set can tell apart.
    static let mostFailures = 1 << 21

    /// Each of the three is ascending and holds nothing twice.
    private(set) var singles: [Int] = []
    private(set) var pairs: [Packed] = []
    private(set) var triples: [Packed] = []
    /// Sets up to this order are all here; of a higher order there are none, because there would be too many.
    private(set) var exactOrder = 3

    init() {}

    init(singles: [Int]) {
        self.singles = Self.unique(singles)
    }

    var isEmpty: Bool { singles.isEmpty && pairs.isEmpty && triples.isEmpty }
    var count: Int { singles.count + pairs.count + triples.count }

    /// The smallest first.
    var sets: [[Int]] { singles.map { [$0] } + pairs.map(Self.members) + triples.map(Self.members) }

    // MARK: - Packing

    private static let bits: UInt64 = 21
    private static let mask: UInt64 = (1 << 21) - 1

    /// - Parameter left: the smaller one.
    private static func ordered(_ left: Int, _ right: Int) -> Packed {
        UInt64(left + 1) << bits | UInt64(right + 1)
    }

    static func pair(_ left: Int, _ right: Int) -> Packed {
        left < right ? ordered(left, right) : ordered(right, left)
    }

    private static func triple(_ pair: Packed, _ other: Int) -> Packed {
        let (left, right, third) = (pair >> bits, pair & mask, UInt64(other + 1))
        if third > right { return left << (2 * bits) | right << bits | third }
        if third > left { return left << (2 * bits) | third << bits | right }
        return third << (2 * bits) | left << bits | right
    }

    private static func members(_ set: Packed) -> [Int] {
        var found: [Int] = []
        for shift in [2 * bits, bits, 0] {
            let member = set >> shift & mask
            if member > 0 { found.append(Int(member) - 1) }
        }
        return found
    }

    private static func first(_ pair: Packed) -> Int { Int(pair >> bits) - 1 }
    private static func second(_ pair: Packed) -> Int { Int(pair & mask) - 1 }

    /// The three pairs inside a triple.
    private static func pairs(in triple: Packed) -> (Packed, Packed, Packed) {
        let (left, middle, right) = (triple >> (2 * bits), triple >> bits & mask, triple & mask)
        return (left << bits | middle, left << bits | right, middle << bits | right)
    }

    // MARK: - Searching

    static func unique<Element: Comparable>(_ elements: [Element]) -> [Element] {
        var sorted = elements
        sorted.sort()
        var kept = 0
        for place in sorted.indices where place == 0 || sorted[place] != sorted[kept - 1] {
            sorted[kept] = sorted[place]
            kept += 1
        }
        sorted.removeLast(sorted.count - kept)
        return sorted
    }

    static func contains<Element: Comparable>(_ sorted: [Element], _ wanted: Element) -> Bool {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return low < sorted.count && sorted[low] == wanted
    }

    private func hasSingle(inPair pair: Packed) -> Bool {
        Self.contains(singles, Self.first(pair)) || Self.contains(singles, Self.second(pair))
    }

    private func hasSingle(inTriple triple: Packed) -> Bool {
        let pairs = Self.pairs(in: triple)
        return hasSingle(inPair: pairs.0) || Self.contains(singles, Self.second(pairs.2))
    }

    private func hasPair(inTriple triple: Packed) -> Bool {
        let inside = Self.pairs(in: triple)
        return Self.contains(pairs, inside.0) || Self.contains(pairs, inside.1) || Self.contains(pairs, inside.2)
    }

    /// Whether the family stops its component when all of these have failed.
    func isCut(_ failed: [Int]) -> Bool {
        for (place, left) in failed.enumerated() {
            if Self.contains(singles, left) { return true }
            for (next, right) in failed.enumerated().dropFirst(place + 1) where left != right {
                let pair = Self.pair(left, right)
                if Self.contains(pairs, pair) { return true }
                for third in failed.dropFirst(next + 1) where third != left && third != right {
                    if Self.contains(triples, Self.triple(pair, third)) { return true }
                }
            }
        }
        return false
    }

    // MARK: - Either stops it

    /// One of the two families, or a failure of its own.
    static func either(_ families: [CutFamily], limit: CutLimit) -> CutFamily {
        var union = CutFamily()
        union.exactOrder = families.reduce(limit.order) { min($0, $1.exactOrder) }
        union.singles = unique(families.flatMap(\.singles))
        if union.exactOrder >= 2 { union.keep(pairs: families.flatMap(\.pairs), limit: limit) }
        if union.exactOrder >= 3 { union.keep(triples: families.flatMap(\.triples), limit: limit) }
        return union
    }

    /// Those that hold no smaller one.
    private mutating func keep(pairs found: [Packed], limit: CutLimit) {
        pairs = Self.unique(found).filter { !hasSingle(inPair: $0) }
        if pairs.count > limit.sets { forget(from: 2) }
    }

    private mutating func keep(triples found: [Packed], limit: CutLimit) {
        guard exactOrder >= 3 else { return }
        triples = Self.unique(found).filter { !hasSingle(inTriple: $0) && !hasPair(inTriple: $0) }
        if triples.count > limit.sets { forget(from: 3) }
    }

    /// There are too many sets of this order: none of them and of larger ones is kept, so that what is here is exact.
    private mutating func forget(from order: Int) {
        exactOrder = min(exactOrder, order - 1)
        if order <= 2 { pairs = [] }
        triples = []
    }

    // MARK: - Both have to

    /// What stops both: every union of a set of one and a set of the other that is small enough.
    static func both(_ left: CutFamily, _ right: CutFamily, limit: CutLimit) -> CutFamily {
        var product = CutFamily()
        product.exactOrder = min(left.exactOrder, right.exactOrder, limit.order)
        product.singles = left.singles.filter { contains(right.singles, $0) }
        // Whatever holds one of these is no minimal set.
        let (ours, theirs) = (left.without(product.singles), right.without(product.singles))
        if product.exactOrder >= 2 { product.addPairs(ours, theirs, limit: limit) }
        if product.exactOrder >= 3 { product.addTriples(ours, theirs, limit: limit) }
        return product
    }

    private func without(_ common: [Int]) -> CutFamily {
        guard !common.isEmpty else { return self }
        var rest = self
        rest.singles.removeAll { Self.contains(common, $0) }
        rest.pairs.removeAll { Self.contains(common, Self.first($0)) || Self.contains(common, Self.second($0)) }
        rest.triples.removeAll { triple in Self.members(triple).contains { Self.contains(common, $0) } }
        return rest
    }

    private mutating func addPairs(_ left: CutFamily, _ right: CutFamily, limit: CutLimit) {
        guard left.singles.count * right.singles.count <= limit.sets else { return forget(from: 2) }
        var found: [Packed] = []
        for one in left.singles {
            for other in right.singles { found.append(Self.pair(one, other)) }
        }
        found += left.pairs.filter { right.hasSingle(inPair: $0) || Self.contains(right.pairs, $0) }
        found += right.pairs.filter { left.hasSingle(inPair: $0) }
        keep(pairs: found, limit: limit)
    }

    private mutating func addTriples(_ left: CutFamily, _ right: CutFamily, limit: CutLimit) {
        let expected = left.singles.count * right.pairs.count + left.pairs.count * right.singles.count
        guard exactOrder >= 3 else { return }
        guard expected <= limit.sets else { return forget(from: 3) }
        var found: [Packed] = []
        Self.extend(left.pairs, by: right.singles, to: &found)
        Self.extend(right.pairs, by: left.singles, to: &found)
        guard Self.chain(left.pairs, right.pairs, limit: limit, to: &found) else { return forget(from: 3) }
        found += left.triples.filter { right.isCut(triple: $0) }
        found += right.triples.filter { left.isCut(triple: $0) }
        keep(triples: found, limit: limit)
    }

    private func isCut(triple: Packed) -> Bool {
        hasSingle(inTriple: triple) || hasPair(inTriple: triple) || Self.contains(triples, triple)
    }

    private static func extend(_ pairs: [Packed], by singles: [Int], to found: inout [Packed]) {
        for pair in pairs {
            let (left, right) = (first(pair), second(pair))
            for single in singles where single != left && single != right { found.append(triple(pair, single)) }
        }
    }

    /// Two pairs make three failures where they have one in common.
    ///
    /// - Returns: false: there would be too many.
    private static func chain(
        _ left: [Packed], _ right: [Packed], limit: CutLimit, to found: inout [Packed]
    ) -> Bool {
        guard !left.isEmpty, !right.isEmpty else { return true }
        // Each pair under both of its members.
        var ends: [(member: Int, other: Int)] = []
        for pair in right {
            ends.append((first(pair), second(pair)))
            ends.append((second(pair), first(pair)))
        }
        ends.sort { $0 < $1 }
        var made = 0
        for pair in left {
            for (member, other) in [(first(pair), second(pair)), (second(pair), first(pair))] {
                var place = lowerBound(ends, member)
                while place < ends.count, ends[place].member == member {
                    if ends[place].other != other {
                        found.append(triple(pair, ends[place].other))
                        made += 1
                    }
                    place += 1
                }
                if made > limit.sets { return false }
            }
        }
        return true
    }

    private static func lowerBound(_ ends: [(member: Int, other: Int)], _ member: Int) -> Int {
        var (low, high) = (0, ends.count)
        while low < high {
            let middle = (low + high) / 2
            if ends[middle].member < member { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// How much of one family is looked at.
struct CutLimit: Sendable {
    /// Sets of one order at one component.
    var sets = 20_000
    /// Of the largest sets.
    var order = 3
}
