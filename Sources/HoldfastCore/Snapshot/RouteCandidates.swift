/// The candidates of a route as an exchange sees them: those that the file names, in its order, and behind them whoever
/// stands in for one of them where its model is gone.
package struct RouteCandidates: Sendable, Hashable {
    /// Indices into `Snapshot.deployments`.
    package private(set) var deployments: [Int]
    /// One for each of `deployments`.
    package private(set) var facts: [CandidateFacts] = []

    package init(_ route: Route, in snapshot: Snapshot) {
        deployments = route.candidates
        while facts.count < deployments.count {
            let deployment = snapshot.deployments[deployments[facts.count]]
            facts.append(
                CandidateFacts(
                    provider: deployment.provider, contextTokens: deployment.contextTokens,
                    replacement: deployment.replacedBy.flatMap { place(of: $0) },
                    isStandIn: facts.count >= route.candidates.count,
                    prefills: deployment.capabilities.contains("prefill"),
                    weight: route.weights.isEmpty || facts.count >= route.weights.count
                        ? 1 : route.weights[facts.count],
                    price: deployment.price))
        }
    }

    /// Where a replacement stands; a route that is full has no place for another.
    private mutating func place(of deployment: Int) -> Int? {
        if let place = deployments.firstIndex(of: deployment) { return place }
        guard deployments.count < ExchangePlan.longestCandidates else { return nil }
        deployments.append(deployment)
        return deployments.count - 1
    }
}
