import Foundation
import HoldfastCore
import NIOCore
import NIOHTTP1
import NIOPosix

/// Asks a port of this machine for its models, briefly. A raw NIO client: one request to a loopback address needs no
/// pool, no TLS and no redirects.
struct ModelsProbe: Sendable {
    /// A runtime on this machine that is busy loading a model may take a moment; nothing listening says so at once.
    static let timeoutNanoseconds = 750 * Span.millisecond
    /// A list of models longer than this is not read.
    static let longestAnswerBytes = 1 << 20

    let group: any EventLoopGroup

    func ask(port: Int) async -> Discovery.Answer {
        guard let response = await fetch(host: "127.0.0.1", port: port) else { return .nothing }
        // Our own gateway says who answered on every response, errors included.
        if response.head.headers.contains(where: { $0.name.lowercased().hasPrefix("x-holdfast-") }) {
            return .holdfast
        }
        return Self.models(in: response).map(Discovery.Answer.models) ?? .nothing
    }

    private func fetch(host: String, port: Int) async -> NIOHTTPClientResponseFull? {
        let loop = group.next()
        let answered = loop.makePromise(of: NIOHTTPClientResponseFull.self)
        // Before connecting, so that the promise is answered on every path.
        let limit = loop.scheduleTask(in: .nanoseconds(Self.timeoutNanoseconds)) {
            answered.fail(ChannelError.connectTimeout(.nanoseconds(Self.timeoutNanoseconds)))
        }
        defer { limit.cancel() }
        let connecting = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(Self.timeoutNanoseconds))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOHTTPClientResponseAggregator(maxContentLength: Self.longestAnswerBytes),
                        ModelsRequest(authority: "\(host):\(port)", answered: answered),
                    ])
                }
            }
            .connect(host: host, port: port)
        connecting.cascadeFailure(to: answered)
        // Nothing there, too slow, too long or no HTTP: all the same to the caller, who looks for models.
        let response = try? await answered.futureResult.get()
        connecting.whenSuccess { $0.close(promise: nil) }
        return response
    }

    private static func models(in response: NIOHTTPClientResponseFull) -> [String]? {
        guard response.head.status == .ok, let body = response.body,
            let list = try? JSONDecoder().decode(ModelList.self, from: Data(body.readableBytesView))
        else { return nil }
        return (list.data ?? []).map(\.id)
    }

    private struct ModelList: Decodable {
        struct Model: Decodable {
            var id: String
        }
        /// Some runtimes send null where nothing is installed.
        var data: [Model]?
    }
}

/// Sends the request once connected and hands over the answer, or why there is none.
private final class ModelsRequest: ChannelInboundHandler {
    typealias InboundIn = NIOHTTPClientResponseFull
    typealias OutboundOut = HTTPClientRequestPart

    private let authority: String
    private let answered: EventLoopPromise<NIOHTTPClientResponseFull>

    init(authority: String, answered: EventLoopPromise<NIOHTTPClientResponseFull>) {
        self.authority = authority
        self.answered = answered
    }

    func channelActive(context: ChannelHandlerContext) {
        let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: "/v1/models",
            headers: ["host": authority, "accept": "application/json", "connection": "close"])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        answered.succeed(unwrapInboundIn(data))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answered.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        answered.fail(ChannelError.eof)
    }
}

/// Whether a port of the loopback address can be listened on.
struct PortProbe: Sendable {
    let group: any EventLoopGroup

    func isFree(_ port: Int) async -> Bool {
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: "127.0.0.1", port: port).get()
            try await channel.close()
            return true
        } catch {
            return false
        }
    }
}
