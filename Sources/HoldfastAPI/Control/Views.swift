/// A part of a list, and where the rest begins.
package struct Page<Item: Codable & Sendable>: Codable, Sendable {
    package var items: [Item]
    /// For `after`; absent: this was the end.
    package var next: String?

    package init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }
}

// MARK: - Tokens

package struct GrantView: Codable, Sendable, Equatable {
    package var permission: String
    /// RFC 3339.
    package var expiresAt: String
    package var includesRecovery: Bool

    package init(permission: String, expiresAt: String, includesRecovery: Bool) {
        self.permission = permission
        self.expiresAt = expiresAt
        self.includesRecovery = includesRecovery
    }
}

package struct TokenView: Codable, Sendable, Equatable {
    package var id: String
    package var kind: String
    package var note: String
    package var grants: [GrantView]
    package var madeBy: String
    package var madeAt: String
    package var expiresAt: String
    package var revokedAt: String?
    package var revokedBy: String?
    /// The token itself, in the answer to its making and nowhere else.
    package var token: String?

    package init(
        id: String, kind: String, note: String, grants: [GrantView], madeBy: String, madeAt: String, expiresAt: String,
        revokedAt: String?, revokedBy: String?, token: String? = nil
    ) {
        self.id = id
        self.kind = kind
        self.note = note
        self.grants = grants
        self.madeBy = madeBy
        self.madeAt = madeAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
        self.revokedBy = revokedBy
        self.token = token
    }
}

package struct NewTokenView: Codable, Sendable {
    package struct NewGrant: Codable, Sendable {
        package var permission: String
        /// Such as `30d`.
        package var `for`: String
        package var includesRecovery: Bool?

        package init(permission: String, for span: String, includesRecovery: Bool?) {
            self.permission = permission
            self.for = span
            self.includesRecovery = includesRecovery
        }
    }

    package var id: String
    package var kind: String
    package var note: String?
    /// How long it lives, such as `30d`; absent: as long as is usual for its kind.
    package var `for`: String?
    package var grants: [NewGrant]?

    package init(id: String, kind: String, note: String?, for span: String?, grants: [NewGrant]?) {
        self.id = id
        self.kind = kind
        self.note = note
        self.for = span
        self.grants = grants
    }
}

// MARK: - Overrides

package struct NewOverrideView: Codable, Sendable {
    package var effect: OverrideEffectView
    package var reason: String
    /// How long it stays, such as `2h`.
    package var `for`: String

    package init(effect: OverrideEffectView, reason: String, for span: String) {
        self.effect = effect
        self.reason = reason
        self.for = span
    }
}

package struct ReasonView: Codable, Sendable {
    package var reason: String

    package init(reason: String) {
        self.reason = reason
    }
}

// MARK: - Generations

package struct GenerationView: Codable, Sendable {
    package var number: UInt64
    package var madeAt: String
    package var author: String
    package var reason: String
    package var name: String
    package var overrides: [OverrideView]
    /// Absent in lists.
    package var document: String?

    package init(
        number: UInt64, madeAt: String, author: String, reason: String, name: String, overrides: [OverrideView],
        document: String?
    ) {
        self.number = number
        self.madeAt = madeAt
        self.author = author
        self.reason = reason
        self.name = name
        self.overrides = overrides
        self.document = document
    }
}

package struct NewGenerationView: Codable, Sendable {
    package var document: String
    package var name: String
    package var reason: String
    package var confirmed: Bool?

    package init(document: String, name: String, reason: String, confirmed: Bool?) {
        self.document = document
        self.name = name
        self.reason = reason
        self.confirmed = confirmed
    }
}

package struct RollbackView: Codable, Sendable {
    package var to: UInt64
    package var reason: String

    package init(to: UInt64, reason: String) {
        self.to = to
        self.reason = reason
    }
}

// MARK: - Gateways

