import Crypto
import Foundation
import GRDB
import HoldfastAPI
import HoldfastCore
import Synchronization
import Testing

@testable import HoldfastControl

/// Backups that become data directories again, and those that must not.
@Suite("Restoring", .serialized)
struct RestoreTests {
    private static let now: Int64 = 1_800_000_000_000

    /// A place with a backup of two generations, and what came after it.
    private struct Place: Sendable {
        var folder: TestFolder
        var backup: String
        var admin: String
        var entries: Int
    }

    private func place(after: @escaping @Sendable (TestControl) async throws -> Void = { _ in }) async throws -> Place {
        let folder = try TestFolder()
        let made = Mutex(Place(folder: folder, backup: "", admin: "", entries: 0))
        try await TestControl.run(in: folder) { control in
            try await control.publish()
            try await control.publish(TestControl.document + "\n# second\n")
            let view = try await control.backup()
            try await after(control)
            made.withLock {
                $0.backup = view.folder
                $0.admin = control.admin
                $0.entries = view.auditEntries ?? 0
            }
        }
        return made.withLock { $0 }
    }

    @Test("It takes the place in one step, the old one is kept, and gateways take what comes")
    func switches() async throws {
        let place = try await place { control in
            for number in 3...5 { try await control.publish(TestControl.document + "\n# \(number)\n") }
        }
        let old = try Files.read(place.folder.database)
        let report = try Restore.perform(place.backup, into: place.folder.path, key: nil, now: Self.now)
        let kept = try #require(report.kept)
        #expect(kept == "\(place.folder.path).before-restore-20270115T080000Z")
        #expect(try Files.read("\(kept)/control.sqlite") == old)
        #expect(Files.names(in: place.folder.base) == ["data", "data.before-restore-20270115T080000Z"])
        #expect(report.leastGeneration == 1_800_000_000)
        #expect((report.lostAuditEntries ?? 0) > 6 && !report.replacesKey)
        let modes = try ["", "/control.sqlite", "/signing.key"].map {
            try Files.mode(place.folder.path + $0)
        }
        #expect(modes == [0o700, 0o600, 0o400])
        for start in 1...2 {
            try await TestControl.run(in: place.folder, admin: place.admin) { control in
                let newest = try #require(control.server.snapshots.newest)
                // The second document was not proven yet: it goes on being rolled out, with the first one before it.
                #expect(newest.number == 1_800_000_001, "start \(start)")
                let open = try #require(control.server.snapshots.staged)
                #expect(open.good.number == 1_800_000_000 && open.good.payload.document == TestControl.document)
                #expect(newest.payload.document.hasSuffix("# second\n"))
                let restored = try await control.entries().filter { $0.action == "backups.restore" }
                #expect(restored.map(\.phase) == [.intended, .completed])
                #expect(restored.last?.details["replaced_generation"] == "8")
                #expect(restored.last?.details["audit_entries"] == "\(place.entries)")
                let key = try #require(VerifyingKey.read(control.server.publicKey))
                _ = try newest.signed.verified(by: key)
                var gateway = SnapshotAcceptance(origin: newest.payload.origin, number: 8, bytes: 100, routes: 1)
                try gateway.accept(
                    SnapshotOffer(
                        formatVersion: newest.payload.format, number: newest.number, origin: control.server.publicKey,
                        bytes: 100, routes: 1))
            }
        }
        let key = try #require(VerifyingKey.read(report.manifest.publicKey))
        let verification = AuditVerification(try AuditRecord.read(database: place.folder.database), key: key)
        #expect(verification.isGood && verification.size > place.entries)
    }

    @Test("The log goes on under another name, and a checkpoint of what was lost shows that it is")
    func logOrigin() async throws {
        let held = Mutex("")
        let place = try await place { control in
            try await control.publish(TestControl.document + "\n# third\n")
            let note = try await control.server.audit.checkpoint()
            held.withLock { $0 = note }
        }
        let report = try Restore.perform(place.backup, into: place.folder.path, key: nil, now: Self.now)
        try await TestControl.run(in: place.folder, admin: place.admin) { control in
            for _ in 0..<10 { try await control.server.audit.note(AuditEvent(.system, "a.b", "c"), now: 5) }
        }
        let record = try AuditRecord.read(database: place.folder.database)
        let key = try #require(VerifyingKey.read(report.manifest.publicKey))
        let origins = record.checkpoints.compactMap { $0.split(separator: "\n").first }
        #expect(Set(origins).count == 2)
        let size = try #require(held.withLock { $0 }.split(separator: "\n").dropFirst().first.flatMap { Int($0) })
        let faults = AuditVerification(record, key: key, held: [held.withLock { $0 }]).faults
        #expect(faults == [.differs(size: size)])
    }

