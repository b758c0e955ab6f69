/// What the overrides in force change, by index into the snapshot they were applied to, and which override each change
/// is owed to: a value is never shown without the one that covers it.
package struct OverrideEffects: Sendable, Hashable {
    package struct Pin: Sendable, Hashable {
        /// Index into `Snapshot.deployments`.
        package var deployment: Int
        package var only: Bool
        package var id: String
    }

    package struct Shed: Sendable, Hashable {
        package var below: Criticality
        package var id: String
    }

    /// The override of each limit that it lowers.
    package struct Cap: Sendable, Hashable {
        package var requestsPerMinute: String?
        package var tokensPerMinute: String?
        package var concurrent: String?

        package init(requestsPerMinute: String? = nil, tokensPerMinute: String? = nil, concurrent: String? = nil) {
            self.requestsPerMinute = requestsPerMinute
            self.tokensPerMinute = tokensPerMinute
            self.concurrent = concurrent
        }
    }

    package struct Fault: Sendable, Hashable {
        package var id: String
        package var order: FaultOrder
        /// Indices into `Snapshot.deployments`; empty where it is the resolver or the management plane that fails.
        package var deployments: [Int]
        /// Index of the route that it is bound to; nil: every route.
        package var route: Int?
    }

    // One for each deployment. Ids oldest first; empty, or nil: untouched.
    package internal(set) var drained: [[String]]
    package internal(set) var restricted: [[String]]
    package internal(set) var capped: [Cap]
    package internal(set) var priced: [String?]

    // One for each route.
    package internal(set) var drainedRoutes: [[String]]
    package internal(set) var pinned: [Pin?]
    package internal(set) var shed: [Shed?]

    /// Of all routes, and of requests that name a deployment themselves.
    package internal(set) var shedEverywhere: Shed?
    /// What is to fail on purpose, and by which override, oldest first. When it begins and ends is each gateway's own to
    /// decide: see `FaultOrder`.
    package internal(set) var faults: [Fault] = []
    /// Overrides that name nothing in this snapshot: their thing was taken out of the file meanwhile.
    package internal(set) var idle: [String] = []
    /// Restrictions that a person should have looked at by now. They stay in force.
    package internal(set) var overdue: [String] = []
    /// Providers that say nothing of their jurisdiction while one is restricted. They are still asked: taking out
    /// whatever is not declared could take out everything. To be shown beside the restriction, since they may be in it.
    package internal(set) var undeclared: [Int] = []

    init(_ snapshot: Snapshot) {
        drained = Array(repeating: [], count: snapshot.deployments.count)
        restricted = drained
        capped = Array(repeating: Cap(), count: snapshot.deployments.count)
        priced = Array(repeating: nil, count: snapshot.deployments.count)
        drainedRoutes = Array(repeating: [], count: snapshot.routes.count)
        pinned = Array(repeating: nil, count: snapshot.routes.count)
        shed = Array(repeating: nil, count: snapshot.routes.count)
    }

    /// Of a deployment: the ids of whatever covers it by itself, and not through a route.
    package func overrides(of deployment: Int) -> [String] {
        let cap = capped[deployment]
        let others = [cap.requestsPerMinute, cap.tokensPerMinute, cap.concurrent, priced[deployment]].compactMap { $0 }
        let faults = faults.filter { $0.deployments.contains(deployment) }.map(\.id)
        return Set(drained[deployment] + restricted[deployment] + others + faults).sorted()
    }

    // MARK: - What an exchange asks

    /// Candidates that nothing new goes to, a bit for each place, for `ExchangePlan.excluded`.
    ///
    /// - Parameters:
    ///   - route: an index; nil where the client named a deployment itself.
    ///   - deployments: as `RouteCandidates.deployments` has them, stand-ins included.
    package func excluded(_ deployments: [Int], route: Int?) -> UInt64 {
        let pin = route.flatMap { pinned[$0] }
        return deployments.indices.reduce(0) { mask, place in
            let deployment = deployments[place]
            let isOut =
                !drained[deployment].isEmpty || !restricted[deployment].isEmpty
                || pin.map { $0.only && $0.deployment != deployment } ?? false
            return isOut ? mask | .bit(place) : mask
        }
    }

    /// Candidates that are out by law or policy: where nobody else is left, the client is told so (451).
    package func restricted(_ deployments: [Int]) -> UInt64 {
        deployments.indices.reduce(0) { restricted[deployments[$1]].isEmpty ? $0 : $0 | .bit($1) }
    }

    /// The override that refuses such an exchange; nil: none does.
    ///
    /// - Parameter route: an index; nil where the client named a deployment itself.
    package func refusal(of criticality: Criticality, route: Int?) -> String? {
        if let drain = route.flatMap({ drainedRoutes[$0].last }) { return drain }
        let inForce = route.map { shed[$0] } ?? shedEverywhere
        return inForce.flatMap { criticality < $0.below ? $0.id : nil }
    }
}

