import Foundation
import HoldfastAPI
import HoldfastCore
import Testing

@testable import HoldfastControl

/// Client keys, over the wire.
@Suite("Client keys", .serialized)
struct KeyTests {
    private static let document = TestControl.document + "\nworkloads: {triage: {routes: [assistant]}}\n"

    private func issue(_ control: TestControl, _ id: String, ifMatch: UInt64? = nil) async throws -> TestControl.Answer
    {
        try await control.ask(
            "POST", "/v1/keys", token: control.admin, body: NewKeyView(id: id, workload: "triage", note: "team a"),
            headers: ifMatch.map { ["if-match": "\"\($0)\""] } ?? [:])
    }

    private func payload(_ control: TestControl) throws -> SnapshotPayload {
        try #require(control.server.snapshots.newest).payload
    }

    @Test("A key is shown once; its digest is a generation, and the end of it the next")
    func life() async throws {
        try await TestControl.run { control in
            try await control.publish(Self.document)
            #expect(try payload(control).keys == nil)
            let made = try await issue(control, "app")
            #expect(made.status == 201 && made.generation == 2)
            let text = try #require(try made.view(KeyView.self).key)
            #expect(KeyText(text)?.kind == .client && KeyText(text)?.id == "app")
            #expect(
                try payload(control).keys
                    == [IssuedKeyDigest(id: "app", hash: ClientKeyHash.of(text), workload: "triage")])
            #expect(control.server.tokens.principal(of: text, now: WallClock.readMilliseconds()) == nil)

            let list = try await control.ask("GET", "/v1/keys", token: control.admin).view(Page<KeyView>.self)
            #expect(list.items.map(\.id) == ["app"] && list.items[0].key == nil)
            let ended = try await control.ask("POST", "/v1/keys/app/revoke", token: control.admin)
            #expect(ended.status == 204)
            #expect(try payload(control).number == 3 && payload(control).keys == [])
            let again = try await control.ask("POST", "/v1/keys/app/revoke", token: control.admin)
            #expect(again.status == 204)
            #expect(try payload(control).number == 3)
            #expect(try await issue(control, "app").status == 409)

            let secret = try #require(text.split(separator: "_").last)
            let raw = try Data(contentsOf: URL(fileURLWithPath: control.folder.path + "/control.sqlite"))
            #expect(raw.range(of: Data(secret.utf8)) == nil)
        }
    }

    @Test("What cannot be is refused, with the mend, and changes nothing")
    func refusals() async throws {
        try await TestControl.run { control in
            #expect(try await issue(control, "early").status == 409)
            try await control.publish(
                Self.document + "keys: [{id: old, hash: \"\(ClientKeyHash.of("x"))\", workload: triage}]")
            #expect(try await issue(control, "old").status == 409)
            #expect(try await issue(control, "late", ifMatch: 7).status == 412)
            let bad = try await control.ask(
                "POST", "/v1/keys", token: control.admin,
                body: NewKeyView(id: "No Id", workload: "nobody", note: "a\u{1b}[2J"))
            #expect(bad.status == 422)
            #expect(bad.problem?.fields?.map(\.field) == ["id", "note", "workload"])
            #expect(bad.problem?.fields?.last?.mend.contains("triage") == true)
            #expect(try await control.ask("POST", "/v1/keys/nobody/revoke", token: control.admin).status == 404)
            #expect(try payload(control).number == 1)
        }
    }

    @Test("A document that would lock clients out has to be confirmed; a rollback goes through")
    func workloadGone() async throws {
        try await TestControl.run { control in
            try await control.publish()
            try await control.publish(Self.document)
            #expect(try await issue(control, "app").status == 201)
            let refused = try await control.publish(TestControl.document + "\n# without its workload\n")
            #expect(refused.status == 409 && refused.problem?.detail.contains("app") == true)
            let back = try await control.ask(
                "POST", "/v1/rollback", token: control.admin, body: RollbackView(to: 1, reason: "worse"))
            #expect(back.status == 201)
            #expect(try payload(control).keys?.map(\.id) == ["app"])
            let snapshot = try control.server.snapshots.snapshot(of: try #require(control.server.snapshots.newest))
            #expect(snapshot.keys.isEmpty && snapshot.asksForKeys)
        }
    }

    @Test("Keys outlive a restart")
    func restart() async throws {
        let folder = try TestFolder()
        try await TestControl.run(in: folder) { control in
            try await control.publish(Self.document)
            #expect(try await issue(control, "app").status == 201)
        }
        try await TestControl.run(in: folder, admin: "") { control in
            let found = try payload(control)
            #expect(found.keys?.map(\.id) == ["app"])
        }
    }
}
