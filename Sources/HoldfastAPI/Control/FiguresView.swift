/// What goes through a gateway, for whoever looks on: a part of its report while somebody does, and once a minute.
/// Counts are since the start of the process; spans are of the last minute or two.
package struct FiguresView: Codable, Sendable, Equatable {
    package static let mostRoutes = 1_000
    package static let mostDeployments = 2_000
    package static let mostCalls = 5_000
    package static let mostEndpoints = 2_000

    package struct Route: Codable, Sendable, Equatable {
        package var name: String
        /// In the order in force.
        package var candidates: [String]
        package var ended: Int
        package var failed: Int
        package var failovers: Int
        package var inFlight: Int
        package var medianMilliseconds: Int64?
        package var p99Milliseconds: Int64?
        package var medianFirstTokenMilliseconds: Int64?
        package var p99FirstTokenMilliseconds: Int64?

        package init(name: String, candidates: [String], ended: Int, failed: Int, failovers: Int, inFlight: Int) {
            self.name = name
            self.candidates = candidates
            self.ended = ended
            self.failed = failed
            self.failovers = failovers
            self.inFlight = inFlight
        }
    }

    package struct Deployment: Codable, Sendable, Equatable {
        package var id: String
        package var vendor: String
        package var region: String?
        package var jurisdiction: String?
        package var owned: Bool
        /// `closed`, `open` or `half-open`.
        package var breaker: String
        /// The failure class that took it out; absent: it is not suspended.
        package var suspension: String?
        package var inFlight: Int
        package var waiting: Int
        package var attempts: Int
        package var failures: Int
        package var medianFirstTokenMilliseconds: Int64?
        /// As in `/state`: `untested`, `warm`, `cold` or `doubtful`.
        package var warmth: String
        package var retires: String?
        /// Overrides that cover it, by id.
        package var overrides: [String]

        package init(
            id: String, vendor: String, owned: Bool, breaker: String, inFlight: Int, waiting: Int, attempts: Int,
            failures: Int, warmth: String, overrides: [String]
        ) {
            self.id = id
            self.vendor = vendor
            self.owned = owned
            self.breaker = breaker
            self.inFlight = inFlight
            self.waiting = waiting
            self.attempts = attempts
            self.failures = failures
            self.warmth = warmth
            self.overrides = overrides
        }
    }

    /// Which workload really asks for what, and who answers it. A name `*` stands for all that are not told apart any more,
    /// because they are too many: nothing may be named so.
    package struct Call: Codable, Sendable, Equatable {
        /// Absent: no key, so no workload.
        package var workload: String?
        package var route: String
        /// Absent: nobody answered.
        package var deployment: String?
        package var count: Int

        package init(workload: String?, route: String, deployment: String?, count: Int) {
            self.workload = workload
            self.route = route
            self.deployment = deployment
            self.count = count
        }
    }

    /// Where connections really go.
    package struct Endpoint: Codable, Sendable, Equatable {
        package var provider: String
        package var host: String
        /// As they were resolved last, which is where connections go, or as they are written; empty: nobody knows so far.
        package var addresses: [String]

        package init(provider: String, host: String, addresses: [String]) {
            self.provider = provider
            self.host = host
            self.addresses = addresses
        }
    }

    package var routes: [Route]
    package var deployments: [Deployment]
    package var calls: [Call]
    package var endpoints: [Endpoint]
    /// Who answers this machine's questions for names; empty: that cannot be read, so nobody knows.
    package var nameServers: [String]
    /// Routes, deployments and endpoints that are more than fit; absent: none.
    package var leftOut: Int?

    package init() {
        routes = []
        deployments = []
        calls = []
        endpoints = []
        nameServers = []
    }
}
