import Testing

@testable import HoldfastCore

@Suite struct DeploymentLoadTests {
    private let now = Instant(nanoseconds: Span.minute)

    private func full(_ count: Int, bound: Int? = nil) -> DeploymentLoad {
        var load = DeploymentLoad()
        load.configure(concurrent: bound, hasReserve: false)
        for _ in 0..<count { load.enter(ticket: nil) }
        return load
    }

    /// Found by a thousand streams that were being read: they waited for nothing, and nobody else was let in.
    @Test func streamsThatHaveBegunLeaveRoomForOthers() {
        var load = full(0)
        for place in 0..<1_000 {
            load.enter(ticket: nil)
            let at = now.advanced(byNanoseconds: Int64(place) * 10 * Span.millisecond)
            load.observe(firstTokenNanoseconds: 20 * Span.millisecond, inputBytes: 100, now: at)
            #expect(load.began(now: at).isEmpty)
        }
        #expect(load.inFlight == 1_000 && load.admits(.standard))
    }

    @Test func whatTheFileAllowsCountsAttemptsToTheirEnd() {
        var load = full(4, bound: 4)
        _ = load.began(now: now)
        #expect(!load.admits(.standard))
        #expect(load.leave(hasBegun: true, now: now).isEmpty)
        #expect(load.admits(.standard) && load.shownLimit == 4)
    }

    @Test func aSlotIsHandedOverAndNotLetGo() {
        var load = full(1, bound: 1)
        var handover = DeploymentLoad.Handover()
        #expect(load.wait(ticket: 7, criticality: .standard, now: now, handover: &handover) != .full)
        #expect(load.leave(now: now) == DeploymentLoad.Handover(granted: 7))
        #expect(!load.admits(.critical) && load.isGranted(to: 7), "nobody comes in between")
        load.enter(ticket: 7)
        #expect(load.inFlight == 1 && !load.isGranted(to: 7))
    }

    @Test func aSlotThatIsNotTakenUpGoesToTheNext() {
        var load = full(1, bound: 1)
        var handover = DeploymentLoad.Handover()
        _ = load.wait(ticket: 7, criticality: .standard, now: now, handover: &handover)
        _ = load.wait(ticket: 8, criticality: .critical, now: now, handover: &handover)
        #expect(load.leave(now: now).granted == 8, "the more critical one first")
        #expect(load.stopWaiting(ticket: 8, now: now).granted == 7)
        #expect(load.stopWaiting(ticket: 7, now: now).isEmpty)
        #expect(load.stopWaiting(ticket: 7, now: now).isEmpty, "once")
        #expect(load.inFlight == 0 && load.waiting == 0)
    }
}
