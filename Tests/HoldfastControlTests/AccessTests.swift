import Foundation
import HoldfastAPI
import HoldfastCore
import Synchronization
import Testing

@testable import HoldfastControl

/// Who may do what, over the wire.
@Suite("Access to the management plane", .serialized)
struct AccessTests {
    private static let open: Set = ["/livez", "/openapi.json", "/v1/sign-in"]

    /// From the listener itself, so that a route which is added is in the matrix.
    private func routes(_ control: TestControl) async throws -> [(
        method: String, path: String, permission: Permission?
    )] {
        let answer = try await control.ask("GET", "/openapi.json")
        let document = try #require(try JSONSerialization.jsonObject(with: answer.body) as? [String: Any])
        let paths = try #require(document["paths"] as? [String: [String: [String: Any]]])
        return paths.sorted { $0.key < $1.key }.flatMap { path, operations in
            operations.sorted { $0.key < $1.key }.map { method, operation in
                (method.uppercased(), path, (operation["x-permission"] as? String).flatMap { Permission(rawValue: $0) })
            }
        }
    }

    @Test("Every route and every kind: whoever the table does not name is refused")
    func matrix() async throws {
        try await TestControl.run { control in
            let routes = try await routes(control)
            #expect(routes.count >= 16)
            for kind in PrincipalKind.allCases {
                let token = try await control.token(kind)
                for route in routes {
                    let path = route.path.replacingOccurrences(of: "{id}", with: "nobody")
                        .replacingOccurrences(of: "{number}", with: "1")
                    let answer = try await control.ask(
                        route.method, path, token: token, body: route.method == "POST" ? ["nothing": "here"] : nil)
                    let name = "\(kind.rawValue) \(route.method) \(route.path)"
                    guard let permission = route.permission else {
                        #expect(Self.open.contains(route.path), "\(name) needs no permission")
                        continue
                    }
                    let mayDo = permission.rule.kinds.contains(kind)
                    #expect((answer.status != 403) == mayDo, "\(name): \(answer.status)")
                    #expect(answer.status != 401, "\(name)")
                }
            }
        }
    }

    @Test("Without a token, with one of the data plane, a revoked, an altered or an ended one: 401, each in the log")
    func strangers() async throws {
        try await TestControl.run { control in
            let revoked = try await control.token(.viewer)
            #expect(try await control.ask("POST", "/v1/tokens/viewer-0/revoke", token: control.admin).status == 204)
            var random = SystemRandomNumberGenerator()
            let client = KeyText.make(kind: .client, id: "app", using: &random)
            let stranger = KeyText.make(kind: .admin, id: "first-admin", using: &random)
            for token in [nil, "", "nonsense", client, stranger, revoked, control.admin + "x"] {
                let answer = try await control.ask("GET", "/v1/status", token: token)
                #expect(answer.status == 401)
                #expect(answer.headers["www-authenticate"] == "Bearer")
                #expect(answer.problem?.mend.isEmpty == false)
            }
            let log = try await control.ask("GET", "/v1/audit?limit=1000", token: control.admin)
            let entries = try log.view(Page<AuditEntry>.self).items
            #expect(entries.filter { $0.action == "sign-in.refused" }.count == 6, "all but the one without any token")
        }
    }

    @Test("Guesses are slowed down, and never lock out who is right")
    func guesses() async throws {
        try await TestControl.run { control in
            var statuses: [Int] = []
            for _ in 0..<25 { statuses.append(try await control.ask("GET", "/v1/status", token: "wrong").status) }
            #expect(statuses.prefix(20).allSatisfy { $0 == 401 })
            #expect(statuses.suffix(4).allSatisfy { $0 == 429 })
            #expect(try await control.ask("GET", "/v1/status", token: "wrong").headers["retry-after"] == "6")
            #expect(try await control.ask("GET", "/v1/status", token: control.admin).status == 200)
        }
    }

