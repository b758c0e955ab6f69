import Foundation
import GRDB
import HoldfastAPI
import HoldfastCore
import Synchronization
import Testing

@testable import HoldfastControl

/// Making backups, trying them, and what is told of them.
@Suite("Backups", .serialized)
struct BackupTests {
    @Test("A backup holds what was written while it was made, and is verified once it was restored on trial")
    func whileChanging() async throws {
        try await TestControl.run { control in
            try await control.publish()
            try await control.fill()
            #expect(try await control.status().lastVerifiedBackupAgeMilliseconds == nil)
            let steps = Mutex(0)
            let view = try await control.backup {
                guard
                    steps.withLock({
                        $0 += 1; return $0 == 2
                    })
                else { return }
                try await control.publish(TestControl.document + "\n# meanwhile\n")
            }
            #expect(steps.withLock { $0 } >= 4, "in steps, between which others write")
            #expect(view.state == .verified && view.id == "000001" && view.generation == 2)
            let report = try Restore.check(view.folder, key: nil)
            #expect(report.manifest.generation == 2)
            #expect(report.manifest.migrations == Migrations.all.migrations && report.manifest.version == "test")
            #expect(Files.names(in: control.backups) == ["000001"], "no scratch is left")
            let modes = try ["", "/control.sqlite", "/signing.key"].map { try Files.mode(view.folder + $0) }
            #expect(modes == [0o700, 0o600, 0o600])
            let age = try #require(try await control.status().lastVerifiedBackupAgeMilliseconds)
            #expect(0..<60_000 ~= age)
            let phases = try await control.entries().filter { $0.target == "000001" }.map { "\($0.action) \($0.phase)" }
            #expect(
                phases == [
                    "backups.create intended", "backups.create completed", "backups.verify intended",
                    "backups.verify completed",
                ])
        }
    }

    @Test("Whatever instant a process is killed at, nothing half is listed, and the next backup removes it")
    func killed() async throws {
        try await TestControl.run { control in
            try await control.publish()
            try await control.fill()
            let seen = Mutex(0)
            _ = try await control.backup {
                let number = seen.withLock {
                    $0 += 1; return $0
                }
                try Files.copy(control.backups, to: "\(control.folder.base)/killed-\(number)")
            }
            try #require(seen.withLock { $0 } > 1)
            for number in 1...seen.withLock({ $0 }) {
                let place = "\(control.folder.base)/killed-\(number)"
                #expect(Files.names(in: place) == [".part-000001"])
                let next = Backups(
                    Backups.Settings(folder: place, version: "test"), audit: control.server.audit,
                    key: try SigningKey.open(in: control.folder.path), clock: control.times())
                try await next.begin(control.times())
                #expect(try await next.list(now: 0).isEmpty)
                #expect(next.lastVerifiedAge(now: 0) == nil)
                guard number == 1 else { continue }
                #expect(try await next.make(by: TestControl.anna, clock: control.times()).state == .verified)
                #expect(Files.names(in: place) == ["000002"], "the other one's number is known to the store")
            }
        }
    }

    @Test("What fails on the way leaves nothing but its record, and the status says so until one succeeds")
    func failing() async throws {
        struct Broken: Error {}
        try await TestControl.run { control in
            try await control.fill()
            await #expect(throws: Broken.self) { _ = try await control.backup { throw Broken() } }
            #expect(Files.names(in: control.backups).isEmpty)
            #expect(try await control.status().backupProblem?.contains("Broken") == true)
            #expect(try await control.entries().last?.phase == .failed)
            // The connection was given back whole.
            let view = try await control.backup()
            #expect(view.state == .verified)
            #expect(try await control.status().backupProblem == nil)
        }
    }

    @Test("Untested until it was restored on trial, by this name and with these bytes; and again after a month")
    func untested() async throws {
        try await TestControl.run { control in
            let view = try await control.backup()
            try Files.copy(view.folder, to: "\(control.backups)/000007")
            var all = try await control.ask("GET", "/v1/backups", token: control.admin).view(Page<BackupView>.self)
                .items
            #expect(all.map(\.id) == ["000007", "000001"])
            #expect(all.map(\.state) == [.untested, .verified])
            let tried = try await control.ask("POST", "/v1/backups/000007/verify", token: control.admin)
            #expect(tried.status == 200)
            let now = WallClock.readMilliseconds()
            all = try await control.server.backups.list(now: now)
            #expect(all.map(\.state) == [.verified, .verified])
            #expect(all.allSatisfy { $0.bytes > 0 && $0.ageMilliseconds.map { $0 < 60_000 } == true })
            all = try await control.server.backups.list(now: now + BackupRetention.freshMilliseconds + 60_000)
            #expect(all.map(\.state) == [.untested, .untested])
            #expect(try await control.ask("POST", "/v1/backups/000099/verify", token: control.admin).status == 404)
            #expect(try await control.ask("POST", "/v1/backups/..%2f/verify", token: control.admin).status == 404)
        }
    }

    @Test("The age is that of the last trial that went well, of one that is still there; clocks may jump")
    func age() async throws {
        try await TestControl.run { control in
            let view = try await control.backup()
            let backups = control.server.backups
            let now = WallClock.readMilliseconds()
            let later = Backups.Times(wall: now + 5_000_000, monotonic: MonotonicClock.read())
            _ = try await backups.verify(view.id, by: TestControl.anna, clock: later)
            #expect(backups.lastVerifiedAge(now: now + 5_000_007) == 7)
            #expect(backups.lastVerifiedAge(now: now - 1_000_000_000) == 0)
            try Files.flip("\(view.folder)/control.sqlite")
            await #expect(throws: ProblemView.self) {
                _ = try await backups.verify(view.id, by: TestControl.anna, clock: later)
            }
            #expect(backups.lastVerifiedAge(now: now) == nil)
        }
    }

    @Test("A damaged one is refused with its mend, shown as failed, recorded, and stands in the status after a restart")
    func damaged() async throws {
        let folder = try TestFolder()
        let admin = Mutex("")
        try await TestControl.run(in: folder) { control in
            admin.withLock { $0 = control.admin }
            let view = try await control.backup()
            try Files.flip("\(view.folder)/control.sqlite")
            let answer = try await control.ask("POST", "/v1/backups/000001/verify", token: control.admin)
            #expect(answer.status == 409)
            #expect(answer.problem?.type == "urn:holdfast:problem:backup-damaged")
            #expect(answer.problem?.mend.isEmpty == false)
            let all = try await control.server.backups.list(now: 0)
            #expect(all.first?.state == .failed && all.first?.mend?.isEmpty == false)
            #expect(try await control.entries().last.map { "\($0.action) \($0.phase)" } == "backups.verify failed")
        }
        try await TestControl.run(in: folder, admin: admin.withLock { $0 }) { control in
            // It is looked at after the start, which waits for no other disk.
            for _ in 0..<100 where control.server.backups.problem == nil {
                try await Task.sleep(for: .milliseconds(50))
            }
            let status = try await control.status()
            #expect(status.backupProblem?.contains("control.sqlite") == true)
            #expect(status.lastVerifiedBackupAgeMilliseconds == nil)
            #expect(try await control.backup().state == .verified)
            #expect(try await control.status().backupProblem == nil)
        }
    }

    @Test("One at a time: whoever asks meanwhile is told so, and nothing is broken")
    func oneAtATime() async throws {
        try await TestControl.run { control in
            try await control.fill()
            let refused = Mutex<[Int]>([])
            let view = try await control.backup {
                guard refused.withLock(\.isEmpty) else { return }
                let answer = try await control.ask("POST", "/v1/backups", token: control.admin)
                refused.withLock { $0.append(answer.status) }
                #expect(answer.problem?.type == "urn:holdfast:problem:backup-running")
                #expect(answer.headers["retry-after"] == "5")
            }
            #expect(refused.withLock { $0 } == [409])
            #expect(view.state == .verified)
            #expect(try await control.status().backupProblem == nil)
            #expect(try await control.ask("POST", "/v1/backups", token: control.admin).status == 201)
        }
    }

    @Test("Old ones go, those that cannot be read or are another's stay, and no number comes twice")
    func pruned() async throws {
        let other = try TestFolder()
        try await TestControl.run(in: other) { _ = try await $0.backup() }
        try await TestControl.run { control in
            for _ in 0..<3 { _ = try await control.backup() }
            try Files.flip("\(control.backups)/000001/manifest.json")
            try FileManager.default.removeItem(atPath: "\(control.backups)/000002")
            try Files.copy("\(other.path)/backups/000001", to: "\(control.backups)/000002")
            for _ in 0..<7 { _ = try await control.backup() }
            #expect(
                Files.names(in: control.backups) == ["000001", "000002"]
                    + (4...10).map { "0000\($0 < 10 ? "0" : "")\($0)" })
            let pruned = try await control.entries().filter { $0.action == "backups.prune" }
            #expect(pruned.map(\.target) == ["000003", "000003"])
            #expect(pruned.map(\.phase) == [.intended, .completed])
            let answer = try await control.ask("POST", "/v1/backups/000002/verify", token: control.admin)
            #expect(answer.problem?.detail.contains("another key") == true)
            try FileManager.default.removeItem(atPath: "\(control.backups)/000010")
            #expect(try await control.backup().id == "000011")
        }
    }

    @Test("By itself soon after the start, then once a day, and after a failure sooner; the wall clock has no say")
    func automatic() async throws {
        try await TestControl.run { control in
            let backups = control.server.backups
            func ask(_ seconds: Int64, wall: Int64 = 0) async -> Result<BackupView, Backups.Trouble>? {
                var times = control.times(after: seconds * 1_000)
                times.wall += wall
                return await backups.makeIfDue(times)
            }
            #expect(await ask(0) == nil)
            #expect(await ask(0, wall: 100 * 86_400_000) == nil)
            #expect(try await ask(60)?.get().state == .verified)
            #expect(await ask(120) == nil)
            #expect(await ask(86_000, wall: -200 * 86_400_000) == nil)
            try FileManager.default.removeItem(atPath: control.backups)
            try Data("in the way".utf8).write(to: URL(fileURLWithPath: control.backups))
            guard case .failure(let trouble) = await ask(86_500) else {
                Issue.record("a file stands where the folder should be")
                return
            }
            #expect(!trouble.mend.isEmpty)
            #expect(backups.problem?.contains(trouble.mend) == true)
            #expect(await ask(86_600) == nil)
            try FileManager.default.removeItem(atPath: control.backups)
            #expect(try await ask(86_500 + 660)?.get().id == "000002")
            #expect(backups.problem == nil)
        }
    }

    @Test("A place that cannot be written is a problem with a mend, and everything else goes on")
    func unwritable() async throws {
        try await TestControl.run(backups: "/proc/holdfast/backups") { control in
            let answer = try await control.ask("POST", "/v1/backups", token: control.admin)
            #expect(answer.status == 503)
            #expect(answer.problem?.mend.contains("write there") == true)
            #expect(try await control.status().backupProblem?.contains("/proc/holdfast") == true)
            #expect(try await control.publish().status == 201)
        }
    }

    @Test("Operators make and try them, whoever reads the state sees them, and automation does what it was granted")
    func permissions() async throws {
        try await TestControl.run { control in
            let later = WallClock.readMilliseconds() + 60_000
            let robot = try await control.token(
                .automation, grants: [Grant(.backupsCreate, expiresAtMilliseconds: later)])
            let tokens = [
                try await control.token(.viewer), try await control.token(.auditor), try await control.token(.node),
                try await control.token(.operator_), robot,
            ]
            let asked = [("POST", "/v1/backups"), ("GET", "/v1/backups"), ("POST", "/v1/backups/000001/verify")]
            var statuses: [[Int]] = []
            for (method, path) in asked {
                var row: [Int] = []
                for token in tokens { row.append(try await control.ask(method, path, token: token).status) }
                statuses.append(row)
            }
            #expect(
                statuses == [[403, 403, 403, 201, 201], [200, 403, 403, 200, 403], [403, 403, 403, 200, 403]])
        }
    }

    @Test("What the list says is what its schema says")
    func schema() async throws {
        try await TestControl.run { control in
            let view = try await control.backup()
            try Files.flip("\(view.folder)/control.sqlite")
            _ = try await control.ask("POST", "/v1/backups/000001/verify", token: control.admin)
            let answer = try await control.ask("GET", "/v1/backups", token: control.admin)
            let page = try #require(try JSONSerialization.jsonObject(with: answer.body) as? [String: Any])
            let item = try #require((page["items"] as? [[String: Any]])?.first)
            let known = try #require(APISchema.backup.json["properties"]?.members?.map(\.name))
            #expect(Set(item.keys) == Set(known), "all of them, since this one has failed")
        }
    }
}
