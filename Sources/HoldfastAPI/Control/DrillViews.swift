/// A run of a drill, as the API, the command line and the console speak of it. Instants are RFC 3339.
package struct DrillView: Codable, Sendable, Equatable {
    package enum Phase: String, Codable, Sendable, CaseIterable {
        /// On record, and no gateway has the order yet.
        case starting
        /// Gateways look on: is the state steady?
        case baseline
        case fault
        case recovery
        /// People tick steps.
        case tabletop
        case done
    }

    package enum Verdict: String, Codable, Sendable, CaseIterable {
        case pass, fail, inconclusive
    }

    /// Of a table-top.
    package struct Step: Codable, Sendable, Equatable {
        package var text: String
        package var doneAt: String?
        package var doneBy: String?
        package var note: String?
        /// Whether it went as it was to, as a person says; absent: nobody has.
        package var worked: Bool?

        package init(text: String) { self.text = text }
    }

    package struct Measures: Codable, Sendable, Equatable {
        /// All in milliseconds since t₀; absent: it did not happen.
        package var detectedAfter: Int64?
        package var actedAfter: Int64?
        package var recoveredAfter: Int64?
        /// Recovery time: `recoveredAfter`, once that is final.
        package var recoveryTime: Int64?
        /// What the map, or whoever started the drill, asks for.
        package var recoveryTarget: Int64?
        package var met = 0
        package var probes = 0
        package var baseline = DrillObservationView.Counts()
        package var critical = DrillObservationView.Counts()
        package var standard = DrillObservationView.Counts()
        package var deferrable = DrillObservationView.Counts()
        package var answerers: [DrillObservationView.Answerer] = []
        package var isSteadyAgain = false

        package init() {}
    }

    package struct Gateway: Codable, Sendable, Equatable {
        package var id: String
        package var observation: DrillObservationView?

        package init(id: String, observation: DrillObservationView?) {
            self.id = id
            self.observation = observation
        }
    }

    package var id: String
    /// `kill-primary`, `kill-vendor` …: the name of a plan.
    package var plan: String
    package var route: String?
    /// Absent for a table-top.
    package var order: FaultView?
    /// The override that carries it, once there is one. Spelled as the coding finds it again: `override_id` on the wire.
    package var overrideId: String?
    package var author: String
    package var reason: String
    /// Announced: whoever listens for events was told before it began.
    package var isAnnounced: Bool
    /// The schedule that started it; absent: a person did.
    package var schedule: String?
    package var phase: Phase
    package var verdict: Verdict?
    /// Why the verdict is what it is, one line each, the most important first.
    package var because: [String]
    package var mend: String?
    package var generation: UInt64
    package var beganAt: String
    package var faultAt: String?
    package var endedAt: String?
    package var measures: Measures?
    /// Summed over the gateways.
    package var seconds: [DrillObservationView.Second]
    package var gateways: [Gateway]
    package var steps: [Step]

    package init(
        id: String, plan: String, author: String, reason: String, isAnnounced: Bool, phase: Phase, generation: UInt64,
        beganAt: String
    ) {
        self.id = id
        self.plan = plan
        self.author = author
        self.reason = reason
        self.isAnnounced = isAnnounced
        self.phase = phase
        self.generation = generation
        self.beganAt = beganAt
        because = []
        seconds = []
        gateways = []
        steps = []
    }
}

/// What starts a drill. Spans are written as in the configuration, such as `60s`.
package struct NewDrillView: Codable, Sendable {
    /// `kill-primary`, `kill-deployment`, `kill-provider`, `kill-vendor`, `kill-jurisdiction`, `kill-local`,
    /// `kill-resolver`, `kill-control` or `tabletop`.
    package var plan: String
    package var reason: String
    package var route: String?
    /// Of what is killed, where the plan does not say which: a deployment, provider, vendor or jurisdiction.
    package var name: String?
    /// Absent: `refuse`.
    package var fault: String?
    /// Percent; absent: 100.
    package var share: Int?
    package var lease: String?
    package var delay: String?
    package var baseline: String?
    package var probes: Int?
    package var target: String?
    package var sham: Bool?
    package var announced: Bool?
    package var stopLostCritical: Int?
    package var stopLostPercent: Int?
    /// Where nobody is left to answer, that this is meant.
    package var confirmed: Bool?
    /// Of a table-top.
    package var steps: [String]?

    package init(plan: String, reason: String) {
        self.plan = plan
        self.reason = reason
    }
}

/// What is known of one candidate as the fallback of a route: an untested fallback is not a fallback.
package struct FallbackView: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable, CaseIterable {
        /// No drill has ever passed in which it answered.
        case untested
        /// It has, and something that it covers has changed since, or too long ago.
        case outdated
        case tested
        /// The newest drill failed.
        case failed
    }

    package var route: String
    package var deployment: String
    package var state: State
    /// Passing drills in which it answered, since the last that failed.
    package var passes: Int
    /// Lower bound of its reliability at 95 % confidence, in percent: 100 · 0.05^(1/passes).
    package var confidencePercent: Int?
    package var lastPassedAt: String?
    package var lastRecoveryMilliseconds: Int64?
    package var lastDrill: String?
    /// What changed since, one line each.
    package var changes: [String]

    package init(route: String, deployment: String, state: State, passes: Int, changes: [String] = []) {
        self.route = route
        self.deployment = deployment
        self.state = state
        self.passes = passes
        self.changes = changes
    }
}
