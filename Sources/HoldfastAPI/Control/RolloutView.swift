/// How far a published document is on its way to all gateways.
package struct RolloutView: Codable, Sendable, Equatable {
    /// `pending`: no gateway has it; `canary`: one has; `spreading`: all are to have it; `done`; `returned`: all are to have
    /// the last good document.
    package var phase: String
    /// Why it was taken back: `errors-rose`, `canary-lost` or `by-a-person`; absent: it was not.
    package var cause: String?
    /// Generations: what was in force before, and what is proposed.
    package var good: UInt64
    package var proposed: UInt64
    /// The gateway that has it first; absent: none was chosen yet.
    package var canary: String?
    /// What it waits for, or what became of it, in words.
    package var detail: String
    /// Absent: there is nothing to do.
    package var mend: String?
    /// Gateways that are not known to have what they are to have.
    package var notThere: [String]
    /// Of the publication.
    package var author: String
    package var reason: String
    /// RFC 3339. When it was published, and when it came to this phase.
    package var beganAt: String
    package var changedAt: String

    package init(
        phase: String, good: UInt64, proposed: UInt64, detail: String, notThere: [String], author: String,
        reason: String, beganAt: String, changedAt: String
    ) {
        self.phase = phase
        self.good = good
        self.proposed = proposed
        self.detail = detail
        self.notThere = notThere
        self.author = author
        self.reason = reason
        self.beganAt = beganAt
        self.changedAt = changedAt
    }

    package static let phases = ["pending", "canary", "spreading", "done", "returned"]

    package var isOpen: Bool { phase != "done" && phase != "returned" }
}

/// Absent: there never was one.
package struct NewestRolloutView: Codable, Sendable {
    package var rollout: RolloutView?

    package init(rollout: RolloutView?) {
        self.rollout = rollout
    }
}