    @Test("Automation may do what it was granted, and nothing on the recovery path")
    func automation() async throws {
        try await TestControl.run { control in
            try await control.publish()
            let later = WallClock.readMilliseconds() + 60_000
            let token = try await control.token(
                .automation, grants: [Grant(.overridesCreate, expiresAtMilliseconds: later)])
            let effect = { (kind: String) in
                var effect = OverrideEffectView(kind: kind)
                effect.provider = "openai"
                return NewOverrideView(effect: effect, reason: "it is down", for: "1h")
            }
            #expect(try await control.ask("POST", "/v1/overrides", token: token, body: effect("drain")).status == 201)
            #expect(
                try await control.ask("POST", "/v1/overrides", token: token, body: effect("restrict")).status == 403)
            #expect(try await control.ask("GET", "/v1/overrides", token: token).status == 403)
            #expect(
                try await control.ask(
                    "POST", "/v1/rollback", token: token, body: RollbackView(to: 1, reason: "back")
                ).status == 403)
        }
    }

    @Test("The first admin's token is printed once, and never again")
    func firstToken() async throws {
        let folder = try TestFolder()
        let admin = Mutex("")
        try await TestControl.run(in: folder) { control in
            try await control.server.firstTokenWasShown()
            admin.withLock { $0 = control.admin }
        }
        let token = admin.withLock { $0 }
        try await TestControl.run(in: folder, admin: token) { control in
            #expect(control.server.firstToken == nil)
            let status = try await control.ask("GET", "/v1/status", token: token).status
            #expect(status == 200)
            let stored = try Data(contentsOf: URL(fileURLWithPath: folder.database))
            let log = (try? Data(contentsOf: URL(fileURLWithPath: folder.database + "-wal"))) ?? Data()
            #expect((stored + log).range(of: Data(token.utf8)) == nil)
        }
    }

    @Test("Where a process died before it had shown the first admin's token, the next one shows another")
    func firstTokenLost() async throws {
        let folder = try TestFolder()
        try await TestControl.run(in: folder) { _ in }
        try await TestControl.run(in: folder) { control in
            #expect(control.server.firstToken != nil)
            let status = try await control.ask("GET", "/v1/status", token: control.admin).status
            #expect(status == 200)
            #expect(control.server.tokens.all.map(\.id) == ["first-admin", "first-admin-2"])
            // Whoever could make a token has one, whether this process knows of it or not.
            let made = try await control.ask(
                "POST", "/v1/tokens", token: control.admin,
                body: NewTokenView(id: "alice", kind: "viewer", note: nil, for: nil, grants: nil))
            #expect(made.status == 201)
        }
        try await TestControl.run(in: folder, admin: "") { control in #expect(control.server.firstToken == nil) }
    }

    @Test("A start that finds no good admin makes one: the first token runs out, whether or not anybody used it")
    func noAdminLeft() async throws {
        let folder = try TestFolder()
        try await TestControl.run(in: folder) { control in
            try await control.server.firstTokenWasShown()
            let ended = try await control.ask("POST", "/v1/tokens/first-admin/revoke", token: control.admin)
            #expect(ended.status == 204)
        }
        try await TestControl.run(in: folder) { control in
            let status = try await control.ask("GET", "/v1/status", token: control.admin).status
            #expect(status == 200 && control.server.tokens.all.map(\.id) == ["first-admin", "first-admin-2"])
        }
    }

    @Test("Another name that leads here is not answered, and no page of another origin is")
    func rebinding() async throws {
        try await TestControl.run { control in
            let host = try await control.ask("GET", "/livez", headers: ["host": "evil.example"])
            #expect(host.status == 421)
            let origin = try await control.ask("GET", "/livez", headers: ["origin": "https://evil.example"])
            #expect(origin.status == 421)
            #expect(try await control.ask("GET", "/livez").status == 200)
        }
    }

    @Test(
        "By the names of control.hosts it is answered, with any port and in any letters, and to their pages",
        arguments: [
            ("holdfast.example.org", nil, 200),
            ("Holdfast.Example.org:8443", "https://holdfast.example.org:8443", 200),
            ("[FD00:0::5]:8090", "http://[fd00::5]:8090", 200),
            ("holdfast.example.org", "https://evil.example", 421),
            ("holdfast.example.org.evil.example", nil, 421), ("[fd00::6]:8090", nil, 421),
        ] as [(String, String?, Int)])
    func namedHosts(host: String, origin: String?, status: Int) async throws {
        try await TestControl.run { control in
            var headers = ["host": host]
            headers["origin"] = origin
            let answer = try await control.ask("GET", "/livez", headers: headers)
            #expect(answer.status == status)
        }
    }
}
