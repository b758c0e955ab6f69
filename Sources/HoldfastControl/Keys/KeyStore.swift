import GRDB
import HoldfastAPI
import HoldfastCore

/// A client key as it is kept: whoever reads this cannot use it.
struct KeyRow: Sendable, Equatable {
    var id: String
    var hash: String
    var workload: String
    var note: String
    var madeBy: String
    var madeAt: Int64
    var revokedAt: Int64?
    var revokedBy: String?
}

enum KeyStore {
    /// What snapshots carry; nil: there never was any key.
    static func issued(in database: Database) throws -> [IssuedKeyDigest]? {
        guard try count(in: database) > 0 else { return nil }
        return try Row.fetchAll(
            database, sql: "SELECT id, hash, workload FROM client_keys WHERE revoked_at IS NULL ORDER BY id"
        ).map { IssuedKeyDigest(id: $0["id"], hash: $0["hash"], workload: $0["workload"]) }
    }

    static func count(in database: Database) throws -> Int {
        try Int.fetchOne(database, sql: "SELECT count(*) FROM client_keys") ?? 0
    }

    /// By id, after `place`, revoked ones included.
    static func list(after place: String?, limit: Int, in database: Database) throws -> [KeyRow] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM client_keys WHERE id > ? ORDER BY id LIMIT ?",
            arguments: [place ?? "", limit]
        ).map(read)
    }

    static func find(_ id: String, in database: Database) throws -> KeyRow? {
        try Row.fetchOne(database, sql: "SELECT * FROM client_keys WHERE id = ?", arguments: [id]).map(read)
    }

    static func insert(_ key: KeyRow, in database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO client_keys (id, hash, workload, note, made_by, made_at) VALUES (?, ?, ?, ?, ?, ?)
                """,
            arguments: [key.id, key.hash, key.workload, key.note, key.madeBy, key.madeAt])
    }

    static func revoke(_ id: String, by principal: String, now: Int64, in database: Database) throws {
        try database.execute(
            sql: "UPDATE client_keys SET revoked_at = ?, revoked_by = ? WHERE id = ? AND revoked_at IS NULL",
            arguments: [now, principal, id])
    }

    private static func read(_ row: Row) -> KeyRow {
        KeyRow(
            id: row["id"], hash: row["hash"], workload: row["workload"], note: row["note"], madeBy: row["made_by"],
            madeAt: row["made_at"], revokedAt: row["revoked_at"], revokedBy: row["revoked_by"])
    }
}
