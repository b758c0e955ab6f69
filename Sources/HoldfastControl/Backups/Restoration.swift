import Foundation
import GRDB
import HoldfastAPI
import HoldfastCore

/// What a restore leaves in the store for the first start after it, which has to tell the log and the gateways.
struct Restoration: Codable, Sendable, Equatable {
    static let fact = "restored"

    var backup: String
    /// Milliseconds since 1970.
    var backupMadeAt: Int64
    var restoredAt: Int64
    /// Of the log in the backup, for whoever holds checkpoints of what came after it.
    var auditOrigin: String
    var auditEntries: Int
    var auditRoot: String
    var generation: UInt64
    /// The number that the next generation has at least.
    var leastGeneration: UInt64
    /// In the place that was replaced; nil: it could not be read, or there was none.
    var replacedAuditEntries: Int?
    var replacedGeneration: UInt64?

    /// Into a store that nobody serves yet.
    func write(in database: Database) throws {
        let text = String(decoding: APICoding.encode(self), as: UTF8.self)
        try database.execute(
            sql: "INSERT OR REPLACE INTO facts VALUES (?, ?), (?, ?)",
            arguments: [Self.fact, text, GenerationStore.leastFact, "\(leastGeneration)"])
        // The log goes on from an earlier place under a new name: of one name there is only ever one log, and checkpoints
        // of what is lost must not pass for another version of what comes now.
        try database.execute(sql: "DELETE FROM facts WHERE name = 'origin'")
    }

    /// At the first start after a restore: says in the log what happened, and makes a generation under a number that
    /// gateways have not seen, so that they take what is in force here. At every other start nothing.
    static func settle(audit: AuditLog, snapshots: Snapshots, now: Int64) async throws {
        let text = try await audit.store.read { database in
            try String.fetchOne(database, sql: "SELECT value FROM facts WHERE name = ?", arguments: [fact])
        }
        guard let text else { return }
        guard let restored = try? APICoding.decode(Restoration.self, from: Data(text.utf8)) else {
            throw StoreFailure(
                "what was restored here cannot be read", mend: "restore again: holdfast restore --help", kind: .damaged)
        }
        let event = AuditEvent(.system, "backups.restore", restored.backup, restored.details)
        guard snapshots.newest != nil else {
            return try await audit.change(event, now: now) { try forget(in: $0) }
        }
        _ = try await snapshots.change(event, now: now) { previous, database in
            guard let previous else { throw ProblemView.nothingPublished }
            try forget(in: database)
            return Snapshots.Draft(
                name: previous.payload.name, document: previous.payload.document,
                reason: "restored from backup \(restored.backup)", confirmed: true)
        }
    }

    private static func forget(in database: Database) throws {
        try database.execute(sql: "DELETE FROM facts WHERE name = ?", arguments: [fact])
    }

    private var details: [String: String] {
        var details = [
            "backup_made_at": TimeOfDay.text(milliseconds: backupMadeAt),
            "restored_at": TimeOfDay.text(milliseconds: restoredAt), "audit_origin": auditOrigin,
            "audit_entries": "\(auditEntries)", "audit_root": auditRoot, "generation": "\(generation)",
            "next_generation": "\(leastGeneration)",
        ]
        details["replaced_audit_entries"] = replacedAuditEntries.map { "\($0)" }
        details["replaced_generation"] = replacedGeneration.map { "\($0)" }
        return details
    }
}
