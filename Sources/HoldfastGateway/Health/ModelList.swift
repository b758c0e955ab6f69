import Foundation
import HoldfastCore
import HoldfastWire
import NIOCore
import NIOHTTP1
import NIOPosix

/// One `GET /models` at a provider: it costs no tokens, and says whether the provider is there, takes the key and has the
/// models. On a connection of its own, so that it never takes one from an exchange.
enum ModelList {
    enum Answer: Sendable {
        case refused(FailureSignal)
        /// - isWhole: the provider says that no page follows.
        case models(Set<String>, isWhole: Bool)
        /// A success with something else in it.
        case noList
    }

    /// From the look-up to the last byte.
    static let timeout = TimeAmount.seconds(10)
    private static let connectNanoseconds = 5 * Span.second
    /// The longest public list had half a megabyte in 2026.
    static let longestBytes = 8 << 20

    static func fetch(
        from target: UpstreamTarget, on loop: any EventLoop, resolver: NameResolver
    ) -> EventLoopFuture<Answer> {
        let promise = loop.makePromise(of: Answer.self)
        let deadline = loop.scheduleTask(in: timeout) {
            promise.fail(UpstreamFault(.silent, "no whole answer within \(timeout.nanoseconds / Span.second) s"))
        }
        let opened = target.connect(
            on: loop, resolver: resolver, timeoutNanoseconds: connectNanoseconds, now: MonotonicClock.read()
        ) { pipeline in
            try pipeline.addHTTPClientHandlers()
            try pipeline.addHandler(Exchange(provider: target.provider, promise: promise))
        }
        opened.whenFailure { promise.fail($0) }
        promise.futureResult.whenComplete { _ in
            deadline.cancel()
            opened.whenSuccess { $0.close(promise: nil) }
        }
        return promise.futureResult
    }

    private final class Exchange: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart
        typealias OutboundOut = HTTPClientRequestPart

        private let provider: Provider
        private let promise: EventLoopPromise<Answer>
        private var status = 0
        private var body = ByteBuffer()

        init(provider: Provider, promise: EventLoopPromise<Answer>) {
            self.provider = provider
            self.promise = promise
        }

        func channelActive(context: ChannelHandlerContext) {
            var headers = HTTPHeaders([
                ("host", provider.baseURL.authority), ("accept", "application/json"), ("accept-encoding", "identity"),
                ("user-agent", "holdfast"), ("connection", "close"),
            ])
            if let key = provider.apiKey { headers.add(name: "authorization", value: "Bearer \(key.reveal())") }
            let head = HTTPRequestHead(
                version: .http1_1, method: .GET, uri: "\(provider.baseURL.path)/models", headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            context.fireChannelActive()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                status = Int(head.status.code)
            case .body(var part):
                body.writeBuffer(&part)
                if body.readableBytes > longestBytes {
                    promise.fail(UpstreamFault(.transient, "its list of models is over \(longestBytes) bytes"))
                }
            case .end:
                promise.succeed(answer)
            }
        }

        private var answer: Answer {
            guard !(200..<300).contains(status) else { return ModelList.read(body) }
            let text = body.withUnsafeReadableBytes { UpstreamErrorText.read($0) }
            return .refused(
                FailureSignal(status: status, code: text?.code, type: text?.type, message: text?.message))
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            promise.fail(error)
        }

        func channelInactive(context: ChannelHandlerContext) {
            promise.fail(UpstreamFault(.transient, "connection closed"))
            context.fireChannelInactive()
        }
    }
    /// In the shape of OpenAI, which all that serve this dialect share.
    private struct Listing: Decodable {
        struct Model: Decodable { var id: String }
        var data: [Model]
        var hasMore: Bool?
    }

    private static func read(_ body: ByteBuffer) -> Answer {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let listing = try? decoder.decode(Listing.self, from: Data(body.readableBytesView)) else {
            return .noList
        }
        return .models(Set(listing.data.map(\.id)), isWhole: listing.hasMore != true)
    }
}
