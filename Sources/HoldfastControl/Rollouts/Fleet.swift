import HoldfastAPI
import HoldfastCore

/// Whom a roll-out brings along: gateways that were heard lately, and those that may be there because they hold a token.
struct Fleet: Sendable {
    let gateways: Gateways
    let tokens: Tokens
    let limits: Rollout.Limits

    /// With what gateways said last, so that a choice need not wait until they have said it again.
    func begin(_ numbers: Rollout.Generations, now: Instant, nowMilliseconds: Int64) -> Rollout {
        let members = members(nowMilliseconds: nowMilliseconds)
        let heard = gateways.seen(now: now).filter { members.contains($0.id) }
        var rollout = Rollout(
            numbers, gateways: heard.map(\.id), expected: members, limits: limits, now: now)
        for (id, seen) in heard { rollout.reported(gateway: id, seen.report, now: seen.at) }
        return rollout
    }

    func resume(_ saved: Rollout.Saved, now: Instant, nowMilliseconds: Int64) -> Rollout {
        Rollout(
            resuming: saved, gateways: [], expected: members(nowMilliseconds: nowMilliseconds), limits: limits,
            now: now)
    }

    /// One second of it, in which gateways may be gone for good: their token is good no more.
    func advance(_ rollout: inout Rollout, now: Instant, nowMilliseconds: Int64) {
        let members = Set(members(nowMilliseconds: nowMilliseconds))
        for id in rollout.notThere(now: now) where !members.contains(id) { rollout.removed(gateway: id, now: now) }
        rollout.tick(now: now)
    }

    private func members(nowMilliseconds: Int64) -> [String] {
        tokens.all.filter { $0.kind == .node && $0.isGood(now: nowMilliseconds) }.map(\.id)
    }
}

extension Rollout {
    mutating func reported(gateway id: String, _ report: GatewayReportView, now: Instant) {
        // A gateway that serves its own file counts that by itself: its number is none of ours.
        let generation = ["control", "ring"].contains(report.source) ? report.generation : 0
        reported(
            gateway: id, generation: generation, requests: Int64(report.exchanges), errors: Int64(report.failures),
            now: now)
    }
}
