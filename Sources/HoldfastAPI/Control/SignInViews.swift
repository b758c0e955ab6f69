// Signing in to the console, and who is signed in.

package struct NewSignInLinkView: Codable, Sendable {
    /// What whoever opens it will be; absent: `admin`.
    package var kind: String?

    package init(kind: String?) {
        self.kind = kind
    }
}

package struct SignInLinkView: Codable, Sendable {
    /// Belongs behind `/#sign-in=`. In this answer and nowhere else.
    package var code: String
    package var kind: String
    /// RFC 3339. Of the code.
    package var expiresAt: String

    package init(code: String, kind: String, expiresAt: String) {
        self.code = code
        self.kind = kind
        self.expiresAt = expiresAt
    }
}

package struct SignInView: Codable, Sendable {
    package var code: String

    package init(code: String) {
        self.code = code
    }
}

package struct SignedInView: Codable, Sendable {
    /// In this answer and nowhere else.
    package var token: String
    package var principal: String
    package var kind: String
    /// RFC 3339. Of the token.
    package var expiresAt: String

    package init(token: String, principal: String, kind: String, expiresAt: String) {
        self.token = token
        self.principal = principal
        self.kind = kind
        self.expiresAt = expiresAt
    }
}

/// What a client may offer to whoever is signed in.
package struct SessionView: Codable, Sendable {
    package var principal: String
    package var kind: String
    /// RFC 3339.
    package var expiresAt: String
    /// As `x-permission` of the routes names them.
    package var permissions: [String]

    package init(principal: String, kind: String, expiresAt: String, permissions: [String]) {
        self.principal = principal
        self.kind = kind
        self.expiresAt = expiresAt
        self.permissions = permissions
    }
}

extension ControlClient {
    /// The one answer that holds the code itself.
    package func signInLink(kind: String?) async throws(ControlFailure) -> SignInLinkView {
        try await post("/v1/sign-in-links", NewSignInLinkView(kind: kind), as: SignInLinkView.self)
    }
}
