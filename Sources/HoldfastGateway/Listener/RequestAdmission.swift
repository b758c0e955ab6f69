import HoldfastCore
import HoldfastWire
import NIOCore
import NIOHTTP1
import Synchronization

/// A request on its way in.
final class IncomingRequest {
    let head: HTTPRequestHead
    let headers: RequestHeaders
    let arrivedAt: Instant
    let keepAlive: Bool
    fileprivate(set) var id = ""
    /// `id` as numbers.
    fileprivate(set) var idNumber = ExchangeID(0, 0)
    fileprivate(set) var inForce: InForce?
    fileprivate(set) var path = ClientPath.models
    fileprivate(set) var principal = Principal()
    private(set) var body = ByteBuffer()

    init(head: HTTPRequestHead, now: Instant) {
        self.head = head
        headers = RequestHeaders(head.headers)
        arrivedAt = now
        keepAlive = head.isKeepAlive
    }

    var isHTTP10: Bool { head.version.major == 1 && head.version.minor == 0 }

    var hasBody: Bool {
        (headers.contentLength ?? 0) > 0 || head.headers.contains(name: "transfer-encoding")
    }

    func append(_ bytes: ByteBuffer) {
        if body.readableBytes == 0 {
            body = bytes
            let whole = headers.contentLength ?? 0
            // The length was checked against the bound when the head came.
            if whole > bytes.readableBytes { body.reserveCapacity(whole) }
        } else {
            body.writeImmutableBuffer(bytes)
        }
    }
}

/// A request that may be served: everything an exchange needs to begin.
struct AdmittedExchange {
    var inForce: InForce
    var route: RouteInForce
    var principal: Principal
    var scan: RequestScan
    var criticality: Criticality
    /// Candidates that may not answer whoever asks, a bit each.
    var unlawful: UInt64
    var clientTimeoutNanoseconds: Int64?
}

/// Decides what a request may have: by its head before the body is read, and by its body once that is here. The
/// snapshot is taken with the head, once.
enum RequestAdmission {
    enum Admitted {
        case listing(ByteBuffer)
        case exchange(AdmittedExchange)
    }

    static func admitHead(
        _ request: IncomingRequest, services: LoopServices, connection: ClientConnection
    ) -> Result<Void, ClientError> {
        request.idNumber = services.makeExchangeID()
        request.id = request.idNumber.text
        let inForce = services.inForce
        request.inForce = inForce
        let limits = inForce.snapshot.gateway.limits
        let head = request.head
        guard head.uri.utf8.count <= limits.uriBytes else { return .failure(.uriTooLong) }
        guard let path = ClientPath(uri: head.uri[...]) else { return .failure(.noSuchPath) }
        request.path = path
        switch path {
        case .inference:
            guard head.method == .POST else { return .failure(.methodNotAllowed("POST")) }
        case .models, .model:
            guard head.method == .GET else { return .failure(.methodNotAllowed("GET")) }
        }
        if let principal = connection.principal {
            request.principal = principal
            return admitBody(of: request, limits)
        }
        switch Authentication.authenticate(request.headers, inForce, remembered: &connection.lastAuthentication) {
        case .failure(let error):
            guard error.status == 401, let peer = connection.context?.remoteAddress else { return .failure(error) }
            let block = GuessThrottle.block(ofAddress: peer.ipAddress)
            let isCalm = services.shared.guesses.withLock { $0.recordFailure(block: block, now: request.arrivedAt) }
            return .failure(isCalm ? error : .tooManyFailures)
        case .success(let principal):
            request.principal = principal
        }
        return admitBody(of: request, limits)
    }

    private static func admitBody(of request: IncomingRequest, _ limits: ListenerLimits) -> Result<Void, ClientError> {
        guard case .inference = request.path else { return .success(()) }
        guard request.headers.isJSON, !request.headers.hasContentEncoding else { return .failure(.wrongMediaType) }
        if let expect = request.headers.expect, !expect.isFolded("100-continue") {
            return .failure(.expectationFailed)
        }
        if let length = request.headers.contentLength, length > limits.bodyBytes {
            return .failure(.tooLarge(bound: limits.bodyBytes))
        }
        return .success(())
    }