extension Snapshot {
    /// The snapshot as the gateway acts on it, and what in it is owed to which override. Indices stay what they were, but
    /// the candidates of a pinned route stand in another order.
    ///
    /// Drains and restrictions add up: what two people took out comes back when both have let go. Of two pins of a
    /// route, two caps of a limit, two prices of a deployment or two sheds of a route the newer wins, since whoever made
    /// it saw the older. A shed of one route is no newer or older than one of all routes: it speaks of that route, and
    /// so it wins there.
    package func applying(
        _ overrides: OverrideSet, nowMilliseconds: Int64
    ) -> (snapshot: Snapshot, effects: OverrideEffects) {
        var application = OverrideApplication(file: self)
        // Oldest first, so that the newer of two overwrites.
        for override in overrides.inForce(nowMilliseconds: nowMilliseconds) {
            application.apply(override)
            if override.isOverdue(nowMilliseconds: nowMilliseconds) { application.effects.overdue.append(override.id) }
        }
        application.pinRoutes()
        return (application.snapshot, application.effects)
    }

    /// Routes none of whose candidates takes anything new: to be asked about before an override that causes it is made.
    package func routesWithoutCandidate(under effects: OverrideEffects) -> [Int] {
        routes.indices.filter { route in
            let candidates = routes[route].candidates
            let all = UInt64.max >> UInt64(ExchangePlan.longestCandidates - candidates.count)
            return !effects.drainedRoutes[route].isEmpty || effects.excluded(candidates, route: route) & all == all
        }
    }
}

private struct OverrideApplication {
    let file: Snapshot
    var snapshot: Snapshot
    var effects: OverrideEffects
    private var shedByRoute: Set<Int> = []

    init(file: Snapshot) {
        self.file = file
        snapshot = file
        effects = OverrideEffects(file)
    }

    mutating func apply(_ override: Override) {
        let isIdle =
            switch override.effect {
            case .drain(let target): drain(target, override.id)
            case .restrict(let target): restrict(target, override.id)
            case .pin(let route, let candidate, let only): pin(route, candidate, only, override.id)
            case .shed(let below, let route): shed(below, route, override.id)
            case .cap(let deployment, let limits): cap(deployment, limits, override.id)
            case .price(let deployment, let price): self.price(deployment, price, override.id)
            case .fault(let order): fault(order, override.id)
            }
        if isIdle { effects.idle.append(override.id) }
    }

    // Each returns whether the override names nothing here.

    private mutating func drain(_ target: DrainTarget, _ id: String) -> Bool {
        if case .route(let name) = target {
            guard let route = file.routes.firstIndex(where: { $0.name == name }) else { return true }
            effects.drainedRoutes[route].append(id)
            return false
        }
        let found = deployments { deployment, provider in
            switch target {
            case .deployment(let name): deployment.id == name
            case .provider(let name): provider.id == name
            case .route: false
            }
        }
        for deployment in found { effects.drained[deployment].append(id) }
        return found.isEmpty
    }

    private mutating func restrict(_ target: RestrictTarget, _ id: String) -> Bool {
        if case .jurisdiction = target {
            effects.undeclared = file.providers.indices.filter { file.providers[$0].jurisdiction == nil }
        }
        let found = deployments { deployment, provider in
            switch target {
            case .deployment(let name): deployment.id == name
            case .provider(let name): provider.id == name
            case .vendor(let name): provider.vendor == name
            case .jurisdiction(let name): provider.jurisdiction == name
            }
        }
        for deployment in found { effects.restricted[deployment].append(id) }
        return found.isEmpty
    }

