import HTTPTypes
import HoldfastAPI
import HoldfastCore

extension Rollouts {
    var routes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/rollout", permission: .rolloutsRead,
                summary:
                    "The newest roll-out: how far it is, and what it waits for. `rollout` is absent where none was.",
                response: .newestRollout
            ) { _ in
                .view(NewestRolloutView(rollout: self.find(now: MonotonicClock.read())), generation: self.newest)
            },
            APIRoute(
                method: .post, path: "/v1/rollout/release", permission: .rolloutsRelease,
                summary: "Vouch for what no measurement shows, so that the roll-out goes on.", request: .reason,
                response: .rollout
            ) { request in
                let why = try request.decode(ReasonView.self)
                let view = try await self.release(
                    reason: try APIRoutes.reason(why.reason), by: request.actor, now: request.now)
                return .view(view, generation: self.newest)
            },
            APIRoute(
                method: .post, path: "/v1/rollout/return", permission: .rolloutsReturn,
                summary: "Take the roll-out back: all gateways get the last good document.", request: .reason,
                response: .rollout
            ) { request in
                let why = try request.decode(ReasonView.self)
                let view = try await self.takeBack(
                    reason: try APIRoutes.reason(why.reason), by: request.actor,
                    now: Times(wall: request.now, monotonic: MonotonicClock.read()))
                return .view(view, generation: self.newest)
            },
        ]
    }

    private var newest: UInt64? { snapshots.newest?.number }
}
