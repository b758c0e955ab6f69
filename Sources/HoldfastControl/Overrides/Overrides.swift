import Foundation
import HoldfastAPI
import HoldfastCore

/// What operators do at run time. Each change is a new generation, so that gateways hear of it as of everything else.
package struct Overrides: Sendable {
    let snapshots: Snapshots
    let audit: AuditLog

    struct NewOverride: Sendable {
        var effect: OverrideEffectView
        var reason: String
        var lifetimeMilliseconds: Int64
    }

    func create(
        _ new: NewOverride, expected: UInt64?, by actor: Actor, now: Int64
    ) async throws -> (override: OverrideView, generation: UInt64) {
        guard new.effect.kind != "fault" else { throw ProblemView.faultWithoutDrill }
        guard let newest = snapshots.newest else { throw ProblemView.nothingPublished }
        let id = "\(new.effect.kind)-\(Self.word())"
        let (expiresAt, overflow) = now.addingReportingOverflow(new.lifetimeMilliseconds)
        let view = OverrideView(
            id: id, effect: new.effect, author: actor.principal, reason: new.reason, createdAt: now,
            expiresAt: overflow ? .max : expiresAt)
        let problems: [OverrideProblem]
        do throws(OverrideProblem) {
            let override = try view.override()
            // During a roll-out most gateways have the document before: what stands in either may be meant.
            let inForce = [newest, snapshots.goodDuringRollout].compactMap(\.self)
            var found: [[OverrideProblem]] = []
            for generation in inForce {
                found.append(override.problems(in: try snapshot(of: generation), nowMilliseconds: now))
            }
            problems = found.contains { $0.isEmpty } ? [] : found[0]
        } catch {
            problems = [error]
        }
        guard problems.isEmpty else {
            throw ProblemView.invalid(
                problems.map { ProblemView.Field(field: $0.field, message: $0.message, mend: $0.mend) })
        }
        let permission: Permission = new.effect.kind == "restrict" ? .restrictionsCreate : .overridesCreate
        let event = AuditEvent(
            actor, permission.rawValue, id,
            ["reason": new.reason, "effect": String(decoding: APICoding.encode(new.effect), as: UTF8.self)])
        let made = try await snapshots.change(event, expected: expected, now: now) { previous, database in
            guard let previous else { throw ProblemView.nothingPublished }
            guard previous.payload.overrides.count < OverrideSet.most else {
                throw ProblemView.conflict(OverrideSet.Refusal.full.message, mend: OverrideSet.Refusal.full.mend)
            }
            try OverrideStore.insert(view, in: database)
            return .unchanged(from: previous, reason: new.reason)
        }
        return (view, made.number)
    }

    /// Ends it before its time. Ending what has ended changes nothing.
    func clear(_ id: String, reason: String, by actor: Actor, now: Int64) async throws -> OverrideView {
        guard let found = try await audit.store.read({ try OverrideStore.find(id, in: $0) }) else {
            throw ProblemView.notFound("override")
        }
        guard found.endedAt == nil else { return found }
        try await end(found, reason: reason, by: actor, now: now)
        var ended = found
        ended.endedAt = now
        ended.endedBy = actor.principal
        return ended
    }

    /// Ends what has expired. Returns how many.
    package func expire(now: Int64) async throws -> Int {
        let open = try await audit.store.read { try OverrideStore.open(in: $0) }
        let expired = open.filter { view in
            (try? view.override()).map { !$0.isInForce(nowMilliseconds: now) } ?? false
        }
        for override in expired { try await end(override, reason: "its time is over", by: .system, now: now) }
        return expired.count
    }

    private func end(_ override: OverrideView, reason: String, by actor: Actor, now: Int64) async throws {
        let permission: Permission = override.effect.kind == "restrict" ? .restrictionsClear : .overridesClear
        let event = AuditEvent(actor, permission.rawValue, override.id, ["reason": reason])
        _ = try await snapshots.change(event, now: now) { previous, database in
            guard let previous else { throw ProblemView.nothingPublished }
            try OverrideStore.end(override.id, by: actor.principal, now: now, in: database)
            return .unchanged(from: previous, reason: reason)
        }
    }

    /// - Parameter place: the id of the last one of the page before.
    func list(after place: String?, limit: Int) async throws -> [OverrideView] {
        try await audit.store.read { try OverrideStore.list(after: place, limit: limit, in: $0) }
    }

    func find(_ id: String) async throws -> OverrideView? {
        try await audit.store.read { try OverrideStore.find(id, in: $0) }
    }

    private func snapshot(of generation: Generation) throws(OverrideProblem) -> Snapshot {
        do {
            return try snapshots.snapshot(of: generation)
        } catch {
            throw OverrideProblem(
                "effect", "the newest configuration cannot be read: \(error)", mend: "publish one that is valid")
        }
    }

    /// Short enough to be read aloud, and never the same twice in practice.
    static func word() -> String {
        var system = SystemRandomNumberGenerator()
        return String(system.next() as UInt64, radix: 36).suffix(8).lowercased()
    }
}

extension ProblemView {
    static let faultWithoutDrill = invalid([
        Field(
            field: "effect", message: "a fault has a lease, a baseline and a verdict, and so is part of a drill",
            mend: "start a drill: POST /v1/drills, or holdfast drill run")
    ])

    static let nothingPublished = conflict(
        "no configuration has been published yet", mend: "publish one: holdfast config publish holdfast.yaml --reason …"
    )
}
