/// What would stop, and what would carry it, if some things failed at once.
package struct Planner: Sendable {
    package let map: DependencyMap
    private let snapshot: Snapshot
    private let fallbacks: FallbackRecords

    package init(_ map: DependencyMap, of snapshot: Snapshot, fallbacks: [FallbackState]) {
        self.map = map
        self.snapshot = snapshot
        self.fallbacks = FallbackRecords(fallbacks)
    }

    /// Failures that the map does not have, each with one that was probably meant.
    package func unknown(_ failures: [String]) -> [(text: String, meant: String?)] {
        failures.filter { failure($0) == nil }.map { text in
            (text, Spelling.nearest(to: text, among: map.failures.map(\.description)))
        }
    }

    private func failure(_ text: String) -> Int? { Failure(text).flatMap { map.index(of: $0) } }

    /// - Parameter failures: as `kind:name`; what the map does not have changes nothing.
    package func without(_ failures: [String]) -> Outlook {
        let failed = failures.compactMap(failure)
        let isStopped = map.stopped(by: failed)
        let isHurt = hurt(isStopped)
        let lines = map.tops.map { line($0, isStopped, isHurt) }
        return Outlook(
            failed: failed.map { map.failures[$0] },
            lines: lines.sorted { $0.precedes($1) },
            stopped: map.components.indices.filter { isStopped[$0] }.map { map.components[$0].id })
    }

    /// Whatever needs, in however many steps, something that has stopped.
    private func hurt(_ isStopped: [Bool]) -> [Bool] {
        var isHurt = isStopped
        for index in map.order where !isHurt[index] {
            isHurt[index] = map.gates[index].contains { gate in gate.members.contains { isHurt[$0] } }
        }
        return isHurt
    }

    private func line(_ index: Int, _ isStopped: [Bool], _ isHurt: [Bool]) -> Outlook.Line {
        let component = map.components[index]
        var line = Outlook.Line(
            component: component.id, criticality: map.criticalities[index],
            state: isStopped[index] ? .stops : isHurt[index] ? .degraded : .goesOn)
        line.minuteCostMicros = component.minuteCostMicros
        guard line.state == .degraded else { return line }
        switch component.id.kind {
        case .route:
            line.carriers = snapshot.routes.filter { $0.name == component.id.name }
                .compactMap { carrier($0, for: nil, isStopped) }
        case .workload:
            guard let workload = snapshot.workloads.first(where: { $0.id == component.id.name }) else { break }
            line.carriers = (workload.routes ?? Array(snapshot.routes.indices))
                .compactMap { carrier(snapshot.routes[$0], for: workload, isStopped) }
        default: break
        }
        return line
    }

    /// Who answers first now; nil: the route is as it was, or nobody is left.
    private func carrier(_ route: Route, for workload: Workload?, _ isStopped: [Bool]) -> Outlook.Carrier? {
        let lawful = route.candidates.filter { candidate in
            workload?.isLawful(snapshot.providers[snapshot.deployments[candidate].provider]) ?? true
        }
        let left = lawful.filter { candidate in
            let id = ComponentID(.deployment, snapshot.deployments[candidate].id)
            return map.index(of: id).map { !isStopped[$0] } ?? false
        }
        guard left.count < lawful.count, let first = left.first else { return nil }
        let deployment = snapshot.deployments[first].id
        return Outlook.Carrier(
            route: route.name, deployment: deployment, isPrimary: first == lawful.first,
            state: fallbacks[route.name, deployment]?.state ?? .untested,
            capacity: RouteCapacity.all(
                of: lawful.map { snapshot.deployments[$0].limits }, left: left.map { snapshot.deployments[$0].limits }))
    }
}

/// Records of fallbacks by route and deployment.
struct FallbackRecords: Sendable {
    private var records: [String: FallbackState] = [:]

    init(_ states: [FallbackState]) {
        for state in states { records[Self.key(state.route, state.deployment)] = state }
    }

    subscript(route: String, deployment: String) -> FallbackState? { records[Self.key(route, deployment)] }

    /// A route's name holds no slash, and a deployment's begins with one before its model.
    private static func key(_ route: String, _ deployment: String) -> String { "\(route) \(deployment)" }
}

/// What is declared of a route's capacity in one dimension, and what is left of it. Unknown where one candidate says
/// nothing: a sum with a hole in it is no sum.
package struct RouteCapacity: Sendable, Hashable {
    package enum Dimension: String, Sendable, Hashable, CaseIterable {
        case requestsPerMinute = "requests_per_minute"
        case tokensPerMinute = "tokens_per_minute"
        case concurrent

        func limit(_ limits: DeploymentLimits) -> Int? {
            switch self {
            case .requestsPerMinute: limits.requestsPerMinute
            case .tokensPerMinute: limits.tokensPerMinute
            case .concurrent: limits.concurrent
            }
        }
    }

    package var dimension: Dimension
    package var all: Int
    package var left: Int

    /// Of each dimension that all of them declare.
    package static func all(of all: [DeploymentLimits], left: [DeploymentLimits]) -> [RouteCapacity] {
        Dimension.allCases.compactMap { dimension in
            let known = all.compactMap(dimension.limit)
            guard known.count == all.count, !all.isEmpty else { return nil }
            return RouteCapacity(
                dimension: dimension, all: known.reduce(0, +), left: left.compactMap(dimension.limit).reduce(0, +))
        }
    }
}

/// What a planner foresees.
package struct Outlook: Sendable, Hashable {
    package enum State: String, Sendable, Hashable, CaseIterable {
        case stops
        /// It goes on, and something behind it has stopped.
        case degraded
        case goesOn = "goes_on"
    }

    package struct Carrier: Sendable, Hashable {
        package var route: String
        package var deployment: String
        /// It answers first on every day.
        package var isPrimary: Bool
        package var state: FallbackState.State
        package var capacity: [RouteCapacity]
    }

    package struct Line: Sendable, Hashable {
        package var component: ComponentID
        package var criticality: Criticality
        package var state: State
        package var minuteCostMicros: Int64?
        /// One for each of its routes that has lost a candidate.
        package var carriers: [Carrier] = []

        package init(component: ComponentID, criticality: Criticality, state: State) {
            self.component = component
            self.criticality = criticality
            self.state = state
        }

        /// The worst first.
        func precedes(_ other: Line) -> Bool {
            if state != other.state { return state.rank < other.state.rank }
            if criticality != other.criticality { return criticality > other.criticality }
            let (cost, otherCost) = (minuteCostMicros ?? -1, other.minuteCostMicros ?? -1)
            return cost != otherCost ? cost > otherCost : component < other.component
        }
    }

    /// What the map has of what was asked for.
    package var failed: [Failure]
    package var lines: [Line]
    /// All that stops, whatever its kind, by id.
    package var stopped: [ComponentID]

    /// Of what stops, where it is declared; nil: it is unknown for all of it.
    package var minuteCostMicros: Int64? {
        let known = lines.filter { $0.state == .stops }.compactMap(\.minuteCostMicros)
        return known.isEmpty ? nil : known.reduce(0) { $0.addingSaturating($1) }
    }
}

extension Outlook.State {
    fileprivate var rank: Int {
        switch self {
        case .stops: 0
        case .degraded: 1
        case .goesOn: 2
        }
    }
}
