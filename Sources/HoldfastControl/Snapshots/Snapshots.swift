import Foundation
import GRDB
import HoldfastAPI
import HoldfastCore
import Synchronization

/// What gateways are to do: the document and the overrides, compiled, numbered and signed. Every change of either is a new
/// generation; to go back is one as well.
package final class Snapshots: Sendable {
    private let audit: AuditLog
    private let key: SigningKey
    /// Where the document's relative references begin, for checking them.
    private let directory: String
    private let environment: [String: String]
    private let latest: Mutex<Generation?>

    init(
        audit: AuditLog, key: SigningKey, directory: String, environment: [String: String]
    ) async throws {
        self.audit = audit
        self.key = key
        self.directory = directory
        self.environment = environment
        latest = Mutex(try await audit.store.read { try GenerationStore.newest(in: $0) })
    }

    var newest: Generation? { latest.withLock { $0 } }

    func find(_ number: UInt64) async throws -> Generation? {
        try await audit.store.read { try GenerationStore.find(number, in: $0) }
    }

    func list(below number: UInt64?, limit: Int) async throws -> [Generation] {
        try await audit.store.read { try GenerationStore.list(below: number, limit: limit, in: $0) }
    }

    // MARK: - Changes

    /// Of what a generation is made.
    struct Draft: Sendable {
        var name: String
        var document: String
        var reason: String
        var confirmed = false

        /// Something beside the document has changed.
        static func unchanged(from generation: Generation, reason: String) -> Draft {
            Draft(
                name: generation.payload.name, document: generation.payload.document, reason: reason, confirmed: true)
        }
    }

    /// - Parameter expected: the newest number that the author has seen; nil: whatever it is.
    func publish(_ draft: Draft, expected: UInt64?, by actor: Actor, now: Int64) async throws -> Generation {
        let issued = try await audit.store.read { try KeyStore.issued(in: $0) }
        let snapshot = try compile(draft, issued: issued).snapshot
        if !draft.confirmed { try Self.checkKeys(issued ?? [], in: snapshot) }
        let event = AuditEvent(
            actor, Permission.snapshotsPublish.rawValue, draft.name,
            ["reason": draft.reason, "digest": Self.digest(draft.document)])
        return try await change(event, expected: expected, now: now) { previous, _ in
            if let previous { try Self.checkSize(draft, after: previous) }
            return draft
        }
    }

    /// The document of an earlier generation under a new number; the overrides in force stay.
    func rollback(to number: UInt64, reason: String, by actor: Actor, now: Int64) async throws -> Generation {
        guard let old = try await find(number) else { throw ProblemView.notFound("generation") }
        let draft = Draft.unchanged(from: old, reason: reason)
        _ = try compile(draft, issued: try await audit.store.read { try KeyStore.issued(in: $0) })
        let event = AuditEvent(
            actor, Permission.snapshotsRollback.rawValue, "\(number)", ["reason": reason])
        return try await change(event, expected: nil, now: now) { _, _ in draft }
    }

    /// A new generation because something else has changed, in the transaction of that change.
    ///
    /// - Parameter alter: makes the change.
    func change(
        _ event: AuditEvent, expected: UInt64? = nil, now: Int64,
        _ alter: @escaping @Sendable (_ previous: Generation?, Database) throws -> Draft
    ) async throws -> Generation {
        let made = try await audit.change(event, now: now) { database in
            let previous = try GenerationStore.newest(in: database)
            if let expected, expected != previous?.number ?? 0 {
                throw ProblemView.stale(expected: expected, newest: previous?.number ?? 0)
            }
            let draft = try alter(previous, database)
            let payload = SnapshotPayload(
                number: max((previous?.number ?? 0) + 1, try GenerationStore.least(in: database)),
                origin: self.key.publicText, madeAt: now,
                author: event.actor.principal, reason: draft.reason, confirmed: draft.confirmed, name: draft.name,
                document: draft.document, overrides: try OverrideStore.open(in: database),
                keys: try KeyStore.issued(in: database))
            let generation = Generation(payload: payload, signed: try SignedSnapshot(payload, key: self.key.key))
            try GenerationStore.insert(generation, in: database)
            return generation
        }
        latest.withLock { if made.number > $0?.number ?? 0 { $0 = made } }
        return made
    }

    /// Checks the document with the compiler that gateways use. References that can only be read where a gateway runs
    /// count as right.
    private func compile(_ draft: Draft, issued: [IssuedKeyDigest]?) throws -> LoadedConfiguration {
        do {
            return try ConfigurationFile.compile(
                text: draft.document, name: draft.name, directory: directory, environment: environment,
                issued: issued?.compactMap(\.issuedKey), readsReferences: false)
        } catch {
            throw ProblemView.document(error)
        }
    }

    func snapshot(of generation: Generation) throws -> Snapshot {
        let payload = generation.payload
        return try compile(.unchanged(from: generation, reason: payload.reason), issued: payload.keys).snapshot
    }

    /// Clients whose keys have no place in the document would be refused from one second to the next.
    private static func checkKeys(_ issued: [IssuedKeyDigest], in snapshot: Snapshot) throws {
        let digests = Set(snapshot.keys.map(\.digest))
        let lost = issued.filter { key in ClientKeyHash.digest(key.hash).map { !digests.contains($0) } ?? true }
        guard let first = lost.first else { return }
        let others = lost.count > 1 ? " and \(lost.count - 1) more" : ""
        throw ProblemView.conflict(
            "the client key \(first.id)\(others) would be refused: the document has no workload \(first.workload), or "
                + "a key of the same id",
            mend:
                "keep the workload, end the keys (holdfast keys revoke), or, where that is meant, send confirmed: true")
    }

    /// Half a configuration is valid too, and so is somebody else's.
    private static func checkSize(_ draft: Draft, after previous: Generation) throws {
        let (new, old) = (draft.document.utf8.count, previous.payload.document.utf8.count)
        guard !draft.confirmed, new > old * SnapshotAcceptance.factor, new > SnapshotAcceptance.alwaysFineBytes else {
            return
        }
        throw ProblemView.conflict(
            "the document has grown from \(old) to \(new) bytes", mend: "where that is meant, send confirmed: true")
    }

    private static func digest(_ document: String) -> String {
        MerkleHash.leaf(Data(document.utf8)).bytes.prefix(8).map { String($0, radix: 16) }.joined()
    }
}

extension ProblemView {
    static func stale(expected: UInt64, newest: UInt64) -> ProblemView {
        ProblemView(
            "stale", "Somebody was faster", status: 412,
            detail: "generation \(newest) is the newest, and the request speaks of \(expected)",
            mend: "look at what has changed, and send the request again with If-Match: \"\(newest)\" (by "
                + "command: --if-match \(newest))")
    }

    static func document(_ problems: ConfigurationProblems) -> ProblemView {
        invalid(
            problems.problems.map {
                Field(
                    field: $0.path.isEmpty ? "document" : $0.path,
                    message: "\(problems.file):\($0.line):\($0.column): \($0.message)", mend: $0.mend)
            })
    }
}
