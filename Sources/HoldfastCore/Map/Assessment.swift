/// What a map means: single points of failure, shared fate, promises that contradict each other and what nobody has
/// tried, ranked by what they stop and what a minute costs.
///
/// What it does not know: how likely anything is. It ranks by what would be lost, never by odds that nobody measured.
package struct Assessment: Sendable {
    /// All that an assessment looks at.
    package struct Input: Sendable {
        package var snapshot: Snapshot
        package var today: CalendarDay
        /// Nil: nobody looked, so nothing is said of what was seen.
        package var observed: ObservedFacts?
        package var fallbacks: [FallbackState]

        package init(
            _ snapshot: Snapshot, today: CalendarDay, observed: ObservedFacts? = nil, fallbacks: [FallbackState] = []
        ) {
            self.snapshot = snapshot
            self.today = today
            self.observed = observed
            self.fallbacks = fallbacks
        }
    }

    /// Sets of two and of three that are listed; there can be thousands, and the first say what the rest would.
    package static let mostPairs = 10
    package static let mostTriples = 5

    package let map: DependencyMap
    package let cuts: CutSets
    /// The worst first, accepted ones among them.
    package let findings: [Finding]
    /// Sets of two and of three that are worth saying and are not listed.
    package let morePairs: Int
    package let moreTriples: Int
    /// Sets up to this order were all looked at; below three the map has too many.
    package let exactOrder: Int
    /// Whether what gateways see was part of it.
    package let isObserved: Bool
    package let today: CalendarDay

    package init(_ input: Input) {
        let map = DependencyMap(
            input.snapshot, observed: input.observed?.components ?? [])
        let cuts = CutSets(map)
        let sight = AssessmentSight(input, map, cuts)
        let sets = sight.cutSets()
        let found =
            sight.singlePoints() + sets.findings + sight.sharedFate() + sight.candidates() + sight.promises()
            + sight.routeFacts() + sight.fallbackRecords() + sight.people() + sight.observations() + sight.unknowns()
        self.map = map
        self.cuts = cuts
        findings = Self.accepted(found, input.snapshot.map.acceptances, today: input.today)
            .sorted { $0.precedes($1) }
        morePairs = sets.morePairs
        moreTriples = sets.moreTriples
        exactOrder = map.tops.map(cuts.exactOrder).min() ?? 3
        isObserved = input.observed != nil
        today = input.today
    }

    /// Findings of this severity or a worse one that nobody has accepted.
    package func open(atLeast severity: Finding.Severity) -> [Finding] {
        findings.filter { $0.isOpen && $0.severity >= severity }
    }

    private static func accepted(
        _ findings: [Finding], _ acceptances: [DeclaredMap.Acceptance], today: CalendarDay
    ) -> [Finding] {
        let byID = Dictionary(acceptances.map { ($0.id, $0) }) { first, _ in first }
        var found = findings
        for index in found.indices {
            guard let acceptance = byID[found[index].id] else { continue }
            found[index].acceptance = acceptance.until < today ? .expired(acceptance) : .accepted(acceptance)
        }
        let ids = Set(findings.map(\.id))
        return found
            + acceptances.filter { !ids.contains($0.id) }.map { acceptance in
                Finding(
                    .idleAcceptance, .notice, of: [acceptance.id],
                    "nothing is found any more that \(acceptance.id) accepts",
                    reason: "what it accepted until \(acceptance.until) is mended, or has become another finding",
                    mend: "remove it from map.accept")
            }
    }
}

/// What the parts of an assessment look at.
struct AssessmentSight {
    let input: Assessment.Input
    let snapshot: Snapshot
    let map: DependencyMap
    let cuts: CutSets
    let tops: [Int]
    let records: FallbackRecords
    /// By the name of a route: its place in the snapshot.
    private let routePlaces: [String: Int]
    /// By component: the tops that need it directly, itself among them.
    private let concernedTops: [Int: [Int]]

    init(_ input: Assessment.Input, _ map: DependencyMap, _ cuts: CutSets) {
        self.input = input
        snapshot = input.snapshot
        self.map = map
        self.cuts = cuts
        // The most critical first; of the same, by id.
        tops = map.tops.sorted { left, right in
            let (mine, other) = (map.criticalities[left], map.criticalities[right])
            return mine != other ? mine > other : left < right
        }
        records = FallbackRecords(input.fallbacks)
        routePlaces = Dictionary(snapshot.routes.enumerated().map { ($1.name, $0) }) { first, _ in first }
        var concernedTops: [Int: [Int]] = [:]
        for top in tops {
            for member in Set(map.gates[top].flatMap(\.members) + [top]) {
                concernedTops[member, default: []].append(top)
            }
        }
        self.concernedTops = concernedTops
    }

    func id(_ index: Int) -> ComponentID { map.components[index].id }

    func criticality(_ id: ComponentID) -> Criticality { map.index(of: id).map { map.criticalities[$0] } ?? .standard }

    func criticality(of route: Route) -> Criticality { criticality(ComponentID(.route, route.name)) }

    func deployment(_ index: Int) -> Deployment { snapshot.deployments[index] }

    func provider(ofDeployment index: Int) -> Provider { snapshot.providers[snapshot.deployments[index].provider] }

    /// - Parameter indices: of tops, in their order.
    func worst(_ indices: [Int]) -> Criticality { indices.map { map.criticalities[$0] }.max() ?? .deferrable }

    func cost(_ indices: [Int]) -> Int64? {
        let known = indices.compactMap { map.components[$0].minuteCostMicros }
        return known.isEmpty ? nil : known.reduce(0) { $0.addingSaturating($1) }
    }

    /// With what it concerns, and what that costs.
    func stopping(_ indices: [Int], _ finding: Finding) -> Finding {
        var finding = finding
        finding.stops = indices.map(id)
        finding.minuteCostMicros = cost(indices)
        return finding
    }

    /// A route, and whoever needs it.
    func concerned(_ route: Route) -> [Int] {
        map.index(of: ComponentID(.route, route.name)).flatMap { concernedTops[$0] } ?? []
    }

    /// Those that a component lives on: a route is its own.
    func routes(of id: ComponentID) -> [Route] {
        guard let index = map.index(of: id) else { return [] }
        let needed = [id] + map.gates[index].flatMap(\.members).map(self.id)
        let places = needed.filter { $0.kind == .route }.compactMap { routePlaces[$0.name] }
        return CutFamily.unique(places).map { snapshot.routes[$0] }
    }

    static func names(_ ids: [ComponentID], most: Int = 3) -> String {
        Listing.text(ids.map(\.description), most: most)
    }
}
