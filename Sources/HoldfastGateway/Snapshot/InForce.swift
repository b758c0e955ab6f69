import HoldfastAPI
import HoldfastCore
import HoldfastWire
import NIOCore
import NIOSSL
import Synchronization

/// A snapshot in force: the validated configuration joined with the state that outlives it (breakers, connections) and
/// with everything that can be made ready once instead of per exchange. Immutable and shared by all loops.
final class InForce: Sendable {
    let generation: UInt64
    let snapshot: Snapshot
    let targets: [UpstreamTarget]
    let providers: [ProviderState]
    let deployments: [DeploymentInForce]
    let routes: [RouteInForce]
    let keys: [KeyState]
    /// Nil: the listener speaks plain http.
    let listenerTLS: NIOSSLContext?
    /// In force, oldest first.
    let overrides: [OverrideView]
    let effects: OverrideEffects
    /// As it was published; nil: it is the gateway's own.
    let document: String?
    /// Of exchanges under this document.
    let counts: ExchangeCounts
    let names: KnownNames
    /// Of each workload.
    private let workloadMarks: [NameMark]
    private let routeByName: [String: Int]
    private let deploymentByID: [String: Int]
    private let keyByID: [String: Int]

    /// Keeps the state of whatever is the same in `previous`.
    ///
    /// - Throws: what TLS says of a certificate that it cannot use.
    init(_ adopted: AdoptedSnapshot, previous: InForce?) throws {
        let now = adopted.nowMilliseconds
        let (snapshot, effects) = adopted.loaded.snapshot.applying(adopted.overrides, nowMilliseconds: now)
        self.snapshot = snapshot
        self.effects = effects
        overrides = adopted.overrides.inForce(nowMilliseconds: now).compactMap { override in
            adopted.views.first { $0.id == override.id }
        }
        generation = adopted.generation
        document = adopted.document
        let goesOn = adopted.document != nil && adopted.document == previous?.document
        counts = (goesOn ? previous?.counts : nil) ?? ExchangeCounts()
        let targets = try snapshot.providers.map { provider in
            try previous?.targets.first { $0.serves(provider) } ?? UpstreamTarget(provider: provider)
        }
        let names = previous?.names ?? KnownNames()
        self.names = names
        workloadMarks = snapshot.workloads.map { names.mark(of: $0.id) }
        self.targets = targets
        let providers = snapshot.providers.map { provider in
            previous?.providers.first { $0.holds(for: provider) } ?? ProviderState(provider: provider)
        }
        self.providers = providers
        deployments = snapshot.deployments.map { deployment in
            let provider = snapshot.providers[deployment.provider]
            let old = previous?.deployments.first {
                $0.deployment.id == deployment.id && $0.provider.apiKey == provider.apiKey
                    && $0.provider.baseURL == provider.baseURL
            }
            return DeploymentInForce(
                deployment: deployment, mark: names.mark(of: deployment.id), provider: provider,
                target: targets[deployment.provider],
                state: old?.state ?? DeploymentState(id: deployment.id),
                providerState: providers[deployment.provider],
                regionStates: providers.filter { $0.sharesRegion(with: providers[deployment.provider]) })
        }
        let deployments = self.deployments
        routes = snapshot.routes.enumerated().map { place, route in
            let candidates = RouteCandidates(route, in: snapshot)
            return RouteInForce(
                route: route, candidates: candidates.deployments.map { deployments[$0] },
                candidateFacts: candidates.facts,
                facts: previous?.routes.first { $0.route.name == route.name }?.facts ?? RouteFacts(),
                admission: RouteAdmission(route: place, candidates.deployments, snapshot, effects))
        }
        keys = snapshot.keys.map { key in
            previous?.keys.first { $0.key.id == key.id && $0.key.digest == key.digest }?.with(key) ?? KeyState(key: key)
        }
        listenerTLS = try snapshot.gateway.tls.map(Self.listenerContext)
        routeByName = Dictionary(
            zip(snapshot.routes.map(\.name), snapshot.routes.indices), uniquingKeysWith: { first, _ in first })
        deploymentByID = Dictionary(
            zip(snapshot.deployments.map(\.id), snapshot.deployments.indices), uniquingKeysWith: { first, _ in first })
        keyByID = Dictionary(
            zip(snapshot.keys.map(\.id), snapshot.keys.indices), uniquingKeysWith: { first, _ in first })
    }

    /// What the limits of this snapshot are is known to the states that outlive it.
    func configureLimits() {
        let hasReserve = snapshot.workloads.contains { $0.criticality == .critical }
        for deployment in deployments {
            deployment.state.withLock { $0.health.configure(deployment.deployment.limits, hasReserve: hasReserve) }
        }
    }

    private static func listenerContext(_ tls: ListenerTLS) throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(tls.certificateChainPEM.utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(tls.privateKeyPEM.reveal().utf8), format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }

    /// Nil: there is no key, so there is no workload.
    func workloadMark(of principal: Principal) -> NameMark? {
        principal.key.map { workloadMarks[$0.key.workload] }
    }

    func route(named name: String) -> Int? {
        routeByName[name]
    }

    /// A route of one candidate, for a client that asks for `provider/model`.
    func directRoute(to id: String) -> RouteInForce? {
        deploymentByID[id].map {
            deployments[$0].directRoute(admission: RouteAdmission(route: nil, [$0], snapshot, effects))
        }
    }

    func key(id: String) -> KeyState? {
        keyByID[id].map { keys[$0] }
    }
}

/// A client key with what it has in flight.
final class KeyState: Sendable {
    let key: ClientKey
    let idLiteral: JSONLiteral
    private let inFlight: InFlightCount

