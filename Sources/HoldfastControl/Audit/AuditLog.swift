import Crypto
import Foundation
package import GRDB
package import HoldfastAPI
import Synchronization

/// Who did it, as the audit log names them.
package struct Actor: Sendable, Equatable {
    package var principal: String
    package var kind: String

    package init(principal: String, kind: String) {
        self.principal = principal
        self.kind = kind
    }

    /// The process itself: expiries, checkpoints, what it finds at its start.
    package static let system = Actor(principal: "holdfast", kind: "system")
}

/// What an entry says, without its number, its time and its phase.
package struct AuditEvent: Sendable {
    package var actor: Actor
    package var action: String
    package var target: String
    package var details: [String: String]

    package init(_ actor: Actor, _ action: String, _ target: String, _ details: [String: String] = [:]) {
        self.actor = actor
        self.action = action
        self.target = target
        self.details = details
    }
}

/// The one way to change anything: recorded before, changed, recorded after. Where the first record cannot be written
/// nothing is changed; the second stands in the transaction of the change itself.
package final class AuditLog: Sendable {
    /// A checkpoint at least so often.
    package static let checkpointEntries = 256

    let store: ControlStore
    private let key: SigningKey
    private let origin: String
    /// Of what is committed.
    private let tree: Mutex<MerkleTree>
    /// Hears of what was done, with what it came to.
    typealias Hearer = @Sendable (AuditEvent, AuditEntry.Phase, _ told: [String: String], _ now: Int64) -> Void
    private let hearer = Mutex<Hearer?>(nil)

    /// Reads the log, holds it against its newest checkpoint, and closes what a process before this one left open.
    package init(store: ControlStore, key: SigningKey, now: Int64) async throws {
        self.store = store
        self.key = key
        let (hashes, origin, newest) = try await store.read { database in
            (
                try Data.fetchAll(database, sql: "SELECT hash FROM audit ORDER BY number"),
                try String.fetchOne(database, sql: "SELECT value FROM facts WHERE name = 'origin'"),
                try String.fetchOne(database, sql: "SELECT note FROM audit_checkpoints ORDER BY size DESC LIMIT 1")
            )
        }
        tree = Mutex(try Self.tree(of: hashes, newest: newest, key: key))
        if let origin {
            self.origin = origin
        } else {
            let made = "holdfast.control/\(UUID().uuidString.lowercased())"
            self.origin = made
            try await store.write { try $0.execute(sql: "INSERT INTO facts VALUES ('origin', ?)", arguments: [made]) }
        }
        try await closeOpen(now: now)
    }

    private static func tree(of hashes: [Data], newest: String?, key: SigningKey) throws -> MerkleTree {
        let damaged = StoreFailure(
            "the audit log does not match its newest checkpoint",
            mend: "run holdfast audit verify to see where, and restore the newest backup", kind: .damaged)
        let leaves = hashes.compactMap { MerkleHash($0) }
        guard leaves.count == hashes.count else { throw damaged }
        if let newest {
            guard let note = SignedNote(newest, key: key.key.publicKey), note.isSigned(by: key.key.publicKey),
                let checkpoint = Checkpoint(text: note.text), checkpoint.size <= leaves.count,
                MerkleProof.root(of: leaves.prefix(checkpoint.size)) == checkpoint.root
            else { throw damaged }
        }
        return MerkleTree(leaves: leaves)
    }

    /// Which management plane this is: the last part of the log's origin.
    var plane: String { origin.split(separator: "/").last.map(String.init) ?? origin }

    // MARK: - Changes

    /// - Parameters:
    ///   - body: the change, in a transaction of its own; what it throws undoes all of it.
    ///   - now: milliseconds since 1970.
    ///   - told: what it came to, for those who hear of it.
    ///   - whenCommitted: as of the store.
    package func change<Result: Sendable>(
        _ event: AuditEvent, now: Int64, told: @Sendable (Result) -> [String: String] = { _ in [:] },
        _ body: @escaping @Sendable (Database) throws -> Result,
        whenCommitted: @escaping @Sendable (Result) -> Void = { _ in }
    ) async throws -> Result {
        let intent = try await open(event, now: now)
        do {
            let result = try await write(
                { database in
                    let result = try body(database)
                    try self.close(intent, event, .completed, now: now, in: database)
                    return result
                }, whenCommitted: whenCommitted)
            tell(event, .completed, told(result), now: now)
            return result
        } catch {
            await closeFailed(intent, event, error, now: now)
            throw error
        }
    }

    /// What a change outside of the store came to.
    struct Outcome<Result: Sendable>: Sendable {
        var result: Result
        var details: [String: String] = [:]
        var phase = AuditEntry.Phase.completed
        /// What the store keeps of it, in the transaction of the second record.
        var keep: @Sendable (Database) throws -> Void = { _ in }
    }

    /// A change whose effect is outside of the store, such as files: recorded before, made, recorded after.
    func perform<Result: Sendable>(
        _ event: AuditEvent, now: Int64, _ work: @Sendable () async throws -> Outcome<Result>
    ) async throws -> Result {
        let intent = try await open(event, now: now)
        do {
            let outcome = try await work()
            var ended = event
            ended.details.merge(outcome.details) { _, new in new }
            try await write { [ended] database in
                try outcome.keep(database)
                try self.close(intent, ended, outcome.phase, now: now, in: database)
            }
            tell(ended, outcome.phase, [:], now: now)
            return outcome.result
        } catch {
            await closeFailed(intent, event, error, now: now)
            throw error
        }
    }

    /// Where not even this can be written the intent stays open, and the next start closes it.
    private func closeFailed(_ intent: Int, _ event: AuditEvent, _ error: any Error, now: Int64) async {
        var failed = event
        failed.details["failure"] = String("\(error)".prefix(500))
        try? await write { [failed] in try self.close(intent, failed, .failed, now: now, in: $0) }
        tell(failed, .failed, [:], now: now)
    }

    /// - Parameter hearer: must be quick, and must not fail; there is one.
    func hear(_ hearer: @escaping Hearer) { self.hearer.withLock { $0 = hearer } }

    private func tell(_ event: AuditEvent, _ phase: AuditEntry.Phase, _ told: [String: String], now: Int64) {
        hearer.withLock { $0 }?(event, phase, told, now)
    }

    /// Records what is about to happen. Returns the number of the record.
    func open(_ event: AuditEvent, now: Int64) async throws -> Int {
        try await write { database in
            let number = try self.append(event, .intended, intent: nil, now: now, in: database)
            try database.execute(sql: "INSERT INTO audit_open VALUES (?)", arguments: [number])
            return number
        }
    }

    /// What happened without changing anything here.
    package func note(_ event: AuditEvent, now: Int64) async throws {
        try await write { _ = try self.append(event, .noted, intent: nil, now: now, in: $0) }
    }

    private func closeOpen(now: Int64) async throws {
        try await write { database in
            for number in try Int.fetchAll(database, sql: "SELECT number FROM audit_open ORDER BY number") {
                guard
                    let leaf = try Data.fetchOne(
                        database, sql: "SELECT entry FROM audit WHERE number = ?", arguments: [number]),
                    let entry = try? JSONDecoder().decode(AuditEntry.self, from: leaf)
                else { continue }
                let event = AuditEvent(
                    Actor(principal: entry.principal, kind: entry.kind), entry.action, entry.target, entry.details)
                try self.close(number, event, .interrupted, now: now, in: database)
            }
        }
    }

    /// A transaction that appends; the tree grows with it.
    private func write<Result: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Result,
        whenCommitted: @escaping @Sendable (Result) -> Void = { _ in }
    ) async throws -> Result {
        try await store.write { database in
            let result = try body(database)
            return (result, try self.pending(in: database))
        } whenCommitted: { result, grown in
            self.tree.withLock { $0 = grown }
            whenCommitted(result)
        }.0
    }

    private func close(
        _ intent: Int, _ event: AuditEvent, _ phase: AuditEntry.Phase, now: Int64, in database: Database
    ) throws {
        _ = try append(event, phase, intent: intent, now: now, in: database)
        try database.execute(sql: "DELETE FROM audit_open WHERE number = ?", arguments: [intent])
    }

    private func append(
        _ event: AuditEvent, _ phase: AuditEntry.Phase, intent: Int?, now: Int64, in database: Database
    ) throws -> Int {
        // Only the writer appends, and it does one transaction at a time: what another one appends cannot come between.
        var tree = try pending(in: database)
        let entry = AuditEntry(
            number: tree.size, at: now, principal: event.actor.principal, kind: event.actor.kind, action: event.action,
            target: event.target, details: event.details, phase: phase, intent: intent)
        let hash = MerkleHash.leaf(entry.leaf)
        try database.execute(
            sql: "INSERT INTO audit VALUES (?, ?, ?)", arguments: [entry.number, hash.bytes, entry.leaf])
        tree.append(hash)
        if tree.size % Self.checkpointEntries == 0 { try write(checkpoint(of: tree), in: database) }
        return entry.number
    }

    /// The tree with what this transaction has appended so far.
    private func pending(in database: Database) throws -> MerkleTree {
        var tree = self.tree.withLock { $0 }
        let more = try Data.fetchAll(
            database, sql: "SELECT hash FROM audit WHERE number >= ? ORDER BY number", arguments: [tree.size])
        for hash in more.compactMap({ MerkleHash($0) }) { tree.append(hash) }
        return tree
    }

    // MARK: - Checkpoints

    package var size: Int { tree.withLock { $0.size } }

    /// Signs the log as it is, unless it was signed at this size.
    package func checkpoint() async throws -> String {
        let tree = self.tree.withLock { $0 }
        let known = try await store.read {
            try String.fetchOne(
                $0, sql: "SELECT note FROM audit_checkpoints WHERE size = ?", arguments: [tree.size])
        }
        if let known { return known }
        let note = try checkpoint(of: tree)
        try await store.write { try self.write(note, in: $0) }
        return note.note
    }

    /// Signs the log as it is when the process ends: nothing is waited for, since whoever ends is cancelled already.
    func signAtEnd() throws {
        let note = try checkpoint(of: tree.withLock { $0 })
        try store.database.write { try self.write(note, in: $0) }
    }

    private func checkpoint(of tree: MerkleTree) throws -> (size: Int, note: String) {
        let text = Checkpoint(origin: origin, size: tree.size, root: tree.root).text
        let note = try SignedNote(signing: text, as: "holdfast-audit", key: key.key)
        return (tree.size, note.description(key: key.key.publicKey))
    }

    private func write(_ checkpoint: (size: Int, note: String), in database: Database) throws {
        try database.execute(
            sql: "INSERT OR IGNORE INTO audit_checkpoints VALUES (?, ?)", arguments: [checkpoint.size, checkpoint.note])
    }

    // MARK: - Reading

    package struct Page: Sendable {
        package var entries: [AuditEntry]
        package var size: Int
    }

    /// Entries from `number` on, at most `limit` of them.
    package func entries(from number: Int, limit: Int) async throws -> Page {
        let rows = try await store.read {
            try Data.fetchAll(
                $0, sql: "SELECT entry FROM audit WHERE number >= ? ORDER BY number LIMIT ?",
                arguments: [number, limit])
        }
        return Page(entries: rows.compactMap { try? JSONDecoder().decode(AuditEntry.self, from: $0) }, size: size)
    }
}
