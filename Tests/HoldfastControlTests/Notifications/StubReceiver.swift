import Foundation
import HoldfastCore
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A receiver of alerts that answers as a test says, and remembers what it was sent.
final class StubReceiver: Sendable {
    struct Request: Sendable {
        var path: String
        var headers: HTTPHeaders
        var body: Data

        /// The body, which must be one object or one list.
        var json: Any? { try? JSONSerialization.jsonObject(with: body) }
        var object: [String: Any] { json as? [String: Any] ?? [:] }
        var list: [[String: Any]] { json as? [[String: Any]] ?? [] }
    }

    enum Answer: Sendable {
        case status(Int, headers: [(String, String)] = [])
        /// The connection stays open and nothing comes.
        case silence
    }

    private let seen = Mutex<[Request]>([])
    private let script: @Sendable (_ number: Int) -> Answer
    private let channel = Mutex<(any Channel)?>(nil)
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let bound = Mutex(0)

    /// - Parameter script: by the number of the request, from 1.
    static func run(
        _ script: @escaping @Sendable (Int) -> Answer = { _ in .status(200) },
        _ body: (StubReceiver) async throws -> Void
    ) async throws {
        let receiver = StubReceiver(script)
        try await receiver.start()
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(receiver))
        } catch {
            result = .failure(error)
        }
        try? await receiver.channel.withLock({ $0 })?.close()
        try? await receiver.group.shutdownGracefully()
        try result.get()
    }

    private init(_ script: @escaping @Sendable (Int) -> Answer) {
        self.script = script
    }

    var requests: [Request] { seen.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(bound.withLock { $0 })" }

    private func start() async throws {
        let listening = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Connection(receiver: self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        channel.withLock { $0 = listening }
        bound.withLock { $0 = listening.localAddress?.port ?? 0 }
    }

    private final class Connection: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let receiver: StubReceiver
        private var request = Request(path: "", headers: [:], body: Data())

        init(receiver: StubReceiver) {
            self.receiver = receiver
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): request = Request(path: head.uri, headers: head.headers, body: Data())
            case .body(let bytes): request.body += Data(bytes.readableBytesView)
            case .end:
                let number = receiver.seen.withLock { seen in
                    seen.append(request)
                    return seen.count
                }
                guard case .status(let status, let headers) = receiver.script(number) else { return }
                var fields = HTTPHeaders(headers)
                fields.add(name: "content-length", value: "0")
                let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: fields)
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
