import Foundation
import GRDB
import HoldfastCore

/// A token as it is kept: whoever reads this cannot sign in with it.
struct TokenRow: Sendable, Equatable {
    var id: String
    var kind: PrincipalKind
    /// SHA-256 of the whole token. They are random and long, so a plain digest is right.
    var digest: Data
    var note: String
    var grants: [GrantRow]
    var madeBy: String
    var madeAt: Int64
    var expiresAt: Int64
    var revokedAt: Int64?
    var revokedBy: String?

    func isGood(now: Int64) -> Bool { revokedAt == nil && now < expiresAt }
}

struct GrantRow: Codable, Sendable, Equatable {
    var permission: String
    var expiresAt: Int64
    var includesRecovery: Bool
}

enum TokenStore {
    static func all(in database: Database) throws -> [TokenRow] {
        try Row.fetchAll(database, sql: "SELECT * FROM tokens ORDER BY made_at, id").map(read)
    }

    static func has(_ id: String, in database: Database) throws -> Bool {
        try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM tokens WHERE id = ?)", arguments: [id]) ?? false
    }

    static func insert(_ token: TokenRow, in database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO tokens (id, kind, digest, note, grants, made_by, made_at, expires_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                token.id, token.kind.rawValue, token.digest, token.note,
                String(decoding: try JSONEncoder().encode(token.grants), as: UTF8.self), token.madeBy, token.madeAt,
                token.expiresAt,
            ])
    }

    /// Ends a token together with the sign-ins by its links, and by theirs.
    ///
    /// - Returns: the ids of what it has ended.
    static func revoke(_ id: String, by principal: String, now: Int64, in database: Database) throws -> Set<String> {
        try String.fetchSet(
            database,
            sql: """
                WITH RECURSIVE ended(id) AS (
                    SELECT ?
                    UNION SELECT tokens.id FROM tokens JOIN ended ON made_by = ended.id WHERE tokens.id LIKE ?)
                UPDATE tokens SET revoked_at = ?, revoked_by = ?
                WHERE revoked_at IS NULL AND id IN (SELECT id FROM ended) RETURNING id
                """,
            arguments: [id, Tokens.sessionPrefix + "%", now, principal])
    }

    static func isRevoked(_ id: String, in database: Database) throws -> Bool {
        try Bool.fetchOne(
            database, sql: "SELECT EXISTS (SELECT 1 FROM tokens WHERE id = ? AND revoked_at IS NOT NULL)",
            arguments: [id]) ?? false
    }

    /// Sign-ins that ended before `time`; what they did stays in the audit log.
    static func forgetSessions(endedBefore time: Int64, in database: Database) throws {
        try database.execute(
            sql: "DELETE FROM tokens WHERE id LIKE ? AND expires_at < ?", arguments: [Tokens.sessionPrefix + "%", time])
    }

    static func firstWasShown(in database: Database) throws -> Bool {
        try Bool.fetchOne(
            database, sql: "SELECT EXISTS (SELECT 1 FROM facts WHERE name = ?)", arguments: [shownFact]) ?? false
    }

    static func markFirstAsShown(in database: Database) throws {
        try database.execute(sql: "INSERT OR IGNORE INTO facts VALUES (?, 'yes')", arguments: [shownFact])
    }

    private static let shownFact = "first_token_shown"

    private static func read(_ row: Row) throws -> TokenRow {
        guard let kind = PrincipalKind(rawValue: row["kind"]) else {
            throw DatabaseError(
                resultCode: .SQLITE_CORRUPT, message: "the token \(row["id"] as String) has no known kind")
        }
        let grants: String = row["grants"]
        return TokenRow(
            id: row["id"], kind: kind, digest: row["digest"], note: row["note"],
            grants: try JSONDecoder().decode([GrantRow].self, from: Data(grants.utf8)), madeBy: row["made_by"],
            madeAt: row["made_at"], expiresAt: row["expires_at"], revokedAt: row["revoked_at"],
            revokedBy: row["revoked_by"])
    }
}