    @Test("From one backup twice: the second comes after all that the first made")
    func twice() async throws {
        let place = try await place()
        let numbers = try [Self.now, Self.now, 0].map { now in
            let backup = "\(place.folder.base)/kept"
            if !FileManager.default.fileExists(atPath: backup) { try Files.copy(place.backup, to: backup) }
            return try Restore.perform(backup, into: place.folder.path, key: nil, now: now).leastGeneration ?? 0
        }
        #expect(numbers == [1_800_000_000, 1_801_000_000, 1_802_000_000])
        #expect(Files.names(in: place.folder.base).filter { $0.contains("before-restore") }.count == 3)
    }

    @Test("Where nothing was published, the first generation after it jumps")
    func nothingPublished() async throws {
        let folder = try TestFolder()
        let admin = Mutex("")
        try await TestControl.run(in: folder) { control in
            admin.withLock { $0 = control.admin }
            _ = try await control.backup()
        }
        let target = try TestFolder()
        try FileManager.default.removeItem(atPath: target.path)
        let report = try Restore.perform("\(folder.path)/backups/000001", into: target.path, key: nil, now: Self.now)
        #expect(report.kept == nil && report.lostAuditEntries == nil)
        try await TestControl.run(in: target, admin: admin.withLock { $0 }) { control in
            #expect(control.server.snapshots.newest == nil)
            let first = try await control.publish()
            #expect(first.generation == 1_800_000_000)
            let second = try await control.publish(TestControl.document + "\n")
            #expect(second.generation == 1_800_000_001)
            let entries = try await control.entries()
            #expect(entries.contains { $0.action == "backups.restore" })
        }
    }