    convenience init(key: ClientKey) {
        self.init(key: key, inFlight: InFlightCount())
    }

    private init(key: ClientKey, inFlight: InFlightCount) {
        self.key = key
        idLiteral = JSONLiteral(key.id)
        self.inFlight = inFlight
    }

    func with(_ key: ClientKey) -> KeyState {
        KeyState(key: key, inFlight: inFlight)
    }

    /// False at the bound; true is paired with one `leave`.
    func enter(bound: Int) -> Bool {
        guard inFlight.add(1) <= bound else {
            inFlight.add(-1)
            return false
        }
        return true
    }

    func leave() {
        inFlight.add(-1)
    }
}

/// Shared by the loops; exact, because a bound is held against it.
final class InFlightCount: Sendable {
    private let count = Atomic<Int>(0)

    @discardableResult
    func add(_ difference: Int) -> Int {
        count.add(difference, ordering: .relaxed).newValue
    }

    var value: Int { count.load(ordering: .relaxed) }
}

/// What became of exchanges under one document, also of those that end after another one came into force.
final class ExchangeCounts: Sendable {
    let ended = InFlightCount()
    /// Those of them that got no answer for a reason of ours or of the providers'.
    let failed = InFlightCount()
}

final class RouteInForce: Sendable {
    let route: Route
    /// Those that the file names, and behind them whoever stands in for one of them.
    let candidates: [DeploymentInForce]
    let candidateFacts: [CandidateFacts]
    let limits: ExchangeLimits
    let facts: RouteFacts
    let admission: RouteAdmission
    let nameLiteral: JSONLiteral
    /// Candidates with a day on which their model is taken away.
    private let retiring: [(place: Int, day: CalendarDay)]

    init(
        route: Route, candidates: [DeploymentInForce], candidateFacts: [CandidateFacts], facts: RouteFacts,
        admission: RouteAdmission
    ) {
        self.route = route
        self.admission = admission
        nameLiteral = JSONLiteral(route.name)
        self.candidates = candidates
        self.candidateFacts = candidateFacts
        self.facts = facts
        limits = ExchangeLimits(route.timeouts, candidates: route.candidates.count)
        retiring = candidates.enumerated().compactMap { place, candidate in
            candidate.deployment.retires.map { (place, $0) }
        }
    }

    /// Candidates whose day has come, a bit each.
    func retired(today: Today) -> UInt64 {
        guard !retiring.isEmpty else { return 0 }
        let day = today.value
        return retiring.reduce(0) { $1.day <= day ? $0 | 1 << UInt64($1.place) : $0 }
    }
}

/// A deployment with its state and the bytes of its request heads.
final class DeploymentInForce: Sendable {
    let deployment: Deployment
    let mark: NameMark
    let provider: Provider
    let target: UpstreamTarget
    let state: DeploymentState
    let providerState: ProviderState
    /// Of every provider that a legal block of this one's takes out with it, itself among them.
    let regionStates: [ProviderState]
    let model: JSONLiteral
    let idLiteral: JSONLiteral
    /// `x-holdfast-deployment`, with its line end.
    let header: ByteBuffer
    /// Of a model that is taken away, from the day on that this is to be said.
    private let retirementHeaders: ByteBuffer
    private let chatHead: ByteBuffer
    private let completionsHead: ByteBuffer
    private let embeddingsHead: ByteBuffer

    init(
        deployment: Deployment, mark: NameMark, provider: Provider, target: UpstreamTarget, state: DeploymentState,
        providerState: ProviderState, regionStates: [ProviderState]
    ) {
        self.deployment = deployment
        self.mark = mark
        self.provider = provider
        self.target = target
        self.state = state
        self.providerState = providerState
        self.regionStates = regionStates
        model = JSONLiteral(deployment.model)
        idLiteral = JSONLiteral(deployment.id)
        header = ByteBuffer(string: "x-holdfast-deployment: \(deployment.id)\r\n")
        retirementHeaders = deployment.retirementHeaders
        chatHead = Self.head(of: .chatCompletions, at: provider)
        completionsHead = Self.head(of: .completions, at: provider)
        embeddingsHead = Self.head(of: .embeddings, at: provider)
    }

    func writeRetirement(today: Today, into head: inout ByteBuffer) {
        guard retirementHeaders.readableBytes > 0,
            Retirement(retires: deployment.retires, today: today.value) != Retirement.none
        else { return }
        head.writeImmutableBuffer(retirementHeaders)
    }

    /// Everything of the request head before the value of `content-length`, which comes last.
    func head(for endpoint: Endpoint) -> ByteBuffer {
        switch endpoint {
        case .chatCompletions: chatHead
        case .completions: completionsHead
        case .embeddings: embeddingsHead
        }
    }

    /// Limits and retries as a route has them by default. It takes part in the same breaker as every route.
    func directRoute(admission: RouteAdmission) -> RouteInForce {
        RouteInForce(
            route: Route(name: deployment.id, candidates: [0]), candidates: [self], candidateFacts: [],
            facts: state.directFacts, admission: admission)
    }

    private static func head(of endpoint: Endpoint, at provider: Provider) -> ByteBuffer {
        var head = ByteBuffer()
        head.writeString("POST \(provider.baseURL.path)\(endpoint.upstreamPath) HTTP/1.1\r\n")
        head.writeString("host: \(provider.baseURL.authority)\r\n")
        if let key = provider.apiKey {
            head.writeString("authorization: Bearer \(key.reveal())\r\n")
        }
        head.writeString("content-type: application/json\r\naccept-encoding: identity\r\nuser-agent: holdfast\r\n")
        head.writeString("content-length: ")
        return head
    }
}
