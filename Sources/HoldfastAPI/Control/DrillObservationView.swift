/// What a gateway has seen of one fault order: part of its report while it holds the order, and for ten minutes after.
///
/// Instants are milliseconds since t₀, when the fault became effective; what came before is negative. Absent: it did not
/// happen so far.
package struct DrillObservationView: Codable, Sendable, Equatable {
    /// As many orders as a gateway reports at once, the newest.
    package static let most = 8
    /// Of the timeline, the newest.
    package static let mostSeconds = 180
    /// As many as a route has candidates at most; those that answered most.
    package static let mostAnswerers = 64

    /// Exchanges that have ended, by what became of them: each is in one of these. Those that their client gave up, or
    /// that are its own fault, are in none.
    package struct Counts: Codable, Sendable, Equatable {
        package var answered = 0
        /// Answered, and not by the one that would answer on a good day.
        package var degraded = 0
        /// Accepted and not answered within the deadline.
        package var lost = 0
        /// Refused for load before they began.
        package var shed = 0

        package init() {}
    }

    package struct Second: Codable, Sendable, Equatable {
        /// Since t₀; negative in the baseline.
        package var second: Int
        package var counts: Counts

        package init(second: Int, counts: Counts) {
            self.second = second
            self.counts = counts
        }
    }

    package struct Answerer: Codable, Sendable, Equatable {
        package var deployment: String
        package var count: Int

        package init(deployment: String, count: Int) {
            self.deployment = deployment
            self.count = count
        }
    }

    package enum Phase: String, Codable, Sendable, CaseIterable {
        /// Looking on, before t₀.
        case baseline
        /// The fault is effective.
        case fault
        /// It has ended, and what follows is looked at.
        case recovery
        /// Nothing is looked at any more.
        case over
        /// The baseline was not steady, or the order was cleared in it: nothing was injected.
        case refused
    }

    package var isUnderWay: Bool {
        switch phase {
        case .baseline, .fault, .recovery: true
        case .over, .refused: false
        }
    }

    /// The id of the override that carries the order.
    package var order: String
    package var phase: Phase
    /// Why the fault has ended: `lease`, `cleared`, `lost_critical`, `lost_percent`, `unsteady`; absent: it has not.
    package var ended: String?
    package var endedAfterMilliseconds: Int64?
    /// Since t₀, by the gateway's clock, when this was said; absent in the baseline.
    package var ageMilliseconds: Int64?
    /// Exchanges on which the fault told: an attempt met it, or what fails was passed over because it is out since t₀.
    package var met: Int
    package var detectedAfterMilliseconds: Int64?
    package var actedAfterMilliseconds: Int64?
    /// Start of the first five good exchanges in a row that nothing has broken since, for up to 60 s.
    package var recoveredAfterMilliseconds: Int64?
    /// Whether those 60 s are over, or the observation is: once the fault has ended, and everything is as it was for 10 s,
    /// nothing is left that could break it.
    package var recoveryIsFinal: Bool
    /// Before t₀.
    package var baseline: Counts
    package var critical: Counts
    package var standard: Counts
    package var deferrable: Counts
    /// Of the exchanges above, how many the gateway made by itself.
    package var probes: Int
    /// Since t₀, by count.
    package var answerers: [Answerer]
    package var seconds: [Second]
    /// Whether, since the fault ended, the breakers and suspensions of what failed are as they were before: steady again.
    package var isSteadyAgain: Bool

    package init(order: String, phase: Phase) {
        self.order = order
        self.phase = phase
        met = 0
        recoveryIsFinal = false
        baseline = Counts()
        critical = Counts()
        standard = Counts()
        deferrable = Counts()
        probes = 0
        answerers = []
        seconds = []
        isSteadyAgain = false
    }
}
