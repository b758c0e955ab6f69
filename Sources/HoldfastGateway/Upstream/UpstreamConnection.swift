import Glibc
import HoldfastCore
import HoldfastWire
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// One connection to a provider: turns bytes into the parts of a response and hands them to the exchange that holds it.
/// Lives on one event loop. Between exchanges its pool keeps it.
final class UpstreamConnection: ChannelDuplexHandler, WrittenConnection {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        /// TCP or TLS is not through yet.
        case opening
        case idle
        case busy
        /// The exchange has its whole answer and left; the last bytes of framing are awaited before the next one.
        case settling
        case closed
    }

    private unowned let pool: UpstreamPool
    private var context: ChannelHandlerContext?
    private var state = State.opening
    private(set) var exchange: Exchange?
    private var parser = HTTPResponseParser()
    /// Whether an earlier exchange used the connection: then a close before the head may just be its old age.
    private(set) var isReused = false
    private var isPaused = false
    private var isReadHeldBack = false
    private let awaitsTLS: Bool
    private var isCounted = true
    var idleSince = Instant.zero

    init(pool: UpstreamPool, awaitsTLS: Bool) {
        self.pool = pool
        self.awaitsTLS = awaitsTLS
    }

    var isUsable: Bool {
        if case .idle = state { context?.channel.isActive ?? false } else { false }
    }

    /// True once: the pool's count of open connections must go down exactly once.
    func leavesCount() -> Bool {
        defer { isCounted = false }
        return isCounted
    }

    /// Nobody waits for it any more. A TCP connect ends by its own limit and may serve somebody else; a TLS handshake
    /// has no limit of its own.
    func abandoned() {
        if case .opening = state, awaitsTLS, context?.channel.isActive ?? false { close() }
    }

    // MARK: - For the exchange

    func attach(_ exchange: Exchange) {
        guard case .idle = state else {
            preconditionFailure("an exchange takes an idle connection only, because responses carry no name")
        }
        state = .busy
        self.exchange = exchange
        parser.begin()
    }

    func write(_ buffer: ByteBuffer) {
        context?.write(wrapOutboundOut(buffer), promise: nil)
    }

    func flush() {
        context?.flush()
    }

    /// Gives the response up. HTTP/1 has no other way to say so than to close.
    func cancel() {
        exchange = nil
        // A TLS connection closes in several steps; the rest of the response must not bring it back to the pool.
        state = .closed
        close()
    }

    /// The exchange has what it needs; the connection goes back to the pool when the response has ended.
    func leave() {
        exchange = nil
        if case .busy = state {
            state = .settling
            resume()
            pool.settles(self)
        }
    }

    func pause() {
        isPaused = true
    }

    func resume() {
        isPaused = false
        if isReadHeldBack {
            isReadHeldBack = false
            context?.read()
        }
    }

    func close() {
        guard let context else { return }
        context.close(mode: .all, promise: nil)
    }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { opened() }
    }

    func channelActive(context: ChannelHandlerContext) {
        opened()
        context.fireChannelActive()
    }

    private func opened() {
        guard case .opening = state else { return }
        if !awaitsTLS {
            state = .idle
            pool.opened(self)
        } else if !pool.isAwaited(self) {
            close()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .opening = state, awaitsTLS, case .some(.handshakeCompleted) = event as? TLSUserEvent {
            state = .idle
            pool.opened(self)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func read(context: ChannelHandlerContext) {
        if isPaused {
            isReadHeldBack = true
        } else {
            context.read()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .busy, .settling:
            parser.feed(unwrapInboundIn(data))
            deliver()
        case .idle, .opening, .closed:
            // Bytes that nobody asked for: whatever they are, they must not become the start of the next answer.
            close()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        exchange?.upstreamReadComplete()
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(UpstreamFault(error), context: context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .busy = state {
            do {
                if case .end = try parser.inputClosed() {
                    ended(keepAlive: false)
                } else {
                    fail(UpstreamFault(.transient, "connection closed"), context: context)
                }
            } catch {
                fail(UpstreamFault(.transient, "connection closed inside the answer"), context: context)
            }
        }
        state = .closed
        pool.closed(self)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    private func deliver() {
        do {
            while let part = try parser.next() {
                switch part {
                case .head(let head): exchange?.upstreamHead(head)
                case .body(let bytes): exchange?.upstreamBody(bytes)
                case .end(let keepAlive):
                    exchange?.upstreamBodyDelivered()
                    // Given up for what it said last: its connection is closing, and must not come back to the pool.
                    if case .closed = state { return }
                    ended(keepAlive: keepAlive)
                    return
                }
                if case .closed = state { return }
            }
            exchange?.upstreamBodyDelivered()
        } catch {
            exchange?.upstreamBodyDelivered()
            if let context {
                fail(UpstreamFault(.transient, "the answer is not HTTP: \(error)"), context: context)
            }
        }
    }

    private func ended(keepAlive: Bool) {
        let exchange = self.exchange
        self.exchange = nil
        isReused = true
        if keepAlive, context?.channel.isActive ?? false {
            isPaused = false
            state = .idle
            // The exchange hears of the end first: what it does next may need a connection, but not this one, whose
            // read is still on the stack.
            exchange?.upstreamEnded()
            pool.released(self)
        } else {
            state = .closed
            exchange?.upstreamEnded()
            close()
        }
    }

    private func fail(_ fault: UpstreamFault, context: ChannelHandlerContext) {
        let exchange = self.exchange
        self.exchange = nil
        let isStale = isReused && !parser.hasReceived && fault.failure == .transient
        if case .opening = state {
            pool.failedToOpen(self, fault)
        }
        state = .closed
        context.close(mode: .all, promise: nil)
        exchange?.upstreamFailed(fault, isStale: isStale)
    }
}

/// Why a connection could not be had or did not last. `detail` is for operators: it names no address and no secret.
struct UpstreamFault: Error {
    var failure: FailureClass
    var detail: String
    /// The order of a drill that failed it.
    var injectedBy: String?

    init(_ failure: FailureClass, _ detail: String) {
        self.failure = failure
        self.detail = detail
    }

    init(_ error: any Error) {
        switch error {
        case let fault as UpstreamFault:
            self = fault
        case let error as IOError:
            let isOurs = [EMFILE, ENFILE, EADDRNOTAVAIL, ENOBUFS, ENOMEM].contains(error.errnoCode)
            self.init(isOurs ? .localExhaustion : .transient, Self.words(for: error.errnoCode))
        case let failure as NameFailure:
            self.init(.transient, "name resolution failed: \(failure.reason)")
            injectedBy = failure.injectedBy
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            self.init(.transient, "TLS failed: \(error)")
        case let error as ChannelError where error == .ioOnClosedChannel || error == .eof:
            self.init(.transient, "connection closed")
        case ChannelError.connectTimeout:
            self.init(.transient, "connecting took too long")
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first {
                self.init(first.error)
            } else {
                self.init(.transient, "no address could be connected to")
            }
        default:
            self.init(.transient, "\(error)")
        }
    }

    private static func words(for code: CInt) -> String {
        switch code {
        case ECONNREFUSED: "connection refused"
        case ECONNRESET, EPIPE: "connection reset"
        case ENETUNREACH, EHOSTUNREACH: "no route to the host"
        case EMFILE, ENFILE: "out of file descriptors"
        case EADDRNOTAVAIL: "out of local ports"
        case ETIMEDOUT: "connection timed out"
        default: "system error \(code)"
        }
    }
}
