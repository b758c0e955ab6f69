import HoldfastCore
import Testing

@testable import holdfast

@Suite struct RestartPolicyTests {
    private let short = 100 * Span.millisecond

    @Test func theDelayDoublesUpToItsBound() {
        var policy = RestartPolicy()
        let delays = (0..<8).map { _ in policy.decide(after: .signalled(9), ranNanoseconds: short, served: true) }
        let expected: [Int64] = [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]
        #expect(delays == expected.map { .restart(afterNanoseconds: $0 * Span.millisecond) })
    }

    @Test func aHealthyRunBeginsAnew() {
        var policy = RestartPolicy()
        for _ in 0..<5 { _ = policy.decide(after: .exited(1), ranNanoseconds: short, served: true) }
        let justShort = policy.decide(after: .exited(1), ranNanoseconds: Span.minute - 1, served: true)
        #expect(justShort == .restart(afterNanoseconds: 8 * Span.second))
        let healthy = policy.decide(after: .exited(1), ranNanoseconds: Span.minute, served: true)
        #expect(healthy == .restart(afterNanoseconds: 250 * Span.millisecond))
        let next = policy.decide(after: .exited(1), ranNanoseconds: short, served: true)
        #expect(next == .restart(afterNanoseconds: 500 * Span.millisecond))
    }

    @Test(arguments: [Int32(64), 66, 69, 73, 78])
    func aFirstStartThatAPersonMustMendIsFinal(code: Int32) {
        var policy = RestartPolicy()
        #expect(policy.decide(after: .exited(code), ranNanoseconds: short, served: false) == .giveUp(exitCode: code))
    }

    @Test(arguments: [Int32(64), 66, 69, 73, 78])
    func theSameCodeAfterServingIsWorthAnotherTry(code: Int32) {
        var policy = RestartPolicy()
        _ = policy.decide(after: .signalled(9), ranNanoseconds: short, served: true)
        let decision = policy.decide(after: .exited(code), ranNanoseconds: short, served: false)
        #expect(decision == .restart(afterNanoseconds: 500 * Span.millisecond))
    }

    @Test(arguments: [
        ChildExit.exited(0), .exited(1), .exited(70), .exited(127), .signalled(11), .notStarted(reason: "no memory"),
    ])
    func otherEndsOfAFirstStartAreRetried(exit: ChildExit) {
        var policy = RestartPolicy()
        let decision = policy.decide(after: exit, ranNanoseconds: short, served: false)
        #expect(decision == .restart(afterNanoseconds: RestartPolicy.firstDelayNanoseconds))
    }

    @Test func codesReadAsShellsPutThem() {
        #expect(ChildExit.exited(78).code == 78)
        #expect(ChildExit.signalled(9).code == 137)
    }
}
