import HoldfastAPI
import HoldfastCore
import Synchronization

/// Builds `/state` from what the loops share. It asks no loop for anything, so it answers while they are busy.
enum StateReport {
    static func json(shared: GatewayShared, status: GatewayStatus, now: Instant) -> String {
        json(view(shared: shared, status: status, now: now))
    }

    static func json(_ view: some Encodable) -> String {
        String(decoding: APICoding.encode(view), as: UTF8.self)
    }

    private static func view(shared: GatewayShared, status: GatewayStatus, now: Instant) -> GatewayStateView {
        let inForce = status.inForce
        return GatewayStateView(
            ready: status.isReady, draining: status.isDraining,
            uptimeMilliseconds: now.nanoseconds(since: status.startedAt) / Span.millisecond,
            clientConnections: shared.clients.value, exchangesInFlight: shared.exchanges.value,
            shedding: shared.load.word,
            configuration: configuration(
                status, inForce, isStale: shared.isConfigurationStale.load(ordering: .relaxed)),
            routes: inForce.routes.map(route),
            deployments: inForce.deployments.map { deployment($0, now: now) },
            providers: zip(inForce.targets, inForce.providers).map { target, state in
                GatewayStateView.Provider(
                    id: target.provider.id, openConnections: target.openCount.value,
                    idleConnections: target.idleCount.value, suspension: state.facts.map { suspension($0, now: now) })
            },
            drills: shared.faults.watches(now: now).map { drill($0, now: now) })
    }

    private static func drill(_ watch: DrillWatch, now: Instant) -> GatewayStateView.Drill {
        GatewayStateView.Drill(
            order: watch.id, fault: FaultView(watch.order), phase: DrillObservationView.Phase(watch.phase),
            endsInMilliseconds: watch.leftNanoseconds(now: now).map { $0 / Span.millisecond },
            ended: watch.ending?.rawValue, met: watch.met)
    }

    private static func configuration(
        _ status: GatewayStatus, _ inForce: InForce, isStale: Bool
    ) -> GatewayStateView.Configuration {
        let refused = status.refused
        return GatewayStateView.Configuration(
            generation: inForce.generation, needsRestart: status.needRestart, refusals: status.refusals,
            refused: (refused?.problems ?? []).map { (problem: ConfigurationProblem) in
                GatewayStateView.Problem(
                    file: refused?.file ?? "", line: problem.line, column: problem.column, path: problem.path,
                    message: problem.message, mend: problem.mend)
            }, source: status.source.rawValue, stale: isStale,
            refusedSnapshot: status.pullRefusal.map {
                GatewayStateView.Refusal(generation: $0.number, message: $0.message, mend: $0.mend)
            },
            overrides: inForce.overrides.map { override in
                GatewayStateView.OverrideInForce(
                    id: override.id, effect: override.effect, author: override.author,
                    reason: override.reason, expiresAt: TimeOfDay.text(milliseconds: override.expiresAt),
                    idle: inForce.effects.idle.contains(override.id),
                    overdue: inForce.effects.overdue.contains(override.id))
            })
    }

    private static func route(_ route: RouteInForce) -> GatewayStateView.Route {
        let (ends, failovers) = route.facts.withLock { ($0.ends, $0.failovers) }
        return GatewayStateView.Route(
            name: route.route.name, candidates: route.candidates.map(\.deployment.id), ends: ends,
            failovers: failovers)
    }

    private static func deployment(_ deployment: DeploymentInForce, now: Instant) -> GatewayStateView.Deployment {
        let facts = deployment.state.snapshot(now: now)
        var opensFor: Int64?
        if case .open(let until) = facts.breaker {
            opensFor = max(until.nanoseconds(since: now), 0) / Span.millisecond
        }
        let provider = deployment.provider
        return GatewayStateView.Deployment(
            id: deployment.deployment.id, provider: provider.id, vendor: provider.vendor, region: provider.region,
            jurisdiction: provider.jurisdiction, breaker: facts.breaker.word, opensForMilliseconds: opensFor,
            suspension: facts.suspension.map { suspension($0, now: now) },
            retires: deployment.deployment.retires?.description,
            medianFirstTokenMilliseconds: facts.medianFirstTokenNanoseconds.map { $0 / Span.millisecond },
            inFlight: facts.inFlight, waiting: facts.waiting,
            concurrencyLimit: facts.concurrencyLimit,
            attempts: ["ok": facts.attempts.ok, "fail": facts.attempts.fail, "neutral": facts.attempts.neutral],
            failures: Dictionary(
                facts.failures.map { ($0.key.rawValue, $0.value) }, uniquingKeysWith: { first, _ in first }),
            lastFailure: facts.lastFailure.map {
                GatewayStateView.Deployment.LastFailure(
                    failure: $0.failure.rawValue, detail: $0.detail,
                    ageMilliseconds: now.nanoseconds(since: $0.at) / Span.millisecond)
            }, warmth: warmth(facts.checkRecord, now: now))
    }
}

extension StateReport {
    private static func warmth(_ record: CheckRecord, now: Instant) -> GatewayStateView.Deployment.Warmth {
        let warmth = record.warmth(now: now)
        return GatewayStateView.Deployment.Warmth(
            state: warmth.word, ageMilliseconds: warmth.nanosecondsAgo.map { $0 / Span.millisecond },
            lastCheck: record.last?.outcome.word)
    }

    private static func suspension(_ facts: Suspension.Facts, now: Instant) -> GatewayStateView.Suspension {
        GatewayStateView.Suspension(
            failure: facts.failure.rawValue, mend: facts.failure.mend,
            ageMilliseconds: now.nanoseconds(since: facts.since) / Span.millisecond,
            endsInMilliseconds: facts.until.map { max($0.nanoseconds(since: now), 0) / Span.millisecond })
    }
}

extension Breaker.State {
    var word: String {
        switch self {
        case .closed: "closed"
        case .open: "open"
        case .halfOpen: "half-open"
        }
    }
}
