/// What depends on what: a graph without cycles, in which a component fails by itself, with a domain that it is in, or
/// with what it needs. Every need has to hold; a need holds while enough of its members do.
///
/// What it does not know: how likely anything is, and what fails slowly. It says what would stop, not what will.
package struct DependencyMap: Sendable {
    /// A need, by index.
    package struct Gate: Sendable, Hashable {
        package var least: Int
        package var members: [Int]

        /// So many failed members are too many.
        package var defeat: Int { members.count - least + 1 }
    }

    /// By id.
    package let components: [MapComponent]
    /// One for each component.
    package let gates: [[Gate]]
    /// Indices, whatever is needed before whatever needs it.
    package let order: [Int]
    /// One for each component: the highest of its own and of whatever needs it. Where neither says anything it is `standard`.
    package let criticalities: [Criticality]
    /// All that can go wrong, the first of those that mean the same first.
    package let failures: [Failure]
    /// What each of `failures` hits directly: indices of components, ascending.
    package let hits: [[Int]]
    private let places: [ComponentID: Int]
    private let failurePlaces: [Failure: Int]

    /// - Throws: the first of `problems`.
    package init(_ components: [MapComponent]) throws(MapProblem) {
        let sorted = components.sorted { $0.id < $1.id }
        let check = MapCheck(sorted)
        if let problem = check.problems.first { throw problem }
        self.components = sorted
        places = check.places
        gates = check.gates
        order = check.order
        criticalities = Self.criticalities(sorted, gates: check.gates, order: check.order)
        let found = Self.failures(sorted, places: check.places)
        failures = found.map(\.failure)
        hits = found.map(\.hits)
        failurePlaces = Dictionary(uniqueKeysWithValues: failures.enumerated().map { ($1, $0) })
    }

    /// All that is wrong with such a map.
    package static func problems(of components: [MapComponent]) -> [MapProblem] {
        MapCheck(components.sorted { $0.id < $1.id }).problems
    }

    package func index(of id: ComponentID) -> Int? { places[id] }

    package subscript(id: ComponentID) -> MapComponent? { places[id].map { components[$0] } }

    /// A text such as `power:feed-a` may mean a component or a domain: the map has at most one of them.
    package func index(of failure: Failure) -> Int? {
        if let place = failurePlaces[failure] { return place }
        let text = failure.description
        let other: Failure? =
            switch failure {
            case .component: FailureDomain(text).map(Failure.domain)
            case .domain: ComponentID(text).map(Failure.component)
            }
        return other.flatMap { failurePlaces[$0] }
    }

    /// Indices of services, workloads and routes.
    package var tops: [Int] { components.indices.filter { components[$0].id.kind.isTop } }

    private static func criticalities(
        _ components: [MapComponent], gates: [[Gate]], order: [Int]
    ) -> [Criticality] {
        var found = components.map(\.criticality)
        for index in order.reversed() {
            let own = found[index] ?? .standard
            found[index] = own
            for member in gates[index].flatMap(\.members) { found[member] = max(found[member] ?? own, own) }
        }
        return found.map { $0 ?? .standard }
    }

    private static func failures(
        _ components: [MapComponent], places: [ComponentID: Int]
    ) -> [(failure: Failure, hits: [Int])] {
        var hits: [Failure: [Int]] = [:]
        for (index, component) in components.enumerated() {
            if component.id.kind.failsByItself { hits[.component(component.id), default: []].append(index) }
            for domain in component.domains.sorted() where Self.component(domain, places) == nil {
                hits[.domain(domain), default: []].append(index)
            }
        }
        return hits.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The component that a domain names.
    static func component(_ domain: FailureDomain, _ places: [ComponentID: Int]) -> ComponentID? {
        guard let id = ComponentID(domain.description), places[id] != nil else { return nil }
        return id
    }

    // MARK: - What would follow

    /// Which components fail when all of these do, one for each component.
    ///
    /// - Parameter failed: indices of `failures`.
    package func stopped(by failed: some Sequence<Int>) -> [Bool] {
        var isStopped = Array(repeating: false, count: components.count)
        for failure in failed {
            for index in hits[failure] { isStopped[index] = true }
        }
        for index in order where !isStopped[index] {
            isStopped[index] = gates[index].contains { gate in
                gate.members.count { isStopped[$0] } >= gate.defeat
            }
        }
        return isStopped
    }
}

/// Checks the references of a map and brings it into order.
private struct MapCheck {
    private(set) var problems: [MapProblem] = []
    private(set) var places: [ComponentID: Int] = [:]
    private(set) var gates: [[DependencyMap.Gate]] = []
    private(set) var order: [Int] = []

    init(_ components: [MapComponent]) {
        for (index, component) in components.enumerated() { places[component.id] = index }
        precondition(places.count == components.count, "a component stands on the map twice; join them first")
        for component in components { check(component) }
        guard problems.isEmpty else { return }
        gates = components.map { gates(of: $0) }
        sort(components)
    }

    private mutating func check(_ component: MapComponent) {
        let field: MapProblem.Field = component.id.kind == .group ? .of : .needs
        for need in component.needs {
            for member in need.of {
                if member == component.id {
                    add(component, field, member, "it needs itself", mend: "remove it")
                } else if places[member] == nil {
                    add(component, field, member, unknown(member), mend: mend(member))
                }
            }
            if Set(need.of).count < need.of.count {
                add(component, field, nil, "a member is named twice", mend: "remove one of them")
            }
            if !(1...max(need.of.count, 1)).contains(need.least) {
                add(
                    component, .least, nil, "\(need.least) of \(need.of.count) is not possible",
                    mend: "write 1 to \(need.of.count)")
            }
        }
        if let owner = component.owner, places[owner] == nil {
            add(component, .owner, nil, unknown(owner), mend: mend(owner))
        }
        if let original = component.backsUp {
            if original == component.id {
                add(component, .backsUp, original, "it is its own backup", mend: "name what it is the backup of")
            } else if places[original] == nil {
                add(component, .backsUp, original, unknown(original), mend: mend(original))
            }
        }
    }

    private mutating func add(
        _ component: MapComponent, _ field: MapProblem.Field, _ reference: ComponentID?, _ message: String,
        mend: String
    ) {
        problems.append(
            MapProblem(
                component: component.id, field: field, reference: reference, message: message, mend: mend))
    }

    /// A map that is wrong from end to end gets suggestions for the first of it, not a report that takes minutes.
    private func unknown(_ id: ComponentID) -> String {
        guard problems.count < 20 else { return "there is no \(id)" }
        let meant = Spelling.nearest(to: id.description, among: places.keys.map(\.description).sorted())
        return "there is no \(id)" + (meant.map { "; did you mean \($0)?" } ?? "")
    }

    private func mend(_ id: ComponentID) -> String {
        switch id.kind {
        case .group: "add it under map.groups"
        case let kind where kind.isConfigured: "name one that the document has"
        default: "add it under map.components"
        }
    }

    /// A domain that is a component is a need of it.
    private func gates(of component: MapComponent) -> [DependencyMap.Gate] {
        let needs = component.needs.map { need in
            DependencyMap.Gate(least: need.least, members: need.of.compactMap { places[$0] })
        }
        let named = component.domains.sorted().compactMap { DependencyMap.component($0, places) }
        let meant = named.filter { $0 != component.id }.compactMap { places[$0] }
        return needs + meant.map { DependencyMap.Gate(least: 1, members: [$0]) }
    }

    /// Depth first, without recursion: a chain of needs may be as long as the map.
    private mutating func sort(_ components: [MapComponent]) {
        enum Mark { case unseen, open, done }
        var marks = Array(repeating: Mark.unseen, count: components.count)
        let needed = gates.map { $0.flatMap(\.members) }
        for start in components.indices where marks[start] == .unseen {
            var path: [(index: Int, next: Int)] = [(start, 0)]
            marks[start] = .open
            while let (index, next) = path.last {
                guard next < needed[index].count else {
                    marks[index] = .done
                    order.append(index)
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let member = needed[index][next]
                switch marks[member] {
                case .done: break
                case .unseen:
                    marks[member] = .open
                    path.append((member, 0))
                case .open:
                    let cycle = path.map(\.index).drop { $0 != member } + [member]
                    addCycle(cycle.map { components[$0] })
                    return
                }
            }
        }
    }

    private mutating func addCycle(_ cycle: [MapComponent]) {
        // Whoever can mend it has written a part of it: the rest of a document has no cycles.
        let written = cycle.first { $0.sources.contains(.declared) } ?? cycle[0]
        let names = cycle.map(\.id.description).joined(separator: " → ")
        problems.append(
            MapProblem(
                component: written.id, field: written.id.kind == .group ? .of : .needs, reference: nil,
                message: "these need each other in a circle: \(names)", mend: "leave out one of these needs"))
    }
}
