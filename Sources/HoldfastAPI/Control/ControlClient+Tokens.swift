extension ControlClient {
    /// The oldest first, ended ones included.
    package func tokens() async throws(ControlFailure) -> Page<TokenView> {
        try await get("/v1/tokens", as: Page<TokenView>.self)
    }

    /// The one answer that holds the token itself.
    package func create(_ new: NewTokenView) async throws(ControlFailure) -> TokenView {
        try await post("/v1/tokens", new, as: TokenView.self)
    }

    package func revokeToken(_ id: String) async throws(ControlFailure) {
        _ = try await ask(.post, "/v1/tokens/\(Self.encoded(id))/revoke")
    }
}
