import HoldfastCore
import Testing

@testable import HoldfastSimulation

/// Under ten times the load a route answers about as many as it ever can, and when the load is gone so is the trouble.
@Suite struct GoodputTests {
    private static func scenario(
        _ name: String, _ overflow: BoundedProvider.Overflow, providers: Int = 1, isBounded: Bool = false,
        isProtected: Bool = true
    ) -> GoodputWorld.Scenario {
        let slots = 20 / providers
        return GoodputWorld.Scenario(
            testDescription: name,
            providers: Array(repeating: BoundedProvider(slots: slots, overflow), count: providers),
            concurrent: isBounded ? slots : nil, isProtected: isProtected)
    }

    private static let limited = BoundedProvider.Overflow.refuses(.rateLimit, waitNanoseconds: nil)
    private static let overloaded = BoundedProvider.Overflow.refuses(.capacity, waitNanoseconds: nil)
    private static let limitedForASecond = BoundedProvider.Overflow.refuses(.rateLimit, waitNanoseconds: Span.second)
    private static let failing = BoundedProvider.Overflow.refuses(.transient, waitNanoseconds: nil)

    /// The gateway itself decides who is held back.
    private static let ordered = [
        scenario("429", limited), scenario("429, two providers", limited, providers: 2), scenario("529", overloaded),
        scenario("529, two providers", overloaded, providers: 2), scenario("a queue", .queues),
        scenario("two queues", .queues, providers: 2), scenario("a queue with a known bound", .queues, isBounded: true),
        scenario("two queues with a known bound", .queues, providers: 2, isBounded: true),
    ]

    private static func run(_ scenario: GoodputWorld.Scenario, seed: UInt64 = 1) -> GoodputReport {
        var world = GoodputWorld(scenario, seed: seed)
        return world.run()
    }

    /// - Parameter second: after the load has dropped; from then on all are answered.
    private func expectGood(_ report: GoodputReport, from second: Int = 10) {
        #expect(report.percentOfPeak >= 90, "\(report)")
        let afterwards = report.afterwards(from: second)
        // Bursts meet what is reserved for critical exchanges even at half of the load.
        #expect(100 * afterwards.disappointed <= afterwards.offered, "\(report)")
        #expect(afterwards.answered >= afterwards.offered - 20, "\(report)")
        #expect(report.violations == [])
        #expect(report.asked == report.attempts)
        #expect(report.refusedByQueueAfterAttempts == 0, "a refusal by the queue costs no attempt")
    }

    @Test(arguments: ordered) func goodputHoldsAtTenTimesTheLoadAndComesBack(scenario: GoodputWorld.Scenario) {
        let report = Self.run(scenario)
        expectGood(report)
        for stage in [3, 4] {
            let critical = report.percentAnswered(.critical, stage: stage)
            let others = [Criticality.standard, .deferrable].map { report.percentAnswered($0, stage: stage) }
            #expect(others.allSatisfy { 2 * $0 < critical }, "\(report)")
        }
    }

    /// Where a provider says when to come again, its word goes before ours: nobody is preferred, and who was told to wait comes
    /// back in crowds for a while.
    @Test func aProviderThatNamesItsWaitIsBelieved() {
        let report = Self.run(Self.scenario("429 for a second", Self.limitedForASecond))
        expectGood(report, from: 15)
        let afterwards = report.afterwards(from: 0)
        #expect(afterwards.answered >= afterwards.offered, "\(report)")
    }

    /// A 503 that says nothing of overload is the breaker's, like any failure, and keeps no order among classes.
    @Test(arguments: 1...6 as ClosedRange<UInt64>) func aProviderThatFailsUnderLoadHoldsAndComesBack(seed: UInt64) {
        expectGood(Self.run(Self.scenario("503", Self.failing), seed: seed))
    }

    /// Two small ones are full by chance now and then even at half of the load.
    @Test(arguments: 1...6 as ClosedRange<UInt64>) func twoProvidersThatFailUnderLoadComeBack(seed: UInt64) {
        let report = Self.run(Self.scenario("503", Self.failing, providers: 2), seed: seed)
        #expect(report.percentOfPeak >= 90, "\(report)")
        let afterwards = report.afterwards(from: 10)
        #expect(100 * afterwards.answered >= 98 * afterwards.offered, "\(report)")
        #expect(5 * afterwards.disappointed <= afterwards.offered, "\(report)")
    }

    // MARK: - What it would be without

    @Test(arguments: [
        scenario("429", limited, isProtected: false), scenario("429 x2", limited, providers: 2, isProtected: false),
        scenario("529", overloaded, isProtected: false), scenario("a queue", .queues, isProtected: false),
    ])
    func withoutThrottleAndLimitsGoodputFalls(scenario: GoodputWorld.Scenario) {
        let report = Self.run(scenario)
        #expect(report.percentOfPeak < 80, "\(report)")
    }

    @Test func withoutLimitsAQueueNeverComesBack() {
        let report = Self.run(Self.scenario("a queue", .queues, isProtected: false))
        #expect(report.percentOfPeak == 0)
        let afterwards = report.afterwards(from: 10)
        #expect(afterwards.answered == 0 && afterwards.disappointed == afterwards.offered, "\(report)")
    }
}
