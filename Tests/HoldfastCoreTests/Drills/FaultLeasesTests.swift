import Testing

@testable import HoldfastCore

@Suite final class FaultLeasesTests {
    private var leases = FaultLeases()

    private static func order(
        _ target: FaultTarget = .deployment("east/big"), route: String? = nil,
        _ change: (inout FaultOrder) -> Void = { _ in }
    ) -> FaultOrder {
        var order = FaultOrder(.refuse, target, route: route, leaseMilliseconds: 60_000)
        order.baselineMilliseconds = 1_000
        change(&order)
        return order
    }

    private static func time(_ second: Int64) -> Instant { Instant(nanoseconds: second * Span.second) }

    /// The orders in force from `second` on, oldest first.
    private func adopt(
        _ orders: [(id: String, order: FaultOrder)], isLive: Bool = true, at second: Int64
    ) throws {
        let overrides = orders.enumerated().map {
            OverrideRig.override($1.id, .fault($1.order), ago: Int64(orders.count - $0))
        }
        let (snapshot, effects) = try OverrideRig.applied(overrides)
        leases.adopt(effects, of: snapshot, isLive: isLive, now: Self.time(second))
    }

    private func fails(_ deployment: String, on route: String, at second: Int64) -> String? {
        leases.fault(for: deployment, on: route, now: Self.time(second)) { _ in true }?.id
    }

    // MARK: - Which are begun

    @Test func anOrderIsBegunWhenItFirstComesAndNeverAgain() throws {
        try adopt([("a", Self.order())], at: 0)
        #expect(leases.watches.map(\.id) == ["a"] && leases.isAnyUnderWay)
        try adopt([("a", Self.order())], at: 5)
        #expect(leases.watches.count == 1 && fails("east/big", on: "chat", at: 5) == "a")
        leases.look(now: Self.time(1_000))
        #expect(!leases.isAnyUnderWay)
        try adopt([("a", Self.order())], at: 2_000)
        #expect(leases.watches.isEmpty, "it is over for more than ten minutes, and in force all the same")
        try adopt([], at: 2_001)
        try adopt([("a", Self.order())], at: 2_002)
        #expect(leases.watches.isEmpty && fails("east/big", on: "chat", at: 2_004) == nil)
    }

    @Test func whatWasFoundOnDiskIsNeverBegun() throws {
        try adopt([("a", Self.order())], isLive: false, at: 0)
        #expect(leases.watches.isEmpty)
        try adopt([("a", Self.order()), ("b", Self.order())], isLive: true, at: 1)
        #expect(leases.watches.map(\.id) == ["b"])
    }

    @Test func anOrderThatVanishesIsClearedAndStaysSo() throws {
        try adopt([("a", Self.order())], at: 0)
        #expect(fails("east/big", on: "chat", at: 2) == "a")
        try adopt([], at: 3)
        #expect(fails("east/big", on: "chat", at: 3) == nil)
        #expect(leases.watches.first?.ending == .cleared)
        try adopt([("a", Self.order())], at: 4)
        #expect(fails("east/big", on: "chat", at: 6) == nil && leases.watches.count == 1)
    }

    @Test func whatMeantNothingWhenItCameIsNotBegunLater() throws {
        let order = Self.order(.deployment("east/none"))
        try adopt([("a", order)], at: 0)
        #expect(leases.watches.isEmpty)
        try adopt([("a", Self.order())], at: 1)
        #expect(leases.watches.isEmpty)
    }

    @Test func thereAreNeverMoreThanAreReported() throws {
        let many = (0..<FaultLeases.most + 2).map { (id: "o\($0)", order: Self.order()) }
        try adopt(many, at: 0)
        #expect(leases.watches.map(\.id) == many.prefix(FaultLeases.most).map(\.id))
        leases.look(now: Self.time(500))
        try adopt(many + [("new", Self.order())], at: 501)
        #expect(leases.watches.count == FaultLeases.most && leases.watches.last?.id == "new")
        #expect(!leases.watches.contains { $0.id == "o8" }, "it was turned away, and is not begun by the way")
    }

    @Test func whatIsInForceIsNotForgottenHoweverManyCome() throws {
        try adopt([("stays", Self.order())], at: 0)
        for round in 0..<3 as Range<Int64> {
            let others = (0..<900).map { (id: "r\(round)-\($0)", order: Self.order()) }
            try adopt([("stays", Self.order())] + others, at: 2_000 + round)
        }
        leases.look(now: Self.time(9_000))
        try adopt([("stays", Self.order())], at: 9_001)
        #expect(!leases.watches.contains { $0.id == "stays" })
    }

