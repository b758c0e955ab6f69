import Crypto
import Foundation
import GRDB
import HoldfastAPI
import HoldfastCore

extension Drills {
    /// A drill writes about ten; a table-top one or two for each of its steps.
    private static let mostEntries = 1_000

    /// Of a drill that has ended: what could still change is no evidence.
    func evidence(of id: String, for actor: Actor, now: Int64) async throws -> SignedEvidence {
        guard let drill = try await stored(id) else { throw ProblemView.notFound("drill") }
        guard drill.view.phase == .done else { throw ProblemView.drillIsOpen }
        let checkpoint = try await audit.checkpoint()
        guard let size = Checkpoint(unverified: checkpoint)?.size else {
            preconditionFailure("a checkpoint of ours is one")
        }
        var evidence = DrillEvidence(
            madeAt: TimeOfDay.text(milliseconds: now), madeBy: actor.principal, version: version, key: key.publicText,
            drill: drill.view, checkpoint: checkpoint)
        evidence.covers = drill.coverage.map(CoveredFallbackView.init)
        evidence.configuration = try await snapshots.find(drill.view.generation).map(DrillEvidence.Configuration.init)
        for entry in try await audit.entries(about: id, below: size, most: Self.mostEntries) {
            let proof = try await audit.inclusion(of: entry.number, size: size)
            evidence.audit.append(DrillEvidence.Entry(entry: entry, proof: proof))
        }
        return try SignedEvidence(evidence, key: key.key)
    }
}

extension AuditLog {
    /// Entries whose target it is, in their order. Looks at every entry: auditors ask seldom.
    func entries(about target: String, below size: Int, most: Int) async throws -> [AuditEntry] {
        let rows = try await store.read { database in
            try Data.fetchAll(
                database,
                sql: "SELECT entry FROM audit WHERE number < ? AND instr(entry, CAST(? AS BLOB)) > 0 ORDER BY number",
                arguments: [size, target])
        }
        let found = rows.compactMap { try? JSONDecoder().decode(AuditEntry.self, from: $0) }
        return Array(found.filter { $0.target == target }.prefix(most))
    }
}

extension DrillEvidence.Configuration {
    init(_ generation: Generation) {
        let payload = generation.payload
        self.init(
            generation: payload.number, name: payload.name, madeAt: TimeOfDay.text(milliseconds: payload.madeAt),
            author: payload.author, reason: payload.reason,
            digest: SHA256.hash(data: Data(payload.document.utf8)).map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }.joined())
    }
}

extension ProblemView {
    static let drillIsOpen = conflict(
        "the drill is not over, and what could still change is no evidence",
        mend: "wait until it has a verdict: holdfast drill show ID")
}
