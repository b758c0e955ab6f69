import Testing

@testable import HoldfastCore

@Suite struct DrillPlanTests {
    @Test func thePrimaryIsTheFirstThatIsInForce() throws {
        let request = DrillRig.request(.killPrimary, route: "chat")
        let plan = try DrillRig.plan(request)
        #expect(plan.order.target == .deployment("east/a") && plan.order.route == "chat")
        #expect(plan.order.fault == .refuse && plan.order.leaseMilliseconds == 60_000)
        #expect(plan.coverage.map(\.fingerprint.deployment) == ["west/b", "own/c"])
        #expect(plan.coverage.map(\.isNext) == [true, false])

        let drained = try DrillRig.plan(request, [.drain(.provider("east"))])
        #expect(drained.order.target == .deployment("west/b"))
        #expect(drained.coverage.map(\.fingerprint.deployment) == ["own/c"])
        let pinned = try DrillRig.plan(request, [.pin(route: "chat", candidate: "own/c", only: false)])
        #expect(pinned.order.target == .deployment("own/c"))
        let heavy = try DrillRig.plan(DrillRig.request(.killPrimary, route: "weighted"))
        #expect(heavy.order.target == .deployment("west/b"), "the one that is asked most")
    }

    @Test func whoComesNextIsKnownWhereTheFileSaysSoOrNobodyElseIsLeft() throws {
        func next(_ strategy: RouteStrategy, killing: String) throws -> [String: Bool] {
            var snapshot = DrillRig.snapshot
            snapshot.routes[0].strategy = strategy
            let (applied, effects) = snapshot.applying(OverrideSet(), nowMilliseconds: DrillRig.now)
            let plan = try DrillRig.request(.killDeployment, route: "chat", name: killing)
                .planned(in: applied, under: effects)
            return Dictionary(uniqueKeysWithValues: plan.coverage.map { ($0.fingerprint.deployment, $0.isNext) })
        }
        #expect(try next(.ordered, killing: "east/a") == ["west/b": true, "own/c": false])
        for strategy in [RouteStrategy.weighted, .fastest, .cheapest] {
            #expect(try next(strategy, killing: "own/c") == ["east/a": false, "west/b": false])
        }
        let alone = try DrillRig.plan(DrillRig.request(.killDeployment, route: "fast", name: "east/a"))
        #expect(alone.coverage.map(\.isNext) == [true])
    }

    @Test(arguments: [
        (
            DrillRig.request(.killDeployment, name: "west/b"), FaultTarget.deployment("west/b"),
            ["chat", "weighted", "fast"]
        ),
        (DrillRig.request(.killProvider, name: "east"), .provider("east"), ["chat", "weighted", "fast"]),
        (DrillRig.request(.killVendor, route: "chat", name: "acme"), .vendor("acme"), ["chat"]),
        (DrillRig.request(.killJurisdiction, name: "eu"), .jurisdiction("eu"), ["chat", "weighted", "fast"]),
        (DrillRig.request(.killLocal, route: "chat"), .owned, ["chat"]),
        (DrillRig.request(.killResolver), .resolver, []), (DrillRig.request(.killControl), .control, []),
    ])
    func eachPlanHasItsTarget(request: DrillRequest, target: FaultTarget, routes: [String]) throws {
        let plan = try DrillRig.plan(request)
        #expect(plan.order.target == target)
        #expect(plan.routes == routes)
        #expect(plan.coverage.isEmpty == (routes.count != 1), "who answered is not known by route")
    }

    @Test func aShamIsTheSamePlanWithoutTheFault() throws {
        var request = DrillRig.request(.killPrimary, route: "chat")
        request.fault = .silence
        let real = try DrillRig.plan(request)
        request.isSham = true
        let sham = try DrillRig.plan(request)
        #expect(sham.order.fault == .sham && sham.coverage.isEmpty)
        var same = sham.order
        same.fault = .silence
        #expect(same == real.order)
    }

