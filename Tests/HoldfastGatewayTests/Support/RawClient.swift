import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A client that sees bytes. Every wait has a bound and tells what it saw when that expires.
final class RawClient: Sendable {
    enum End: Equatable, Sendable {
        case open, closed, reset
    }

    struct Seen: Sendable {
        var text = ""
        var count = 0
        var end = End.open
    }

    struct Expired: Error {
        var seen: String
    }

    struct Options {
        var host = "127.0.0.1"
        var tls: NIOSSLContext?
        var serverName: String?
        /// False: nothing is read until `read` or `readFreely`.
        var reads = true
        /// False: only counts what comes.
        var keepsText = true
    }

    private final class Collector: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        struct State {
            var seen = Seen()
            var waiters: [(condition: @Sendable (Seen) -> Bool, promise: EventLoopPromise<Void>)] = []
        }

        let state = Mutex(State())
        let keepsText: Bool

        init(keepsText: Bool) {
            self.keepsText = keepsText
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var buffer = unwrapInboundIn(data)
            let count = buffer.readableBytes
            let text = keepsText ? buffer.readString(length: count) ?? "" : ""
            change { seen in
                seen.text += text
                seen.count += count
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            if (error as? IOError)?.errnoCode == ECONNRESET { change { $0.end = .reset } }
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            change { if $0.end == .open { $0.end = .closed } }
        }

        func change(_ body: (inout Seen) -> Void) {
            let met = state.withLock { state in
                body(&state.seen)
                let seen = state.seen
                let met = state.waiters.filter { $0.condition(seen) }.map(\.promise)
                state.waiters.removeAll { $0.condition(seen) }
                return met
            }
            for promise in met { promise.succeed() }
        }
    }

    private let channel: any Channel
    private let collector: Collector

    private init(channel: any Channel, collector: Collector) {
        self.channel = channel
        self.collector = collector
    }

    static func connect(_ port: Int, _ options: Options = Options()) async throws -> RawClient {
        let collector = Collector(keepsText: options.keepsText)
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: options.reads)
            .channelInitializer { [tls = options.tls, serverName = options.serverName] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: serverName))
                    }
                    try channel.pipeline.syncOperations.addHandler(collector)
                }
            }
        if !options.reads { bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: 16 << 10) }
        let channel = try await bootstrap.connect(host: options.host, port: port).get()
        return RawClient(channel: channel, collector: collector)
    }

    func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    func close() async {
        try? await channel.close()
    }

    /// One read, for a client that reads slowly.
    func read() {
        channel.read()
    }

    func readFreely() async throws {
        try await channel.setOption(.autoRead, value: true).get()
    }

    var seen: Seen { collector.state.withLock { $0.seen } }

    @discardableResult
    func wait(_ condition: @escaping @Sendable (Seen) -> Bool) async throws -> Seen {
        let promise = channel.eventLoop.makePromise(of: Void.self)
        collector.state.withLock { $0.waiters.append((condition, promise)) }
        collector.change { _ in }
        let limit = channel.eventLoop.scheduleTask(in: .seconds(20)) {
            let seen = self.seen
            promise.fail(Expired(seen: "\(seen.end), \(seen.count) bytes: \(seen.text.prefix(2_000))"))
        }
        defer { limit.cancel() }
        try await promise.futureResult.get()
        return seen
    }

    @discardableResult
    func wait(for text: String) async throws -> Seen {
        try await wait { $0.text.contains(text) }
    }

    @discardableResult
    func untilEnd() async throws -> Seen {
        try await wait { $0.end != .open }
    }

    /// Sends a request on a connection that stays open and takes its whole answer.
    func exchange(_ request: String) async throws -> Reply {
        let before = seen.text.utf8.count
        try await send(request)
        let seen = try await wait { Reply(Self.rest($0, from: before)).isComplete || $0.end != .open }
        return Reply(Self.rest(seen, from: before))
    }

    private static func rest(_ seen: Seen, from start: Int) -> Seen {
        Seen(text: String(decoding: seen.text.utf8.dropFirst(start), as: UTF8.self), count: 0, end: seen.end)
    }
}
