import HoldfastAPI
import HoldfastCore

/// What the audit log records as done becomes an event, so that no change can be forgotten here.
enum ChangeEvents {
    /// - Parameter told: what the change came to, beside what is in the record.
    static func news(of event: AuditEvent, _ phase: AuditEntry.Phase, told: [String: String]) -> EventLog.News? {
        let type: String
        switch phase {
        case .completed: type = name(of: event)
        // A change that was refused is no news; a backup that failed is, since nobody stood by.
        case .failed where event.action.hasPrefix("backups."): type = "backup.failed"
        default: return nil
        }
        let details = event.details.merging(told) { _, new in new }
        let reason = details["failure"] ?? details["reason"]
        return EventLog.News(
            type: type, subject: told["generation"].map { isOfGeneration(event) ? $0 : event.target } ?? event.target,
            summary: "\(event.target) by \(event.actor.principal)" + (reason.map { ": \($0)" } ?? ""),
            by: event.actor.principal, details: details,
            // Who holds which credential is for those alone who may see the list of them.
            permission: event.action.hasPrefix("tokens.") ? .tokensRead : nil)
    }

    private static func isOfGeneration(_ event: AuditEvent) -> Bool { event.action.hasPrefix("snapshots.") }

    /// An action that is not named here is an event of its own name.
    private static func name(of event: AuditEvent) -> String {
        switch event.action {
        case "snapshots.publish": "generation.published"
        case "snapshots.rollback": "generation.rolled-back"
        case "overrides.create", "restrictions.create": "override.created"
        case "overrides.clear", "restrictions.clear":
            event.actor == .system ? "override.expired" : "override.cleared"
        case "tokens.create": "token.created"
        case "tokens.revoke": "token.revoked"
        case "drills.start": "drill.started"
        case "drills.advance": "drill.advanced"
        case "drills.finish", "drills.stop": "drill.ended"
        case "drills.tick": "drill.ticked"
        case "drills.halt": "drill.halted"
        case "drills.resume": "drill.resumed"
        case "backups.create": "backup.made"
        case "backups.verify": "backup.verified"
        case "backups.prune": "backup.removed"
        default: event.action
        }
    }
}
