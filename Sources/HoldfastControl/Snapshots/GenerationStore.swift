import Foundation
import GRDB
import HoldfastAPI

/// A snapshot that was signed, with what it was made of.
struct Generation: Sendable {
    var payload: SnapshotPayload
    var signed: SignedSnapshot

    var number: UInt64 { payload.number }
}

enum GenerationStore {
    static func newest(in database: Database) throws -> Generation? {
        try Row.fetchOne(database, sql: "SELECT * FROM generations ORDER BY number DESC LIMIT 1").map(read)
    }

    /// The number under which nothing may be made: gateways may have others of these numbers, made after the backup that
    /// this store was restored from. 0 where it never was.
    static func least(in database: Database) throws -> UInt64 {
        let text = try String.fetchOne(database, sql: "SELECT value FROM facts WHERE name = ?", arguments: [leastFact])
        return text.flatMap { UInt64($0) } ?? 0
    }

    static let leastFact = "least_generation"

    static func find(_ number: UInt64, in database: Database) throws -> Generation? {
        try Row.fetchOne(
            database, sql: "SELECT * FROM generations WHERE number = ?", arguments: [Int64(clamping: number)]
        ).map(read)
    }

    /// The newest first, below `number`.
    static func list(below number: UInt64?, limit: Int, in database: Database) throws -> [Generation] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM generations WHERE number < ? ORDER BY number DESC LIMIT ?",
            arguments: [number.map { Int64(clamping: $0) } ?? .max, limit]
        ).map(read)
    }

    static func insert(_ generation: Generation, in database: Database) throws {
        let payload = generation.payload
        try database.execute(
            sql: """
                INSERT INTO generations
                (number, made_at, author, reason, name, document, overrides, payload, signature)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                Int64(payload.number), payload.madeAt, payload.author, payload.reason, payload.name, payload.document,
                String(decoding: APICoding.encode(payload.overrides), as: UTF8.self), generation.signed.payload,
                generation.signed.signature,
            ])
    }

    private static func read(_ row: Row) throws -> Generation {
        let signed = SignedSnapshot(payload: row["payload"], signature: row["signature"])
        guard let payload = try? APICoding.decode(SnapshotPayload.self, from: signed.payload) else {
            let number: Int64 = row["number"]
            throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "generation \(number) cannot be read")
        }
        return Generation(payload: payload, signed: signed)
    }
}
