extension Workload {
    /// Whether its requests may go there. A provider that declares no jurisdiction may be under any law, so it is lawful
    /// only for workloads that name none.
    package func isLawful(_ provider: Provider) -> Bool {
        guard let jurisdictions else { return true }
        return provider.jurisdiction.map(jurisdictions.contains) ?? false
    }
}

extension Snapshot {
    /// Who of a route's candidates may answer the workload, a bit for each place.
    ///
    /// - Parameter deployments: indices, as `RouteCandidates.deployments` has them: at most 64, stand-ins included,
    ///   since the law is the same for them.
    package func lawful(_ deployments: [Int], for workload: Workload) -> UInt64 {
        precondition(
            deployments.count <= ExchangePlan.longestCandidates,
            "\(deployments.count) candidates: a mask has a bit for each of \(ExchangePlan.longestCandidates)")
        return deployments.indices.reduce(0) { mask, place in
            let provider = providers[self.deployments[deployments[place]].provider]
            return workload.isLawful(provider) ? mask | .bit(place) : mask
        }
    }
}
