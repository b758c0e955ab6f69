import Crypto
import Foundation
import HoldfastAPI
import HoldfastCore
import Synchronization

/// Links that sign somebody in to the console, once: whoever has a terminal there need not copy a token into a browser.
///
/// A link holds a code, and its code alone goes to the browser, behind the `#`, which no browser sends anywhere. It is
/// exchanged for a token of its own, which is short-lived and shows among the tokens. Codes are in memory alone, as digests:
/// a restart ends them, and whoever was about to use one makes another.
final class SignIn: Sendable {
    static let codeMilliseconds: Int64 = 15 * 60_000
    /// A shift.
    static let tokenMilliseconds: Int64 = 8 * 3_600_000
    /// Links that nobody has opened yet.
    static let most = 100
    /// Characters of base 64: 192 bits.
    static let codeLength = 32
    static let kinds: [PrincipalKind] = [.viewer, .operator_, .approver, .auditor, .admin]

    private struct Link {
        var kind: PrincipalKind
        var author: Actor
        var expiresAt: Int64
    }

    let tokens: Tokens
    private let audit: AuditLog
    private let guesses: Guesses
    /// By the digest of their code. Looking one up by a digest says nothing about the code, however long it takes.
    private let links = Mutex<[Data: Link]>([:])

    init(tokens: Tokens, audit: AuditLog, guesses: Guesses) {
        self.tokens = tokens
        self.audit = audit
        self.guesses = guesses
    }

    /// - Returns: the code, which is not kept, and until when it is good, in milliseconds since 1970.
    func makeLink(_ kind: PrincipalKind, by actor: Actor, now: Int64) async throws -> (code: String, expiresAt: Int64) {
        let link = Link(kind: kind, author: actor, expiresAt: now + Self.codeMilliseconds)
        guard Self.kinds.contains(kind) else {
            throw ProblemView.invalid([
                .init(
                    field: "kind", message: "nobody of this kind sits before a console",
                    mend: "use \(Self.kinds.map(\.rawValue).joined(separator: ", "))")
            ])
        }
        let isFull = links.withLock { links in
            links = links.filter { now < $0.value.expiresAt }
            return links.count >= Self.most
        }
        guard !isFull else {
            throw ProblemView.conflict(
                "\(Self.most) links wait to be opened", mend: "open one of them, or wait until they have ended")
        }
        let event = AuditEvent(
            actor, "sign-in.offered", kind.rawValue, ["expires_at": TimeOfDay.text(milliseconds: link.expiresAt)])
        try await audit.note(event, now: now)
        let code = Self.code()
        links.withLock { $0[Self.digest(code)] = link }
        return (code, link.expiresAt)
    }

    /// Exchanges a code for a token, once.
    func open(_ code: String, peer: String?, now: Int64) async throws -> (text: String, row: TokenRow) {
        let digest = Self.digest(code)
        let link = links.withLock { $0.removeValue(forKey: digest) }
        // Whose token was revoked has nothing left to give.
        guard let link, now < link.expiresAt, tokens.isGood(link.author, now: now) else {
            try await guesses.record("/v1/sign-in", peer: peer, now: now)
            throw ProblemView.noSuchCode
        }
        do {
            let event = AuditEvent(link.author, "sign-in.accepted", link.kind.rawValue, ["peer": peer ?? ""])
            try await audit.note(event, now: now)
            return try await tokens.createSession(
                link.kind, lifetimeMilliseconds: Self.tokenMilliseconds, by: link.author, now: now)
        } catch {
            // A store that is full for a moment must not cost the link.
            links.withLock { $0[digest] = link }
            throw error
        }
    }

    private static func digest(_ code: String) -> Data { Data(SHA256.hash(data: Data(code.utf8))) }

    private static func code() -> String {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<codeLength * 3 / 4).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        return Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_")
    }
}

extension ProblemView {
    static let noSuchCode = ProblemView(
        "sign-in", "This link is not good", status: 401,
        detail: "it was opened already, was made before a restart, is older than "
            + "\(SignIn.codeMilliseconds / 60_000) minutes, or whoever made it has no good token any more",
        mend: "make another one: holdfast console")
}