    // MARK: - What fails

    @Test(arguments: [
        (FaultTarget.deployment("east/big"), ["east/big"]), (.provider("east"), ["east/big", "east/small"]),
        (.vendor("acme"), ["east/big", "east/small", "west/big", "west/next"]),
        (.jurisdiction("eu"), ["west/big", "west/next"]), (.resolver, []), (.control, []),
    ]) func itFailsWhatItsTargetMeans(target: FaultTarget, expected: [String]) throws {
        try adopt([("a", Self.order(target))], at: 0)
        let found = OverrideRig.snapshot.deployments.map(\.id).filter { fails($0, on: "chat", at: 2) == "a" }
        #expect(found.sorted() == expected)
        #expect(leases.order(takingOut: target, now: Self.time(2)) == "a")
    }

    @Test func itIsBoundToItsRoute() throws {
        try adopt([("a", Self.order(route: "chat"))], at: 0)
        #expect(fails("east/big", on: "chat", at: 2) == "a" && fails("east/big", on: "weighted", at: 2) == nil)
        let watch = try #require(leases.watches.first)
        #expect(watch.scope.watches("chat") && !watch.scope.watches("weighted"))
    }

    @Test func exchangesCountThatCouldAskATarget() throws {
        try adopt(
            [("a", Self.order()), ("b", Self.order(.resolver)), ("c", Self.order(.deployment("west/next")))], at: 0)
        func watched(_ place: Int) -> [String] {
            ["chat", "weighted", "lone", "east/big", "own/free"].filter { leases.watches[place].scope.watches($0) }
        }
        #expect(watched(0) == ["chat", "weighted", "east/big"])
        #expect(watched(1) == ["chat", "weighted", "lone", "east/big", "own/free"])
        #expect(watched(2) == ["chat"], "it stands in for a candidate of that route")
    }

    @Test func ofSeveralTheOldestThatIsMeantForTheExchangeFailsIt() throws {
        try adopt([("a", Self.order()), ("b", Self.order(.provider("east")))], at: 0)
        #expect(fails("east/big", on: "chat", at: 2) == "a" && fails("east/small", on: "chat", at: 2) == "b")
        let second = leases.fault(for: "east/big", on: "chat", now: Self.time(2)) { $0.id == "b" }
        #expect(second?.id == "b")
        try adopt([("b", Self.order(.provider("east")))], at: 3)
        #expect(fails("east/big", on: "chat", at: 3) == "b")
    }

    @Test func aShareIsOfExchangesAndNotOfAttempts() {
        var random = SeededRandom(seed: 5)
        let scope = DrillScope(targets: ["east/big"])
        let watch = DrillWatch(
            id: "a", order: Self.order { $0.sharePercent = 30 }, scope: scope, now: Self.time(0))
        let other = DrillWatch(id: "b", order: Self.order(), scope: scope, now: Self.time(0))
        var meant = 0
        for _ in 0..<10_000 {
            var draws = DrillDraws()
            let first = draws.isMeant(for: watch, random: &random)
            #expect(draws.isMeant(for: other, random: &random), "a hundred percent are all")
            for _ in 0..<3 { #expect(draws.isMeant(for: watch, random: &random) == first) }
            if first { meant += 1 }
        }
        #expect((2_800...3_200).contains(meant))
    }

    @Test func whatIsSeenOfATargetIsSeenByItsOrderAlone() throws {
        try adopt([("a", Self.order()), ("b", Self.order(.provider("own")))], at: 0)
        leases.changed("east/big", now: Self.time(3))
        leases.missed(.resolver, goesOn: true, now: Self.time(3))
        leases.saw(unwell: ["east/big"], now: Self.time(70))
        #expect(leases.watches.map { $0.detectedAt == nil } == [false, true])
        #expect(leases.watches.map(\.isSteadyAgain) == [false, true])
    }

    @Test func whatWasOutWhenTheOrderCameMayStayOut() throws {
        let (snapshot, effects) = try OverrideRig.applied([
            OverrideRig.override("a", .fault(Self.order(.provider("east")) { $0.baselineMilliseconds = 0 }))
        ])
        leases.adopt(effects, of: snapshot, isLive: true, unwell: ["east/big", "own/free"], now: Self.time(0))
        leases.saw(unwell: ["east/big"], now: Self.time(61))
        #expect(leases.watches.first?.isSteadyAgain == true)
    }
}
