import HoldfastAPI
import HoldfastCore

/// Which deployments and providers are not as they should be: what a report to the management plane says of them.
enum TroubleReport {
    /// By subject. A provider's suspension is said once, and not again for each of its deployments.
    static func troubles(of inForce: InForce, now: Instant) -> [TroubleView] {
        let deployments = inForce.deployments.compactMap { deployment -> TroubleView? in
            let facts = deployment.state.snapshot(now: now)
            let breaker: String? = if case .closed = facts.breaker { nil } else { facts.breaker.word }
            guard breaker != nil || facts.suspension != nil else { return nil }
            return TroubleView(
                subject: deployment.deployment.id, breaker: breaker, suspension: facts.suspension?.failure.rawValue)
        }
        let providers = inForce.providers.compactMap { state in
            state.facts.map {
                TroubleView(subject: state.provider.id, breaker: nil, suspension: $0.failure.rawValue)
            }
        }
        return (deployments + providers).sorted { $0.subject < $1.subject }
    }
}
