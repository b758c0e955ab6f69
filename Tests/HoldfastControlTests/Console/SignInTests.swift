import Foundation
import HoldfastAPI
import HoldfastCore
import Testing

@testable import HoldfastControl

/// Links that sign somebody in to the console.
@Suite("Signing in by link", .serialized)
struct SignInTests {
    private func link(_ control: TestControl, kind: String? = nil) async throws -> SignInLinkView {
        let made = try await control.ask(
            "POST", "/v1/sign-in-links", token: control.admin, body: NewSignInLinkView(kind: kind))
        #expect(made.status == 201)
        return try made.view(SignInLinkView.self)
    }

    private func open(_ control: TestControl, _ code: String) async throws -> TestControl.Answer {
        try await control.ask("POST", "/v1/sign-in", body: SignInView(code: code))
    }

    @Test("A link opens once, for a token of its kind that lives for eight hours and shows what it may do")
    func once() async throws {
        try await TestControl.run { control in
            let link = try await link(control, kind: "operator")
            #expect(link.kind == "operator" && link.code.count == SignIn.codeLength)
            let opened = try await open(control, link.code)
            #expect(opened.status == 201)
            let signedIn = try opened.view(SignedInView.self)
            let answer = try await control.ask("GET", "/v1/session", token: signedIn.token)
            let session = try answer.view(SessionView.self)
            #expect(session.principal == signedIn.principal && session.kind == "operator")
            #expect(session.expiresAt == signedIn.expiresAt)
            #expect(session.permissions.contains("overrides.create") && !session.permissions.contains("tokens.create"))
            let row = try #require(control.server.tokens.all.last)
            #expect(row.id == signedIn.principal && row.expiresAt - row.madeAt == SignIn.tokenMilliseconds)
            let again = try await open(control, link.code)
            #expect(again.status == 401 && again.problem?.mend.contains("holdfast console") == true)
        }
    }

    @Test("A link of a token that was revoked meanwhile opens nothing")
    func revokedAuthor() async throws {
        try await TestControl.run { control in
            let other = try await control.token(.admin)
            let made = try await control.ask(
                "POST", "/v1/sign-in-links", token: other, body: NewSignInLinkView(kind: "admin"))
            let code = try made.view(SignInLinkView.self).code
            let mine = try await link(control).code
            let revoked = try await control.ask("POST", "/v1/tokens/admin-0/revoke", token: control.admin)
            #expect(revoked.status == 204)
            let opened = try await open(control, code)
            #expect(opened.status == 401 && opened.problem?.detail.contains("no good token") == true)
            #expect(try await open(control, mine).status == 201)
        }
    }

    @Test("Who signed in by a link is out as soon as its token is revoked, however many links lie between")
    func revokedAuthorOfASession() async throws {
        try await TestControl.run { control in
            func signIn(_ kind: String, by token: String) async throws -> String {
                let made = try await control.ask(
                    "POST", "/v1/sign-in-links", token: token, body: NewSignInLinkView(kind: kind))
                let opened = try await open(control, made.view(SignInLinkView.self).code)
                return try opened.view(SignedInView.self).token
            }
            func isIn(_ token: String) async throws -> Bool {
                try await control.ask("GET", "/v1/session", token: token).status == 200
            }
            let other = try await control.token(.admin)
            let first = try await signIn("admin", by: other)
            let second = try await signIn("viewer", by: first)
            let mine = try await signIn("viewer", by: control.admin)
            let made = try await control.ask(
                "POST", "/v1/tokens", token: other,
                body: NewTokenView(id: "edge-1", kind: "node", note: nil, for: nil, grants: nil))
            #expect(made.status == 201)
            for token in [first, second, mine] { #expect(try await isIn(token)) }
            #expect(try await control.ask("POST", "/v1/tokens/admin-0/revoke", token: control.admin).status == 204)
            for token in [first, second] { #expect(try await !isIn(token)) }
            #expect(try await isIn(mine))
            let rows = control.server.tokens.all
            #expect(rows.filter { $0.revokedBy == Tokens.firstAdmin }.count == 3)
            #expect(rows.first { $0.id == "edge-1" }?.revokedAt == nil)
            let stored = try await control.server.audit.store.read { try TokenStore.all(in: $0) }
            func revoked(_ rows: [TokenRow]) -> Set<String> { Set(rows.filter { $0.revokedAt != nil }.map(\.id)) }
            #expect(revoked(stored) == revoked(rows))
        }
    }

    @Test("Two that open one link at the same time are not both let in")
    func race() async throws {
        try await TestControl.run { control in
            let code = try await link(control).code
            let statuses = try await withThrowingTaskGroup(of: Int.self) { tasks in
                for _ in 0..<8 { tasks.addTask { try await open(control, code).status } }
                return try await tasks.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 201 } == 1 && statuses.count { $0 == 401 } == 7)
        }
    }

    @Test("A link is good for a quarter of an hour")
    func expiry() async throws {
        try await TestControl.run { control in
            let signIn = control.server.signIn
            let now = WallClock.readMilliseconds()
            let late = try await signIn.makeLink(.admin, by: .system, now: now)
            await #expect(throws: ProblemView.self) {
                try await signIn.open(late.code, peer: nil, now: now + SignIn.codeMilliseconds)
            }
            let timely = try await signIn.makeLink(.admin, by: .system, now: now)
            let opened = try await signIn.open(timely.code, peer: nil, now: now + SignIn.codeMilliseconds - 1)
            #expect(opened.row.kind == .admin)
        }
    }

