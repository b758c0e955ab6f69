import HoldfastCore
import Testing

@testable import HoldfastSimulation

/// A checker of drills that cannot fail would prove nothing.
@Suite struct DrillCheckerTests {
    private static func time(_ second: Int64) -> Instant { Instant(nanoseconds: second * Span.second) }

    private static func offer(_ fault: InjectedFault = .refuse) -> FaultLeases.Offer {
        var order = FaultOrder(fault, .deployment("provider/0"), leaseMilliseconds: 10_000)
        order.baselineMilliseconds = 2_000
        order.stop.lostCritical = 2
        return FaultLeases.Offer(
            id: "o", order: order, scope: DrillScope(targets: ["provider/0"], watched: [DrillPlan.route]))
    }

    private static func ended(_ second: Int64, _ fate: DrillFate) -> DrillChecker.Ended {
        DrillChecker.Ended(
            at: time(second), startedAt: time(second), criticality: .critical, fate: fate, metOrders: [])
    }

    /// One that was begun at 0 and is failed at the given second.
    private func violations(
        failedAt second: Int64, fault: InjectedFault = .refuse, isLive: Bool = true,
        _ before: (inout DrillChecker) -> Void = { _ in }
    ) -> [String] {
        var checker = DrillChecker()
        checker.delivered([Self.offer(fault)], isLive: isLive, now: Self.time(0))
        before(&checker)
        checker.failed(by: "o", now: Self.time(second))
        return checker.violations
    }

    @Test(arguments: [(1, 1), (2, 0), (11, 0), (12, 1)] as [(Int64, Int)])
    func whatFailsOutsideOfTheLeaseIsFound(second: Int64, expected: Int) {
        #expect(violations(failedAt: second).count == expected)
    }

    @Test func whatFailsAfterAnEndIsFound() {
        #expect(violations(failedAt: 5, isLive: false).count == 1, "it was found on a disk")
        #expect(violations(failedAt: 5, fault: .sham).count == 1)
        #expect(violations(failedAt: 5) { $0.delivered([], isLive: true, now: Self.time(4)) }.count == 1)
        #expect(violations(failedAt: 5) { $0.ended(Self.ended(1, .lost)) }.count == 1, "it was not steady")
        #expect(violations(failedAt: 5) { $0.ended(Self.ended(3, .lost)) }.isEmpty)
        let out = { (checker: inout DrillChecker) in checker.looked(unwell: ["provider/0"], now: Self.time(1)) }
        #expect(violations(failedAt: 5, out).count == 1, "what was to fail was out already")
        #expect(violations(failedAt: 5) { $0.looked(unwell: ["provider/0"], now: Self.time(2)) }.isEmpty)
        let stopped = violations(failedAt: 5) { checker in
            checker.ended(Self.ended(3, .lost))
            checker.ended(Self.ended(4, .lost))
        }
        #expect(stopped.count == 1)
    }

    /// What the checker saw, and what the watch was told.
    private func lies(_ seen: [DrillChecker.Ended], told: [(Int64, DrillFate)], isBegun: Bool = true) -> [String] {
        var (checker, leases) = (DrillChecker(), FaultLeases())
        checker.delivered([Self.offer()], isLive: isBegun, now: Self.time(0))
        leases.adopt([Self.offer()], isLive: true, now: Self.time(0))
        for event in seen { checker.ended(event) }
        for (second, fate) in told {
            leases.ended(
                DrilledExchange(
                    route: DrillPlan.route, criticality: .critical, fate: fate, startedAt: Self.time(second)),
                now: Self.time(second))
        }
        leases.look(now: Self.time(200))
        checker.finish(leases.watches)
        return checker.violations
    }

    @Test func whatIsSaidAndWasNotIsFound() {
        let good = (3...8).map { Self.ended($0, .answered) }
        let told = (3...8 as ClosedRange<Int64>).map { ($0, DrillFate.answered) }
        #expect(lies(good, told: told).isEmpty)
        #expect(!lies(good, told: Array(told.dropLast())).isEmpty, "one is not counted")
        #expect(!lies(good, told: Array(told.dropLast()) + [(8, .lost)]).isEmpty)
        #expect(lies(good + [Self.ended(9, .lost)], told: told + [(9, .lost)]).isEmpty)
        #expect(!lies([], told: [], isBegun: false).isEmpty, "nobody began it")
    }
}
