import Foundation
import HTTPTypes
import HoldfastAPI
import HoldfastCore

/// What the management plane can be asked. Routes translate; what they ask for is done by the noun.
struct APIRoutes: Sendable {
    let tokens: Tokens
    let keys: Keys
    let overrides: Overrides
    let snapshots: Snapshots
    let gateways: Gateways
    let exchanges: Exchanges
    let rollouts: Rollouts
    let drills: Drills
    let backups: Backups
    let audit: AuditLog
    let metrics: ControlMetrics
    let version: String

    /// - Parameter more: of nouns that keep theirs with them.
    func all(with more: [APIRoute]) -> [APIRoute] {
        let routes =
            statusRoutes + gatewayRoutes + generationRoutes + rollouts.routes + drills.routes + overrideRoutes
            + tokenRoutes + gateways.figuresRoutes + ExchangeRoutes(exchanges: exchanges, gateways: gateways).all
            + keys.routes + backups.routes + more + audit.routes + [metrics.route]
        return routes + [OpenAPI.route(describing: routes, version: version)]
    }

    // MARK: - The whole

    private var statusRoutes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/livez", permission: nil, summary: "The process runs.", response: .string,
                mediaType: "text/plain"
            ) { _ in
                .text("alive\n", type: "text/plain")
            },
            APIRoute(
                method: .get, path: "/v1/status", permission: .gatewaysRead,
                summary: "Generation, overrides and gateways at a glance.", response: .status
            ) { request in
                var view = StatusView(
                    version: version, generation: snapshots.newest?.number ?? 0,
                    overrides: snapshots.newest?.payload.overrides.count ?? 0, gateways: gatewayViews,
                    rollout: rollouts.find(now: MonotonicClock.read()), auditEntries: audit.size,
                    lastVerifiedBackupAgeMilliseconds: backups.lastVerifiedAge(now: request.now),
                    backupProblem: backups.problem, principal: request.principal.id,
                    kind: request.principal.kind.rawValue)
                view.drills = try await drills.status(now: request.now)
                return .view(view)
            },
        ]
    }

    // MARK: - Gateways

    private var gatewayRoutes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/gateways", permission: .gatewaysRead, summary: "Gateways that have reported.",
                response: .page(of: .gateway)
            ) { _ in
                .view(Page(items: gatewayViews, next: nil))
            },
            APIRoute(
                method: .post, path: "/v1/pull", permission: .snapshotsPull,
                summary: "A gateway reports, and gets the signed snapshot it is to have, if it has not: else 204.",
                request: .report, response: .signedSnapshot
            ) { request in
                let report = try request.decode(GatewayReportView.self).checked()
                let (id, now) = (request.principal.id, MonotonicClock.read())
                let found = try rollouts.pull(id, report, now: now)
                if let receipts = report.receipts { exchanges.take(receipts, from: id) }
                let answer = found.map { APIAnswer.view($0) } ?? .nothing
                return gateways.wantsFigures(of: id, now: now) ? .with(Self.watched, answer) : answer
            },
        ]
    }

    private static let watched: HTTPField = {
        guard let name = HTTPField.Name(ControlClient.watchedHeader) else {
            preconditionFailure("'\(ControlClient.watchedHeader)' is a token of RFC 9110")
        }
        return HTTPField(name: name, value: "true")
    }()

    private var gatewayViews: [GatewayView] {
        gateways.all(now: MonotonicClock.read()) { snapshots.target(of: $0)?.number ?? 0 }
    }

    // MARK: - Generations

    private var generationRoutes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/generations", permission: .snapshotsRead,
                summary: "Snapshots, the newest first, without their documents.",
                query: APISchema.numberedPageParameters, response: .page(of: .generation)
            ) { request in
                let limit = try request.limit
                let below = try request.number("after").map(UInt64.init)
                let found = try await snapshots.list(below: below, limit: limit)
                let next = found.count == limit ? found.last.map { "\($0.number)" } : nil
                return .view(
                    Page(items: found.map { GenerationView($0, withDocument: false) }, next: next),
                    generation: snapshots.newest?.number)
            },
            APIRoute(
                method: .get, path: "/v1/generations/{number}", permission: .snapshotsRead,
                summary: "One snapshot with its document; `newest` is a number too.", response: .generation
            ) { request in
                let name = request.parameters["number"] ?? ""
                let found = name == "newest" ? snapshots.newest : try await find(name)
                guard let found else { throw ProblemView.notFound("generation") }
                return .view(GenerationView(found, withDocument: true), generation: found.number)
            },
            APIRoute(
                method: .post, path: "/v1/generations", permission: .snapshotsPublish,
                summary: "Publish a configuration: it is rolled out, to one gateway first.", request: .newGeneration,
                status: .created, response: .generation,
                takesGeneration: true
            ) { request in
                let new = try request.decode(NewGenerationView.self)
                let draft = Snapshots.Draft(
                    name: try Self.name(new.name), document: new.document, reason: try Self.reason(new.reason),
                    confirmed: new.confirmed ?? false)
                let made = try await snapshots.publish(
                    draft, expected: request.ifMatch, by: request.actor, now: request.now)
                return .view(GenerationView(made, withDocument: false), status: .created, generation: made.number)
            },
            APIRoute(
                method: .post, path: "/v1/rollback", permission: .snapshotsRollback,
                summary: "Publish the document of an earlier generation again.", request: .rollback, status: .created,
                response: .generation
            ) { request in
                let wanted = try request.decode(RollbackView.self)
                let made = try await snapshots.rollback(
                    to: wanted.to, reason: try Self.reason(wanted.reason), by: request.actor, now: request.now)
                return .view(GenerationView(made, withDocument: false), status: .created, generation: made.number)
            },
        ]
    }

    private func find(_ number: String) async throws -> Generation? {
        guard let number = UInt64(number) else { return nil }
        return try await snapshots.find(number)
    }

    // MARK: - Overrides

    private var overrideRoutes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/overrides", permission: .overridesRead,
                summary: "Overrides, the newest first, ended ones included.", query: APISchema.pageParameters,
                response: .page(of: .override)
            ) { request in
                let limit = try request.limit
                let found = try await overrides.list(after: request.query["after"], limit: limit)
                let next = found.count == limit ? found.last?.id : nil
                return .view(Page(items: found, next: next), generation: snapshots.newest?.number)
            },
            APIRoute(
                method: .get, path: "/v1/overrides/{id}", permission: .overridesRead, summary: "One override.",
                response: .override
            ) { request in
                guard let found = try await overrides.find(request.parameters["id"] ?? "") else {
                    throw ProblemView.notFound("override")
                }
                return .view(found)
            },
            APIRoute(
                method: .post, path: "/v1/overrides", permission: .overridesCreate,
                summary: "Drain, restrict, pin, shed, cap or price, with reason and end.", request: .newOverride,
                status: .created, response: .override, takesGeneration: true
            ) { request in
                let new = try request.decode(NewOverrideView.self)
                try Self.mayDo(.restrictionsCreate, to: new.effect, request)
                let made = try await overrides.create(
                    Overrides.NewOverride(
                        effect: new.effect, reason: new.reason,
                        lifetimeMilliseconds: try Self.milliseconds("for", new.for)),
                    expected: request.ifMatch, by: request.actor, now: request.now)
                return .view(made.override, status: .created, generation: made.generation)
            },
            APIRoute(
                method: .post, path: "/v1/overrides/{id}/clear", permission: .overridesClear,
                summary: "End an override before its time; the only end of a restriction.", request: .reason,
                response: .override
            ) { request in
                let why = try request.decode(ReasonView.self)
                let id = request.parameters["id"] ?? ""
                if let found = try await overrides.find(id) {
                    try Self.mayDo(.restrictionsClear, to: found.effect, request)
                }
                return .view(
                    try await overrides.clear(
                        id, reason: try Self.reason(why.reason), by: request.actor, now: request.now))
            },
        ]
    }

    /// Restrictions have permissions of their own.
    private static func mayDo(
        _ permission: Permission, to effect: OverrideEffectView, _ request: APIRequest
    ) throws {
        guard effect.kind == "restrict", !request.principal.may(permission, nowMilliseconds: request.now) else {
            return
        }
        throw ProblemView.forbidden(kind: request.principal.kind.rawValue, permission: permission.rawValue)
    }

    // MARK: - Tokens

    private var tokenRoutes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/tokens", permission: .tokensRead, summary: "Tokens, ended ones included.",
                response: .page(of: .token)
            ) { _ in
                .view(Page(items: tokens.all.map { TokenView($0) }, next: nil))
            },
            APIRoute(
                method: .post, path: "/v1/tokens", permission: .tokensCreate,
                summary: "Make a token. Its text is in this answer and nowhere else.", request: .newToken,
                status: .created, response: .token
            ) { request in
                let new = try Self.newToken(try request.decode(NewTokenView.self), now: request.now)
                let made = try await tokens.create(new, by: request.actor, now: request.now)
                var view = TokenView(made.row)
                view.token = made.text
                return .view(view, status: .created)
            },
            APIRoute(
                method: .post, path: "/v1/tokens/{id}/revoke", permission: .tokensRevoke,
                summary: "End a token now, and the sign-ins by its links.",
                status: .noContent
            ) { request in
                try await tokens.revoke(request.parameters["id"] ?? "", by: request.actor, now: request.now)
                return .nothing
            },
        ]
    }

    private static func newToken(_ view: NewTokenView, now: Int64) throws -> Tokens.NewToken {
        guard let kind = PrincipalKind(rawValue: view.kind) else { throw ProblemView.noSuchKind }
        let grants = try (view.grants ?? []).map { grant in
            guard let permission = Permission(rawValue: grant.permission) else {
                throw ProblemView.invalid([
                    .init(
                        field: "grants", message: "there is no permission of that name",
                        mend: "use noun.verb, such as overrides.create")
                ])
            }
            return Grant(
                permission, expiresAtMilliseconds: now + (try milliseconds("grants.for", grant.for)),
                includesRecovery: grant.includesRecovery ?? false)
        }
        return Tokens.NewToken(
            id: view.id, kind: kind, note: view.note ?? "",
            lifetimeMilliseconds: try view.for.map { try milliseconds("for", $0) }, grants: grants)
    }

    // MARK: - Fields

    static func milliseconds(_ field: String, _ text: String) throws -> Int64 {
        guard let span = ConfigurationUnits.duration(text), span > 0 else {
            throw ProblemView.invalid([
                .init(field: field, message: "this is no span of time", mend: "write it like 30m, 2h or 7d")
            ])
        }
        return span / Span.millisecond
    }

    /// Those of overrides are checked by the core.
    static func reason(_ text: String) throws -> String {
        try line(
            text, longest: Override.longestReason, field: "reason", message: "there is no reason, or too much",
            mend: "say why in one line of at most \(Override.longestReason) characters")
    }

    /// Of a document: a file's, as a rule.
    private static func name(_ text: String) throws -> String {
        try line(
            text, longest: APISchema.longestName, field: "name", message: "this is no name of a document",
            mend: "name the file in one line of at most \(APISchema.longestName) characters")
    }

    /// What shows in lists and logs: a line with something on it.
    private static func line(
        _ text: String, longest: Int, field: String, message: String, mend: String
    ) throws -> String {
        let isGood =
            (1...longest).contains(text.unicodeScalars.count)
            && !text.unicodeScalars.contains { Self.breaksLine($0.properties.generalCategory) }
            && text.contains { !$0.isWhitespace }
        guard isGood else { throw ProblemView.invalid([.init(field: field, message: message, mend: mend)]) }
        return text
    }

    private static func breaksLine(_ category: Unicode.GeneralCategory) -> Bool {
        switch category {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}

extension GenerationView {
    init(_ generation: Generation, withDocument: Bool) {
        let payload = generation.payload
        self.init(
            number: payload.number, madeAt: TimeOfDay.text(milliseconds: payload.madeAt), author: payload.author,
            reason: payload.reason, name: payload.name, overrides: payload.overrides,
            document: withDocument ? payload.document : nil)
    }
}

extension TokenView {
    init(_ row: TokenRow) {
        self.init(
            id: row.id, kind: row.kind.rawValue, note: row.note,
            grants: row.grants.map {
                GrantView(
                    permission: $0.permission, expiresAt: TimeOfDay.text(milliseconds: $0.expiresAt),
                    includesRecovery: $0.includesRecovery)
            }, madeBy: row.madeBy, madeAt: TimeOfDay.text(milliseconds: row.madeAt),
            expiresAt: TimeOfDay.text(milliseconds: row.expiresAt),
            revokedAt: row.revokedAt.map { TimeOfDay.text(milliseconds: $0) }, revokedBy: row.revokedBy)
    }
}
