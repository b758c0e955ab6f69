import HTTPTypes
import HoldfastAPI
import HoldfastCore

extension Drills {
    var routes: [APIRoute] { drillRoutes + tableTopRoutes + leverRoutes + recordRoutes }

    private var drillRoutes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/drills", permission: .drillsRead, summary: "Drills, the newest first.",
                query: APISchema.pageParameters, response: .page(of: .drill)
            ) { request in
                let limit = try request.limit
                let found = try await self.list(
                    after: request.query["after"], limit: limit, Self.times(request))
                let next = found.count == limit ? found.last?.id : nil
                return .view(Page(items: found, next: next))
            },
            APIRoute(
                method: .get, path: "/v1/drills/{id}", permission: .drillsRead,
                summary: "One drill; under way with what gateways say now.", response: .drill
            ) { request in
                guard let found = try await self.find(request.parameters["id"] ?? "", Self.times(request)) else {
                    throw ProblemView.notFound("drill")
                }
                return .view(found)
            },
            APIRoute(
                method: .post, path: "/v1/drills", permission: .drillsStart,
                summary: "Make something fail on purpose, under a lease, and see what comes of it.",
                request: .newDrill, status: .created, response: .drill
            ) { request in
                .view(
                    try await self.start(try request.decode(NewDrillView.self), request), status: .created)
            },
            APIRoute(
                method: .post, path: "/v1/drills/{id}/stop", permission: .drillsStop,
                summary: "End a drill before its time; it is inconclusive then, unless it has failed already.",
                request: .reason, response: .drill
            ) { request in
                let why = try request.decode(ReasonView.self)
                return .view(
                    try await self.stop(
                        request.parameters["id"] ?? "", reason: try APIRoutes.reason(why.reason), by: request.actor,
                        Self.times(request)))
            },
        ]
    }

    private var tableTopRoutes: [APIRoute] {
        [
            APIRoute(
                method: .post, path: "/v1/drills/{id}/steps/{number}", permission: .drillsStart,
                summary: "Say how a step of a table-top went, from 1; the last one ends it.", request: .drillTick,
                response: .drill
            ) { request in
                let tick = try request.decode(DrillTickView.self)
                guard let number = ConfigurationUnits.integer(request.parameters["number"] ?? "") else {
                    throw ProblemView.notFound("step")
                }
                return .view(
                    try await self.tick(
                        request.parameters["id"] ?? "", step: number, note: try Self.line("note", tick.note),
                        worked: tick.worked ?? true, by: request.actor, now: request.now))
            }
        ]
    }

    private var leverRoutes: [APIRoute] {
        [
            APIRoute(
                method: .post, path: "/v1/drills/halt", permission: .drillsStop,
                summary: "The safety lever: ends every drill that injects, and refuses new ones until it is released.",
                request: .reason, response: .drillHalt
            ) { request in
                let why = try request.decode(ReasonView.self)
                return .view(
                    try await self.halt(
                        reason: try APIRoutes.reason(why.reason), by: request.actor, Self.times(request)))
            },
            APIRoute(
                method: .post, path: "/v1/drills/resume", permission: .drillsStart,
                summary: "Release the safety lever; a person does.", request: .reason, response: .drillHalt
            ) { request in
                // Whatever was granted to it: somebody pulled the lever for a reason that automation does not know.
                guard request.principal.kind != .automation else {
                    throw ProblemView.forbidden(
                        kind: request.principal.kind.rawValue, permission: Permission.drillsStart.rawValue)
                }
                let why = try request.decode(ReasonView.self)
                return .view(
                    try await self.resume(
                        reason: try APIRoutes.reason(why.reason), by: request.actor, now: request.now))
            },
        ]
    }

    private var recordRoutes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/fallbacks", permission: .drillsRead,
                summary: "How good each fallback of each route is known to be: tested, outdated, untested or failed.",
                response: .page(of: .fallback)
            ) { request in
                guard let found = try await self.fallbacks(now: request.now) else {
                    throw ProblemView.unreadableConfiguration
                }
                return .view(Page(items: found, next: nil))
            },
            APIRoute(
                method: .get, path: "/v1/drill-schedules", permission: .drillsRead,
                summary: "Drills that start by themselves, when the next one is due, and what became of the last.",
                response: .page(of: .drillSchedule)
            ) { request in
                .view(Page(items: self.scheduleViews(now: request.now), next: nil))
            },
            APIRoute(
                method: .get, path: "/v1/drills/{id}/evidence", permission: .evidenceRead,
                summary: "What a drill came to, signed, with its entries of the audit log and their proofs.",
                response: .signedEvidence
            ) { request in
                .view(
                    try await self.evidence(
                        of: request.parameters["id"] ?? "", for: request.actor, now: request.now))
            },
        ]
    }

    private static func times(_ request: APIRequest) -> Rollouts.Times {
        Rollouts.Times(wall: request.now, monotonic: MonotonicClock.read())
    }

    // MARK: - What is asked for

    private func start(_ new: NewDrillView, _ request: APIRequest) async throws -> DrillView {
        let starter = Starter(
            actor: request.actor, reason: try APIRoutes.reason(new.reason), isAnnounced: new.announced ?? false)
        if new.plan == DrillPlan.tabletop.rawValue {
            let steps = try (new.steps ?? []).enumerated().map { try Self.line("steps[\($0)]", $1) }
            return try await startTabletop(steps, route: try new.knownRoute(), starter, now: request.now)
        }
        return try await start(try new.request(), starter, Self.times(request))
    }

    private static func line(_ field: String, _ text: String) throws -> String {
        do {
            return try APIRoutes.reason(text)
        } catch var problem as ProblemView {
            problem.fields = problem.fields?.map { .init(field: field, message: $0.message, mend: $0.mend) }
            throw problem
        }
    }
}

