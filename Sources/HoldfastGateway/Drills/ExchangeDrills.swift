import HoldfastCore

/// What drills are told of an exchange that has ended.
extension Exchange {
    func tellDrills(_ end: ExchangeEnd, now: Instant) {
        guard let fate = fate(of: end) else { return }
        let candidates = admitted.route.candidates
        var seen = DrilledExchange(
            route: admitted.route.route.name, criticality: admitted.criticality, fate: fate, startedAt: startedAt)
        seen.isProbe = admitted.principal.isProbe
        seen.attempts = allAttempts.compactMap { attempt in
            let order = met?.order(of: attempt)
            // The slower of two runs was not needed; one that a drill made slower has failed all the same.
            guard attempt.failure != .neutral || order != nil else { return nil }
            return DrilledExchange.Attempt(
                deployment: candidates[attempt.candidate].deployment.id, startedAt: attempt.startedAt,
                failedAt: attempt.failure == nil ? nil : attempt.endedAt ?? now, order: order)
        }
        seen.passedOver = machine.exclusions.filter(\.reason.isOut).map { candidates[$0.candidate].deployment.id }
        services.shared.faults.ended(seen, now: now)
    }

    /// Nil: nobody could have answered it, or nobody waited.
    private func fate(of end: ExchangeEnd) -> DrillFate? {
        switch end {
        case .answered: degraded == nil ? .answered : .degraded
        case .clientGone, .refused(.upstreamAnswer), .refused(.noneLawful): nil
        case .interrupted, .refused(.everyCandidateFailed), .refused(.noneAvailable), .refused(.deadlinePassed): .lost
        }
    }
}
