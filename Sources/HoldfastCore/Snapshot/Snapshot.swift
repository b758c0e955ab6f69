/// The validated, complete and immutable configuration: what the document means once every default is filled in,
/// every reference is read and every name is resolved to an index. One exchange sees one snapshot.
///
/// Arrays are in document order and the indices below point into them; nothing here is looked up by iterating a
/// dictionary.
package struct Snapshot: Sendable, Hashable {
    package var gateway: GatewaySettings
    package var control = ControlSettings()
    package var drills = DrillSettings()
    /// Nil: nothing is sent.
    package var telemetry: TelemetrySettings?
    package var providers: [Provider]
    package var deployments: [Deployment]
    package var routes: [Route]
    package var workloads: [Workload]
    package var keys: [ClientKey]
    /// What work depends on besides. Gateways look at none of it.
    package var map = DeclaredMap()
    /// False: whoever reaches the listener, which is this machine alone, goes without a key.
    package var asksForKeys: Bool

    package init(
        gateway: GatewaySettings, providers: [Provider], deployments: [Deployment], routes: [Route],
        workloads: [Workload], keys: [ClientKey]
    ) {
        self.gateway = gateway
        self.providers = providers
        self.deployments = deployments
        self.routes = routes
        self.workloads = workloads
        self.keys = keys
        asksForKeys = !keys.isEmpty
    }
}

/// An address to listen on, as written: `127.0.0.1:8080`, `[::1]:8080`, `0.0.0.0:0`.
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// An IP address without brackets, or `localhost`.
    package var host: String
    /// 0 asks the system for a free port.
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Whether only this machine can reach the address. Decides where open access and plain http are allowed.
    package var isLoopback: Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    /// Whether it stands for every address of this machine.
    package var isUnspecified: Bool { host == "0.0.0.0" || host == "::" }
}

package struct GatewaySettings: Sendable, Hashable {
    package var listen: ListenAddress
    package var operations: ListenAddress
    package var tls: ListenerTLS?
    /// A TLS terminator stands in front: allows plain http on an address that is not loopback.
    package var behindTLSProxy: Bool
    /// Nil: one per core.
    package var eventLoops: Int?
    package var accessLog: AccessLogDestination
    /// How long streams may run on after SIGTERM.
    package var drainNanoseconds: Int64
    /// Exchanges whose receipts are kept, in memory.
    package var receipts = 4_096
    /// Deployments that nobody asks are looked at by their provider's list of models.
    package var checks = true
    package var limits: ListenerLimits

    package init(
        listen: ListenAddress, operations: ListenAddress, tls: ListenerTLS?, behindTLSProxy: Bool, eventLoops: Int?,
        accessLog: AccessLogDestination, drainNanoseconds: Int64, limits: ListenerLimits
    ) {
        self.listen = listen
        self.operations = operations
        self.tls = tls
        self.behindTLSProxy = behindTLSProxy
        self.eventLoops = eventLoops
        self.accessLog = accessLog
        self.drainNanoseconds = drainNanoseconds
        self.limits = limits
    }
}

/// The management plane's own. Gateways look at none of it.
package struct ControlSettings: Sendable, Hashable {
    package static let mostHosts = 64

    package var listen = ListenAddress(host: "127.0.0.1", port: 8090)
    /// Names and addresses by which it may be asked, beside its own address and this machine's; small letters.
    package var hosts: [String] = []
    package var notifications: [NotificationSettings] = []

    package init() {}
}

/// PEM texts, already read.
package struct ListenerTLS: Sendable, Hashable {
    package var certificateChainPEM: String
    package var privateKeyPEM: Secret

    package init(certificateChainPEM: String, privateKeyPEM: Secret) {
        self.certificateChainPEM = certificateChainPEM
        self.privateKeyPEM = privateKeyPEM
    }
}

package enum AccessLogDestination: Sendable, Hashable {
    case off
    case standardOutput
    case file(path: String)
}

/// Bounds of the client listener. Sizes in bytes. Defaults and reasons: the configuration's table of defaults.
package struct ListenerLimits: Sendable, Hashable {
    package var headerFieldBytes = 16 << 10
    package var headerListBytes = 64 << 10
    package var headerFields = 100
    package var uriBytes = 8 << 10
    package var bodyBytes = 10 << 20
    package var jsonDepth = 64
    package var jsonNodes = 200_000
    package var sseLineBytes = 1 << 20
    package var responseBytes = 32 << 20
    package var connections = 10_000
    /// Per client address that is not loopback.
    package var connectionsPerAddress = 1_024
    package var inFlightPerKey = 256
    package var pipelined = 16
    package var headerNanoseconds = 10 * Span.second
    package var bodyNanoseconds = 30 * Span.second
    package var idleNanoseconds = 60 * Span.second
    package var writeStallNanoseconds = 30 * Span.second
    /// Of the whole process; nil: the control group's bound, if there is one.
    package var memoryBytes: Int?

    package init() {}
}

