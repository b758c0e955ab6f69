extension ControlClient {
    package func status() async throws(ControlFailure) -> StatusView {
        try await get("/v1/status", as: StatusView.self)
    }

    /// Those that have reported within the last day.
    package func gateways() async throws(ControlFailure) -> Page<GatewayView> {
        try await get("/v1/gateways", as: Page<GatewayView>.self)
    }
}
