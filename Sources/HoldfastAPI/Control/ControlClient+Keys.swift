extension ControlClient {
    /// By id, ended ones included.
    package func keys(most: Int) async throws(ControlFailure) -> Page<KeyView> {
        try await list("/v1/keys", most: most, as: KeyView.self)
    }

    /// The one answer that holds the key itself.
    package func issue(_ new: NewKeyView, ifMatch: UInt64? = nil) async throws(ControlFailure) -> ControlChange<KeyView>
    {
        try await change("/v1/keys", new, ifMatch: ifMatch, as: KeyView.self)
    }

    package func revokeKey(_ id: String) async throws(ControlFailure) {
        _ = try await ask(.post, "/v1/keys/\(Self.encoded(id))/revoke")
    }
}