/// Who is called. The id is the name in the document.
package struct Provider: Sendable, Hashable {
    package var id: String
    package var dialect: Dialect
    package var baseURL: BaseURL
    package var apiKey: Secret?
    /// Failure domains; the vendor defaults to the provider's own id.
    package var vendor: String
    package var region: String?
    package var jurisdiction: String?
    /// Loopback and private addresses and plain http are meant.
    package var isPrivateNetwork: Bool
    package var isOwned: Bool
    /// PEM text of extra trust roots; nil: the system's.
    package var trustRootsPEM: String?
    package var pool: PoolLimits

    package init(
        id: String, dialect: Dialect, baseURL: BaseURL, apiKey: Secret?, vendor: String, region: String?,
        jurisdiction: String?, isPrivateNetwork: Bool, isOwned: Bool, trustRootsPEM: String?, pool: PoolLimits
    ) {
        self.id = id
        self.dialect = dialect
        self.baseURL = baseURL
        self.apiKey = apiKey
        self.vendor = vendor
        self.region = region
        self.jurisdiction = jurisdiction
        self.isPrivateNetwork = isPrivateNetwork
        self.isOwned = isOwned
        self.trustRootsPEM = trustRootsPEM
        self.pool = pool
    }
}

package enum Dialect: String, Sendable, Hashable, CaseIterable {
    case openai
}

/// An upstream origin and path prefix, checked when the document is read. `path` starts with `/` or is empty and
/// never ends with `/`.
package struct BaseURL: Sendable, Hashable, CustomStringConvertible {
    package var isTLS: Bool
    /// A name or an IP address, without brackets, lower case.
    package var host: String
    package var port: Int
    package var path: String

    package init(isTLS: Bool, host: String, port: Int, path: String) {
        self.isTLS = isTLS
        self.host = host
        self.port = port
        self.path = path
    }

    /// Host as a `Host` header and a URL spell it: brackets round IPv6, the default port left out.
    package var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isTLS ? 443 : 80) ? name : "\(name):\(port)"
    }

    package var description: String {
        "\(isTLS ? "https" : "http")://\(authority)\(path)"
    }
}

/// Upstream connections to one provider, per event loop.
package struct PoolLimits: Sendable, Hashable {
    /// Open connections, in use or idle; one more exchange waits until its connect limit.
    package var connections = 1_024
    /// An idle connection older than this is closed. Shorter than the usual 60–75 s of servers, so that ours is the
    /// side that closes.
    package var idleNanoseconds = 30 * Span.second

    package init() {}
}

/// One model at one provider.
package struct Deployment: Sendable, Hashable {
    /// `provider/model` as in the document.
    package var id: String
    /// Index into `Snapshot.providers`.
    package var provider: Int
    /// The model name the provider knows; may hold slashes and colons.
    package var model: String
    /// USD per million tokens, in millionths of a dollar; nil is unknown, never zero.
    package var price: Price?
    package var contextTokens: Int?
    package var capabilities: Set<String>
    package var limits: DeploymentLimits
    /// The day on which the provider takes the model away.
    package var retires: CalendarDay?
    /// Who answers where the model is gone: an index into `Snapshot.deployments`.
    package var replacedBy: Int?

    package init(
        id: String, provider: Int, model: String, price: Price? = nil, contextTokens: Int? = nil,
        capabilities: Set<String> = [], limits: DeploymentLimits = DeploymentLimits(), retires: CalendarDay? = nil,
        replacedBy: Int? = nil
    ) {
        self.id = id
        self.provider = provider
        self.model = model
        self.price = price
        self.contextTokens = contextTokens
        self.capabilities = capabilities
        self.limits = limits
        self.retires = retires
        self.replacedBy = replacedBy
    }
}

/// Micro-dollars (millionths of a US dollar) per million tokens; nil is unknown.
package struct Price: Sendable, Hashable {
    package var inputMicros: Int64?
    package var cachedInputMicros: Int64?
    package var outputMicros: Int64?

    package init(inputMicros: Int64?, cachedInputMicros: Int64?, outputMicros: Int64?) {
        self.inputMicros = inputMicros
        self.cachedInputMicros = cachedInputMicros
        self.outputMicros = outputMicros
    }

    /// Micro-dollars, rounded up so that small exchanges do not cost nothing; nil where a price that is needed is
    /// unknown. What came from the provider's cache costs as other input where no price for it is known.
    package func costMicros(inputTokens: Int, cachedTokens: Int = 0, outputTokens: Int) -> Int64? {
        let cached = min(cachedTokens, inputTokens)
        var sum: Int64 = 0
        for (tokens, micros) in [
            (inputTokens - cached, inputMicros), (cached, cachedInputMicros ?? inputMicros),
            (outputTokens, outputMicros),
        ] where tokens > 0 {
            guard let micros else { return nil }
            let (product, overflow) = Int64(tokens).multipliedReportingOverflow(by: micros)
            sum = overflow ? .max : sum.addingReportingOverflow(product).overflow ? .max : sum + product
        }
        return sum / 1_000_000 + (sum % 1_000_000 > 0 ? 1 : 0)
    }
}

