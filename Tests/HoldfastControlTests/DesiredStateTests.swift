import Foundation
import HoldfastAPI
import HoldfastCore
import Synchronization
import Testing

@testable import HoldfastControl

/// Documents, overrides and generations, over the wire.
@Suite("Desired state", .serialized)
struct DesiredStateTests {
    private func drain(_ provider: String, for span: String = "1h") -> NewOverrideView {
        var effect = OverrideEffectView(kind: "drain")
        effect.provider = provider
        return NewOverrideView(effect: effect, reason: "they said so on their status page", for: span)
    }

    private func pull(_ control: TestControl, has generation: UInt64) async throws -> TestControl.Answer {
        let id = "node-\(generation)"
        let token = try await control.server.tokens.create(
            Tokens.NewToken(id: id, kind: .node), by: .system, now: WallClock.readMilliseconds()
        ).text
        let report = GatewayReportView(
            version: "test", generation: generation, source: "control", ready: true, exchangesInFlight: 0, exchanges: 0,
            failures: 0, refused: nil, shedding: "none")
        return try await control.ask("POST", "/v1/pull", token: token, body: report)
    }

    @Test("What is published is signed, numbered and handed to gateways, without any provider's key")
    func publish() async throws {
        try await TestControl.run { control in
            let published = try await control.publish()
            #expect(published.status == 201)
            #expect(published.generation == 1)
            let pulled = try await pull(control, has: 0)
            #expect(pulled.status == 200)
            let signed = try pulled.view(SignedSnapshot.self)
            let key = try #require(VerifyingKey.read(control.server.publicKey))
            let payload = try signed.verified(by: key)
            #expect(payload.number == 1)
            #expect(payload.document == TestControl.document)
            #expect(try await pull(control, has: 1).status == 204)

            var altered = signed
            altered.payload[altered.payload.count / 2] ^= 1
            #expect(throws: SignedSnapshot.Refusal.signature) { _ = try altered.verified(by: key) }
        }
    }

    @Test("Certificates and authorities that only the gateway has are no mistake")
    func certificates() async throws {
        try await TestControl.run { control in
            let document =
                "gateway: {tls: {certificate: \"file:/gateway/c.pem\", key: \"file:/gateway/k.pem\"}}\n"
                + TestControl.document.replacing(
                    "network: private", with: "network: private, trust_roots: \"file:/gateway/ca.pem\"")
            let answer = try await control.publish(document)
            #expect(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
        }
    }

    @Test("A document with mistakes is refused with every one of them, and nothing changes")
    func mistakes() async throws {
        try await TestControl.run { control in
            try await control.publish()
            let answer = try await control.publish("version: 1\nprovider: {}\nroutes: {a: {candidates: []}}\n")
            #expect(answer.status == 422)
            let fields = try #require(answer.problem?.fields)
            #expect(fields.count >= 2)
            #expect(fields.allSatisfy { !$0.mend.isEmpty })
            #expect(control.server.snapshots.newest?.number == 1)
        }
    }

    @Test(
        "The name of a document is one line: it stands in logs and in every snapshot",
        arguments: ["", " ", "a\nb", "\u{1B}[2J"])
    func names(name: String) async throws {
        try await TestControl.run { control in
            let body = NewGenerationView(document: TestControl.document, name: name, reason: "first", confirmed: nil)
            let answer = try await control.ask("POST", "/v1/generations", token: control.admin, body: body)
            #expect(answer.status == 422)
            #expect(answer.problem?.fields?.map(\.field) == ["name"])
            #expect(control.server.snapshots.newest == nil)
        }
    }

    @Test("An override is a generation of its own, says who and why, and ends by itself")
    func override() async throws {
        try await TestControl.run { control in
            try await control.publish()
            let made = try await control.ask(
                "POST", "/v1/overrides", token: control.admin, body: drain("openai", for: "3s"))
            #expect(made.status == 201)
            #expect(made.generation == 2)
            let view = try made.view(OverrideView.self)
            #expect(view.author == "first-admin")
            let payload = try #require(control.server.snapshots.newest?.payload)
            #expect(payload.overrides.map(\.id) == [view.id])
            #expect(payload.document == TestControl.document)
            for _ in 0..<300 where control.server.snapshots.newest?.number == 2 {
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(control.server.snapshots.newest?.number == 3)
            #expect(control.server.snapshots.newest?.payload.overrides.isEmpty == true)
            let log = try await control.ask("GET", "/v1/audit?limit=1000", token: control.admin)
            let entries = try log.view(Page<AuditEntry>.self).items.filter { $0.target == view.id }
            #expect(
                entries.map(\.action) == ["overrides.create", "overrides.create", "overrides.clear", "overrides.clear"])
            #expect(entries.map(\.phase) == [.intended, .completed, .intended, .completed])
            #expect(entries.last?.principal == "holdfast")
        }
    }

