import NIOCore
import NIOPosix

/// How one exchange ended.
struct Outcome {
    /// 0 where no head came.
    var status: Int
    var events: Int
    /// The body was read to its end.
    var isComplete: Bool
    /// A stream's `[DONE]` was seen.
    var isDone: Bool
}

/// A keep-alive connection with one exchange at a time. Whoever opens it owns it and sets the callbacks; all of it
/// runs on the connection's event loop.
final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    var onEvent: (_ sentNanoseconds: Int64?) -> Void = { _ in }
    /// Called once for each exchange, also when the connection breaks under it.
    var onEnd: (ClientConnection, Outcome) -> Void = { _, _ in }
    private(set) var isOpen = true

    private let readsEvents: Bool
    private var context: ChannelHandlerContext?
    private var response = ResponseReader()
    private var events = EventReader()
    private var outcome: Outcome?

    init(readsEvents: Bool) {
        self.readsEvents = readsEvents
    }

    /// Must be called on `loop`.
    static func open(port: Int, readsEvents: Bool, on loop: any EventLoop) -> EventLoopFuture<ClientConnection> {
        let connection = NIOLoopBound(ClientConnection(readsEvents: readsEvents), eventLoop: loop)
        return ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connectTimeout(.seconds(10))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(connection.value)
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .assumeIsolated().map { _ in connection.value }.nonisolated()
    }

    func send(_ request: ByteBuffer) {
        precondition(outcome == nil, "a connection carries one exchange at a time")
        outcome = Outcome(status: 0, events: 0, isComplete: false, isDone: false)
        guard let context, isOpen else {
            end()
            return
        }
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }

    func close() {
        context?.close(promise: nil)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        response.feed(unwrapInboundIn(data))
        do {
            while let item = try response.next() {
                read(item)
            }
        } catch {
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isOpen = false
        if outcome != nil { end() }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func read(_ item: ResponseReader.Item) {
        switch item {
        case .head(let status):
            outcome?.status = status
        case .body(let bytes):
            guard readsEvents, outcome?.status == 200 else { return }
            events.feed(bytes)
            readEvents()
        case .end:
            outcome?.isComplete = true
            end()
        }
    }

    private func readEvents() {
        while let event = events.next() {
            switch event {
            case .chunk(let sentNanoseconds):
                outcome?.events += 1
                onEvent(sentNanoseconds)
            case .done: outcome?.isDone = true
            case .failure: outcome?.status = 599
            }
        }
    }

    private func end() {
        guard let ended = outcome else { return }
        outcome = nil
        onEnd(self, ended)
    }
}
