import Foundation
import HoldfastCore
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

/// A collector that answers as a test says, and remembers what it was sent.
final class StubCollector: Sendable {
    struct Request: Sendable {
        var path: String
        var headers: HTTPHeaders
        var body: [UInt8]
    }

    struct Answer: Sendable {
        var status = HTTPResponseStatus.ok
        var headers: [(String, String)] = []
        var body: [UInt8] = []
        /// Never: the connection stays open and nothing comes.
        var comes = true
    }

    typealias Script = @Sendable (_ request: Request, _ number: Int) -> Answer

    private let seen = Mutex<[Request]>([])
    private let script: Script
    private let channel = Mutex<(any Channel)?>(nil)
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init(_ script: @escaping Script) {
        self.script = script
    }

    var requests: [Request] { seen.withLock { $0 } }

    func requests(to path: String) -> [Request] { requests.filter { $0.path == path } }

    /// Returns its port.
    func start() async throws -> Int {
        let bound = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Connection(collector: self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        channel.withLock { $0 = bound }
        return bound.localAddress?.port ?? 0
    }

    func stop() async {
        try? await channel.withLock({ $0 })?.close()
        try? await group.shutdownGracefully()
    }

    private final class Connection: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let collector: StubCollector
        private var request = Request(path: "", headers: [:], body: [])

        init(collector: StubCollector) {
            self.collector = collector
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): request = Request(path: head.uri, headers: head.headers, body: [])
            case .body(let bytes): request.body += Array(bytes.readableBytesView)
            case .end:
                let number = collector.seen.withLock { seen in
                    seen.append(request)
                    return seen.count { $0.path == request.path }
                }
                answer(collector.script(request, number), context: context)
            }
        }

        private func answer(_ answer: Answer, context: ChannelHandlerContext) {
            guard answer.comes else { return }
            var headers = HTTPHeaders(answer.headers)
            headers.add(name: "content-length", value: "\(answer.body.count)")
            let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}

/// Waits for a state that another thread reaches, with a bound.
func eventually(
    at location: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    for _ in 0..<1_500 {
        if try await condition() { return }
        try await loop.scheduleTask(in: .milliseconds(10)) {}.futureResult.get()
    }
    Issue.record("did not happen in fifteen seconds", sourceLocation: location)
}