/// What a gateway says of itself, every few seconds.
package struct GatewayReportView: Codable, Sendable {
    package var version: String
    /// Of the snapshot in force, and where it came from: `control`, `ring` or `file`.
    package var generation: UInt64
    package var source: String
    package var ready: Bool
    package var exchangesInFlight: Int
    /// Exchanges that have ended, and those of them without an answer, under the document in force: since that came into
    /// force here. Overrides change nothing about it, under whatever number they come.
    package var exchanges: Int
    package var failures: Int
    /// Why the newest snapshot was refused; absent: it was not.
    package var refused: String?
    package var shedding: String
    /// At most `TroubleView.most`, by subject; absent: it does not say.
    package var troubles: [TroubleView]?
    /// How many more there are.
    package var moreTroubles: Int?
    /// Of the drills under way, and of those that ended lately.
    package var drills: [DrillObservationView]?
    package var figures: FiguresView?
    /// With the figures.
    package var receipts: ReceiptsView?

    package init(
        version: String, generation: UInt64, source: String, ready: Bool, exchangesInFlight: Int, exchanges: Int,
        failures: Int, refused: String?, shedding: String, troubles: [TroubleView]? = nil, moreTroubles: Int? = nil
    ) {
        self.version = version
        self.generation = generation
        self.source = source
        self.ready = ready
        self.exchangesInFlight = exchangesInFlight
        self.exchanges = exchanges
        self.failures = failures
        self.refused = refused
        self.shedding = shedding
        self.troubles = troubles
        self.moreTroubles = moreTroubles
    }
}

package struct GatewayView: Codable, Sendable {
    package var id: String
    /// Milliseconds since it last reported.
    package var silentForMilliseconds: Int64
    /// What it is to have in force.
    package var target: UInt64
    package var report: GatewayReportView

    package init(id: String, silentForMilliseconds: Int64, target: UInt64, report: GatewayReportView) {
        self.id = id
        self.silentForMilliseconds = silentForMilliseconds
        self.target = target
        self.report = report
    }
}

// MARK: - Backups

package struct BackupView: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable, CaseIterable {
        /// Restored on trial, lately and with success.
        case verified
        /// Never restored, or too long ago.
        case untested
        /// It could not be restored.
        case failed
    }

    package var id: String
    package var state: State
    /// Where it is, for `holdfast restore`.
    package var folder: String
    package var bytes: Int64
    /// RFC 3339. These and what follows are absent where the manifest cannot be read, or it was never tried.
    package var madeAt: String?
    package var ageMilliseconds: Int64?
    package var version: String?
    package var generation: UInt64?
    package var auditEntries: Int?
    package var checkedAt: String?
    package var problem: String?
    package var mend: String?

    package init(id: String, state: State, folder: String, bytes: Int64) {
        self.id = id
        self.state = state
        self.folder = folder
        self.bytes = bytes
    }
}

// MARK: - The whole

package struct StatusView: Codable, Sendable {
    package var version: String
    package var generation: UInt64
    package var overrides: Int
    package var gateways: [GatewayView]
    /// The newest, which may be over; absent: there never was one.
    package var rollout: RolloutView?
    package var auditEntries: Int
    /// Milliseconds; absent: no backup was ever verified, so there is none.
    package var lastVerifiedBackupAgeMilliseconds: Int64?
    /// Why the last backup or its trial restore failed, with the mend; absent: it did not.
    package var backupProblem: String?
    package var principal: String
    package var kind: String
    /// Absent: it is of a version that knows no drills.
    package var drills: DrillsStatusView?

    package init(
        version: String, generation: UInt64, overrides: Int, gateways: [GatewayView], rollout: RolloutView?,
        auditEntries: Int, lastVerifiedBackupAgeMilliseconds: Int64?, backupProblem: String?, principal: String,
        kind: String
    ) {
        self.version = version
        self.generation = generation
        self.overrides = overrides
        self.gateways = gateways
        self.rollout = rollout
        self.auditEntries = auditEntries
        self.lastVerifiedBackupAgeMilliseconds = lastVerifiedBackupAgeMilliseconds
        self.backupProblem = backupProblem
        self.principal = principal
        self.kind = kind
    }
}
