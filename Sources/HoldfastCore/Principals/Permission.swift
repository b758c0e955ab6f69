/// What a request to the management plane needs: one noun and verb for each route of its API.
///
/// There is none that writes or deletes what the audit log holds. The log is written by whatever else is done, and by
/// nothing that anybody may ask for.
package enum Permission: String, Sendable, Hashable, CaseIterable {
    case sessionRead = "session.read"
    case eventsRead = "events.read"
    case findingsRead = "findings.read"
    case notificationsTest = "notifications.test"
    case gatewaysRead = "gateways.read"
    case gatewaysReport = "gateways.report"
    case exchangesRead = "exchanges.read"

    case snapshotsRead = "snapshots.read"
    case snapshotsPull = "snapshots.pull"
    case snapshotsPublish = "snapshots.publish"
    case snapshotsRollback = "snapshots.rollback"
    case rolloutsRead = "rollouts.read"
    case rolloutsRelease = "rollouts.release"
    case rolloutsReturn = "rollouts.return"

    case overridesRead = "overrides.read"
    case overridesCreate = "overrides.create"
    case overridesClear = "overrides.clear"
    case restrictionsCreate = "restrictions.create"
    case restrictionsClear = "restrictions.clear"

    case drillsRead = "drills.read"
    case drillsStart = "drills.start"
    case drillsStop = "drills.stop"
    case playbooksRead = "playbooks.read"
    case playbooksStart = "playbooks.start"
    case playbooksStop = "playbooks.stop"

    case approvalsRead = "approvals.read"
    case approvalsRequest = "approvals.request"
    case approvalsDecide = "approvals.decide"

    case backupsRead = "backups.read"
    case backupsCreate = "backups.create"
    case backupsVerify = "backups.verify"

    case auditRead = "audit.read"
    case evidenceRead = "evidence.read"
    case evidenceExport = "evidence.export"

    case keysRead = "keys.read"
    case keysCreate = "keys.create"
    case keysRevoke = "keys.revoke"
    case tokensRead = "tokens.read"
    case tokensCreate = "tokens.create"
    case tokensRevoke = "tokens.revoke"
    case grantsRead = "grants.read"
    case grantsCreate = "grants.create"
    case grantsRevoke = "grants.revoke"
}

/// Who holds a permission, and why.
package struct PermissionRule: Sendable, Hashable {
    package enum Automation: Sendable, Hashable {
        /// Not by any grant.
        case never
        case ifGranted
        /// The recovery path: what is needed when automation itself is what went wrong. A grant has to say that it is
        /// included.
        case ifRecoveryIsIncluded
    }

    /// Besides these nobody; never `automation`, which holds what it was granted and no more.
    package var kinds: Set<PrincipalKind>
    package var automation: Automation
    package var reason: String
}

extension Permission {
    private static let people: Set<PrincipalKind> = [.viewer, .operator_, .approver, .admin]

    /// The one table. Whoever stands in no row may do nothing.
    package var rule: PermissionRule {
        switch self {
        case .sessionRead:
            row(Self.people.union([.auditor]), .ifGranted, "Whoever is signed in may see as whom, and what that opens.")
        case .eventsRead, .findingsRead, .gatewaysRead, .exchangesRead, .snapshotsRead, .rolloutsRead,
            .overridesRead, .drillsRead, .playbooksRead, .approvalsRead, .backupsRead:
            row(Self.people, .ifGranted, "Whoever works with it may see its state; secrets are in none of it.")
        case .gatewaysReport:
            row([.node], .never, "Gates believe reports, so only gateways make them.")
        case .snapshotsPull:
            row([.node], .never, "What gateways act on is for gateways; everybody else reads it as a generation.")
        case .snapshotsPublish:
            row([.admin], .never, "A configuration names keys and where prompts are sent: it is credentials too.")
        case .rolloutsRelease:
            row([.operator_, .admin], .never, "A person vouches for what no measurement shows.")
        case .snapshotsRollback, .rolloutsReturn:
            row(
                [.operator_, .admin], .ifRecoveryIsIncluded,
                "Recovery path: back to what an admin had published, by whoever is on call.")
        case .overridesCreate, .overridesClear, .drillsStart, .playbooksStart:
            row([.operator_, .admin], .ifGranted, "Day-to-day operation, with reason and expiry.")
        case .notificationsTest:
            row([.operator_, .admin], .ifGranted, "It changes nothing, and may wake somebody.")
        case .restrictionsCreate:
            row([.operator_, .admin], .ifGranted, "Taking out what the law forbids cannot wait for an admin.")
        case .restrictionsClear:
            row([.operator_, .admin], .never, "A person clears it, and whoever may make a mistake may mend it.")
        case .drillsStop, .playbooksStop:
            row([.operator_, .admin], .ifRecoveryIsIncluded, "Recovery path: it stops what automation started.")
        case .approvalsRequest:
            row([.operator_, .admin], .ifGranted, "Asking changes nothing.")
        case .backupsCreate, .backupsVerify:
            row(
                [.operator_, .admin], .ifGranted,
                "Changes nothing that is managed, and stays where whoever runs the process said: a cron job may.")
        case .approvalsDecide:
            row([.approver, .admin], .never, "The second pair of eyes is a person's.")
        case .auditRead, .evidenceRead, .evidenceExport:
            row([.auditor, .admin], .never, "Says who did what when; the auditor sees that, and touches nothing.")
        case .keysRead, .keysCreate, .keysRevoke, .tokensRead, .tokensCreate, .tokensRevoke, .grantsRead,
            .grantsCreate, .grantsRevoke:
            row([.admin], .never, "Whoever makes credentials can become anybody; who holds which is worth hiding too.")
        }
    }

    private func row(
        _ kinds: Set<PrincipalKind>, _ automation: PermissionRule.Automation, _ reason: String
    ) -> PermissionRule {
        PermissionRule(kinds: kinds, automation: automation, reason: reason)
    }
}
