import Foundation
import GRDB

/// What became of the last trial restore of a backup.
struct BackupCheckRow: Sendable, Equatable {
    /// SHA-256 of its manifest.
    var manifest: Data
    var backup: String
    /// Milliseconds since 1970.
    var checkedAt: Int64
    /// Nil: it could be restored.
    var problem: String?
    var mend: String?
}

enum BackupStore {
    static func all(in database: Database) throws -> [BackupCheckRow] {
        try Row.fetchAll(database, sql: "SELECT * FROM backup_checks ORDER BY backup, manifest").map { row in
            BackupCheckRow(
                manifest: row["manifest"], backup: row["backup"], checkedAt: row["checked_at"], problem: row["problem"],
                mend: row["mend"])
        }
    }

    static func put(_ row: BackupCheckRow, in database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO backup_checks VALUES (?, ?, ?, ?, ?)",
            arguments: [row.manifest, row.backup, row.checkedAt, row.problem, row.mend])
    }

    static func remove(_ backup: String, in database: Database) throws {
        try database.execute(sql: "DELETE FROM backup_checks WHERE backup = ?", arguments: [backup])
    }
}
