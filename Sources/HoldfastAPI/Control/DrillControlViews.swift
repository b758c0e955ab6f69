/// How a step of a table-top went.
package struct DrillTickView: Codable, Sendable {
    package var note: String
    /// Absent: it did.
    package var worked: Bool?

    package init(note: String, worked: Bool? = nil) {
        self.note = note
        self.worked = worked
    }
}

/// The one lever that ends all drills and refuses new ones.
package struct DrillHaltView: Codable, Sendable, Equatable {
    package var halted: Bool
    /// Absent where it is not.
    package var by: String?
    package var reason: String?
    package var since: String?

    package init(halted: Bool, by: String? = nil, reason: String? = nil, since: String? = nil) {
        self.halted = halted
        self.by = by
        self.reason = reason
        self.since = since
    }
}

/// Drills at a glance, in the status.
package struct DrillsStatusView: Codable, Sendable, Equatable {
    /// Of fallbacks, by state.
    package struct Fallbacks: Codable, Sendable, Equatable {
        package var tested = 0
        package var outdated = 0
        package var untested = 0
        package var failed = 0

        package init() {}
    }

    /// The id of the drill under way; absent: none is.
    package var running: String?
    package var plan: String?
    package var phase: DrillView.Phase?
    package var halt: DrillHaltView
    /// Absent: the configuration cannot be read here, so nobody knows which there are.
    package var fallbacks: Fallbacks?

    package init(halt: DrillHaltView) {
        self.halt = halt
    }
}

/// A schedule of drills, and what became of it lately. Instants are RFC 3339.
package struct DrillScheduleView: Codable, Sendable, Equatable {
    package enum Outcome: String, Codable, Sendable, CaseIterable {
        case started, missed, refused
    }

    package var name: String
    package var plan: String
    package var route: String?
    package var fault: String
    /// Absent: it is never due again.
    package var nextAt: String?
    /// So long before whoever listens is told, such as `1d`; absent: nobody is.
    package var announce: String?
    /// When it was due last, what became of that, and why; absent: it was not due yet.
    package var lastAt: String?
    package var lastOutcome: Outcome?
    package var lastDrill: String?
    package var lastProblem: String?
    /// As often as it was due while nobody was there to start it.
    package var missed: Int

    package init(name: String, plan: String, fault: String, missed: Int) {
        self.name = name
        self.plan = plan
        self.fault = fault
        self.missed = missed
    }
}