    @Test func anOutageHasToBeMeant() throws {
        var request = DrillRig.request(.killPrimary, route: "lone")
        let refused = problems(request)
        #expect(refused.map(\.field) == ["confirmed"])
        #expect(refused[0].message.contains("lone") && refused[0].mend.contains("--confirm-outage"))
        request.fault = .slow
        #expect(throws: Never.self) { try DrillRig.plan(request) }
        request.fault = .refuse
        request.isOutageConfirmed = true
        #expect(try DrillRig.plan(request).routesWithoutAnswer == ["lone"])
        // What is drained does not answer either.
        #expect(
            problems(
                DrillRig.request(.killVendor, route: "chat", name: "acme"),
                [.drain(.provider("west")), .drain(.provider("own"))]
            )
            .map(\.field) == ["confirmed"])
    }

    /// A promise that stands on the map is what a drill of it is judged by, unless somebody asks for another.
    @Test func theMapsRecoveryTargetIsTheDrillsOwn() throws {
        var snapshot = DrillRig.snapshot
        snapshot.workloads = [
            Workload(id: "triage", criticality: .critical, routes: [0], allowsDirectModels: false),
            Workload(id: "other", criticality: .critical, routes: [1], allowsDirectModels: false),
        ]
        for (id, seconds) in [("triage", 5), ("other", 1)] as [(String, Int64)] {
            var component = MapComponent(ComponentID(.workload, id), .declared)
            component.recoveryTargetNanoseconds = seconds * Span.second
            snapshot.map.components.append(component)
        }
        var request = DrillRig.request(.killPrimary, route: "chat")
        let effects = snapshot.applying(OverrideSet(), nowMilliseconds: DrillRig.now).effects
        #expect(try request.planned(in: snapshot, under: effects).recoveryTargetMilliseconds == 5_000)
        request.recoveryTargetMilliseconds = 700
        #expect(try request.planned(in: snapshot, under: effects).recoveryTargetMilliseconds == 700)
        request.recoveryTargetMilliseconds = nil
        #expect(
            try request.planned(in: DrillRig.snapshot, under: effects).recoveryTargetMilliseconds
                == DrillRequest.usualTargetMilliseconds)
    }

    private func problems(_ request: DrillRequest, _ overrides: [OverrideEffect] = []) -> [OverrideProblem] {
        do {
            _ = try DrillRig.plan(request, overrides)
            return []
        } catch {
            return (error as? DrillProblems)?.problems ?? []
        }
    }

    static let wrong: [(DrillRequest, String)] = {
        func changed(_ request: DrillRequest, _ change: (inout DrillRequest) -> Void) -> DrillRequest {
            var request = request
            change(&request)
            return request
        }
        let good = DrillRig.request(.killPrimary, route: "chat")
        return [
            (DrillRig.request(.killPrimary), "route"), (DrillRig.request(.killPrimary, route: "nowhere"), "route"),
            (DrillRig.request(.killPrimary, route: "fast"), "route"),
            (DrillRig.request(.killPrimary, route: "chat", name: "east/a"), "name"),
            (DrillRig.request(.killProvider), "name"), (DrillRig.request(.killProvider, name: "\u{1B}[2J"), "provider"),
            (DrillRig.request(.killVendor, name: "nobody"), "vendor"),
            (DrillRig.request(.killDeployment, route: "lone", name: "east/a"), "route"),
            (DrillRig.request(.tabletop), "plan"),
            (changed(good) { $0.leaseMilliseconds = 999 }, "lease_milliseconds"),
            (changed(good) { $0.leaseMilliseconds = .max }, "lease_milliseconds"),
            (changed(good) { $0.sharePercent = 0 }, "share_percent"),
            (changed(good) { $0.probesPerSecond = 51 }, "probes_per_second"),
            (changed(good) { $0.baselineMilliseconds = -1 }, "baseline_milliseconds"),
            (changed(good) { $0.recoveryTargetMilliseconds = 0 }, "target"),
            (changed(good) { $0.stop.lostPercent = 101 }, "stop_lost_percent"),
            (changed(DrillRig.request(.killResolver)) { $0.fault = .silence }, "fault"),
            (changed(DrillRig.request(.killControl)) { $0.probesPerSecond = 1 }, "probes_per_second"),
        ]
    }()

    @Test(arguments: wrong)
    func whatCannotBeIsRefusedWithAMend(request: DrillRequest, field: String) {
        let found = problems(request)
        #expect(found.map(\.field) == [field], "\(found)")
        #expect(found.allSatisfy { !$0.mend.isEmpty && !$0.message.contains("\u{1B}") })
    }
}
