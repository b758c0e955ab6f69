import HoldfastAPI
import HoldfastCore
import NIOCore

/// What goes through this gateway, for a report to the management plane. Like `StateReport` it asks no loop for anything.
enum FiguresReport {
    /// Connections are tried at so many addresses of one name at most, and no more are told.
    static let mostAddresses = 64

    static func view(shared: GatewayShared, status: GatewayStatus, now: Instant) -> FiguresView {
        let inForce = status.inForce
        var view = FiguresView()
        view.routes = inForce.routes.prefix(FiguresView.mostRoutes).map { route($0, now: now) }
        view.deployments = inForce.deployments.indices.prefix(FiguresView.mostDeployments).map {
            deployment($0, inForce, now: now)
        }
        view.calls = calls(inForce)
        view.endpoints = inForce.targets.prefix(FiguresView.mostEndpoints).map { endpoint($0, shared.resolver) }
        view.nameServers = NameServers.read()
        let leftOut = [
            inForce.routes.count - view.routes.count, inForce.deployments.count - view.deployments.count,
            inForce.targets.count - view.endpoints.count,
        ].reduce(0, +)
        view.leftOut = leftOut > 0 ? leftOut : nil
        return view
    }

    private static func route(_ route: RouteInForce, now: Instant) -> FiguresView.Route {
        let figures = route.facts.figures(now: now)
        var view = FiguresView.Route(
            name: route.route.name, candidates: route.candidates.map(\.deployment.id), ended: figures.ended,
            failed: figures.failed, failovers: figures.failovers, inFlight: figures.inFlight)
        view.medianMilliseconds = milliseconds(figures.median)
        view.p99Milliseconds = milliseconds(figures.p99)
        view.medianFirstTokenMilliseconds = milliseconds(figures.medianFirstToken)
        view.p99FirstTokenMilliseconds = milliseconds(figures.p99FirstToken)
        return view
    }

    private static func milliseconds(_ nanoseconds: Int64?) -> Int64? { nanoseconds.map { $0 / Span.millisecond } }

    private static func deployment(_ place: Int, _ inForce: InForce, now: Instant) -> FiguresView.Deployment {
        let deployment = inForce.deployments[place]
        let facts = deployment.state.snapshot(now: now)
        let attempts = facts.attempts
        var view = FiguresView.Deployment(
            id: deployment.deployment.id, vendor: deployment.provider.vendor, owned: deployment.provider.isOwned,
            breaker: facts.breaker.word, inFlight: facts.inFlight, waiting: facts.waiting,
            attempts: attempts.ok + attempts.fail + attempts.neutral, failures: attempts.fail,
            warmth: facts.checkRecord.warmth(now: now).word, overrides: inForce.effects.overrides(of: place))
        view.region = deployment.provider.region
        view.jurisdiction = deployment.provider.jurisdiction
        view.suspension = (facts.suspension ?? deployment.providerState.facts)?.failure.rawValue
        view.medianFirstTokenMilliseconds = milliseconds(facts.medianFirstTokenNanoseconds)
        view.retires = deployment.deployment.retires?.description
        return view
    }

    private static func endpoint(_ target: UpstreamTarget, _ resolver: NameResolver) -> FiguresView.Endpoint {
        let url = target.provider.baseURL
        let known = resolver.known(host: url.host, port: url.port).compactMap(\.ipAddress)
        return FiguresView.Endpoint(
            provider: target.provider.id, host: url.host, addresses: Array(known.prefix(mostAddresses)))
    }

    // MARK: - Calls

    private static func calls(_ inForce: InForce) -> [FiguresView.Call] {
        let counts =
            inForce.routes.map { ($0.route.name, $0.facts.calls()) }
            + inForce.deployments.map { ($0.deployment.id, $0.state.directFacts.calls()) }
        return calls(of: counts, inForce.names)
    }

    /// By route, workload and deployment. Where there are more than fit, those with the fewest exchanges are one row.
    static func calls(of counts: [(String, CallCounts)], _ names: KnownNames) -> [FiguresView.Call] {
        var calls = counts.flatMap { Self.calls(of: $0, $1, names) }
        if calls.count > FiguresView.mostCalls {
            calls.sort { $0.count == $1.count ? $0.comes(before: $1) : $0.count > $1.count }
            let rest = calls[(FiguresView.mostCalls - 1)...].reduce(0) { $0 + $1.count }
            calls.removeLast(calls.count - FiguresView.mostCalls + 1)
            calls.append(.rest(route: NameTable.rest, count: rest))
        }
        return calls.sorted { $0.comes(before: $1) }
    }

    private static func calls(of route: String, _ counts: CallCounts, _ names: KnownNames) -> [FiguresView.Call] {
        let told = counts.pairs.map { pair, count in
            FiguresView.Call(
                workload: pair.workload.map(names.name), route: route, deployment: pair.deployment.map(names.name),
                count: count)
        }
        return counts.rest == 0 ? told : told + [FiguresView.Call.rest(route: route, count: counts.rest)]
    }
}

extension FiguresView.Call {
    /// By name. No key, and nobody, come first.
    fileprivate func comes(before other: FiguresView.Call) -> Bool {
        (route, workload ?? "", deployment ?? "") < (other.route, other.workload ?? "", other.deployment ?? "")
    }

    fileprivate static func rest(route: String, count: Int) -> FiguresView.Call {
        FiguresView.Call(workload: NameTable.rest, route: route, deployment: NameTable.rest, count: count)
    }
}
