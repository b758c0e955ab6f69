extension ControlClient {
    /// The newest first.
    package func backups() async throws(ControlFailure) -> Page<BackupView> {
        try await get("/v1/backups", as: Page<BackupView>.self)
    }

    /// Makes one and restores it on trial. Takes as long as that does.
    package func makeBackup() async throws(ControlFailure) -> BackupView {
        try read(BackupView.self, try await ask(.post, "/v1/backups"))
    }

    package func verifyBackup(_ id: String) async throws(ControlFailure) -> BackupView {
        try read(BackupView.self, try await ask(.post, "/v1/backups/\(Self.encoded(id))/verify"))
    }
}
