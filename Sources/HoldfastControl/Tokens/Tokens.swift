import Crypto
import Foundation
import HoldfastAPI
import HoldfastCore
import Synchronization

/// Who may sign in. All of it is in memory as well, so that a request costs no look-up and a revocation holds from the
/// moment at which it is committed.
package final class Tokens: Sendable {
    package static let firstAdmin = "first-admin"
    /// Of all kinds, ended ones included: a bound on what is kept in memory.
    static let most = 10_000

    /// Ids that begin so are of sign-ins to the console, random, and never made by hand.
    static let sessionPrefix = "console-"
    /// Sign-ins are many, and live for hours: without an end of the list they would fill it.
    static let sessionsKeptMilliseconds: Int64 = 30 * 86_400_000

    private let audit: AuditLog
    private let known: Mutex<[String: TokenRow]>

    init(audit: AuditLog) async throws {
        self.audit = audit
        let rows = try await audit.store.read { try TokenStore.all(in: $0) }
        known = Mutex(Dictionary(rows.map { ($0.id, $0) }, uniquingKeysWith: { _, last in last }))
    }

    /// The text of an admin's token, where nobody was ever shown one, or none is good any more; nowhere kept. A process
    /// that dies between the making and the showing would lock everybody out for ever, and so would a first token that ran
    /// out unused: whoever starts the process owns its store anyway.
    package func makeFirst(now: Int64) async throws -> String? {
        let (hasAdmin, isNew) = known.withLock { known in
            (
                known.values.contains { $0.kind == .admin && $0.isGood(now: now) },
                known.values.allSatisfy { $0.madeBy == Actor.system.principal }
            )
        }
        if hasAdmin {
            let wasShown = try await audit.store.read { try TokenStore.firstWasShown(in: $0) }
            guard isNew, !wasShown else { return nil }
        }
        let new = NewToken(id: freeID(Self.firstAdmin), kind: .admin, note: "made at a start without any admin")
        return try await create(new, by: .system, now: now).text
    }

    /// Somebody has the text now.
    func firstWasShown() async throws {
        try await audit.store.write { try TokenStore.markFirstAsShown(in: $0) }
    }

    /// An id means one token for ever, so the next one of the name has another.
    func freeID(_ name: String) -> String {
        let taken = known.withLock { Set($0.keys) }
        return (1...).lazy.map { $0 == 1 ? name : "\(name)-\($0)" }.first { !taken.contains($0) } ?? name
    }

    struct NewToken: Sendable {
        var id: String
        var kind: PrincipalKind
        var note = ""
        /// Nil: as long as is usual for its kind.
        var lifetimeMilliseconds: Int64?
        var grants: [Grant] = []
        /// Of a sign-in, by `createSession` alone.
        var isSession = false
    }

    /// - Returns: its text, which is not kept, and what is.
    func create(_ new: NewToken, by actor: Actor, now: Int64) async throws -> (text: String, row: TokenRow) {
        let lifetime = try check(new, now: now)
        var random = SystemRandomNumberGenerator()
        let text = KeyText.make(kind: new.kind.keyKind, id: new.id, using: &random)
        let row = TokenRow(
            id: new.id, kind: new.kind, digest: Self.digest(text), note: new.note,
            grants: new.grants.map {
                GrantRow(
                    permission: $0.permission.rawValue, expiresAt: $0.expiresAtMilliseconds,
                    includesRecovery: $0.includesRecovery)
            }, madeBy: actor.principal, madeAt: now, expiresAt: now + lifetime)
        let event = AuditEvent(
            actor, Permission.tokensCreate.rawValue, new.id,
            [
                "kind": new.kind.rawValue, "expires_at": TimeOfDay.text(milliseconds: row.expiresAt),
                "grants": new.grants.map(\.permission.rawValue).joined(separator: " "),
            ])
        try await audit.change(event, now: now) { database in
            // Two that ask for one id at the same time: the second finds the first's.
            guard try !TokenStore.has(row.id, in: database) else { throw ProblemView.tokenExists }
            // Nobody signs in by the link of a token that ends at the same time.
            if new.isSession, try TokenStore.isRevoked(actor.principal, in: database) { throw ProblemView.noSuchCode }
            try TokenStore.insert(row, in: database)
        } whenCommitted: {
            self.known.withLock { $0[row.id] = row }
        }
        return (text, row)
    }

    /// The token of one sign-in to the console.
    ///
    /// - Parameter actor: who made the link.
    func createSession(
        _ kind: PrincipalKind, lifetimeMilliseconds: Int64, by actor: Actor, now: Int64
    ) async throws -> (text: String, row: TokenRow) {
        try await forgetSessions(endedBefore: now - Self.sessionsKeptMilliseconds, now: now)
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz")
        let word = String((0..<10).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] })
        let new = NewToken(
            id: Self.sessionPrefix + word, kind: kind, note: "signed in to the console by a link",
            lifetimeMilliseconds: lifetimeMilliseconds, isSession: true)
        return try await create(new, by: actor, now: now)
    }

    private func forgetSessions(endedBefore time: Int64, now: Int64) async throws {
        let isSession = { (row: TokenRow) in row.id.hasPrefix(Self.sessionPrefix) && row.expiresAt < time }
        guard known.withLock({ $0.values.contains(where: isSession) }) else { return }
        let event = AuditEvent(
            .system, "tokens.forget", "\(Self.sessionPrefix)*", ["ended_before": TimeOfDay.text(milliseconds: time)])
        try await audit.change(event, now: now) { try TokenStore.forgetSessions(endedBefore: time, in: $0) }
        known.withLock { known in known = known.filter { !isSession($0.value) } }
    }

    /// Milliseconds since 1970; nil: there is no such token.
    func expiry(of id: String) -> Int64? { known.withLock { $0[id]?.expiresAt } }

    private func check(_ new: NewToken, now: Int64) throws -> Int64 {
        var fields: [ProblemView.Field] = []
        if !KeyText.isLegalID(new.id) {
            fields.append(.illegalID)
        }
        if !new.isSession, new.id.hasPrefix(Self.sessionPrefix) {
            fields.append(
                .init(
                    field: "id", message: "ids that begin with \(Self.sessionPrefix) are of sign-ins to the console",
                    mend: "begin it with another word"))
        }
        if let field = ProblemView.Field.illegalNote(new.note) { fields.append(field) }
        if new.kind != .automation, !new.grants.isEmpty {
            fields.append(
                .init(
                    field: "grants", message: "only automation is granted anything",
                    mend: "leave the grants out: what people may do is what their kind may do"))
        }
        for grant in new.grants {
            if let refusal = grant.refusal(nowMilliseconds: now) {
                fields.append(.init(field: "grants", message: refusal.message, mend: refusal.mend))
            }
        }
        var lifetime: Int64 = 0
        do throws(TokenLifetime.Refusal) {
            lifetime = try TokenLifetime.milliseconds(of: new.kind, asked: new.lifetimeMilliseconds)
        } catch {
            fields.append(.init(field: "for", message: error.message, mend: error.mend))
        }
        guard fields.isEmpty else { throw ProblemView.invalid(fields) }
        guard known.withLock({ $0[new.id] }) == nil else {
            throw ProblemView.tokenExists
        }
        guard known.withLock(\.count) < Self.most else {
            throw ProblemView.conflict("there are \(Self.most) tokens", mend: "look for who makes so many")
        }
        return lifetime
    }

    /// Whoever found a token out may have signed in by its links as well: those sign-ins end with it. Tokens that it made
    /// stay, since most are of gateways and of people.
    func revoke(_ id: String, by actor: Actor, now: Int64) async throws {
        guard let row = known.withLock({ $0[id] }) else { throw ProblemView.notFound("token") }
        guard row.revokedAt == nil else { return }
        let event = AuditEvent(actor, Permission.tokensRevoke.rawValue, id, ["kind": row.kind.rawValue])
        _ = try await audit.change(event, now: now) {
            try TokenStore.revoke(id, by: actor.principal, now: now, in: $0)
        } whenCommitted: { ended in
            self.known.withLock {
                for id in ended {
                    $0[id]?.revokedAt = now
                    $0[id]?.revokedBy = actor.principal
                }
            }
        }
    }

    /// Whether who did something may still do it: the process itself, or a token that is neither revoked nor over.
    func isGood(_ actor: Actor, now: Int64) -> Bool {
        actor == .system || known.withLock { $0[actor.principal]?.isGood(now: now) ?? false }
    }

    var all: [TokenRow] {
        known.withLock { Array($0.values) }.sorted { ($0.madeAt, $0.id) < ($1.madeAt, $1.id) }
    }

    // MARK: - Signing in

    /// Same work whether the id is unknown or the secret is wrong: a miss is compared with a digest that no token has.
    func principal(of text: some StringProtocol, now: Int64) -> Principal? {
        guard let parts = KeyText(text) else { return nil }
        let row = known.withLock { $0[parts.id] }
        let isRight = Self.equalsInConstantTime(Self.digest(String(text)), row?.digest ?? Self.nobody)
        guard isRight, let row, PrincipalKind(parts.kind) == row.kind, row.isGood(now: now) else { return nil }
        return Principal(
            id: row.id, kind: row.kind,
            grants: row.grants.compactMap { grant in
                Permission(rawValue: grant.permission).map {
                    Grant($0, expiresAtMilliseconds: grant.expiresAt, includesRecovery: grant.includesRecovery)
                }
            })
    }

    private static let nobody = Data(repeating: 0, count: SHA256.byteCount)

    private static func digest(_ text: String) -> Data { Data(SHA256.hash(data: Data(text.utf8))) }

    private static func equalsInConstantTime(_ left: Data, _ right: Data) -> Bool {
        left.count == right.count && zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

extension ProblemView {
    fileprivate static let tokenExists = conflict(
        "there is, or was, a token of this id", mend: "use another id: an id means one token for ever")
}
