import Crypto
import Foundation
import HoldfastAPI
import HoldfastCore
import Synchronization
import Testing

@testable import HoldfastControl

/// What is left of drills: table-tops, schedules, evidence.
@Suite("Records of drills", .serialized)
struct DrillRecordTests {
    @Test("A table-top is ticked by people, each step once; it has passed where every step worked")
    func tabletop() async throws {
        try await TestControl.run { control in
            var new = NewDrillView(plan: "tabletop", reason: "quarterly")
            new.steps = ["page the one on call", "find the runbook"]
            func tick(_ id: String, _ step: String, worked: Bool? = nil, note: String = "4 min") async throws
                -> TestControl.Answer
            {
                try await control.ask(
                    "POST", "/v1/drills/\(id)/steps/\(step)", token: control.admin,
                    body: DrillTickView(note: note, worked: worked))
            }
            let good = try await control.startDrill(new)
            #expect(good.phase == .tabletop && good.order == nil && good.steps.map(\.text) == new.steps)
            for step in ["0", "3", "x", "-1"] {
                let status = try await tick(good.id, step).status
                #expect(status == 404, "\(step)")
            }
            let empty = try await tick(good.id, "1", note: "")
            #expect(empty.status == 422 && empty.problem?.fields?.map(\.field) == ["note"])
            let first = try await tick(good.id, "2").view(DrillView.self)
            #expect(first.phase == .tabletop && first.steps[1].doneBy == "first-admin" && first.steps[0].doneAt == nil)
            let twice = try await tick(good.id, "2")
            #expect(twice.status == 409)
            let done = try await tick(good.id, "1").view(DrillView.self)
            #expect(done.verdict == .pass && done.phase == .done && done.endedAt != nil)

            let bad = try await control.startDrill(new)
            _ = try await tick(bad.id, "1", worked: false, note: "nobody answered")
            let failed = try await tick(bad.id, "2").view(DrillView.self)
            #expect(failed.verdict == .fail && failed.because.first?.contains("nobody answered") == true)
            let left = try await control.startDrill(new)
            let stopped = try await control.stop(left.id).view(DrillView.self)
            #expect(stopped.verdict == .inconclusive && stopped.because == ["stopped by first-admin: enough"])
            let page = try await control.ask("GET", "/v1/drills?limit=2", token: control.admin).view(
                Page<DrillView>.self)
            #expect(page.items.map(\.id) == [left.id, bad.id] && page.next == bad.id)
            let rest = try await control.ask("GET", "/v1/drills?after=\(bad.id)", token: control.admin)
            #expect(try rest.view(Page<DrillView>.self).items.map(\.id) == [good.id])
        }
    }

    private static let scheduled =
        TestControl.document + """

            drills:
              schedules:
                weekly: {plan: kill-primary, route: assistant, on: [monday], at: "10:00", from: 2090-01-02, announce: 24h}
                broken: {plan: kill-primary, route: nowhere, at: "11:00", from: 2090-01-02}
            """

    /// The first Monday, as far in the future as no clock of ours goes.
    private static let due = (CalendarDay("2090-01-02")?.daysSince1970 ?? 0) * 86_400_000 + 600 * 60_000

    private func keep(_ control: TestControl, _ wall: Int64) async throws {
        try await control.server.drills.keepSchedules(
            Rollouts.Times(wall: wall, monotonic: MonotonicClock.read()))
    }

