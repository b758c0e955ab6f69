import Glibc
import HoldfastCore
import HoldfastWire
import NIOCore
import NIOHTTP1
import NIOPosix

/// Exchanges that the gateway makes by itself, for a drill that has no traffic to measure.
///
/// They take the way of every client's: over a socket, through the listener's own handlers, the admission and the
/// exchange. The socket has two ends in this process and no address, so nobody else can use it, and it needs no key: whom
/// the other end takes them for is built in. Confined to one loop.
final class DrillProber {
    /// One on each connection. Where all of them wait for an answer, a probe that is due is left out, and counted.
    static let mostInFlight = 32
    /// As a workload, in the access log.
    static let workload = Workload(id: "drill-probe", criticality: .critical, routes: nil, allowsDirectModels: false)

    private unowned let services: LoopServices
    private let perSecond: Int
    private let bodies: [ByteBuffer]
    private var made = 0
    private var task: RepeatedTask?
    private var idle: [ProbeClient] = []
    private var open: [ObjectIdentifier: any Channel] = [:]
    private var opening = 0
    private var isStopped = false

    init(route: String, perSecond: Int, services: LoopServices) {
        self.services = services
        self.perSecond = max(perSecond, 1)
        bodies = [false, true].map { Self.body(route: route, isStream: $0) }
    }

    private static func body(route: String, isStream: Bool) -> ByteBuffer {
        var body = ByteBuffer()
        body.writeStaticString("{\"model\":")
        body.writeJSONString(route)
        body.writeStaticString(isStream ? ",\"stream\":true" : "")
        body.writeStaticString(
            ",\"max_tokens\":8,\"messages\":[{\"role\":\"user\",\"content\":\"Answer with the word ready.\"}]}")
        return body
    }

    func start() {
        let interval = TimeAmount.nanoseconds(Span.second / Int64(perSecond))
        let bound = NIOLoopBound(self, eventLoop: services.loop)
        task = services.loop.scheduleRepeatedTask(initialDelay: .zero, delay: interval) { _ in bound.value.probe() }
    }

    func stop() {
        isStopped = true
        task?.cancel()
        task = nil
        for channel in open.values { channel.close(promise: nil) }
        idle = []
    }

    private func probe() {
        guard !isStopped, !services.isDraining else { return }
        if let client = idle.popLast() {
            send(on: client)
        } else if open.count + opening < Self.mostInFlight {
            connect()
        } else {
            services.shared.rejections.count("drill_probe")
        }
    }

    /// Unary and stream in turn.
    private func send(on client: ProbeClient) {
        client.send(bodies[made % bodies.count])
        made += 1
    }

    func answered(_ client: ProbeClient) {
        if !isStopped { idle.append(client) }
    }

    func closed(_ client: ProbeClient) {
        open[ObjectIdentifier(client)] = nil
        idle.removeAll { $0 === client }
    }

    // MARK: - Connections

    private func connect() {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            services.shared.rejections.count("drill_probe")
            return
        }
        opening += 1
        let client = ProbeClient(prober: self)
        let (boundClient, boundServices) = (
            NIOLoopBound(client, eventLoop: services.loop), NIOLoopBound(services, eventLoop: services.loop)
        )
        let server = channel(owning: ends[0]) { channel in
            try GatewayServer.addHandlers(to: channel, services: boundServices.value, principal: .probe)
        }
        let opened = channel(owning: ends[1]) { channel in
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(boundClient.value)
        }
        server.and(opened).assumeIsolated().whenComplete { result in
            self.opening -= 1
            switch result {
            case .success(let (_, channel)):
                guard !self.isStopped, channel.isActive else { return channel.close(promise: nil) }
                self.open[ObjectIdentifier(client)] = channel
                self.send(on: client)
            case .failure:
                self.services.shared.rejections.count("drill_probe")
                server.whenSuccess { $0.close(promise: nil) }
                opened.whenSuccess { $0.close(promise: nil) }
            }
        }
    }

    /// Closes the descriptor where nothing came of it.
    private func channel(
        owning descriptor: CInt, _ addHandlers: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        let future = NIOPipeBootstrap(group: services.loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try addHandlers(channel) }
            }
            .takingOwnershipOfDescriptor(inputOutput: descriptor)
        future.whenFailure { _ in _ = Glibc.close(descriptor) }
        return future
    }
}

/// The client's end of a connection of probes: sends one request at a time and throws the answer away.
final class ProbeClient: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let prober: DrillProber
    private var context: ChannelHandlerContext?

    init(prober: DrillProber) {
        self.prober = prober
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func send(_ body: ByteBuffer) {
        guard let context else { return }
        let head = HTTPRequestHead(
            version: .http1_1, method: .POST, uri: "/v1/chat/completions",
            headers: [
                "host": "drill", "content-type": "application/json", "content-length": "\(body.readableBytes)",
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .end = unwrapInboundIn(data) { prober.answered(self) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        prober.closed(self)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
