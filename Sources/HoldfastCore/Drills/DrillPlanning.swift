extension DrillRequest {
    /// What gateways are told, or everything that is wrong with it.
    ///
    /// A route that nobody is left to answer on is refused unless that is confirmed: such a drill is an outage, and
    /// whoever starts it may not know. It is not forbidden, since how an outage goes is worth knowing too.
    ///
    /// - Parameters:
    ///   - snapshot: as it is in force, with its overrides applied.
    ///   - effects: of those.
    package func planned(
        in snapshot: Snapshot, under effects: OverrideEffects
    ) throws(DrillProblems) -> PlannedDrill {
        let target: FaultTarget
        do throws(OverrideProblem) {
            target = try self.target(in: snapshot, under: effects)
        } catch {
            throw DrillProblems([error])
        }
        let order = order(target)
        var problems = OverrideEffect.fault(order).problems(in: snapshot) + faultProblems(target)
        if let target = recoveryTargetMilliseconds, !(1...Self.longestTargetMilliseconds ~= target) {
            problems.append(
                OverrideProblem("target", "\(target) ms is out of bounds", mend: "write a span from 1ms to 1d"))
        }
        guard problems.isEmpty else { throw DrillProblems(problems) }
        var plan = PlannedDrill(order, in: snapshot, under: effects)
        let promised = snapshot.promisedRecoveryMilliseconds(onRoutes: plan.routes)
        plan.recoveryTargetMilliseconds =
            recoveryTargetMilliseconds ?? promised ?? Self.usualTargetMilliseconds
        if let problem = reachProblem(plan) { throw DrillProblems([problem]) }
        return plan
    }

    private func order(_ target: FaultTarget) -> FaultOrder {
        var order = FaultOrder(
            isSham ? .sham : fault, target, route: route, leaseMilliseconds: leaseMilliseconds)
        order.sharePercent = sharePercent
        order.delayMilliseconds = delayMilliseconds ?? order.delayMilliseconds
        order.baselineMilliseconds = baselineMilliseconds ?? order.baselineMilliseconds
        order.probesPerSecond = probesPerSecond
        order.stop = stop
        return order
    }

    // MARK: - What fails

    private func target(
        in snapshot: Snapshot, under effects: OverrideEffects
    ) throws(OverrideProblem) -> FaultTarget {
        if let noun = plan.noun {
            guard let name else {
                throw OverrideProblem(
                    "name", "\(plan.rawValue) needs a \(noun)", mend: "name the \(noun) that is to fail")
            }
            switch plan {
            case .killDeployment: return .deployment(name)
            case .killProvider: return .provider(name)
            case .killVendor: return .vendor(name)
            default: return .jurisdiction(name)
            }
        }
        guard name == nil else {
            throw OverrideProblem(
                "name", "\(plan.rawValue) says by itself what fails",
                mend: "leave the name out, or use kill-deployment, kill-provider, kill-vendor or kill-jurisdiction")
        }
        switch plan {
        case .killLocal: return .owned
        case .killResolver: return .resolver
        case .killControl: return .control
        case .killPrimary: return .deployment(try primary(in: snapshot, under: effects))
        default:
            throw OverrideProblem(
                "plan", "in a table-top nothing fails", mend: "start it with its steps, and without anything else")
        }
    }

    /// Where the strategy decides from one exchange to the next nobody is first, and a drill that names somebody all the
    /// same would say something about a candidate that is not asked.
    private func primary(in snapshot: Snapshot, under effects: OverrideEffects) throws(OverrideProblem) -> String {
        guard let route else {
            throw OverrideProblem(
                "route", "kill-primary needs a route", mend: "name the route whose first candidate is to fail")
        }
        guard let place = snapshot.routes.firstIndex(where: { $0.name == route }) else {
            throw OverrideProblem(
                "route", "there is no route \(ConfigurationQuote.quoted(route))",
                mend: "use one of \(snapshot.routes.prefix(8).map(\.name).joined(separator: ", "))")
        }
        let found = snapshot.routes[place]
        let out = effects.excluded(found.candidates, route: place)
        let inForce = found.candidates.indices.filter { out & .bit($0) == 0 }
        guard var first = inForce.first else {
            throw OverrideProblem(
                "route", "no candidate of \(route) is in force: all are drained or restricted",
                mend: "clear one of the overrides first: holdfast overrides list")
        }
        switch found.strategy {
        case .ordered: break
        case .weighted where !found.weights.isEmpty:
            first = inForce.max { (found.weights[$0], -$0) < (found.weights[$1], -$1) } ?? first
        case .weighted: break
        case .fastest, .cheapest:
            // A pin decides for all of them.
            guard effects.pinned[place] != nil else {
                throw OverrideProblem(
                    "route", "\(route) chooses for each exchange, so none of its candidates is the primary",
                    mend: "use kill-deployment and name one of them")
            }
        }
        return snapshot.deployments[found.candidates[first]].id
    }

    private func faultProblems(_ target: FaultTarget) -> [OverrideProblem] {
        guard !target.isOfDeployments, !isSham, ![.refuse, .sham].contains(fault) else { return [] }
        return [
            OverrideProblem(
                "fault", "\(plan.rawValue) knows one way to fail only", mend: "leave the fault out")
        ]
    }

    // MARK: - Whom it reaches

    private func reachProblem(_ plan: PlannedDrill) -> OverrideProblem? {
        guard plan.order.target.isOfDeployments else { return nil }
        guard !plan.routes.isEmpty else {
            return OverrideProblem(
                route == nil ? "name" : "route", "no route asks for what is to fail, so nothing would",
                mend: "name what a route asks for: holdfast check shows the routes and their candidates")
        }
        guard let lone = plan.routesWithoutAnswer.first, plan.order.fault.leavesNoAnswer, !isOutageConfirmed else {
            return nil
        }
        let others = plan.routesWithoutAnswer.count > 1 ? " and \(plan.routesWithoutAnswer.count - 1) more" : ""
        return OverrideProblem(
            "confirmed", "nobody is left to answer on the route \(lone)\(others): this drill is an outage",
            mend: "add a candidate that does not fail with it, or, where the outage is meant, send confirmed: true "
                + "(by command: --confirm-outage)")
    }
}

