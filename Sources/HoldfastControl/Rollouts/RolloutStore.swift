import Foundation
import GRDB
import HoldfastAPI
import HoldfastCore

enum RolloutStore {
    /// - Parameter resume: makes it anew from what was saved.
    static func read(
        in database: Database, resume: (Rollout.Saved) -> Rollout
    ) throws -> StagedRollout? {
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM rollout") else { return nil }
        let (good, proposed, restored): (Int64, Int64, Int64) = (row["good"], row["proposed"], row["restored"])
        guard good > 0, good < proposed, proposed < restored,
            let phase = Rollout.Phase(word: row["phase"], cause: row["cause"]),
            let before = RequestCounts(requests: row["before_requests"], errors: row["before_errors"]),
            let generation = try GenerationStore.find(UInt64(good), in: database),
            let gateways = try? APICoding.decode([String].self, from: Data((row["gateways"] as String).utf8))
        else { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the roll-out cannot be read") }
        let saved = Rollout.Saved(
            generations: .init(good: UInt64(good), proposed: UInt64(proposed), restored: UInt64(restored)),
            phase: phase, canary: row["canary"], before: before, isReleased: row["is_released"],
            gateways: gateways)
        return StagedRollout(
            rollout: resume(saved), good: generation, author: row["author"], reason: row["reason"],
            beganAt: row["began_at"], changedAt: row["changed_at"], outcome: row["outcome"])
    }

    static func write(_ staged: StagedRollout, in database: Database) throws {
        let saved = staged.rollout.saved
        try database.execute(
            sql: """
                INSERT OR REPLACE INTO rollout
                (only, good, proposed, restored, phase, cause, canary, before_requests, before_errors, is_released,
                 gateways, author, reason, began_at, changed_at, outcome)
                VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                Int64(saved.generations.good), Int64(saved.generations.proposed), Int64(saved.generations.restored),
                saved.phase.word, saved.phase.cause?.rawValue, saved.canary, saved.before.requests,
                saved.before.errors, saved.isReleased,
                String(decoding: APICoding.encode(saved.gateways), as: UTF8.self), staged.author, staged.reason,
                staged.beganAt, staged.changedAt,
                staged.outcome,
            ])
    }
}
