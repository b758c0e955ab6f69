extension ControlClient {
    /// The newest first.
    package func drills(most: Int) async throws(ControlFailure) -> Page<DrillView> {
        try await list("/v1/drills", most: most, as: DrillView.self)
    }

    package func drill(_ id: String) async throws(ControlFailure) -> DrillView {
        try await get("/v1/drills/\(Self.encoded(id))", as: DrillView.self)
    }

    package func start(_ new: NewDrillView) async throws(ControlFailure) -> DrillView {
        try await post("/v1/drills", new, as: DrillView.self)
    }

    /// Ends it before its time. One that has ended already is answered as it is.
    package func stopDrill(_ id: String, reason: String) async throws(ControlFailure) -> DrillView {
        try await post("/v1/drills/\(Self.encoded(id))/stop", ReasonView(reason: reason), as: DrillView.self)
    }

    /// - Parameter step: from 1.
    package func tickDrill(
        _ id: String, step: Int, _ tick: DrillTickView
    ) async throws(ControlFailure) -> DrillView {
        try await post("/v1/drills/\(Self.encoded(id))/steps/\(step)", tick, as: DrillView.self)
    }

    package func haltDrills(reason: String) async throws(ControlFailure) -> DrillHaltView {
        try await post("/v1/drills/halt", ReasonView(reason: reason), as: DrillHaltView.self)
    }

    package func resumeDrills(reason: String) async throws(ControlFailure) -> DrillHaltView {
        try await post("/v1/drills/resume", ReasonView(reason: reason), as: DrillHaltView.self)
    }

    package func fallbacks() async throws(ControlFailure) -> Page<FallbackView> {
        try await get("/v1/fallbacks", as: Page<FallbackView>.self)
    }

    package func drillSchedules() async throws(ControlFailure) -> Page<DrillScheduleView> {
        try await get("/v1/drill-schedules", as: Page<DrillScheduleView>.self)
    }

    package func drillEvidence(_ id: String) async throws(ControlFailure) -> SignedEvidence {
        try await get("/v1/drills/\(Self.encoded(id))/evidence", as: SignedEvidence.self)
    }
}