    private func deployments(where isMeant: (Deployment, Provider) -> Bool) -> [Int] {
        file.deployments.indices.filter {
            isMeant(file.deployments[$0], file.providers[file.deployments[$0].provider])
        }
    }

    private mutating func pin(_ name: String, _ candidate: String, _ only: Bool, _ id: String) -> Bool {
        guard let route = file.routes.firstIndex(where: { $0.name == name }),
            let deployment = file.routes[route].candidates.first(where: { file.deployments[$0].id == candidate })
        else { return true }
        effects.pinned[route] = OverrideEffects.Pin(deployment: deployment, only: only, id: id)
        return false
    }

    /// Once, when the newest pin of each route is known.
    mutating func pinRoutes() {
        for (route, pin) in effects.pinned.enumerated() {
            guard let pin else { continue }
            let others = pin.only ? [] : file.routes[route].candidates.filter { $0 != pin.deployment }
            snapshot.routes[route].candidates = [pin.deployment] + others
            snapshot.routes[route].strategy = .ordered
            snapshot.routes[route].weights = []
        }
    }

    private mutating func shed(_ below: Criticality, _ name: String?, _ id: String) -> Bool {
        let shed = OverrideEffects.Shed(below: below, id: id)
        guard let name else {
            effects.shedEverywhere = shed
            for route in file.routes.indices where !shedByRoute.contains(route) { effects.shed[route] = shed }
            return false
        }
        guard let route = file.routes.firstIndex(where: { $0.name == name }) else { return true }
        shedByRoute.insert(route)
        effects.shed[route] = shed
        return false
    }

    private mutating func cap(_ name: String, _ limits: DeploymentLimits, _ id: String) -> Bool {
        guard let deployment = file.deployments.firstIndex(where: { $0.id == name }) else { return true }
        for field in LimitField.allCases {
            guard let value = limits[keyPath: field.path] else { continue }
            // The file may have gone below the cap since.
            let isLower = value < file.deployments[deployment].limits[keyPath: field.path] ?? .max
            snapshot.deployments[deployment].limits[keyPath: field.path] =
                isLower ? value : file.deployments[deployment].limits[keyPath: field.path]
            effects.capped[deployment][keyPath: field.cover] = isLower ? id : nil
        }
        return false
    }

    private mutating func price(_ name: String, _ price: Price, _ id: String) -> Bool {
        guard let deployment = file.deployments.firstIndex(where: { $0.id == name }) else { return true }
        snapshot.deployments[deployment].price = price
        effects.priced[deployment] = id
        return false
    }

    private mutating func fault(_ order: FaultOrder, _ id: String) -> Bool {
        let route = order.route.map { name in file.routes.firstIndex { $0.name == name } }
        if case .some(.none) = route { return true }
        let found = file.deployments(meantBy: order.target)
        if found.isEmpty, order.target.isOfDeployments { return true }
        effects.faults.append(OverrideEffects.Fault(id: id, order: order, deployments: found, route: route ?? nil))
        return false
    }
}

extension Snapshot {
    /// Indices of the deployments that fail with it; empty where none does.
    package func deployments(meantBy target: FaultTarget) -> [Int] {
        deployments.indices.filter { place in
            let provider = providers[deployments[place].provider]
            return switch target {
            case .deployment(let id): deployments[place].id == id
            case .provider(let id): provider.id == id
            case .vendor(let name): provider.vendor == name
            case .jurisdiction(let name): provider.jurisdiction == name
            case .owned: provider.isOwned
            case .resolver, .control: false
            }
        }
    }
}

extension FaultTarget {
    /// False: something else fails.
    package var isOfDeployments: Bool {
        switch self {
        case .deployment, .provider, .vendor, .jurisdiction, .owned: true
        case .resolver, .control: false
        }
    }
}

extension LimitField {
    fileprivate var cover: WritableKeyPath<OverrideEffects.Cap, String?> {
        switch self {
        case .requestsPerMinute: \.requestsPerMinute
        case .tokensPerMinute: \.tokensPerMinute
        case .concurrent: \.concurrent
        }
    }
}