    @Test("A schedule announces and starts its drill; what was missed is said, and not made up for")
    func schedules() async throws {
        // Nobody else looks: the server's own clock is far behind the one of this test, and would be right.
        try await TestControl.run(drillInterval: .seconds(3_600)) { control in
            try await control.publish(Self.scheduled)
            let gateway = try await FakeGateway.make(["a"], at: control)[0]
            try await gateway.pull(control)
            func views() async throws -> [DrillScheduleView] {
                let answer = try await control.ask("GET", "/v1/drill-schedules", token: control.admin)
                return try answer.view(Page<DrillScheduleView>.self).items
            }
            func events(_ type: String) async throws -> [EventView] {
                try await control.ask("GET", "/v1/events?types=\(type)", token: control.admin).view(EventPage.self)
                    .items
            }
            let before = try await views()
            #expect(before.map(\.name) == ["weekly", "broken"] && before[0].nextAt == "2090-01-02T10:00:00.000Z")
            #expect(before[0].announce == "1d" && before[0].lastOutcome == nil)
            try await keep(control, WallClock.readMilliseconds())
            try await keep(control, Self.due - 3_600_000)
            try await keep(control, Self.due - 3_599_000)
            let announced = try await events("drill.announced")
            #expect(announced.map(\.subject) == ["weekly"], "once")

            try await keep(control, Self.due + 500)
            try await keep(control, Self.due + 1_500)
            let drills = try await control.ask("GET", "/v1/drills", token: control.admin).view(Page<DrillView>.self)
                .items
            #expect(drills.map(\.schedule) == ["weekly"] && drills[0].isAnnounced && drills[0].author == "holdfast")
            #expect(try await views()[0].lastDrill == drills[0].id)

            let hour: Int64 = 3_600_000
            try await keep(control, Self.due + hour)
            let refused = try await views()[1]
            #expect(refused.lastOutcome == .refused && refused.lastProblem?.contains("under way") == true)

            try await keep(control, Self.due + 15 * 24 * hour)
            let missed = try await views()
            #expect(missed[0].lastOutcome == .missed && missed[0].missed == 2 && missed[0].lastDrill == nil)
            #expect(missed[1].missed == 14)
            let after = try await control.ask("GET", "/v1/drills", token: control.admin).view(Page<DrillView>.self)
            #expect(after.items.count == 1, "nothing is run late")
            #expect(try await control.audited("drills.miss").count == 2)
            #expect(try await events("drill.missed").count == 2)
        }
    }

    @Test("Where the clock was ahead for a while, schedules go on from now, also after a restart")
    func clockAhead() async throws {
        let folder = try TestFolder()
        let admin = Mutex("")
        let due = Self.due
        try await TestControl.run(in: folder, drillInterval: .seconds(3_600)) { control in
            try await control.publish(Self.scheduled)
            try await keep(control, due - 7 * 86_400_000)
            try await keep(control, due + 365 * 86_400_000)
            let outcomes = try await control.ask("GET", "/v1/drill-schedules", token: control.admin)
                .view(Page<DrillScheduleView>.self).items.map(\.lastOutcome)
            #expect(outcomes == [.missed, .missed])
            admin.withLock { $0 = control.admin }
        }
        try await TestControl.run(in: folder, admin: admin.withLock { $0 }, drillInterval: .seconds(3_600)) { control in
            let gateway = try await FakeGateway.make(["a"], at: control)[0]
            try await gateway.pull(control)
            try await keep(control, due - 5_000)
            try await keep(control, due + 500)
            let drills = try await control.ask("GET", "/v1/drills", token: control.admin).view(Page<DrillView>.self)
            #expect(drills.items.map(\.schedule) == ["weekly"])
        }
    }

    private func bundle(_ control: TestControl) async throws -> (drill: DrillView, bundle: SignedEvidence) {
        let gateways = try await control.gatewaysForDrill()
        let drill = try await control.startDrill()
        let early = try await control.ask("GET", "/v1/drills/\(drill.id)/evidence", token: control.admin)
        #expect(early.status == 409)
        try await control.bring(drill, to: .recovery, gateways)
        let done = try await control.until(.done, drill, gateways) { Told.over($0) }
        // Something else that is in the log too.
        _ = try await control.token(.viewer)
        let auditor = try await control.token(.auditor)
        let answer = try await control.ask("GET", "/v1/drills/\(drill.id)/evidence", token: auditor)
        return (done, try answer.view(SignedEvidence.self))
    }

    @Test("Evidence says what was, and verifies with the public key alone; whatever is changed in it is seen")
    func evidence() async throws {
        try await TestControl.run { control in
            let (drill, bundle) = try await bundle(control)
            let key = try #require(VerifyingKey.read(control.server.publicKey))
            let good = EvidenceVerification(bundle, key: key)
            #expect(good.isGood, "\(good.faults)")
            let evidence = try #require(good.evidence)
            #expect(evidence.drill == drill && evidence.madeBy == "auditor-0" && evidence.drill.verdict == .pass)
            #expect(evidence.configuration?.generation == 1 && evidence.configuration?.digest.count == 64)
            #expect(evidence.covers.map(\.deployment) == ["local/qwen"])
            #expect(evidence.audit.map(\.entry.action).first == "drills.start")
            #expect(evidence.audit.count { $0.entry.phase == .completed } == 5, "\(evidence.audit.map(\.entry.action))")
            #expect(evidence.audit.count { $0.entry.phase == .intended } >= 5)

            let stranger = Curve25519.Signing.PrivateKey()
            #expect(EvidenceVerification(bundle, key: stranger.publicKey).faults == [.refused(.signature)])
            var flipped = bundle
            flipped.payload[flipped.payload.count / 2] ^= 1
            #expect(EvidenceVerification(flipped, key: key).faults == [.refused(.signature)])
        }
    }