    @Test("Refused while a process has the directory, and nothing is changed or left behind")
    func inUse() async throws {
        let place = try await place { control in
            let failure = #expect(throws: StoreFailure.self) {
                _ = try Restore.perform(
                    "\(control.backups)/000001", into: control.folder.path, key: nil, now: Self.now)
            }
            #expect(failure?.kind == .inUse)
            #expect(Files.names(in: control.folder.base) == ["data"])
        }
        _ = try Restore.perform(place.backup, into: place.folder.path, key: nil, now: Self.now)
    }

    @Test("A folder of something else is not replaced, and a place of another key is said to be one")
    func otherPlaces() async throws {
        let place = try await place()
        let other = try TestFolder()
        try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(other.path)/letter.txt"))
        let failure = #expect(throws: StoreFailure.self) {
            _ = try Restore.perform(place.backup, into: other.path, key: nil, now: Self.now)
        }
        #expect(failure?.kind == .unwritable)
        #expect(Files.names(in: other.path) == ["letter.txt"] && Files.names(in: other.base) == ["data"])
        let plane = try TestFolder()
        try await TestControl.run(in: plane) { _ in }
        #expect(try Restore.perform(place.backup, into: plane.path, key: nil, now: Self.now).replacesKey)
        let stranger = Curve25519.Signing.PrivateKey().publicKey
        let foreign = #expect(throws: StoreFailure.self) { _ = try Restore.check(place.backup, key: stranger) }
        #expect(foreign?.reason.contains("another key") == true)
        let absent = #expect(throws: StoreFailure.self) { _ = try Restore.check("\(place.backup)-no", key: nil) }
        #expect(absent?.kind == .absent)
    }

    // MARK: - What must not be restored

    @Test("One bit anywhere, a byte more or less, or a file that is missing: each is refused, and nothing changes")
    func everyByte() async throws {
        let place = try await place()
        let before = try Files.read(place.folder.database)
        for name in ["control.sqlite", "manifest.json", "manifest.sig", "signing.key", "signing.pub"] {
            let path = "\(place.backup)/\(name)"
            let good = try Files.read(path)
            var bad: [Data] = stride(from: 0, to: good.count, by: name == "control.sqlite" ? 997 : 1).map { index in
                var bytes = good
                bytes[index] ^= 1
                return bytes
            }
            bad += [Data(), good.dropLast(), good.prefix(good.count / 2), good + Data([10]), good + Data([0])]
            for (number, bytes) in bad.enumerated() {
                try Files.write(bytes, to: path)
                let failure = #expect(throws: StoreFailure.self, "\(name), \(number)") {
                    _ = try Restore.check(place.backup, key: nil)
                }
                #expect(failure?.kind == .damaged || failure?.kind == .newer, "\(name), \(number)")
            }
            try FileManager.default.removeItem(atPath: path)
            let failure = #expect(throws: StoreFailure.self) {
                _ = try Restore.perform(place.backup, into: place.folder.path, key: nil, now: Self.now)
            }
            #expect(failure?.kind == .damaged && failure?.mend.isEmpty == false)
            try Files.write(good, to: path)
        }
        #expect(try Files.read(place.folder.database) == before)
        #expect(Files.names(in: place.folder.base) == ["data"])
        _ = try Restore.check(place.backup, key: nil)
    }

    /// As whoever has the key could write it.
    private func sign(_ place: Place, _ alter: (inout BackupManifest) -> Void) throws {
        var manifest = try APICoding.decode(
            BackupManifest.self, from: try Files.read("\(place.backup)/manifest.json"))
        alter(&manifest)
        let key = try #require(SigningKey(file: try Files.read("\(place.backup)/signing.key")))
        let (bytes, signature) = try manifest.encoded(signedBy: key)
        try Files.write(bytes, to: "\(place.backup)/manifest.json")
        try Files.write(signature, to: "\(place.backup)/manifest.sig")
    }

    @Test("Sizes that no file has are damage before anybody adds them up")
    func impossibleSizes() async throws {
        let place = try await place()
        for bytes in [Int64.max, -1] {
            try sign(place) { for file in $0.files.indices { $0.files[file].bytes = bytes } }
            let failure = #expect(throws: StoreFailure.self) { _ = try BackupManifest.read(place.backup) }
            #expect(failure?.kind == .damaged && failure?.reason.contains("size") == true)
        }
    }

    @Test("A newer version's is refused as that, and a manifest that says something else than the files as damaged")
    func otherManifests() async throws {
        let cases: [(StoreFailure.Kind, @Sendable (inout BackupManifest) -> Void)] = [
            (.newer, { $0.format = 2 }), (.newer, { $0.migrations.append("999") }), (.damaged, { $0.format = 0 }),
            (.damaged, { $0.generation += 1 }), (.damaged, { $0.auditEntries -= 1 }),
            (.damaged, { $0.auditRoot = MerkleHash.empty.bytes.base64EncodedString() }),
            (.damaged, { $0.files.removeLast() }), (.damaged, { $0.files[0].name = "../control.sqlite" }),
            (.damaged, { $0.publicKey = VerifyingKey.text(of: Curve25519.Signing.PrivateKey().publicKey) }),
        ]
        let place = try await place()
        let good = try Files.read("\(place.backup)/manifest.json")
        for (kind, alter) in cases {
            try Files.write(good, to: "\(place.backup)/manifest.json")
            try sign(place, alter)
            let failure = #expect(throws: StoreFailure.self) { _ = try Restore.check(place.backup, key: nil) }
            #expect(failure?.kind == kind, "\(failure?.reason ?? "")")
        }
    }

    @Test("A database with a newer table or another content, well signed, is refused by what is in it")
    func otherDatabases() async throws {
        let cases: [(StoreFailure.Kind, String)] = [
            (.newer, "INSERT INTO grdb_migrations VALUES ('999')"),
            (.damaged, "UPDATE audit SET entry = CAST(replace(entry, 'first', 'worst') AS BLOB) WHERE number = 2"),
            (.damaged, "UPDATE generations SET signature = zeroblob(64)"),
            (.damaged, "UPDATE generations SET number = 9 WHERE number = 2"),
            (.damaged, "UPDATE generations SET payload = x'7b7d'"),
        ]
        let place = try await place()
        let path = "\(place.backup)/control.sqlite"
        let good = try Files.read(path)
        for (kind, statement) in cases {
            try Files.write(good, to: path)
            let database = try DatabaseQueue(path: path)
            try await database.write { try $0.execute(sql: statement) }
            try database.close()
            let measured = try BackupFiles.copy(path, to: nil)
            let root = try AuditRecord.read(database: path).root
            try sign(place) { manifest in
                manifest.auditRoot = root
                guard let index = manifest.files.firstIndex(where: { $0.name == "control.sqlite" }) else { return }
                manifest.files[index].bytes = measured.bytes
                manifest.files[index].sha256 = measured.sha256
                if statement.contains("SET number = 9") { manifest.generation = 9 }
            }
            let failure = #expect(throws: StoreFailure.self, "\(statement)") {
                _ = try Restore.check(place.backup, key: nil)
            }
            #expect(failure?.kind == kind, "\(statement): \(failure?.reason ?? "")")
        }
    }
}
