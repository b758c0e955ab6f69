import Foundation
import GRDB
import HoldfastAPI
import HoldfastCore

/// A drill as the store keeps it: as people see it, and what it is held against later.
struct StoredDrill: Sendable {
    var view: DrillView
    /// Milliseconds since 1970.
    var beganAt: Int64
    var endedAt: Int64?
    var coverage: [DrillCoverage] = []
}

enum DrillStore {
    /// What was not ended, the oldest first.
    static func open(in database: Database) throws -> [StoredDrill] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM drills WHERE phase <> ? ORDER BY began_at, id",
            arguments: [DrillView.Phase.done.rawValue]
        ).map(read)
    }

    /// The newest first, begun before the drill `place`.
    static func list(after place: String?, limit: Int, in database: Database) throws -> [StoredDrill] {
        guard let place else {
            return try Row.fetchAll(
                database, sql: "SELECT * FROM drills ORDER BY began_at DESC, id DESC LIMIT ?", arguments: [limit]
            ).map(read)
        }
        return try Row.fetchAll(
            database,
            sql: """
                SELECT * FROM drills
                WHERE (began_at, id) < (SELECT began_at, id FROM drills WHERE id = ?)
                ORDER BY began_at DESC, id DESC LIMIT ?
                """, arguments: [place, limit]
        ).map(read)
    }

    static func find(_ id: String, in database: Database) throws -> StoredDrill? {
        try Row.fetchOne(database, sql: "SELECT * FROM drills WHERE id = ?", arguments: [id]).map(read)
    }

    /// Those that say something about a fallback, the newest first.
    static func covering(limit: Int, in database: Database) throws -> [StoredDrill] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT * FROM drills WHERE verdict IN ('pass', 'fail') AND coverage <> '[]'
                ORDER BY began_at DESC, id DESC LIMIT ?
                """, arguments: [limit]
        ).map(read)
    }

    static func insert(_ drill: StoredDrill, in database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO drills (id, plan, route, phase, verdict, began_at, ended_at, view, coverage)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                drill.view.id, drill.view.plan, drill.view.route, drill.view.phase.rawValue,
                drill.view.verdict?.rawValue, drill.beganAt, drill.endedAt, text(drill.view),
                text(drill.coverage.map(CoveredFallbackView.init)),
            ])
    }

    /// - Parameter phase: what it is in as far as whoever writes this knows; where it is in another, somebody was faster.
    static func update(_ drill: StoredDrill, from phase: DrillView.Phase, in database: Database) throws {
        try database.execute(
            sql: "UPDATE drills SET phase = ?, verdict = ?, ended_at = ?, view = ? WHERE id = ? AND phase = ?",
            arguments: [
                drill.view.phase.rawValue, drill.view.verdict?.rawValue, drill.endedAt, text(drill.view),
                drill.view.id, phase.rawValue,
            ])
        guard database.changesCount == 1 else { throw ProblemView.drillOvertaken }
    }

    private static func text(_ value: some Encodable) -> String {
        String(decoding: APICoding.encode(value), as: UTF8.self)
    }

    private static func read(_ row: Row) throws -> StoredDrill {
        let (view, coverage): (String, String) = (row["view"], row["coverage"])
        return StoredDrill(
            view: try APICoding.decode(DrillView.self, from: Data(view.utf8)), beganAt: row["began_at"],
            endedAt: row["ended_at"],
            coverage: try APICoding.decode([CoveredFallbackView].self, from: Data(coverage.utf8))
                .map(DrillCoverage.init))
    }

    // MARK: - The lever

    private static let haltFact = "drill_halt"

    static func halt(in database: Database) throws -> DrillHaltView {
        let kept = try String.fetchOne(
            database, sql: "SELECT value FROM facts WHERE name = ?", arguments: [haltFact])
        guard let kept else { return DrillHaltView(halted: false) }
        return try APICoding.decode(DrillHaltView.self, from: Data(kept.utf8))
    }

    static func write(_ halt: DrillHaltView, in database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO facts VALUES (?, ?)", arguments: [haltFact, text(halt)])
    }

    // MARK: - Schedules

    static func schedules(in database: Database) throws -> [String: StoredSchedule] {
        var found: [String: StoredSchedule] = [:]
        for row in try Row.fetchAll(database, sql: "SELECT * FROM drill_schedules") {
            found[row["name"]] = StoredSchedule(
                handledAt: row["handled_at"], announcedAt: row["announced_at"], lastAt: row["last_at"],
                lastOutcome: (row["last_outcome"] as String?).flatMap(DrillScheduleView.Outcome.init(rawValue:)),
                lastDrill: row["last_drill"], lastProblem: row["last_problem"], missed: row["missed"])
        }
        return found
    }

    static func write(_ schedule: StoredSchedule, of name: String, in database: Database) throws {
        try database.execute(
            sql: """
                INSERT OR REPLACE INTO drill_schedules
                (name, handled_at, announced_at, last_at, last_outcome, last_drill, last_problem, missed)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                name, schedule.handledAt, schedule.announcedAt, schedule.lastAt, schedule.lastOutcome?.rawValue,
                schedule.lastDrill, schedule.lastProblem, schedule.missed,
            ])
    }
}

/// What became of a schedule. Instants are milliseconds since 1970.
struct StoredSchedule: Sendable, Equatable {
    /// Up to here all that was due is started or known to be missed.
    var handledAt: Int64
    var announcedAt: Int64?
    var lastAt: Int64?
    var lastOutcome: DrillScheduleView.Outcome?
    var lastDrill: String?
    var lastProblem: String?
    var missed = 0
}

extension CoveredFallbackView {
    init(_ coverage: DrillCoverage) {
        let fingerprint = coverage.fingerprint
        self.init(
            route: fingerprint.route, deployment: fingerprint.deployment, isNext: coverage.isNext,
            facts: fingerprint.facts.map { Fact(name: $0.name, value: $0.value) })
    }
}

extension DrillCoverage {
    init(_ view: CoveredFallbackView) {
        let facts = view.facts.map { FallbackFingerprint.Fact($0.name, $0.value) }
        self.init(
            FallbackFingerprint(route: view.route, deployment: view.deployment, facts: facts), isNext: view.isNext)
    }
}
