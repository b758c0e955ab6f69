/// Single points of failure, and sets of two and three that are as good as one.
extension AssessmentSight {
    func singlePoints() -> [Finding] {
        var stops: [Int: [Int]] = [:]
        for top in tops {
            for place in cuts.singles(of: top) { stops[place, default: []].append(top) }
        }
        let places = stops.keys.sorted()
        var heads: [[Int]: [Int]] = [:]
        for place in places where isHead(place) { heads[stops[place] ?? [], default: []].append(place) }
        var folded: [Int: [Int]] = [:]
        var shown: [Int] = []
        for place in places {
            switch cuts.failure(place) {
            // Its provider stops at least as much, and the mend is the same.
            case .component(let id) where id.kind == .deployment: continue
            case .component: shown.append(place)
            case .domain:
                // A domain that stops no more than one of its components says nothing that the component does not.
                let narrower = (heads[stops[place] ?? []] ?? []).filter { cuts.isBroader(place, than: $0) }
                for head in narrower { folded[head, default: []].append(place) }
                if narrower.isEmpty { shown.append(place) }
            }
        }
        return shown.map { singlePoint($0, stops: stops[$0] ?? [], with: folded[$0] ?? []) }
    }

    private func isHead(_ place: Int) -> Bool {
        if case .component(let id) = cuts.failure(place) { id.kind != .deployment } else { false }
    }

    private func singlePoint(_ place: Int, stops: [Int], with folded: [Int]) -> Finding {
        let failure = cuts.failure(place)
        let same = cuts.failures(place).dropFirst() + folded.flatMap(cuts.failures)
        let critical = stops.filter { map.criticalities[$0] == .critical }.map { id($0).description }
        let also = same.isEmpty ? "" : "; the same goes for \(Listing.text(same.map(\.description), most: 8))"
        // What is accepted is that it stops this critical work; other work that it comes to stop is another finding.
        return stopping(
            stops,
            Finding(
                .singlePoint, .init(worst(stops)), of: [failure.description] + critical.sorted(),
                "\(failure) alone stops \(Self.names(stops.map(id)))",
                reason: "nothing takes over from it\(also)", mend: mend(failure, stops)))
    }

    private func mend(_ failure: Failure, _ stops: [Int]) -> String {
        let routes = stops.map(id).filter { $0.kind == .route }
        switch failure {
        case .component(let id) where id.kind == .person:
            return "name a second person who can do it, and a group of both under map.groups"
        case .component(let id) where id.kind != .provider && id.kind != .deployment,
            .component(let id) where routes.isEmpty:
            return "add a second one beside \(id), and a group of both with least: 1 under map.groups"
        case .domain where routes.isEmpty:
            return "add a second one outside \(failure), and a group of both with least: 1 under map.groups"
        case .component, .domain:
            return "add a candidate that does without \(failure) to \(Self.names(routes))"
        }
    }

    // MARK: - Two and three

    func cutSets() -> (findings: [Finding], morePairs: Int, moreTriples: Int) {
        var stops: [[Int]: [Int]] = [:]
        for top in tops where map.criticalities[top] == .critical {
            for set in cuts.sets(of: top) where set.count > 1 { stops[set, default: []].append(top) }
        }
        let hasBroader = broaderClasses()
        let sets = stops.keys.filter { set in !set.contains { hasBroader[$0] } }
            .sorted { left, right in rank(left, stops[left] ?? [], before: right, stops[right] ?? []) }
        let (pairs, triples) = (sets.filter { $0.count == 2 }, sets.filter { $0.count == 3 })
        let listed = pairs.prefix(Assessment.mostPairs) + triples.prefix(Assessment.mostTriples)
        return (
            listed.map { cutSet($0, stops: stops[$0] ?? []) }, max(0, pairs.count - Assessment.mostPairs),
            max(0, triples.count - Assessment.mostTriples)
        )
    }

    private func rank(_ left: [Int], _ leftStops: [Int], before right: [Int], _ rightStops: [Int]) -> Bool {
        let (cost, otherCost) = (cost(leftStops) ?? -1, cost(rightStops) ?? -1)
        if cost != otherCost { return cost > otherCost }
        if leftStops.count != rightStops.count { return leftStops.count > rightStops.count }
        return left.lexicographicallyPrecedes(right)
    }

    /// Sets of what something broader includes say less than the set with the broader one, which is a set too.
    private func broaderClasses() -> [Bool] {
        cuts.classes.indices.map { place in
            let hit = map.hits[cuts.classes[place][0]]
            return cuts.singles(of: hit[0]).contains { cuts.isBroader($0, than: place) }
        }
    }

    private func cutSet(_ set: [Int], stops: [Int]) -> Finding {
        let names = set.map { cuts.failure($0).description }
        let same = set.filter { cuts.classes[$0].count > 1 }.map { place in
            let others = cuts.failures(place).dropFirst().map(\.description)
            return "\(cuts.failure(place)) stands for \(Listing.text(others, most: 5)) too"
        }
        let together = set.count == 2 ? "together stop" : "stop, all three at once,"
        return stopping(
            stops,
            Finding(
                set.count == 2 ? .cutPair : .cutTriple, .notice, of: names.sorted(),
                "\(Listing.text(names)) \(together) \(Self.names(stops.map(id)))",
                reason: same.isEmpty ? "nothing is left then" : "nothing is left then; \(same.joined(separator: "; "))",
                mend: "accept it, or add something that shares none of them"))
    }
}