    @Test("Whoever holds another key can sign what he likes, and not pass for this management plane")
    func forgeries() async throws {
        try await TestControl.run { control in
            let (_, bundle) = try await bundle(control)
            let evidence = try #require(bundle.unverified)
            let forger = Curve25519.Signing.PrivateKey()
            func faults(_ change: (inout DrillEvidence) -> Void) throws -> [EvidenceVerification.Fault] {
                var changed = evidence
                change(&changed)
                return EvidenceVerification(try SignedEvidence(changed, key: forger), key: forger.publicKey).faults
            }
            let untouched = try faults { _ in }
            #expect(untouched == [.foreignKey, .checkpoint])

            // With the management plane's own key: what the log said at the time is held against the record.
            let own = control.server.drills.key.key
            func ownFaults(_ change: (inout DrillEvidence) -> Void) throws -> [EvidenceVerification.Fault] {
                var changed = evidence
                change(&changed)
                return EvidenceVerification(try SignedEvidence(changed, key: own), key: own.publicKey).faults
            }
            #expect(try ownFaults { _ in }.isEmpty)
            #expect(try ownFaults { $0.drill.verdict = .fail } == [.verdict(log: "pass")])
            #expect(try ownFaults { $0.audit.removeFirst(2) } == [.missing("its start")])
            // One that another look had overtaken may stand behind it.
            #expect(
                try ownFaults { $0.audit.removeAll { $0.entry.action == "drills.finish" } } == [.missing("its end")])
            #expect(
                try ownFaults { $0.audit[3].entry.details["to"] = "done" } == [.entry(evidence.audit[3].entry.number)])
            #expect(try ownFaults { $0.audit[0].proof.hashes.removeLast() } == [.entry(evidence.audit[0].entry.number)])
            #expect(try ownFaults { $0.format = 2 } == [.refused(.format(2))])
            #expect(try ownFaults { $0.checkpoint += "x" } == [.checkpoint])
        }
    }

    @Test("What the API says is what its schemas say")
    func schemas() async throws {
        try await TestControl.run { control in
            try await control.publish(Self.scheduled)
            let gateways = try await FakeGateway.make(["a"], at: control)
            try await gateways[0].pull(control)
            let drill = try await control.startDrill()
            try await control.bring(drill, to: .recovery, gateways)
            try await control.until(.done, drill, gateways) { Told.over($0) }
            _ = try await control.lever("halt")
            func object(_ path: String) async throws -> [String: Any] {
                let answer = try await control.ask("GET", path, token: control.admin)
                return try #require(try JSONSerialization.jsonObject(with: answer.body) as? [String: Any])
            }
            func item(_ path: String) async throws -> [String: Any] {
                try #require((try await object(path)["items"] as? [[String: Any]])?.first)
            }
            let status = try #require(try await object("/v1/status")["drills"] as? [String: Any])
            let found: [(String, [String: Any], APISchema)] = [
                ("drill", try await object("/v1/drills/\(drill.id)"), .drill),
                ("fallback", try await item("/v1/fallbacks"), .fallback),
                ("schedule", try await item("/v1/drill-schedules"), .drillSchedule),
                ("evidence", try await object("/v1/drills/\(drill.id)/evidence"), .signedEvidence),
                ("status", status, .drillsStatus),
            ]
            for (name, value, schema) in found { Self.check(value, schema.json, name) }
        }
    }

    /// No member that the schema lacks, and every one that it asks for.
    private static func check(_ value: [String: Any], _ schema: JSONValue, _ path: String) {
        let known = schema["properties"]?.members ?? []
        let unknown = Set(value.keys).subtracting(known.map(\.name))
        #expect(unknown.isEmpty, "\(path): \(unknown)")
        let required = (schema["required"]?.array ?? []).compactMap(\.string)
        let missing = required.filter { value[$0] == nil }
        #expect(missing.isEmpty, "\(path): \(missing)")
        for member in known {
            if let inner = value[member.name] as? [String: Any] { check(inner, member.value, "\(path).\(member.name)") }
            for inner in value[member.name] as? [[String: Any]] ?? [] {
                check(inner, member.value["items"] ?? .null, "\(path).\(member.name)[]")
            }
        }
    }
}
