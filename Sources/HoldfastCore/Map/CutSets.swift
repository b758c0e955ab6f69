/// The minimal cut sets of every component of a map, up to order three: an order of one is a single point of failure.
///
/// From the bottom up. A component stops with a failure of its own or with any need (`either`); a need of which `k` of
/// `n` have to hold stops with `n − k + 1` of its members, and the sets for "at least j of the first i" follow from those
/// of the first i − 1 (`both` with member i). Sets of more than three never make a smaller one again, so they are dropped
/// where they arise, and what is left is exact.
///
/// Failures that hit the same components are one here (a provider, its vendor and its host, where nobody else has them):
/// otherwise three candidates with six domains each would have 216 sets that all say the same.
///
/// What it does not know: more than `CutLimit.sets` sets of one order at one component. There, and wherever that
/// matters, the order is left out as a whole, and `exactOrder` says so. The alternative, to keep some of them, was
/// rejected: a list that looks whole and is not is worse than a shorter one.
package struct CutSets: Sendable {
    package let map: DependencyMap
    /// Failures that mean the same: indices into `map.failures`, the first of each speaks for it.
    package let classes: [[Int]]
    /// What each class hits directly.
    private let classHits: [[Int]]
    /// The class of each failure.
    private let classOf: [Int]
    /// One for each component; in classes.
    let families: [CutFamily]

    /// Sets looked at in the whole map: what follows is done with pairs alone, and then with single failures. It bounds
    /// the time that a strange map can take.
    static let mostWork = 6_000_000

    package init(_ map: DependencyMap) {
        self.init(map, limit: CutLimit())
    }

    init(_ map: DependencyMap, limit: CutLimit, mostWork: Int = Self.mostWork) {
        precondition(map.failures.count < CutFamily.mostFailures, "\(map.failures.count) failures are too many")
        self.map = map
        var classes: [[Int]] = []
        var known: [[Int]: Int] = [:]
        var classOf: [Int] = []
        for (index, hits) in map.hits.enumerated() {
            let place = known[hits] ?? classes.count
            if place == classes.count {
                known[hits] = place
                classes.append([])
            }
            classes[place].append(index)
            classOf.append(place)
        }
        self.classes = classes
        self.classOf = classOf
        let classHits = classes.map { map.hits[$0[0]] }
        self.classHits = classHits
        var own = Array(repeating: [Int](), count: map.components.count)
        for (place, hits) in classHits.enumerated() {
            for component in hits { own[component].append(place) }
        }
        families = Self.families(map, own: own, limit: limit, mostWork: mostWork)
    }

    private static func families(
        _ map: DependencyMap, own: [[Int]], limit: CutLimit, mostWork: Int
    ) -> [CutFamily] {
        var limit = limit
        var work = 0
        var families = Array(repeating: CutFamily(), count: map.components.count)
        for index in map.order {
            var ways = [CutFamily(singles: own[index])]
            for gate in map.gates[index] {
                ways.append(defeated(gate, families, limit: limit, work: &work))
            }
            families[index] = ways.count == 1 ? ways[0] : CutFamily.either(ways, limit: limit)
            work += ways.reduce(1) { $0 + $1.count }
            if work > mostWork, limit.order > 1 {
                limit.order -= 1
                work = 0
            }
        }
        return families
    }

    /// What makes a need not hold any more.
    private static func defeated(
        _ gate: DependencyMap.Gate, _ families: [CutFamily], limit: CutLimit, work: inout Int
    ) -> CutFamily {
        guard gate.members.count > 1 else { return gate.members.first.map { families[$0] } ?? CutFamily() }
        if gate.defeat == 1 { return CutFamily.either(gate.members.map { families[$0] }, limit: limit) }
        // atLeast[j]: what makes at least j + 1 of the members so far fail.
        var atLeast: [CutFamily] = []
        for member in gate.members {
            let family = families[member]
            var next = atLeast
            for j in atLeast.indices.reversed() where j + 1 < gate.defeat {
                let more = CutFamily.both(atLeast[j], family, limit: limit)
                work += more.count + atLeast[j].count
                if j + 1 < next.count {
                    next[j + 1] = CutFamily.either([next[j + 1], more], limit: limit)
                } else {
                    next.append(more)
                }
            }
            if next.isEmpty { next = [family] } else { next[0] = CutFamily.either([next[0], family], limit: limit) }
            atLeast = next
        }
        return atLeast.count >= gate.defeat ? atLeast[gate.defeat - 1] : CutFamily()
    }

    // MARK: - Asking

    /// Of one component: sets of classes, the smallest first.
    package func sets(of component: Int) -> [[Int]] { families[component].sets }

    /// Sets of this order and below are all there.
    package func exactOrder(of component: Int) -> Int { families[component].exactOrder }

    /// Classes each of which stops it alone, ascending.
    package func singles(of component: Int) -> [Int] { families[component].singles }

    /// The class of a failure.
    package func place(of failure: Int) -> Int { classOf[failure] }

    /// What the class is named by.
    package func failure(_ place: Int) -> Failure { map.failures[classes[place][0]] }

    /// All that the class stands for.
    package func failures(_ place: Int) -> [Failure] { classes[place].map { map.failures[$0] } }

    /// Whether whatever `narrow` takes down is down with `broad` too, and not the reverse.
    package func isBroader(_ broad: Int, than narrow: Int) -> Bool {
        covers(broad, narrow) && !covers(narrow, broad)
    }

    private func covers(_ broad: Int, _ narrow: Int) -> Bool {
        classHits[narrow].allSatisfy { CutFamily.contains(families[$0].singles, broad) }
    }
}
