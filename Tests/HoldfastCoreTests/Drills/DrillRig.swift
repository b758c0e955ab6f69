@testable import HoldfastCore

/// A world with a route of three candidates and one that stands alone, and drills by short words.
enum DrillRig {
    static let now: Int64 = 1_800_000_000_000
    static let start = Instant(nanoseconds: 1_000 * Span.second)

    static func provider(_ id: String, vendor: String, jurisdiction: String?, owned: Bool = false) -> Provider {
        Provider(
            id: id, dialect: .openai, baseURL: BaseURL(isTLS: true, host: "\(id).example", port: 443, path: "/v1"),
            apiKey: nil, vendor: vendor, region: nil, jurisdiction: jurisdiction, isPrivateNetwork: false,
            isOwned: owned, trustRootsPEM: nil, pool: PoolLimits())
    }

    static let snapshot: Snapshot = {
        var weighted = Route(name: "weighted", candidates: [0, 1])
        weighted.strategy = .weighted
        weighted.weights = [1, 5]
        var fast = Route(name: "fast", candidates: [0, 1])
        fast.strategy = .fastest
        return Snapshot(
            gateway: GatewaySettings(
                listen: ListenAddress(host: "127.0.0.1", port: 0),
                operations: ListenAddress(host: "127.0.0.1", port: 0), tls: nil, behindTLSProxy: false,
                eventLoops: nil, accessLog: .off, drainNanoseconds: 0, limits: ListenerLimits()),
            providers: [
                provider("east", vendor: "acme", jurisdiction: "us"),
                provider("west", vendor: "other", jurisdiction: "eu"),
                provider("own", vendor: "own", jurisdiction: nil, owned: true),
            ],
            deployments: [
                Deployment(id: "east/a", provider: 0, model: "a"), Deployment(id: "west/b", provider: 1, model: "b"),
                Deployment(id: "own/c", provider: 2, model: "c"),
            ],
            routes: [
                Route(name: "chat", candidates: [0, 1, 2]), Route(name: "lone", candidates: [2]), weighted, fast,
            ],
            workloads: [], keys: [])
    }()

    static func plan(
        _ request: DrillRequest, _ overrides: [OverrideEffect] = []
    ) throws -> PlannedDrill {
        var set = OverrideSet()
        for (place, effect) in overrides.enumerated() {
            try set.add(
                Override(
                    id: "o-\(place)", effect: effect, author: "ada", reason: "why", createdAtMilliseconds: now,
                    expiresAtMilliseconds: now + 3_600_000))
        }
        let (applied, effects) = snapshot.applying(set, nowMilliseconds: now)
        return try request.planned(in: applied, under: effects)
    }

    static func request(_ plan: DrillPlan, route: String? = nil, name: String? = nil) -> DrillRequest {
        var request = DrillRequest(plan)
        request.route = route
        request.name = name
        return request
    }

    // MARK: - Runs

    static func run(
        _ fault: InjectedFault = .refuse, _ target: FaultTarget = .deployment("east/a"), expected: [String] = ["a"],
        targetMilliseconds: Int64 = 5_000
    ) -> DrillRun {
        let order = FaultOrder(fault, target, route: "chat", leaseMilliseconds: 20_000)
        return DrillRun(
            DrillRun.Terms(order, recoveryTargetMilliseconds: targetMilliseconds), expected: expected, now: start)
    }

    static func at(_ seconds: Double) -> Instant {
        start.advanced(byNanoseconds: Int64(seconds * Double(Span.second)))
    }

    /// What a gateway says on a good day, so many seconds after t₀.
    static func seen(
        _ phase: DrillObservation.Phase, age: Int64 = 0, degraded: Int = 0,
        _ change: (inout DrillObservation) -> Void = { _ in }
    ) -> DrillObservation {
        var seen = DrillObservation(phase)
        seen.baseline.answered = 12
        if phase != .baseline, phase != .refused {
            seen.ageMilliseconds = age * 1_000
            seen.met = degraded
            seen.standard = DrillObservation.Counts(answered: 0, degraded: degraded)
            if degraded >= 5 {
                (seen.detectedAfter, seen.actedAfter, seen.recoveredAfter) = (20, 21, 40)
            }
        }
        if phase == .recovery || phase == .over {
            (seen.ended, seen.isSteadyAgain, seen.recoveryIsFinal) = (.lease, true, true)
        }
        change(&seen)
        return seen
    }
}

extension DrillRun {
    /// One second of it: whoever is named says so, and it is looked at.
    mutating func second(_ seconds: Double, _ reports: [(String, DrillObservation?)]) {
        let now = DrillRig.at(seconds)
        for (id, observation) in reports { reported(gateway: id, observation, at: now) }
        tick(now: now)
    }

    /// To the end of a drill on a good day, with one gateway.
    mutating func goWell(_ gateway: String = "a", _ change: (inout DrillObservation) -> Void = { _ in }) {
        second(1, [(gateway, DrillRig.seen(.baseline))])
        second(4, [(gateway, DrillRig.seen(.fault, age: 0, change))])
        second(10, [(gateway, DrillRig.seen(.fault, age: 6, degraded: 30, change))])
        second(25, [(gateway, DrillRig.seen(.recovery, age: 21, degraded: 60, change))])
        second(26, [(gateway, DrillRig.seen(.recovery, age: 22, degraded: 60, change))])
        second(27, [(gateway, DrillRig.seen(.over, age: 23, degraded: 60, change))])
    }
}