    @Test("What an override names must be there, and every mistake names its mend")
    func badOverrides() async throws {
        try await TestControl.run { control in
            #expect(
                try await control.ask("POST", "/v1/overrides", token: control.admin, body: drain("openai")).status
                    == 409)
            try await control.publish()
            var pin = OverrideEffectView(kind: "pin")
            pin.route = "assistant"
            pin.vendor = "openai"
            let cases: [(NewOverrideView, String)] = [
                (drain("opanai"), "provider"), (drain("openai", for: "400d"), "expires_at"),
                (drain("openai", for: "soon"), "for"),
                (NewOverrideView(effect: pin, reason: "x", for: "1h"), "vendor"),
                (NewOverrideView(effect: OverrideEffectView(kind: "explode"), reason: "x", for: "1h"), "kind"),
                (NewOverrideView(effect: OverrideEffectView(kind: "drain"), reason: "x", for: "1h"), "kind"),
                (
                    NewOverrideView(effect: drain("openai").effect, reason: "two\nlines", for: "1h"), "reason"
                ),
            ]
            for (body, field) in cases {
                let answer = try await control.ask("POST", "/v1/overrides", token: control.admin, body: body)
                #expect(answer.status == 422)
                #expect(
                    answer.problem?.fields?.map(\.field).contains(field) == true, "\(answer.problem.debugDescription)")
                #expect(answer.problem?.mend.isEmpty == false)
            }
            #expect(control.server.snapshots.newest?.number == 1)
        }
    }

    @Test("Lists come in pages, without a gap and without anything twice")
    func pages() async throws {
        try await TestControl.run { control in
            try await control.publish()
            for _ in 0..<5 {
                let made = try await control.ask("POST", "/v1/overrides", token: control.admin, body: drain("openai"))
                #expect(made.status == 201)
            }
            for (path, count) in [("/v1/overrides", 5), ("/v1/generations", 6)] {
                var ids: [String] = []
                var after = ""
                repeat {
                    let answer = try await control.ask("GET", "\(path)?limit=2\(after)", token: control.admin)
                    let page = try JSONSerialization.jsonObject(with: answer.body) as? [String: Any]
                    ids += (page?["items"] as? [[String: Any]] ?? []).map { "\($0["id"] ?? $0["number"] ?? "")" }
                    after = (page?["next"] as? String).map { "&after=\($0)" } ?? ""
                } while !after.isEmpty && ids.count < 20
                #expect(ids.count == count && Set(ids).count == count, "\(path): \(ids)")
            }
            #expect(try await control.ask("GET", "/v1/overrides?limit=0", token: control.admin).status == 422)
        }
    }

    @Test("Whoever has not seen the newest generation changes nothing")
    func stale() async throws {
        try await TestControl.run { control in
            try await control.publish()
            try await control.publish(TestControl.document + "\n# more\n", ifMatch: 1)
            let late = try await control.publish(TestControl.document, ifMatch: 1)
            #expect(late.status == 412)
            #expect(late.problem?.mend.contains("\"2\"") == true)
            #expect(control.server.snapshots.newest?.number == 2)
        }
    }

    @Test("To go back is a new generation with the old document, and the overrides stay")
    func rollback() async throws {
        try await TestControl.run { control in
            try await control.publish()
            try await control.publish(TestControl.document + "\n# worse\n")
            _ = try await control.ask("POST", "/v1/overrides", token: control.admin, body: drain("openai"))
            let answer = try await control.ask(
                "POST", "/v1/rollback", token: control.admin, body: RollbackView(to: 1, reason: "errors rose"))
            #expect(answer.status == 201)
            let newest = try #require(control.server.snapshots.newest?.payload)
            // The override came while the second document was rolled out, and was signed into both.
            #expect(newest.number == 5)
            #expect(newest.document == TestControl.document)
            #expect(newest.overrides.count == 1)
            let missing = try await control.ask(
                "POST", "/v1/rollback", token: control.admin, body: RollbackView(to: 99, reason: "errors rose"))
            #expect(missing.status == 404)
        }
    }

    @Test("All of it is there after a restart")
    func restart() async throws {
        let folder = try TestFolder()
        let admin = Mutex("")
        try await TestControl.run(in: folder) { control in
            admin.withLock { $0 = control.admin }
            try await control.publish()
            _ = try await control.ask("POST", "/v1/overrides", token: control.admin, body: drain("openai"))
        }
        try await TestControl.run(in: folder, admin: admin.withLock { $0 }) { control in
            let status = try await control.ask("GET", "/v1/status", token: control.admin).view(StatusView.self)
            #expect(status.generation == 2)
            #expect(status.overrides == 1)
            let record = try AuditRecord.read(database: folder.database)
            let key = try #require(VerifyingKey.read(control.server.publicKey))
            let verification = AuditVerification(record, key: key)
            #expect(verification.isGood)
            #expect(verification.signedSize >= 6, "what the first process had recorded was signed at its end")
        }
    }
}
