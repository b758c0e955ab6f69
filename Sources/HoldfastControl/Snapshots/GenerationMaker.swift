import GRDB
import HoldfastAPI

/// Numbers, signs and keeps generations, within one transaction.
struct GenerationMaker {
    /// The first number that is free; those above it are as well.
    let first: UInt64
    private let key: SigningKey
    private let author: String
    private let madeAt: Int64
    private let overrides: [OverrideView]
    private let keys: [IssuedKeyDigest]?
    private let database: Database

    /// - Parameter newest: what was made last.
    init(key: SigningKey, author: String, madeAt: Int64, after newest: Generation?, in database: Database) throws {
        first = max((newest?.number ?? 0) + 1, try GenerationStore.least(in: database))
        self.key = key
        self.author = author
        self.madeAt = madeAt
        overrides = try OverrideStore.open(in: database)
        keys = try KeyStore.issued(in: database)
        self.database = database
    }

    func make(_ draft: Snapshots.Draft, _ number: UInt64) throws -> Generation {
        let payload = SnapshotPayload(
            number: number, origin: key.publicText, madeAt: madeAt, author: author, reason: draft.reason,
            confirmed: draft.confirmed, name: draft.name, document: draft.document, overrides: overrides,
            keys: keys)
        let generation = Generation(payload: payload, signed: try SignedSnapshot(payload, key: key.key))
        try GenerationStore.insert(generation, in: database)
        return generation
    }

    /// The document of a generation that was in force already, so there is nothing to confirm in it.
    func again(_ old: Generation, _ number: UInt64, reason: String) throws -> Generation {
        try make(.unchanged(from: old, reason: reason), number)
    }
}
