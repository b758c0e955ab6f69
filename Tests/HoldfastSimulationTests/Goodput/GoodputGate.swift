import HoldfastCore

@testable import HoldfastSimulation

/// The gate of the simulator, whose throttle and learnt limits may be taken out to see what they are good for.
struct GoodputGate: CandidateGate, Sendable {
    var gate: SimulatedGate
    let isProtected: Bool

    mutating func admit(
        candidate: Int, defersProbe: Bool, mayUseScarce: Bool, now: Instant, random: inout SeededRandom
    ) -> CandidateDecision {
        let decision = gate.admit(
            candidate: candidate, defersProbe: defersProbe, mayUseScarce: mayUseScarce, now: now, random: &random)
        guard decision == .refused(.throttled), !isProtected,
            let permit = gate.admitDespiteSlowStart(candidate: candidate, now: now)
        else { return decision }
        return .admitted(permit)
    }

    mutating func admitDespiteSlowStart(candidate: Int, now: Instant) -> AttemptPermit? {
        gate.admitDespiteSlowStart(candidate: candidate, now: now)
    }

    mutating func admitLastResort(candidate: Int, now: Instant) -> AttemptPermit? {
        gate.admitLastResort(candidate: candidate, now: now)
    }

    mutating func waitForSlot(candidate: Int, now: Instant) -> DeploymentLoad.Wait {
        gate.waitForSlot(candidate: candidate, now: now)
    }

    mutating func expireWaits(candidate: Int, now: Instant) -> Instant? {
        gate.expireWaits(candidate: candidate, now: now)
    }

    mutating func stopWaiting(candidate: Int, now: Instant) { gate.stopWaiting(candidate: candidate, now: now) }

    func pace(candidate: Int, now: Instant) -> CandidatePace { gate.pace(candidate: candidate, now: now) }

    mutating func observe(candidate: Int, firstTokenNanoseconds: Int64, now: Instant) {
        guard isProtected else { return }
        gate.observe(candidate: candidate, firstTokenNanoseconds: firstTokenNanoseconds, now: now)
    }

    mutating func began(candidate: Int, now: Instant) { gate.began(candidate: candidate, now: now) }

    mutating func takeRetry(candidate: Int, now: Instant) -> Bool { gate.takeRetry(candidate: candidate, now: now) }

    mutating func takeHedge(now: Instant) -> Bool { gate.takeHedge(now: now) }

    mutating func settle(
        candidate: Int, permit: AttemptPermit, result: AttemptResult, now: Instant, random: inout SeededRandom
    ) {
        gate.settle(candidate: candidate, permit: permit, result: result, now: now, random: &random)
    }
}
