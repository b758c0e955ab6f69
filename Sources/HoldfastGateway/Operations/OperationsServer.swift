import HoldfastAPI
import HoldfastCore
import HoldfastTelemetry
import NIOCore
import NIOHTTP1
import NIOPosix

/// Liveness, readiness, metrics and live state of this process, on a thread of its own: it answers while every event
/// loop of the data plane is busy.
final class OperationsServer: Sendable {
    static let idle = TimeAmount.seconds(30)

    let address: ListenAddress
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel

    /// They run here, since this thread serves no client.
    let checks: NIOLoopBound<DeploymentChecks>

    private init(
        address: ListenAddress, group: MultiThreadedEventLoopGroup, channel: any Channel,
        checks: NIOLoopBound<DeploymentChecks>
    ) {
        self.address = address
        self.group = group
        self.channel = channel
        self.checks = checks
    }

    static func start(
        _ address: ListenAddress, shared: GatewayShared, status: GatewayStatus
    ) async throws -> OperationsServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.addHandler(IdleStateHandler(readTimeout: idle))
                        try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                        try pipeline.addHandler(OperationsConnection(shared: shared, status: status))
                    }
                }
                .bind(host: address.host, port: address.port)
                .get()
            let bound = ListenAddress(host: address.host, port: channel.localAddress?.port ?? 0)
            let loop = group.next()
            let checks = try await loop.submit {
                let checks = DeploymentChecks(shared: shared, status: status, loop: loop)
                checks.start()
                return NIOLoopBound(checks, eventLoop: loop)
            }.get()
            return OperationsServer(address: bound, group: group, channel: channel, checks: checks)
        } catch {
            try? await group.shutdownGracefully()
            throw GatewayStartFailure.bind(key: "gateway.operations", address: address, error)
        }
    }

    func stop() async {
        try? await channel.close()
        try? await group.shutdownGracefully()
    }
}

private final class OperationsConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private struct Answer {
        var status: HTTPResponseStatus
        var type: String
        var text: String
    }

    private let shared: GatewayShared
    private let status: GatewayStatus
    private var head: HTTPRequestHead?

    init(shared: GatewayShared, status: GatewayStatus) {
        self.shared = shared
        self.status = status
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            if let head { respond(to: head, context: context) }
            head = nil
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func respond(to head: HTTPRequestHead, context: ChannelHandlerContext) {
        let answer = answer(to: head)
        var body = context.channel.allocator.buffer(capacity: answer.text.utf8.count)
        body.writeString(answer.text)
        var headers = HTTPHeaders([
            ("content-type", answer.type), ("content-length", String(body.readableBytes)),
            ("cache-control", "no-store"),
        ])
        if !head.isKeepAlive { headers.add(name: "connection", value: "close") }
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers))),
            promise: nil)
        if head.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.value.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            if !head.isKeepAlive { context.value.close(promise: nil) }
        }
    }

    private func answer(to head: HTTPRequestHead) -> Answer {
        guard head.method == .GET || head.method == .HEAD else {
            return Answer(status: .methodNotAllowed, type: "text/plain", text: "GET only\n")
        }
        let now = MonotonicClock.read()
        switch head.uri.prefix(while: { $0 != "?" }) {
        case "/livez":
            return Answer(status: .ok, type: "text/plain", text: "alive\n")
        case "/readyz":
            let isReady = status.isReady
            let text = isReady ? "ready\n" : status.isDraining ? "draining\n" : "no route has a usable candidate\n"
            return Answer(status: isReady ? .ok : .serviceUnavailable, type: "text/plain", text: text)
        case "/metrics":
            return Answer(
                status: .ok, type: PrometheusText.mediaType,
                text: MetricsReport.text(shared: shared, status: status, now: now))
        case "/state":
            return Answer(
                status: .ok, type: "application/json",
                text: StateReport.json(shared: shared, status: status, now: now) + "\n")
        case "/state/exchanges":
            let newest = shared.receipts.flatMap { $0.newest(Self.listedExchanges) }
                .sorted { $0.endedAtMilliseconds > $1.endedAtMilliseconds }.prefix(Self.listedExchanges)
            let names = status.inForce.names
            let list = ExchangeListView(exchanges: newest.map { ExchangeReceiptView($0, names) })
            return Answer(status: .ok, type: "application/json", text: StateReport.json(list) + "\n")
        case let path where path.hasPrefix("/state/exchanges/"):
            return receipt(of: String(path.dropFirst("/state/exchanges/".count)))
        default:
            return Answer(
                status: .notFound, type: "text/plain",
                text: "here are /livez, /readyz, /metrics, /state, /state/exchanges and /state/exchanges/{id}\n")
        }
    }

    private static let listedExchanges = 100

    private func receipt(of id: String) -> Answer {
        for ring in shared.receipts {
            guard let receipt = ExchangeID(id).flatMap({ ring.find($0) }) else { continue }
            let text = StateReport.json(ExchangeReceiptView(receipt, status.inForce.names)) + "\n"
            return Answer(status: .ok, type: "application/json", text: text)
        }
        return Answer(
            status: .notFound, type: "text/plain",
            text:
                "no such exchange among the last \(status.inForce.snapshot.gateway.receipts), as the header x-request-id "
                + "of a response names it; older ones are in the access log\n")
    }
}