    static func admit(_ request: IncomingRequest, services: LoopServices) -> Result<Admitted, ClientError> {
        guard let inForce = request.inForce else {
            preconditionFailure("a body is judged after its head, because the head fixes the snapshot")
        }
        switch request.path {
        case .models:
            return .success(.listing(ModelListing.all(for: request.principal, in: inForce)))
        case .model(let id):
            guard let body = ModelListing.one(String(id), for: request.principal, in: inForce) else {
                return .failure(.noSuchModel)
            }
            return .success(.listing(body))
        case .inference(let endpoint):
            return admitInference(endpoint, request, inForce, services)
        }
    }

    private static func admitInference(
        _ endpoint: Endpoint, _ request: IncomingRequest, _ inForce: InForce, _ services: LoopServices
    ) -> Result<Admitted, ClientError> {
        let limits = inForce.snapshot.gateway.limits
        let scan: RequestScan
        do {
            scan = try request.body.withUnsafeReadableBytes { bytes throws(RequestProblem) in
                try RequestScan.scan(
                    bytes, endpoint: endpoint, limits: ScanLimits(depth: limits.jsonDepth, nodes: limits.jsonNodes))
            }
        } catch {
            return .failure(.badRequest(error))
        }
        let route: RouteInForce
        switch findRoute(scan.model, request.principal, inForce) {
        case .failure(let error): return .failure(error)
        case .success(let found): route = found
        }
        if let bound = route.route.bodyBytes, request.body.readableBytes > bound {
            return .failure(.tooLarge(bound: bound))
        }
        var admitted = AdmittedExchange(
            inForce: inForce, route: route, principal: request.principal, scan: scan,
            criticality: request.principal.criticality, unlawful: route.admission.unlawful(for: request.principal),
            clientTimeoutNanoseconds: nil)
        if let text = request.headers.timeout {
            guard let timeout = ConfigurationUnits.duration(text), timeout > 0 else {
                return .failure(.badHeader("x-holdfast-timeout", "write a duration such as 30s or 500ms"))
            }
            admitted.clientTimeoutNanoseconds = timeout
        }
        if let text = request.headers.criticality {
            guard let asked = Criticality(rawValue: text) else {
                return .failure(.badHeader("x-holdfast-criticality", "write critical, standard or deferrable"))
            }
            admitted.criticality = min(admitted.criticality, asked)
        }
        if let refusal = route.admission.refusal(of: admitted.criticality) {
            if case .shed = refusal { tellDrillsOfShed(admitted, services) }
            return .failure(.overridden(refusal, route: route.route.name, admitted.criticality))
        }
        if let wait = services.shared.load.refusal(of: admitted.criticality, random: &services.random) {
            tellDrillsOfShed(admitted, services)
            return .failure(.shed(admitted.criticality, retryAfterNanoseconds: wait))
        }
        if let key = request.principal.key {
            let bound = key.key.inFlight ?? limits.inFlightPerKey
            guard key.enter(bound: bound) else {
                tellDrillsOfShed(admitted, services)
                return .failure(.tooManyInFlight(bound: bound))
            }
        }
        return .success(.exchange(admitted))
    }

    private static func tellDrillsOfShed(_ admitted: AdmittedExchange, _ services: LoopServices) {
        guard services.shared.faults.isOn else { return }
        services.shared.faults.shed(
            admitted.criticality, on: admitted.route.route.name, isProbe: admitted.principal.isProbe,
            now: MonotonicClock.read())
    }

    /// 403 for a route that exists and that the key's workload does not list: its owner can mend that. A deployment that
    /// the key may not name directly is not told apart from one that does not exist.
    private static func findRoute(
        _ model: String, _ principal: Principal, _ inForce: InForce
    ) -> Result<RouteInForce, ClientError> {
        if let index = inForce.route(named: model) {
            guard principal.mayUse(route: index) else { return .failure(.routeForbidden) }
            return .success(inForce.routes[index])
        }
        if principal.mayUseDirectModels, let route = inForce.directRoute(to: model) {
            return .success(route)
        }
        return .failure(.noSuchModel)
    }
}

extension ByteBuffer {
    mutating func writeRequestID(_ id: String) {
        writeStaticString("x-request-id: ")
        writeString(id)
        writeStaticString("\r\n")
    }
}