    @Test("Wrong codes are slowed down together with wrong tokens, are in the log, and lock nobody out")
    func guesses() async throws {
        try await TestControl.run { control in
            let code = try await link(control).code
            let began = MonotonicClock.read()
            var refused = 0
            for place in 0..<100 {
                let status =
                    place.isMultiple(of: 2)
                    ? try await open(control, "wrong").status
                    : try await control.ask("GET", "/v1/status", token: "wrong").status
                if status == 429 { break }
                #expect(status == 401)
                refused += 1
            }
            // Twenty at once, and one more each six seconds, however long it takes here.
            let more = Int(MonotonicClock.read().nanoseconds(since: began) / GuessThrottle.refillNanoseconds) + 1
            #expect((20...20 + more).contains(refused))
            #expect(try await open(control, code).status == 201, "who is right is let in")
            let log = try await control.ask("GET", "/v1/audit?limit=1000", token: control.admin)
            let entries = try log.view(Page<AuditEntry>.self).items
            #expect(entries.contains { $0.action == "sign-in.refused" && $0.target == "/v1/sign-in" })
            #expect(entries.contains { $0.action == "sign-in.offered" && $0.principal == "first-admin" })
            #expect(entries.contains { $0.action == "sign-in.accepted" && $0.principal == "first-admin" })
        }
    }

    @Test("Neither a code nor its token is in the store or in the audit log")
    func secrets() async throws {
        let folder = try TestFolder()
        try await TestControl.run(in: folder) { control in
            let code = try await link(control).code
            let waiting = try await link(control).code
            let token = try await open(control, code).view(SignedInView.self).token
            let log = try await control.ask("GET", "/v1/audit?limit=1000", token: control.admin)
            let files = [folder.database, folder.database + "-wal"].map {
                (try? Data(contentsOf: URL(fileURLWithPath: $0))) ?? Data()
            }
            for secret in [code, waiting, token] {
                for bytes in files + [log.body] { #expect(bytes.range(of: Data(secret.utf8)) == nil) }
            }
        }
    }

    @Test("Only an admin makes links, and only for those who sit before a console")
    func kinds() async throws {
        try await TestControl.run { control in
            for kind in ["node", "automation", "nobody"] {
                let refused = try await control.ask(
                    "POST", "/v1/sign-in-links", token: control.admin, body: NewSignInLinkView(kind: kind))
                #expect(refused.status == 422 && refused.problem?.fields?.first?.field == "kind")
            }
            for kind in PrincipalKind.allCases where kind != .admin {
                let token = try await control.token(kind)
                let refused = try await control.ask(
                    "POST", "/v1/sign-in-links", token: token, body: NewSignInLinkView(kind: nil))
                #expect(refused.status == 403)
            }
        }
    }

    @Test("There are bounds: on links that wait, and on how long ended sessions are listed")
    func bounds() async throws {
        try await TestControl.run { control in
            let signIn = control.server.signIn
            let now = WallClock.readMilliseconds()
            for _ in 0..<SignIn.most { _ = try await signIn.makeLink(.viewer, by: .system, now: now) }
            await #expect(throws: ProblemView.self) { try await signIn.makeLink(.viewer, by: .system, now: now) }
            let later = now + SignIn.codeMilliseconds
            let first = try await signIn.makeLink(.viewer, by: .system, now: later)
            let old = try await signIn.open(first.code, peer: nil, now: later).row.id
            let muchLater = later + SignIn.tokenMilliseconds + Tokens.sessionsKeptMilliseconds + 1
            let second = try await signIn.makeLink(.viewer, by: .system, now: muchLater)
            let new = try await signIn.open(second.code, peer: nil, now: muchLater).row.id
            let listed = control.server.tokens.all.map(\.id)
            #expect(listed.contains(new) && !listed.contains(old))
            let stored = try await control.server.audit.store.read { try TokenStore.all(in: $0) }.map(\.id)
            #expect(Set(stored) == Set(listed))
        }
    }

    @Test("The ids of sign-ins are nobody else's")
    func ids() async throws {
        try await TestControl.run { control in
            let refused = try await control.ask(
                "POST", "/v1/tokens", token: control.admin,
                body: NewTokenView(id: "console-x", kind: "viewer", note: nil, for: nil, grants: nil))
            #expect(refused.status == 422 && refused.problem?.fields?.first?.field == "id")
        }
    }
}
