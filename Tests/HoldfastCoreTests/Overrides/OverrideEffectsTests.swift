import Testing

@testable import HoldfastCore

@Suite struct OverrideEffectsTests {
    private static func drains(_ effects: OverrideEffects) -> [Int] {
        effects.drained.indices.filter { !effects.drained[$0].isEmpty }
    }

    private static func restrictions(_ effects: OverrideEffects) -> [Int] {
        effects.restricted.indices.filter { !effects.restricted[$0].isEmpty }
    }

    @Test func nothingInForceChangesNothing() throws {
        let (snapshot, effects) = try OverrideRig.applied([])
        #expect(snapshot == OverrideRig.snapshot)
        #expect(effects == OverrideEffects(OverrideRig.snapshot))
        #expect(effects.excluded([0, 1, 2, 4], route: 0) == 0)
        #expect(effects.refusal(of: .deferrable, route: 0) == nil)
        #expect(snapshot.routesWithoutCandidate(under: effects).isEmpty)
    }

    @Test(arguments: [
        (DrainTarget.deployment("east/small"), [1]), (.provider("east"), [0, 1]), (.provider("own"), [3]),
    ]) func aDrainTakesOutItsDeployments(target: DrainTarget, expected: [Int]) throws {
        let (snapshot, effects) = try OverrideRig.applied([OverrideRig.override("d", .drain(target))])
        #expect(Self.drains(effects) == expected)
        #expect(effects.drained[expected[0]] == ["d"])
        #expect(snapshot == OverrideRig.snapshot, "what runs, runs on")
        #expect(Self.restrictions(effects).isEmpty)
    }

    @Test(arguments: [
        (RestrictTarget.deployment("east/big"), [0]), (.provider("west"), [2, 4]), (.vendor("acme"), [0, 1, 2, 4]),
        (.jurisdiction("us"), [0, 1]), (.jurisdiction("eu"), [2, 4]), (.vendor("own"), [3]),
    ]) func aRestrictionTakesOutItsDeployments(target: RestrictTarget, expected: [Int]) throws {
        let (snapshot, effects) = try OverrideRig.applied([OverrideRig.override("r", .restrict(target))])
        #expect(Self.restrictions(effects) == expected)
        #expect(snapshot == OverrideRig.snapshot && Self.drains(effects).isEmpty)
        let isJurisdiction = if case .jurisdiction = target { true } else { false }
        #expect(effects.undeclared == (isJurisdiction ? [2] : []), "own says nothing of its jurisdiction")
    }

    @Test func aDrainedRouteRefusesEverything() throws {
        let (snapshot, effects) = try OverrideRig.applied([OverrideRig.override("d", .drain(.route("chat")))])
        #expect(Criticality.allCases.map { effects.refusal(of: $0, route: 0) } == ["d", "d", "d"])
        #expect(effects.refusal(of: .deferrable, route: 1) == nil)
        #expect(Self.drains(effects).isEmpty, "its deployments serve other routes")
        #expect(snapshot.routesWithoutCandidate(under: effects) == [0])
    }

    @Test func drainsAndRestrictionsAddUp() throws {
        let drains = [
            OverrideRig.override("d1", .drain(.provider("east")), ago: 2),
            OverrideRig.override("d2", .drain(.deployment("east/big")), ago: 1),
            OverrideRig.override("d3", .drain(.route("chat")), ago: 2),
            OverrideRig.override("d4", .drain(.route("chat")), ago: 1),
            OverrideRig.override("r1", .restrict(.vendor("acme")), ago: 2),
            OverrideRig.override("r2", .restrict(.jurisdiction("us"))),
        ]
        var set = try OverrideRig.set(drains)
        let effects = OverrideRig.snapshot.applying(set, nowMilliseconds: OverrideRig.now).effects
        #expect(effects.drained[0] == ["d1", "d2"] && effects.drained[1] == ["d1"])
        #expect(effects.drainedRoutes[0] == ["d3", "d4"])
        #expect(effects.restricted[0] == ["r1", "r2"] && effects.restricted[2] == ["r1"])
        for id in ["d2", "d4", "r1"] { set.clear(id: id) }
        let fewer = OverrideRig.snapshot.applying(set, nowMilliseconds: OverrideRig.now).effects
        #expect(fewer.drained[0] == ["d1"] && fewer.drainedRoutes[0] == ["d3"])
        #expect(fewer.restricted[0] == ["r2"] && fewer.restricted[2] == [])
    }

    @Test func masksFollowTheOrderThatTheyAreAskedIn() throws {
        let (_, effects) = try OverrideRig.applied([
            OverrideRig.override("d", .drain(.deployment("east/small"))),
            OverrideRig.override("r", .restrict(.provider("west"))),
        ])
        // The last stands in for the second; the law is the same for it.
        #expect(effects.excluded([0, 1, 2, 4], route: 0) == 0b1110)
        #expect(effects.excluded([2, 3, 0], route: 1) == 0b001)
        #expect(effects.excluded([1], route: nil) == 0b1)
        #expect(effects.restricted([0, 1, 2, 4]) == 0b1100)
    }

