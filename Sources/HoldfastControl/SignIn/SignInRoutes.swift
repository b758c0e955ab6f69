import HTTPTypes
import HoldfastAPI
import HoldfastCore

extension SignIn {
    var routes: [APIRoute] {
        [
            APIRoute(
                method: .post, path: "/v1/sign-in-links", permission: .tokensCreate,
                summary: "Make a link that signs somebody in to the console, once, within a quarter of an hour.",
                request: .newSignInLink, status: .created, response: .signInLink
            ) { request in
                let word = try request.decode(NewSignInLinkView.self).kind
                guard let kind = word.map({ PrincipalKind(rawValue: $0) }) ?? .admin else {
                    throw ProblemView.noSuchKind
                }
                let made = try await self.makeLink(kind, by: request.actor, now: request.now)
                return .view(
                    SignInLinkView(
                        code: made.code, kind: kind.rawValue, expiresAt: TimeOfDay.text(milliseconds: made.expiresAt)),
                    status: .created)
            },
            APIRoute(
                method: .post, path: "/v1/sign-in", permission: nil,
                summary: "Exchange the code of a link for a token, once. Its text is in this answer and nowhere else.",
                request: .signIn, status: .created, response: .signedIn
            ) { request in
                let code = try request.decode(SignInView.self).code
                let made = try await self.open(code, peer: request.peer, now: request.now)
                return .view(
                    SignedInView(
                        token: made.text, principal: made.row.id, kind: made.row.kind.rawValue,
                        expiresAt: TimeOfDay.text(milliseconds: made.row.expiresAt)),
                    status: .created)
            },
            APIRoute(
                method: .get, path: "/v1/session", permission: .sessionRead,
                summary: "Whose token this is, until when it is good, and what it may do.", response: .session
            ) { request in
                .view(self.session(of: request.principal, now: request.now))
            },
        ]
    }

    private func session(of principal: Principal, now: Int64) -> SessionView {
        SessionView(
            principal: principal.id, kind: principal.kind.rawValue,
            expiresAt: TimeOfDay.text(milliseconds: tokens.expiry(of: principal.id) ?? now),
            permissions: Permission.allCases.filter { principal.may($0, nowMilliseconds: now) }.map(\.rawValue))
    }
}

/// What our views look like as JSON; a test holds each against the view itself.
extension APISchema {
    static let newSignInLink = object([("kind?", oneOf(SignIn.kinds.map(\.rawValue)))])

    static let signInLink = object([("code", .string), ("kind", kind), ("expires_at", .time)])

    static let signIn = object([("code", text(longest: 200))])

    static let signedIn = object([
        ("token", .string), ("principal", .string), ("kind", kind), ("expires_at", .time),
    ])

    static let session = object([
        ("principal", .string), ("kind", kind), ("expires_at", .time), ("permissions", array(of: .string)),
    ])
}
