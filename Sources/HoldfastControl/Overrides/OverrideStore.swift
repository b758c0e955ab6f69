import Foundation
import GRDB
import HoldfastAPI

enum OverrideStore {
    static func open(in database: Database) throws -> [OverrideView] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM overrides WHERE ended_at IS NULL ORDER BY made_at, id"
        ).map(read)
    }

    /// The newest first, made before the override `place`.
    static func list(after place: String?, limit: Int, in database: Database) throws -> [OverrideView] {
        guard let place else {
            return try Row.fetchAll(
                database, sql: "SELECT * FROM overrides ORDER BY made_at DESC, id DESC LIMIT ?", arguments: [limit]
            ).map(read)
        }
        return try Row.fetchAll(
            database,
            sql: """
                SELECT * FROM overrides
                WHERE (made_at, id) < (SELECT made_at, id FROM overrides WHERE id = ?)
                ORDER BY made_at DESC, id DESC LIMIT ?
                """, arguments: [place, limit]
        ).map(read)
    }

    static func find(_ id: String, in database: Database) throws -> OverrideView? {
        try Row.fetchOne(database, sql: "SELECT * FROM overrides WHERE id = ?", arguments: [id]).map(read)
    }

    static func insert(_ override: OverrideView, in database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO overrides (id, effect, author, reason, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                override.id, String(decoding: APICoding.encode(override.effect), as: UTF8.self), override.author,
                override.reason, override.createdAt, override.expiresAt,
            ])
    }

    static func end(_ id: String, by principal: String, now: Int64, in database: Database) throws {
        try database.execute(
            sql: "UPDATE overrides SET ended_at = ?, ended_by = ? WHERE id = ? AND ended_at IS NULL",
            arguments: [now, principal, id])
    }

    private static func read(_ row: Row) throws -> OverrideView {
        let effect: String = row["effect"]
        return OverrideView(
            id: row["id"], effect: try APICoding.decode(OverrideEffectView.self, from: Data(effect.utf8)),
            author: row["author"], reason: row["reason"], createdAt: row["made_at"], expiresAt: row["expires_at"],
            endedAt: row["ended_at"], endedBy: row["ended_by"])
    }
}
