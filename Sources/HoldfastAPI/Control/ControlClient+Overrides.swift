extension ControlClient {
    /// The newest first, ended ones included.
    package func overrides(most: Int) async throws(ControlFailure) -> Page<OverrideView> {
        try await list("/v1/overrides", most: most, as: OverrideView.self)
    }

    package func override(_ id: String) async throws(ControlFailure) -> OverrideView {
        try await get("/v1/overrides/\(Self.encoded(id))", as: OverrideView.self)
    }

    /// - Parameter ifMatch: the newest generation that the author has seen; nil: whatever it is.
    package func create(
        _ new: NewOverrideView, ifMatch: UInt64? = nil
    ) async throws(ControlFailure) -> ControlChange<OverrideView> {
        try await change("/v1/overrides", new, ifMatch: ifMatch, as: OverrideView.self)
    }

    /// Ends it before its time. One that has ended already is answered as it is.
    package func clearOverride(_ id: String, reason: String) async throws(ControlFailure) -> OverrideView {
        try await post(
            "/v1/overrides/\(Self.encoded(id))/clear", ReasonView(reason: reason), as: OverrideView.self)
    }
}