extension Snapshot {
    /// The shortest recovery target that the map has for these routes, and for the workloads that are served by them; nil:
    /// it has none.
    func promisedRecoveryMilliseconds(onRoutes names: [String]) -> Int64? {
        let places = names.compactMap { name in routes.firstIndex { $0.name == name } }
        let served = workloads.filter { workload in
            workload.routes.map { !$0.allSatisfy { !places.contains($0) } } ?? true
        }
        let promisers = Set(
            names.map { ComponentID(.route, $0) } + (names.isEmpty ? [] : served.map { ComponentID(.workload, $0.id) }))
        return map.components.filter { promisers.contains($0.id) }.compactMap(\.recoveryTargetNanoseconds).min()
            .map { max($0 / Span.millisecond, 1) }
    }
}

extension PlannedDrill {
    init(_ order: FaultOrder, in snapshot: Snapshot, under effects: OverrideEffects) {
        self.order = order
        recoveryTargetMilliseconds = DrillRequest.usualTargetMilliseconds
        (routes, routesWithoutAnswer, coverage) = ([], [], [])
        let failing = Set(snapshot.deployments(meantBy: order.target))
        for (place, route) in snapshot.routes.enumerated() where order.route ?? route.name == route.name {
            let candidates = RouteCandidates(route, in: snapshot).deployments
            let out = effects.excluded(candidates, route: place)
            let inForce = candidates.indices.filter { out & .bit($0) == 0 }.map { candidates[$0] }
            guard !failing.isEmpty, inForce.contains(where: failing.contains) else { continue }
            routes.append(route.name)
            let left = inForce.filter { !failing.contains($0) }
            if left.isEmpty { routesWithoutAnswer.append(route.name) }
            // Where each exchange draws an order of its own, nobody but one who is alone comes next.
            let hasNext = route.strategy == .ordered || left.count == 1
            coverage += left.enumerated().map { number, deployment in
                DrillCoverage(FallbackFingerprint(route, deployment, in: snapshot), isNext: hasNext && number == 0)
            }
        }
        if routes.count != 1 || order.fault == .sham { coverage = [] }
    }
}

extension InjectedFault {
    /// Whether an exchange that meets it, and has nowhere else to go, gets no answer.
    var leavesNoAnswer: Bool {
        switch self {
        case .refuse, .silence, .cut, .revoke, .status500, .status503, .status429: true
        case .slow, .sham: false
        }
    }
}
