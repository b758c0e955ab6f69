/// What became of an exchange, as drills count.
package enum DrillFate: String, Sendable, Hashable, CaseIterable {
    /// As on any good day.
    case answered
    /// By another than the one that would answer on a good day.
    case degraded
    /// Let in, and not answered within its deadline.
    case lost
    /// Refused for load or by a limit before it began.
    case shed
}

package struct DrillCounts: Sendable, Hashable {
    package private(set) var answered = 0
    package private(set) var degraded = 0
    package private(set) var lost = 0
    package private(set) var shed = 0

    package init() {}

    package mutating func count(_ fate: DrillFate) {
        switch fate {
        case .answered: answered += 1
        case .degraded: degraded += 1
        case .lost: lost += 1
        case .shed: shed += 1
        }
    }

    /// Those that began; what was shed did not.
    package var exchanges: Int { answered + degraded + lost }
    package var all: Int { exchanges + shed }
}

/// An exchange that has ended, as far as drills look at it. One that its client gave up, or that is its caller's fault, is
/// none: nobody could have answered it.
package struct DrilledExchange: Sendable, Hashable {
    package struct Attempt: Sendable, Hashable {
        package var deployment: String
        package var startedAt: Instant
        /// Nil: it answered, or was not needed any more.
        package var failedAt: Instant?
        /// The order that it met; nil: it met none.
        package var order: String?

        package init(deployment: String, startedAt: Instant, failedAt: Instant? = nil, order: String? = nil) {
            self.deployment = deployment
            self.startedAt = startedAt
            self.failedAt = failedAt
            self.order = order
        }
    }

    package var route: String
    package var criticality: Criticality
    package var fate: DrillFate
    package var startedAt: Instant
    /// The gateway made it by itself.
    package var isProbe = false
    /// In the order in which they began.
    package var attempts: [Attempt] = []
    /// Deployments that were out when their turn came.
    package var passedOver: [String] = []

    package init(route: String, criticality: Criticality, fate: DrillFate, startedAt: Instant) {
        self.route = route
        self.criticality = criticality
        self.fate = fate
        self.startedAt = startedAt
    }

    package var answerer: Attempt? {
        switch fate {
        case .answered, .degraded: attempts.last { $0.failedAt == nil }
        case .lost, .shed: nil
        }
    }
}

extension CandidateExclusion.Reason {
    /// By its breaker or a suspension. Whoever comes back by and by, in slow start, is out no more; were it counted, what is
    /// left of one drill would be the next one's first move.
    package var isOut: Bool {
        switch self {
        case .refused(.breaker(.slowStart)): false
        case .refused(.breaker), .refused(.suspended): true
        case .refused, .tooSlow, .retired, .drained, .unlawful: false
        }
    }
}

/// What an order fails, and which exchanges tell of it.
package struct DrillScope: Sendable, Hashable {
    /// Deployments by id; none where it is the resolver or the management plane that fails.
    package var targets: Set<String>
    /// The one route that is meant; nil: all of them.
    package var route: String?
    /// Routes whose exchanges are looked at; nil: all of them.
    package var watched: Set<String>?

    package init(targets: Set<String>, route: String? = nil, watched: Set<String>? = nil) {
        self.targets = targets
        self.route = route
        self.watched = watched
    }

    package func fails(_ deployment: String, on route: String) -> Bool {
        (self.route ?? route) == route && targets.contains(deployment)
    }

    package func watches(_ route: String) -> Bool { watched?.contains(route) ?? true }
}

extension Snapshot {
    /// What it means here. Routes are looked at that could ask a target, as a stand-in too; a client that names a
    /// deployment itself has a route of that name.
    package func scope(of fault: OverrideEffects.Fault) -> DrillScope {
        let targets = Set(fault.deployments.map { deployments[$0].id })
        guard fault.order.target.isOfDeployments || fault.route != nil else { return DrillScope(targets: targets) }
        if let route = fault.route.map({ routes[$0].name }) {
            return DrillScope(targets: targets, route: route, watched: [route])
        }
        let able = routes.filter { route in
            RouteCandidates(route, in: self).deployments.contains { fault.deployments.contains($0) }
        }
        return DrillScope(targets: targets, watched: targets.union(able.map(\.name)))
    }
}

/// Whom an order is meant for: decided once for each exchange and order, and not for each attempt, so that with a share
/// of a half one exchange in two meets the fault, however often it tries.
package struct DrillDraws: Sendable, Hashable {
    private struct Draw: Sendable, Hashable {
        var order: String
        var isMeant: Bool
    }

    private var draws: [Draw] = []

    package init() {}

    package mutating func isMeant(for watch: DrillWatch, random: inout SeededRandom) -> Bool {
        if let drawn = draws.first(where: { $0.order == watch.id }) { return drawn.isMeant }
        let isMeant = random.below(100) < Int64(watch.order.sharePercent)
        draws.append(Draw(order: watch.id, isMeant: isMeant))
        return isMeant
    }
}
