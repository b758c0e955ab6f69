import HoldfastCore

/// Who of a route's candidates may be asked, and whose exchanges the route takes at all, as overrides and law have it.
/// Worked out once for each snapshot: an exchange only reads a few words.
struct RouteAdmission: Sendable {
    /// Candidates that an operator lets nothing new go to, a bit each.
    let drained: UInt64
    /// Out by law or policy for everybody, a bit each.
    private let restricted: UInt64
    /// Out by law, for each workload; empty: no workload names a jurisdiction.
    private let unlawful: [UInt64]
    private let drainedBy: String?
    private let shed: OverrideEffects.Shed?

    /// - Parameters:
    ///   - route: an index; nil where the client named a deployment itself.
    ///   - deployments: as `RouteCandidates.deployments` has them.
    init(route: Int?, _ deployments: [Int], _ snapshot: Snapshot, _ effects: OverrideEffects) {
        restricted = effects.restricted(deployments)
        drained = effects.excluded(deployments, route: route) & ~restricted
        drainedBy = route.flatMap { effects.drainedRoutes[$0].last }
        shed = route.map { effects.shed[$0] } ?? effects.shedEverywhere
        let all = UInt64.max >> UInt64(ExchangePlan.longestCandidates - deployments.count)
        let isLawEverywhere = snapshot.workloads.allSatisfy { $0.jurisdictions == nil }
        unlawful = isLawEverywhere ? [] : snapshot.workloads.map { all & ~snapshot.lawful(deployments, for: $0) }
    }

    /// Out by law or policy for whoever asks, a bit each.
    func unlawful(for principal: Principal) -> UInt64 {
        guard let workload = principal.key?.key.workload, workload < unlawful.count else { return restricted }
        return restricted | unlawful[workload]
    }

    /// The override that refuses such an exchange; nil: none does.
    func refusal(of criticality: Criticality) -> OverrideRefusal? {
        if let drainedBy { return .drained(by: drainedBy) }
        return shed.flatMap { criticality < $0.below ? .shed(by: $0.id) : nil }
    }
}

enum OverrideRefusal: Sendable {
    case drained(by: String)
    case shed(by: String)
}