package struct DeploymentLimits: Sendable, Hashable {
    package var requestsPerMinute: Int?
    package var tokensPerMinute: Int?
    package var concurrent: Int?

    package init(requestsPerMinute: Int? = nil, tokensPerMinute: Int? = nil, concurrent: Int? = nil) {
        self.requestsPerMinute = requestsPerMinute
        self.tokensPerMinute = tokensPerMinute
        self.concurrent = concurrent
    }
}

/// The public model name with its policy.
package struct Route: Sendable, Hashable {
    package var name: String
    /// Indices into `Snapshot.deployments`, in order of preference; never empty.
    package var candidates: [Int]
    package var timeouts: RouteTimeouts
    package var retries: RouteRetries
    package var strategy = RouteStrategy.ordered
    /// One for each candidate, 1 … `CandidateOrder.mostWeight`; empty: all the same.
    package var weights: [Int] = []
    package var unary = UnaryRequests.direct
    /// Critical exchanges ask a second candidate where the first token is late.
    package var hedges = false
    package var delivery: Delivery
    package var hold: RouteHold
    /// Nil: the listener's.
    package var bodyBytes: Int?

    package init(
        name: String, candidates: [Int], timeouts: RouteTimeouts = RouteTimeouts(),
        retries: RouteRetries = RouteRetries(), delivery: Delivery = .splice, hold: RouteHold = RouteHold(),
        bodyBytes: Int? = nil
    ) {
        self.name = name
        self.candidates = candidates
        self.timeouts = timeouts
        self.retries = retries
        self.delivery = delivery
        self.hold = hold
        self.bodyBytes = bodyBytes
    }
}

/// How requests that are not streams are sent upstream.
package enum UnaryRequests: String, Sendable, Hashable, CaseIterable {
    case direct
    /// As streams, whose limits notice a silent or stalled provider long before a whole answer is due.
    case streamed
}

/// What becomes of a stream whose provider fails after the first token.
package enum Delivery: String, Sendable, Hashable, CaseIterable {
    /// It ends with an error event.
    case stop
    /// Another candidate continues it where that can be done word for word; else as `stop`.
    case splice
    /// The client gets nothing before the answer is complete, so another candidate may begin anew.
    case hold
}

package struct RouteHold: Sendable, Hashable {
    /// A longer answer is let go when it is this long, and goes on as `splice`.
    package var bytes = 1 << 20
    /// Between two comments that keep a waiting client's connection alive; nil: none.
    package var heartbeatNanoseconds: Int64? = 10 * Span.second

    package init() {}
}

/// Nanoseconds. Nil fields have a default that depends on whether another candidate exists: `ExchangeLimits`.
package struct RouteTimeouts: Sendable, Hashable {
    package var connectNanoseconds = 1 * Span.second
    package var firstByteNanoseconds: Int64?
    package var firstTokenNanoseconds: Int64?
    package var idleNanoseconds = 10 * Span.second
    package var responseNanoseconds: Int64?
    package var totalNanoseconds = 10 * Span.minute

    package init() {}
}

package struct RouteRetries: Sendable, Hashable {
    /// 0 or 1.
    package var sameDeployment = 1
    /// All attempts of one exchange, 1 … 16.
    package var attempts = 4

    package init() {}
}

package enum Criticality: String, Sendable, Hashable, CaseIterable, Comparable {
    case deferrable, standard, critical

    private var rank: Int {
        switch self {
        case .deferrable: 0
        case .standard: 1
        case .critical: 2
        }
    }

    package static func < (left: Criticality, right: Criticality) -> Bool {
        left.rank < right.rank
    }
}

/// The caller's purpose.
package struct Workload: Sendable, Hashable {
    package var id: String
    package var criticality: Criticality
    /// Indices into `Snapshot.routes`; nil: every route.
    package var routes: [Int]?
    /// Whether its keys may ask for `provider/model` instead of a route.
    package var allowsDirectModels: Bool
    /// Where its requests may go by law, 1 … 64 names; nil: anywhere.
    package var jurisdictions: [String]?

    package init(id: String, criticality: Criticality, routes: [Int]?, allowsDirectModels: Bool) {
        self.id = id
        self.criticality = criticality
        self.routes = routes
        self.allowsDirectModels = allowsDirectModels
    }
}

package struct ClientKey: Sendable, Hashable {
    package var id: String
    /// SHA-256 of the whole key text, 32 bytes.
    package var digest: [UInt8]
    /// Index into `Snapshot.workloads`.
    package var workload: Int
    /// Nil: the listener's.
    package var inFlight: Int?

    package init(id: String, digest: [UInt8], workload: Int, inFlight: Int? = nil) {
        self.id = id
        self.digest = digest
        self.workload = workload
        self.inFlight = inFlight
    }
}
