import HoldfastAPI
import HoldfastCore

/// Client keys that are made and ended while everything runs, beside those that an admin writes into the document. Each
/// change is a new generation, so that gateways hear of it within seconds and keep it on disk like everything else.
struct Keys: Sendable {
    /// Ended ones included: a bound on what every snapshot may come to carry.
    static let most = 10_000

    let snapshots: Snapshots
    let audit: AuditLog

    struct NewKey: Sendable {
        var id: String
        var workload: String
        var note = ""
    }

    /// - Returns: its text, which is not kept, and what is.
    func create(
        _ new: NewKey, expected: UInt64?, by actor: Actor, now: Int64
    ) async throws -> (text: String, row: KeyRow, generation: UInt64) {
        guard let newest = snapshots.newest else { throw ProblemView.nothingPublished }
        try check(new, against: try snapshots.snapshot(of: newest))
        var random = SystemRandomNumberGenerator()
        let text = KeyText.make(kind: .client, id: new.id, using: &random)
        let row = KeyRow(
            id: new.id, hash: ClientKeyHash.of(text), workload: new.workload, note: new.note, madeBy: actor.principal,
            madeAt: now)
        let event = AuditEvent(actor, Permission.keysCreate.rawValue, new.id, ["workload": new.workload])
        let made = try await snapshots.change(event, expected: expected, now: now) { previous, database in
            guard let previous else { throw ProblemView.nothingPublished }
            guard try KeyStore.find(row.id, in: database) == nil else { throw ProblemView.keyExists }
            guard try KeyStore.count(in: database) < Self.most else {
                throw ProblemView.conflict("there are \(Self.most) client keys", mend: "look for who makes so many")
            }
            try KeyStore.insert(row, in: database)
            return .unchanged(from: previous, reason: "client key \(row.id)")
        }
        return (text, row, made.number)
    }

    private func check(_ new: NewKey, against snapshot: Snapshot) throws {
        var fields: [ProblemView.Field] = []
        if !KeyText.isLegalID(new.id) {
            fields.append(.illegalID)
        } else if snapshot.keys.contains(where: { $0.id == new.id }) {
            throw ProblemView.keyExists
        }
        if let field = ProblemView.Field.illegalNote(new.note) { fields.append(field) }
        if !snapshot.workloads.contains(where: { $0.id == new.workload }) {
            fields.append(
                .init(
                    field: "workload", message: "the newest configuration has no such workload",
                    mend: snapshot.workloads.isEmpty
                        ? "publish a configuration with workloads"
                        : "use one of \(snapshot.workloads.map(\.id).prefix(20).joined(separator: ", "))"))
        }
        guard fields.isEmpty else { throw ProblemView.invalid(fields) }
    }

    /// Ending what has ended changes nothing.
    func revoke(_ id: String, by actor: Actor, now: Int64) async throws {
        guard let row = try await audit.store.read({ try KeyStore.find(id, in: $0) }) else {
            throw ProblemView.notFound("client key")
        }
        guard row.revokedAt == nil else { return }
        let event = AuditEvent(actor, Permission.keysRevoke.rawValue, id, ["workload": row.workload])
        _ = try await snapshots.change(event, now: now) { previous, database in
            guard let previous else { throw ProblemView.nothingPublished }
            try KeyStore.revoke(id, by: actor.principal, now: now, in: database)
            return .unchanged(from: previous, reason: "client key \(id) ended")
        }
    }

    func list(after place: String?, limit: Int) async throws -> [KeyRow] {
        try await audit.store.read { try KeyStore.list(after: place, limit: limit, in: $0) }
    }
}

extension ProblemView {
    fileprivate static let keyExists = conflict(
        "there is, or was, a client key of this id", mend: "use another id: an id means one key for ever")
}
