import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// An upstream that says exactly what a test tells it to, byte by byte, and remembers what it was sent.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        /// From 1, over all connections.
        var number: Int
        /// From 1.
        var connection: Int
        var head: String
        var body: String

        var lines: [String] { head.components(separatedBy: "\r\n") }
    }

    enum Move: Sendable {
        case send(String)
        case pause(milliseconds: Int64)
        case close
        /// Events without end, as fast as they are taken, up to so many bytes.
        case flood(bytes: Int)
    }

    struct Log: Sendable {
        var requests: [Request] = []
        var opened = 0
        var closedAt: [Int: NIODeadline] = [:]
        var floodedBytes = 0

        var open: Int { opened - closedAt.count }
    }

    typealias Script = @Sendable (Request) -> [Move]

    private final class Shared: Sendable {
        let log = Mutex(Log())
        let script: Script

        init(_ script: @escaping Script) {
            self.script = script
        }
    }

    private let channel: any Channel
    private let shared: Shared

    private init(channel: any Channel, shared: Shared) {
        self.channel = channel
        self.shared = shared
    }

    static func start(
        host: String = "127.0.0.1", tls: NIOSSLContext? = nil, _ script: @escaping Script
    ) async throws -> ScriptedServer {
        let shared = Shared(script)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.so_sndbuf), value: 64 << 10)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                    }
                    try channel.pipeline.syncOperations.addHandler(Connection(shared))
                }
            }
            .bind(host: host, port: 0).get()
        return ScriptedServer(channel: channel, shared: shared)
    }

    /// A port that refuses connections.
    static func deadPort() async throws -> Int {
        let server = try await start { _ in [] }
        let port = server.port
        await server.stop()
        return port
    }

    var port: Int { channel.localAddress?.port ?? 0 }
    var log: Log { shared.log.withLock { $0 } }

    func stop() async {
        try? await channel.close()
    }

    private final class Connection: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let shared: Shared
        private var number = 0
        private var input = ""
        private var moves: ArraySlice<Move> = []
        private var isPausing = false
        private var floodLeft = 0

        private static let floodEvent: String = {
            let event = Answers.event(content: String(repeating: "x", count: 16 << 10))
            return Answers.chunk(event)
        }()

        init(_ shared: Shared) {
            self.shared = shared
        }

        func channelActive(context: ChannelHandlerContext) {
            number = shared.log.withLock { log in
                log.opened += 1
                return log.opened
            }
            context.fireChannelActive()
        }

        func channelInactive(context: ChannelHandlerContext) {
            let number = self.number
            shared.log.withLock { $0.closedAt[number] = NIODeadline.now() }
            moves = []
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var buffer = unwrapInboundIn(data)
            input += buffer.readString(length: buffer.readableBytes) ?? ""
            while let request = takeRequest() {
                moves += shared.script(request)
                perform(context)
            }
        }

        private func takeRequest() -> Request? {
            let parts = input.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            let length =
                parts[0].components(separatedBy: "\r\n").first { $0.lowercased().hasPrefix("content-length: ") }
                .flatMap { Int($0.dropFirst(16)) } ?? 0
            guard parts[1].utf8.count >= length else { return nil }
            let body = String(decoding: parts[1].utf8.prefix(length), as: UTF8.self)
            input = String(decoding: parts[1].utf8.dropFirst(length), as: UTF8.self)
            let connection = number
            return shared.log.withLock { log in
                let request = Request(
                    number: log.requests.count + 1, connection: connection, head: String(parts[0]), body: body)
                log.requests.append(request)
                return request
            }
        }

        private func perform(_ context: ChannelHandlerContext) {
            while !isPausing, floodLeft == 0, let move = moves.popFirst() {
                switch move {
                case .send(let text):
                    context.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil)
                case .pause(let milliseconds):
                    isPausing = true
                    context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
                        self.isPausing = false
                        self.perform(context)
                    }
                case .close:
                    context.close(promise: nil)
                case .flood(let bytes):
                    floodLeft = bytes
                    flood(context)
                }
            }
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) {
            flood(context)
        }

        private func flood(_ context: ChannelHandlerContext) {
            while floodLeft > 0, context.channel.isWritable {
                let buffer = ByteBuffer(string: Self.floodEvent)
                let count = buffer.readableBytes
                floodLeft = max(0, floodLeft - count)
                let promise = context.eventLoop.makePromise(of: Void.self)
                promise.futureResult.whenSuccess { [shared] in shared.log.withLock { $0.floodedBytes += count } }
                context.writeAndFlush(NIOAny(buffer), promise: promise)
            }
            if floodLeft == 0 { perform(context) }
        }
    }
}

/// Texts of an OpenAI-dialect provider.
enum Answers {
    static let unaryBody =
        #"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"#
        + #""message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"#
        + #""usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#

    static func response(
        _ status: String = "200 OK", headers: [String] = [], type: String = "application/json", body: String
    ) -> String {
        (["HTTP/1.1 \(status)", "content-type: \(type)", "content-length: \(body.utf8.count)"] + headers)
            .joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    static let unary = response(body: unaryBody)

    static let streamHead =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

    static func chunk(_ text: String) -> String {
        String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n"
    }

    static let lastChunk = "0\r\n\r\n"
    static let done = "data: [DONE]\n\n"
    static let finish =
        #"data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{},"#
        + #""finish_reason":"stop"}]}"# + "\n\n"

    static func event(content: String) -> String {
        #"data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":"#
            + #"{"content":""# + content + #""},"finish_reason":null}]}"# + "\n\n"
    }

    /// A whole stream.
    static func stream(_ contents: [String]) -> String {
        streamHead + contents.map { chunk(event(content: $0)) }.joined() + chunk(finish) + chunk(done) + lastChunk
    }
}