extension NewDrillView {
    /// What its words and spans mean; what they may be is for the core to see.
    func request() throws -> DrillRequest {
        guard let plan = DrillPlan(rawValue: plan) else {
            throw Self.problem(
                "plan", "there is no such plan", "use \(DrillPlan.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        var request = DrillRequest(plan)
        if let fault {
            guard let known = InjectedFault(rawValue: fault) else {
                throw Self.problem(
                    "fault", "there is no such fault",
                    "use \(InjectedFault.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            request.fault = known
        }
        if steps != nil { throw Self.problem("steps", "only a table-top has steps", "remove them") }
        request.route = try knownRoute()
        request.name = name
        request.isSham = sham ?? false || request.fault == .sham
        request.sharePercent = share ?? request.sharePercent
        request.probesPerSecond = probes ?? request.probesPerSecond
        request.stop.lostCritical = stopLostCritical ?? request.stop.lostCritical
        request.stop.lostPercent = stopLostPercent ?? request.stop.lostPercent
        request.isOutageConfirmed = confirmed ?? false
        request.leaseMilliseconds = try lease.map { try Self.milliseconds("lease", $0) } ?? request.leaseMilliseconds
        request.delayMilliseconds = try delay.map { try Self.milliseconds("delay", $0) }
        request.baselineMilliseconds = try baseline.map { try Self.milliseconds("baseline", $0) }
        request.recoveryTargetMilliseconds = try target.map { try Self.milliseconds("target", $0) }
        return request
    }

    /// A name that a route can have: whether there is one is for the core to see.
    func knownRoute() throws -> String? {
        guard let route else { return nil }
        guard NameKind.route.accepts(route) else {
            throw Self.problem("route", "this is no route's name", "write it as in the configuration")
        }
        return route
    }

    /// `0s` is a span here: a baseline of nothing is one.
    private static func milliseconds(_ field: String, _ text: String) throws -> Int64 {
        guard let span = ConfigurationUnits.duration(text), span >= 0 else {
            throw problem(field, "this is no span of time", "write it like 500ms, 60s or 5m")
        }
        return span / Span.millisecond
    }

    private static func problem(_ field: String, _ message: String, _ mend: String) -> ProblemView {
        .invalid([.init(field: field, message: message, mend: mend)])
    }
}

extension ProblemView {
    static let unreadableConfiguration = conflict(
        "the newest configuration cannot be read where holdfast control runs, so nobody knows its fallbacks",
        mend: "look at what holdfast check says of it there")
}
