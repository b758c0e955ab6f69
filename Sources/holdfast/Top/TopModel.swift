import HoldfastAPI
import HoldfastCore

/// The last that somebody said, and how long nobody has said anything since: what was true a moment ago is worth more
/// than an empty screen, as long as it says how old it is.
struct Sighting<View: Sendable>: Sendable {
    private(set) var view: View?
    /// Why the newest question was not answered; nil: it was.
    private(set) var failure: String?
    private var answeredAt: Instant

    /// - Parameter now: when it was first asked.
    init(now: Instant) {
        answeredAt = now
    }

    mutating func see(_ result: Result<View, ControlFailure>, now: Instant) {
        switch result {
        case .success(let view):
            self.view = view
            failure = nil
            answeredAt = now
        case .failure(let reason):
            failure = reason.description
        }
    }

    /// Nil: it answers.
    func silence(now: Instant) -> String? {
        guard let failure else { return nil }
        let span = Words.span(milliseconds: now.nanoseconds(since: answeredAt) / Span.millisecond)
        return "silent for \(span): \(failure)"
    }
}

/// Per second, between the last two answers of a gateway.
struct TopRates: Sendable, Equatable {
    struct Pair: Sendable, Equatable {
        var all: Double
        var failed: Double
    }

    private(set) var routes: [String: Pair] = [:]
    private(set) var deployments: [String: Pair] = [:]

    init() {}

    /// Nothing where the gateway has been started in between: its counters began anew.
    init(from old: GatewayStateView, to new: GatewayStateView, nanoseconds: Int64) {
        guard new.uptimeMilliseconds >= old.uptimeMilliseconds, nanoseconds > 0 else { return }
        let seconds = Double(nanoseconds) / Double(Span.second)
        func rate(_ new: (all: Double, failed: Double), _ old: (all: Double, failed: Double)) -> Pair {
            Pair(all: max(new.all - old.all, 0) / seconds, failed: max(new.failed - old.failed, 0) / seconds)
        }
        let oldRoutes = Dictionary(old.routes.map { ($0.name, Self.sums($0)) }, uniquingKeysWith: { first, _ in first })
        for route in new.routes {
            if let before = oldRoutes[route.name] { routes[route.name] = rate(Self.sums(route), before) }
        }
        let oldDeployments = Dictionary(
            old.deployments.map { ($0.id, Self.sums($0)) }, uniquingKeysWith: { first, _ in first })
        for deployment in new.deployments {
            if let before = oldDeployments[deployment.id] {
                deployments[deployment.id] = rate(Self.sums(deployment), before)
            }
        }
    }

    /// Whoever left by himself was not failed by anybody.
    private static func sums(_ route: GatewayStateView.Route) -> (all: Double, failed: Double) {
        let all = route.ends.values.reduce(0.0) { $0 + Double($1) }
        let fine = ["answered", "client_gone"].reduce(0.0) { $0 + Double(route.ends[$1] ?? 0) }
        return (all, all - fine)
    }

    private static func sums(_ deployment: GatewayStateView.Deployment) -> (all: Double, failed: Double) {
        (deployment.attempts.values.reduce(0.0) { $0 + Double($1) }, Double(deployment.attempts["fail"] ?? 0))
    }
}

/// What `holdfast top` knows.
struct TopModel: Sendable {
    let controlAddress: String
    let operationsAddress: String
    private(set) var control: Sighting<StatusView>
    private(set) var gateway: Sighting<GatewayStateView>
    private(set) var rates = TopRates()
    /// What is known of each candidate of each route as a fallback; empty: nobody has said so far.
    private(set) var fallbacks: [FallbackView] = []
    private var gatewayAt: Instant

    init(controlAddress: String, operationsAddress: String, now: Instant) {
        self.controlAddress = controlAddress
        self.operationsAddress = operationsAddress
        control = Sighting(now: now)
        gateway = Sighting(now: now)
        gatewayAt = now
    }

    mutating func see(control result: Result<StatusView, ControlFailure>, now: Instant) {
        control.see(result, now: now)
    }

    /// What was heard last stays, as with everything else here.
    mutating func see(fallbacks result: Result<[FallbackView], ControlFailure>) {
        if case .success(let found) = result { fallbacks = found }
    }

    mutating func see(gateway result: Result<GatewayStateView, ControlFailure>, now: Instant) {
        if case .success(let new) = result {
            if let old = gateway.view {
                rates = TopRates(from: old, to: new, nanoseconds: now.nanoseconds(since: gatewayAt))
            }
            gatewayAt = now
        }
        gateway.see(result, now: now)
    }
}
