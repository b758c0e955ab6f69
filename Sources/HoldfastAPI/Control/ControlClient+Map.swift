extension ControlClient {
    package func map() async throws(ControlFailure) -> MapView {
        try await get("/v1/map", as: MapView.self)
    }

    /// With what gateways see, and what drills have shown.
    package func assessment() async throws(ControlFailure) -> AssessmentView {
        try await get("/v1/assessment", as: AssessmentView.self)
    }

    /// - Parameter failures: as `kind:name`, such as `vendor:openai`.
    package func assessment(without failures: [String]) async throws(ControlFailure) -> OutlookView {
        let names = failures.map(Self.encoded).joined(separator: ",")
        return try await get("/v1/assessment/without?domains=\(names)", as: OutlookView.self)
    }
}
