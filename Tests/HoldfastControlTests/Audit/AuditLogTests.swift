import Crypto
import Foundation
import GRDB
import HoldfastAPI
import Testing

@testable import HoldfastControl

@Suite("The audit log")
struct AuditLogTests {
    private struct Refused: Error {}

    private static let anna = Actor(principal: "anna", kind: "operator")

    private static func event(_ target: String = "openai") -> AuditEvent {
        AuditEvent(anna, "overrides.create", target, ["reason": "they are down"])
    }

    @Test("A change stands between what was intended and what became of it")
    func change() async throws {
        let folder = try TestFolder()
        let (store, log) = try await folder.openLog()
        let found = try await log.change(Self.event(), now: 5) { try $0.setFact("answer", "42") }
        #expect(found == 1)
        let page = try await log.entries(from: 0, limit: 10)
        #expect(page.entries.map(\.phase) == [.intended, .completed])
        #expect(page.entries[1].intent == 0)
        #expect(page.size == 2)
        let fact = try await store.read { try $0.fact("answer") }
        #expect(fact == "42")
    }

    @Test("What fails changes nothing, and the log says that it failed and why")
    func failure() async throws {
        let folder = try TestFolder()
        let (store, log) = try await folder.openLog()
        await #expect(throws: Refused.self) {
            _ = try await log.change(Self.event(), now: 5) { database -> Int in
                _ = try database.setFact("answer", "42")
                throw Refused()
            }
        }
        let page = try await log.entries(from: 0, limit: 10)
        #expect(page.entries.map(\.phase) == [.intended, .failed])
        #expect(page.entries[1].details["failure"] == "Refused()")
        let fact = try await store.read { try $0.fact("answer") }
        #expect(fact == nil)
    }

    @Test("Without a record there is no change")
    func noRecord() async throws {
        let folder = try TestFolder()
        let (store, log) = try await folder.openLog()
        try await store.write { try $0.execute(sql: "ALTER TABLE audit RENAME TO lost") }
        await #expect(throws: StoreFailure.self) {
            _ = try await log.change(Self.event(), now: 5) { try $0.setFact("answer", "42") }
        }
        let fact = try await store.read { try $0.fact("answer") }
        #expect(fact == nil)
    }

    @Test("What SQLite undoes by itself, as where the disk fails, leaves no trace in what is signed")
    func undone() async throws {
        let folder = try TestFolder()
        let (store, log) = try await folder.openLog()
        for event in ["INSERT", "DELETE"] {
            try await store.write {
                try $0.execute(
                    sql: "CREATE TRIGGER undo BEFORE \(event) ON audit_open BEGIN SELECT RAISE(ROLLBACK, 'undone'); END"
                )
            }
            await #expect(throws: StoreFailure.self) {
                _ = try await log.change(Self.event(), now: 5) { try $0.setFact("answer", "42") }
            }
            try await store.write { try $0.execute(sql: "DROP TRIGGER undo") }
            try await log.note(Self.event("later"), now: 6)
            _ = try await log.checkpoint()
        }
        let verification = AuditVerification(
            try AuditRecord.read(database: folder.database), key: folder.key.key.publicKey)
        #expect(verification.faults.isEmpty)
        #expect(verification.signedSize == 3, "two notes, and what was intended where it could not be undone")
        let fact = try await store.read { try $0.fact("answer") }
        #expect(fact == nil)
    }

    @Test("What a process left open is closed as interrupted by the next")
    func interrupted() async throws {
        let folder = try TestFolder()
        let (store, log) = try await folder.openLog()
        _ = try await log.open(Self.event(), now: 5)
        store.close()
        let (_, next) = try await folder.openLog()
        let page = try await next.entries(from: 0, limit: 10)
        #expect(page.entries.map(\.phase) == [.intended, .interrupted])
        #expect(page.entries[1].intent == 0)
    }

    @Test("A log that goes on after a restart verifies as one")
    func reopened() async throws {
        let folder = try TestFolder()
        let (store, log) = try await folder.openLog()
        for number in 0..<300 { try await log.note(Self.event("\(number)"), now: 5) }
        let held = try await log.checkpoint()
        store.close()
        let (_, next) = try await folder.openLog()
        try await next.note(Self.event("after"), now: 6)
        _ = try await next.checkpoint()
        let record = try AuditRecord.read(database: folder.database)
        #expect(record.checkpoints.count == 3, "one at 256, one asked for at 300, one at 301")
        let verification = AuditVerification(record, key: folder.key.key.publicKey, held: [held])
        #expect(verification.faults == [])
        #expect(verification.size == 301)
        #expect(verification.signedSize == 301)
    }

    // MARK: - Tampering

    private func record(_ folder: TestFolder) async throws -> AuditRecord {
        let (_, log) = try await folder.openLog()
        for number in 0..<5 { try await log.note(Self.event("\(number)"), now: 5) }
        _ = try await log.checkpoint()
        for number in 5..<9 { try await log.note(Self.event("\(number)"), now: 5) }
        _ = try await log.checkpoint()
        return try AuditRecord.read(database: folder.database)
    }

    @Test("An edit, a swap, a missing entry and a cut are each found")
    func tampering() async throws {
        let folder = try TestFolder()
        let record = try await record(folder)
        let key = folder.key.key.publicKey
        #expect(AuditVerification(record, key: key).isGood)

        var edited = record
        edited.leaves[2] = Data(String(decoding: record.leaves[2], as: UTF8.self).replacing("anna", with: "otto").utf8)
        #expect(AuditVerification(edited, key: key).faults == [.differs(size: 5), .differs(size: 9)])

        var swapped = record
        swapped.leaves.swapAt(6, 7)
        #expect(AuditVerification(swapped, key: key).faults == [.entry(6), .entry(7), .differs(size: 9)])

        var missing = record
        missing.leaves.remove(at: 6)
        #expect(
            AuditVerification(missing, key: key).faults
                == [.entry(6), .entry(7), .truncated(size: 8, signed: 9)])

        var cut = record
        cut.leaves.removeLast(3)
        #expect(AuditVerification(cut, key: key).faults == [.truncated(size: 6, signed: 9)])
    }

    @Test("A log cut together with its checkpoints is found by one that was kept elsewhere")
    func cutWithCheckpoints() async throws {
        let folder = try TestFolder()
        let record = try await record(folder)
        var cut = record
        cut.leaves.removeLast(4)
        cut.checkpoints.removeLast()
        let key = folder.key.key.publicKey
        #expect(AuditVerification(cut, key: key).isGood, "nothing in it says that more was there")
        let faults = AuditVerification(cut, key: key, held: [record.checkpoints[1]]).faults
        #expect(faults == [.truncated(size: 5, signed: 9)])
    }

    @Test("Two logs of one origin are found, and so is another key")
    func forkAndForeignKey() async throws {
        let folder = try TestFolder()
        let record = try await record(folder)
        let key = folder.key.key
        let note = try #require(SignedNote(record.checkpoints[1], key: key.publicKey))
        let checkpoint = try #require(Checkpoint(text: note.text))
        let other = Checkpoint(origin: checkpoint.origin, size: 9, root: .empty)
        let fork = try SignedNote(signing: other.text, as: "holdfast-audit", key: key).description(key: key.publicKey)
        #expect(
            AuditVerification(record, key: key.publicKey, held: [fork]).faults == [.forked(size: 9), .differs(size: 9)])

        let stranger = Curve25519.Signing.PrivateKey()
        let faults = AuditVerification(record, key: stranger.publicKey).faults
        #expect(faults.count == 2)
        for fault in faults {
            guard case .foreign = fault else {
                Issue.record("\(fault)")
                continue
            }
        }
    }

    @Test("A database whose log was edited does not start")
    func editedDatabase() async throws {
        let folder = try TestFolder()
        let (store, log) = try await folder.openLog()
        try await log.note(Self.event(), now: 5)
        _ = try await log.checkpoint()
        try await store.write {
            try $0.execute(sql: "UPDATE audit SET hash = ?", arguments: [Data(repeating: 7, count: 32)])
        }
        store.close()
        let failure = await #expect(throws: StoreFailure.self) { _ = try await folder.openLog() }
        #expect(failure?.kind == .damaged)
    }
}

extension Database {
    fileprivate func setFact(_ name: String, _ value: String) throws -> Int {
        try execute(sql: "INSERT INTO facts VALUES (?, ?)", arguments: [name, value])
        return changesCount
    }

    fileprivate func fact(_ name: String) throws -> String? {
        try String.fetchOne(self, sql: "SELECT value FROM facts WHERE name = ?", arguments: [name])
    }
}