    // MARK: - Pins

    private static func pin(_ candidate: String, only: Bool = false, route: String = "chat") -> OverrideEffect {
        .pin(route: route, candidate: candidate, only: only)
    }

    @Test func thePinnedCandidateComesFirstAndTheOthersAfterIt() throws {
        let (snapshot, effects) = try OverrideRig.applied([OverrideRig.override("p", Self.pin("west/big"))])
        #expect(snapshot.routes[0].candidates == [2, 0, 1])
        #expect(effects.pinned == [OverrideEffects.Pin(deployment: 2, only: false, id: "p"), nil, nil])
        #expect(effects.excluded([2, 0, 1, 4], route: 0) == 0)
        var others = snapshot
        others.routes[0] = OverrideRig.snapshot.routes[0]
        #expect(others == OverrideRig.snapshot, "nothing else changes")
    }

    @Test func aPinOutranksTheStrategyOfItsRoute() throws {
        let effect = Self.pin("own/free", route: "weighted")
        let route = try OverrideRig.applied([OverrideRig.override("p", effect)]).snapshot.routes[1]
        #expect(route.candidates == [3, 0, 2] && route.strategy == .ordered && route.weights.isEmpty)
    }

    @Test func onlyLeavesNobodyElseNotEvenAStandIn() throws {
        let (snapshot, effects) = try OverrideRig.applied([
            OverrideRig.override("p", Self.pin("east/small", only: true))
        ])
        #expect(snapshot.routes[0].candidates == [1])
        let candidates = RouteCandidates(snapshot.routes[0], in: snapshot)
        #expect(candidates.deployments == [1, 4])
        #expect(effects.excluded(candidates.deployments, route: 0) == 0b10)
        #expect(effects.excluded([4], route: nil) == 0, "asked for by its own name it is nobody's stand-in")
    }

    @Test func theLawAndADrainAreAboveAPin() throws {
        let (snapshot, effects) = try OverrideRig.applied([
            OverrideRig.override("p", Self.pin("west/big", only: true), ago: 0),
            OverrideRig.override("r", .restrict(.jurisdiction("eu")), ago: 9),
            OverrideRig.override("q", Self.pin("own/free", only: false, route: "weighted")),
            OverrideRig.override("d", .drain(.provider("own")), ago: 9),
        ])
        #expect(effects.excluded(snapshot.routes[0].candidates, route: 0) == 0b1)
        #expect(effects.restricted(snapshot.routes[0].candidates) == 0b1)
        #expect(snapshot.routes[1].candidates == [3, 0, 2])
        #expect(effects.excluded(snapshot.routes[1].candidates, route: 1) == 0b101)
        #expect(snapshot.routesWithoutCandidate(under: effects) == [0, 2])
    }

    @Test func ofTwoPinsTheNewerWins() throws {
        let older = OverrideRig.override("b", Self.pin("west/big", only: true), ago: 5)
        let newer = OverrideRig.override("a", Self.pin("east/small"), ago: 4)
        for order in [[older, newer], [newer, older]] {
            let (snapshot, effects) = try OverrideRig.applied(order)
            #expect(effects.pinned[0]?.id == "a")
            #expect(snapshot.routes[0].candidates == [1, 0, 2], "nothing of the older remains")
        }
    }

    // MARK: - Caps and prices

