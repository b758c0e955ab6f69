extension ControlClient {
    /// The newest one, which may be over; nil: there never was one.
    package func rollout() async throws(ControlFailure) -> RolloutView? {
        try await get("/v1/rollout", as: NewestRolloutView.self).rollout
    }

    package func releaseRollout(reason: String) async throws(ControlFailure) -> RolloutView {
        try await post("/v1/rollout/release", ReasonView(reason: reason), as: RolloutView.self)
    }

    package func returnRollout(reason: String) async throws(ControlFailure) -> ControlChange<RolloutView> {
        try await change("/v1/rollout/return", ReasonView(reason: reason), as: RolloutView.self)
    }
}
