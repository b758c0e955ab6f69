@testable import HoldfastCore

/// A snapshot with three providers in two jurisdictions, and overrides by short words.
enum OverrideRig {
    /// A day of 2027, in milliseconds.
    static let now: Int64 = 1_800_000_000_000
    static let hour: Int64 = 3_600_000
    static let day: Int64 = 24 * hour

    static let snapshot: Snapshot = {
        var big = Deployment(id: "east/big", provider: 0, model: "big")
        big.limits = DeploymentLimits(requestsPerMinute: 500, concurrent: 64)
        big.price = Price(inputMicros: 400_000, cachedInputMicros: nil, outputMicros: 1_600_000)
        let small = Deployment(id: "east/small", provider: 0, model: "small", replacedBy: 4)
        let west = Deployment(id: "west/big", provider: 1, model: "big")
        let own = Deployment(id: "own/free", provider: 2, model: "free")
        let next = Deployment(id: "west/next", provider: 1, model: "next")
        var weighted = Route(name: "weighted", candidates: [0, 2, 3])
        weighted.strategy = .weighted
        weighted.weights = [5, 3, 2]
        return Snapshot(
            gateway: GatewaySettings(
                listen: ListenAddress(host: "127.0.0.1", port: 0),
                operations: ListenAddress(host: "127.0.0.1", port: 0),
                tls: nil, behindTLSProxy: false, eventLoops: nil, accessLog: .off, drainNanoseconds: 0,
                limits: ListenerLimits()),
            providers: [
                provider("east", vendor: "acme", jurisdiction: "us"),
                provider("west", vendor: "acme", jurisdiction: "eu"),
                provider("own", vendor: "own", jurisdiction: nil),
            ],
            deployments: [big, small, west, own, next],
            routes: [Route(name: "chat", candidates: [0, 1, 2]), weighted, Route(name: "lone", candidates: [3])],
            workloads: [], keys: [])
    }()

    private static func provider(_ id: String, vendor: String, jurisdiction: String?) -> Provider {
        Provider(
            id: id, dialect: .openai, baseURL: BaseURL(isTLS: true, host: "\(id).example", port: 443, path: ""),
            apiKey: nil, vendor: vendor, region: nil, jurisdiction: jurisdiction, isPrivateNetwork: false,
            isOwned: false, trustRootsPEM: nil, pool: PoolLimits())
    }

    /// Made `ago` milliseconds before now, for an hour from now.
    static func override(_ id: String, _ effect: OverrideEffect, ago: Int64 = 0) -> Override {
        Override(
            id: id, effect: effect, author: "ada", reason: "ticket 12", createdAtMilliseconds: now - ago,
            expiresAtMilliseconds: now + hour)
    }

    static func set(_ overrides: [Override]) throws -> OverrideSet {
        var set = OverrideSet()
        for override in overrides { try set.add(override) }
        return set
    }

    static func applied(_ overrides: [Override]) throws -> (snapshot: Snapshot, effects: OverrideEffects) {
        snapshot.applying(try set(overrides), nowMilliseconds: now)
    }
}