    @Test func aCapLowersWhatItNamesAndNothingElse() throws {
        let limits = DeploymentLimits(tokensPerMinute: 1_000, concurrent: 4)
        let (snapshot, effects) = try OverrideRig.applied([
            OverrideRig.override("c", .cap(deployment: "east/big", limits))
        ])
        #expect(
            snapshot.deployments[0].limits
                == DeploymentLimits(requestsPerMinute: 500, tokensPerMinute: 1_000, concurrent: 4))
        #expect(effects.capped[0] == OverrideEffects.Cap(tokensPerMinute: "c", concurrent: "c"))
        #expect(snapshot.deployments[0].price == OverrideRig.snapshot.deployments[0].price)
    }

    @Test func ofTwoCapsOfOneLimitTheNewerWinsAlsoWhereItIsHigher() throws {
        let (snapshot, effects) = try OverrideRig.applied([
            OverrideRig.override("new", .cap(deployment: "east/big", DeploymentLimits(concurrent: 32)), ago: 1),
            OverrideRig.override(
                "old", .cap(deployment: "east/big", DeploymentLimits(requestsPerMinute: 9, concurrent: 2)), ago: 2),
        ])
        #expect(snapshot.deployments[0].limits == DeploymentLimits(requestsPerMinute: 9, concurrent: 32))
        #expect(effects.capped[0] == OverrideEffects.Cap(requestsPerMinute: "old", concurrent: "new"))
    }

    @Test func aCapNeverLiftsWhatTheFileSaysMeanwhile() throws {
        let (snapshot, effects) = try OverrideRig.applied([
            OverrideRig.override("a", .cap(deployment: "east/big", DeploymentLimits(concurrent: 10)), ago: 2),
            OverrideRig.override("b", .cap(deployment: "east/big", DeploymentLimits(concurrent: 70)), ago: 1),
        ])
        #expect(snapshot.deployments[0].limits.concurrent == 64)
        #expect(effects.capped[0] == OverrideEffects.Cap(), "what covers nothing is not shown")
    }

    @Test func aPriceTakesThePlaceOfTheRow() throws {
        let row = Price(inputMicros: 7, cachedInputMicros: nil, outputMicros: nil)
        let other = Price(inputMicros: 8, cachedInputMicros: 1, outputMicros: 9)
        let (snapshot, effects) = try OverrideRig.applied([
            OverrideRig.override("new", .price(deployment: "east/big", row)),
            OverrideRig.override("old", .price(deployment: "east/big", other), ago: 1),
        ])
        #expect(snapshot.deployments[0].price == row, "an amount that it does not name is unknown, not the file's")
        #expect(effects.priced == ["new", nil, nil, nil, nil])
    }

    // MARK: - Shed

    @Test func aShedRefusesWhatIsLessCritical() throws {
        let standard = try OverrideRig.applied([OverrideRig.override("s", .shed(below: .standard, route: nil))]).effects
        for route in [0, 1, 2, nil] {
            #expect(Criticality.allCases.map { standard.refusal(of: $0, route: route) } == ["s", nil, nil])
        }
        let one = try OverrideRig.applied([OverrideRig.override("s", .shed(below: .critical, route: "lone"))]).effects
        #expect(Criticality.allCases.map { one.refusal(of: $0, route: 2) } == ["s", "s", nil])
        #expect(one.refusal(of: .deferrable, route: 0) == nil && one.refusal(of: .deferrable, route: nil) == nil)
    }

    @Test func ofTwoShedsTheNewerWinsAndThatOfOneRouteOverThatOfAll() throws {
        let effects = try OverrideRig.applied([
            OverrideRig.override("all-old", .shed(below: .critical, route: nil), ago: 9),
            OverrideRig.override("lone-old", .shed(below: .critical, route: "lone"), ago: 8),
            OverrideRig.override("lone-new", .shed(below: .standard, route: "lone"), ago: 7),
            OverrideRig.override("all-new", .shed(below: .standard, route: nil), ago: 6),
            OverrideRig.override("chat", .shed(below: .critical, route: "chat"), ago: 9),
        ]).effects
        #expect(effects.shed.map { $0?.id } == ["chat", "all-new", "lone-new"])
        #expect(effects.shed.map { $0?.below } == [.critical, .standard, .standard])
    }

    // MARK: - Time, and files that change

    @Test func whatHasEndedChangesNothing() throws {
        let effects: [OverrideEffect] = [
            .drain(.route("chat")), Self.pin("west/big"), .shed(below: .critical, route: nil),
            .cap(deployment: "east/big", DeploymentLimits(concurrent: 1)),
            .price(deployment: "east/big", Price(inputMicros: 1, cachedInputMicros: nil, outputMicros: nil)),
        ]
        let set = try OverrideRig.set(effects.enumerated().map { OverrideRig.override("o-\($0.offset)", $0.element) })
        let later = OverrideRig.snapshot.applying(set, nowMilliseconds: OverrideRig.now + OverrideRig.hour)
        #expect(later.snapshot == OverrideRig.snapshot)
        #expect(later.effects == OverrideEffects(OverrideRig.snapshot))
    }

    @Test func whatTheFileNamesNoMoreIsIdleAndShownAsSuch() throws {
        let effects: [OverrideEffect] = [
            .drain(.deployment("gone/a")), .drain(.provider("gone")), .drain(.route("gone")),
            .restrict(.jurisdiction("gone")), Self.pin("gone/a"), Self.pin("west/big", route: "gone"),
            Self.pin("own/free"), .shed(below: .critical, route: "gone"),
            .cap(deployment: "gone/a", DeploymentLimits(concurrent: 1)),
            .price(deployment: "gone/a", Price(inputMicros: 1, cachedInputMicros: nil, outputMicros: nil)),
            .shed(below: .critical, route: "lone"),
        ]
        let (snapshot, found) = try OverrideRig.applied(
            effects.enumerated().map { OverrideRig.override("o-\($0.offset)", $0.element, ago: 100 - Int64($0.offset)) }
        )
        #expect(found.idle == (0..<10).map { "o-\($0)" })
        #expect(snapshot == OverrideRig.snapshot)
    }
}
