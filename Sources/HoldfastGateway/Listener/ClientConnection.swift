import HoldfastCore
import HoldfastWire
import NIOCore
import NIOHTTP1

/// One client connection: gathers requests within the listener's limits and deadlines, hands each to an exchange, and
/// writes what comes back. One request is answered at a time; those pipelined behind it wait, in order and bounded.
final class ClientConnection: ChannelDuplexHandler, WrittenConnection {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// After an error that leaves the request unread, the client may take this long to read the answer before the
    /// connection is closed under it.
    static let lingerNanoseconds = 2 * Span.second

    enum Phase {
        case awaitingHead
        case readingBody(IncomingRequest)
        case exchanging(Exchange)
        /// The same was asked before, and is being answered.
        case joining(IncomingRequest, ticket: UInt64)
        /// Answered, and the connection closes once the client has taken all of it.
        case flushing
        /// Answered for good; what still comes in is discarded.
        case lingering(until: Instant)
        case closed
    }

    let services: LoopServices
    private(set) var context: ChannelHandlerContext?
    private var phase = Phase.awaitingHead
    private var backlog: [HTTPServerRequestPart] = []
    private var backlogHeads = 0
    private var isReadHeldBack = false
    private let timer = LoopTimer()
    /// Start of the wait for a request: the opening, or the end of the last answer.
    private var idleSince: Instant
    /// First byte of a head that is not complete.
    private var headSince: Instant?
    private var headBytes = 0
    /// Since when the client has taken nothing, as far as that is known.
    private var unwritableSince: Instant?
    /// What it had not taken then. The kernel tells of no smaller progress than the low mark of the write buffer, and a
    /// large answer to a slow line stays above that for longer than a stall may last.
    private var stalledBytes = Int.max
    private var countedAddress: String?
    /// The last key that was right on this connection, so that the next request with it need not hash it again.
    var lastAuthentication: Authentication.Remembered?

    /// Who is at the other end where that is this process itself; nil: a client, who shows it with each request.
    let principal: Principal?

    init(services: LoopServices, principal: Principal? = nil, now: Instant) {
        self.services = services
        self.principal = principal
        idleSince = now
        timer.fire = { [unowned self] now in self.wake(now: now) }
    }

    private var limits: ListenerLimits { services.inForce.snapshot.gateway.limits }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        services.register(self)
        arm()
    }

    func channelActive(context: ChannelHandlerContext) {
        let total = services.shared.clients.add(1)
        let address = context.remoteAddress
        if total > limits.connections {
            refuseConnection(context, "connections")
        } else if let address, !address.isLoopback, let text = address.ipAddress {
            if services.shared.addresses.enter(text, bound: limits.connectionsPerAddress) {
                countedAddress = text
            } else {
                refuseConnection(context, "connections_per_address")
            }
        }
        context.fireChannelActive()
    }

    private func refuseConnection(_ context: ChannelHandlerContext, _ reason: String) {
        services.shared.rejections.count(reason)
        phase = .closed
        context.close(mode: .all, promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        services.shared.clients.add(-1)
        if let countedAddress { services.shared.addresses.leave(countedAddress) }
        let phase = self.phase
        if case .exchanging(let exchange) = phase, exchange.outlivesClient, !services.isDraining {
            // Its client will ask again under the same name.
            services.keep(self)
        } else {
            self.phase = .closed
            timer.invalidate()
        }
        services.unregister(self)
        switch phase {
        case .exchanging(let exchange) where !exchange.outlivesClient || services.isDraining:
            exchange.clientGone(now: MonotonicClock.read())
        case .joining(_, let ticket): services.shared.idempotency.leave(joiner: ticket)
        case .exchanging, .awaitingHead, .readingBody, .flushing, .lingering, .closed: break
        }
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        if case .exchanging = phase {} else { timer.invalidate() }
        services.unregister(self)
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch (phase, error) {
        case (.awaitingHead, let error as HTTPParserError), (.readingBody, let error as HTTPParserError):
            reject(error == .headerOverflow ? .headersTooLarge : .malformed)
        case (.awaitingHead, _), (.readingBody, _), (.exchanging, _), (.joining, _), (.flushing, _), (.lingering, _),
            (.closed, _):
            context.close(mode: .all, promise: nil)
        }
    }

    func drain() {
        if case .awaitingHead = phase, headSince == nil { closeNow() }
    }

    /// The process ends while an exchange goes on without its client.
    func giveUp() {
        if case .exchanging(let exchange) = phase { exchange.clientGone(now: MonotonicClock.read()) }
        phase = .closed
        timer.invalidate()
        services.release(self)
    }

    func closeNow() {
        // An answer may still wait for the end of this tick.
        context?.flush()
        context?.close(mode: .all, promise: nil)
    }

    /// Another run of the same exchange has won.
    func exchange(_ run: Exchange, givesWayTo winner: Exchange) {
        if case .exchanging(let current) = phase, current === run { phase = .exchanging(winner) }
    }

    // MARK: - Reading

    /// Bytes came off the socket, before the codec has seen them.
    func bytesArrived(_ count: Int) {
        guard case .awaitingHead = phase else { return }
        headBytes += count
        if headSince == nil {
            headSince = MonotonicClock.read()
            arm()
        }
        // The codec bounds fields; this bounds what never becomes one, such as an endless request line.
        if headBytes > limits.headerListBytes + limits.uriBytes + limits.bodyBytes { reject(.headersTooLarge) }
    }

    func read(context: ChannelHandlerContext) {
        if backlog.isEmpty {
            context.read()
        } else {
            isReadHeldBack = true
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        switch phase {
        case .awaitingHead, .readingBody:
            if backlog.isEmpty { receive(part) } else { backlog.append(part) }
        case .exchanging, .joining:
            enqueue(part)
        case .flushing, .lingering, .closed: break
        }
    }

    private func enqueue(_ part: HTTPServerRequestPart) {
        if case .head = part {
            backlogHeads += 1
            if backlogHeads > limits.pipelined {
                services.shared.rejections.count("pipelined")
                closeNow()
                return
            }
        }
        backlog.append(part)
    }

    private func receive(_ part: HTTPServerRequestPart) {
        switch (part, phase) {
        case (.head(let head), .awaitingHead):
            headSince = nil
            headBytes = 0
            receiveHead(head)
        case (.body(let bytes), .readingBody(let request)):
            request.append(bytes)
            if request.body.readableBytes > limits.bodyBytes { reject(.tooLarge(bound: limits.bodyBytes)) }
        case (.end, .readingBody(let request)):
            dispatch(request)
        case (.head, _), (.body, _), (.end, _): break
        }
    }

    private func receiveHead(_ head: HTTPRequestHead) {
        let now = MonotonicClock.read()
        let request = IncomingRequest(head: head, now: now)
        phase = .readingBody(request)
        switch RequestAdmission.admitHead(request, services: services, connection: self) {
        case .success:
            if request.headers.expect != nil { writeContinue() }
            arm()
        case .failure(var error):
            // Without a body, or with one that is small and may well be here, the connection stays usable.
            if request.hasBody { error.closes = true }
            reject(error)
        }
    }

    private func writeContinue() {
        guard let context else { return }
        var buffer = context.channel.allocator.buffer(capacity: 32)
        buffer.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func dispatch(_ request: IncomingRequest) {
        switch RequestAdmission.admit(request, services: services) {
        case .failure(let error):
            reject(error)
        case .success(.listing(let body)):
            respond(status: 200, body: body, request: request) { $0.writeRequestID(request.id) }
        case .success(.exchange(let admitted)):
            if let text = request.headers.idempotencyKey {
                begin(admitted, request, named: text)
            } else {
                begin(admitted, request, ticket: nil)
            }
        }
    }

    private func begin(_ admitted: AdmittedExchange, _ request: IncomingRequest, ticket: UInt64?) {
        let exchange = Exchange(admitted, request: request, connection: self, ticket: ticket)
        phase = .exchanging(exchange)
        exchange.start(now: MonotonicClock.read())
        // The wait for a connection has its limit too, and so has the whole; before this only the body's stood.
        arm()
    }

    private func begin(_ admitted: AdmittedExchange, _ request: IncomingRequest, named text: String) {
        guard let name = IdempotencyName(principal: admitted.principal.key?.key.id ?? "", text: text) else {
            admitted.principal.key?.leave()
            reject(.badHeader("idempotency-key", "write 1 to \(IdempotencyName.textBytes) printable ASCII characters"))
            return
        }
        let digest = IdempotencyStore.digest(admitted.scan.endpoint, request.body)
        let arrival = services.shared.idempotency.arrive(
            name, digest, isStream: admitted.scan.isStream, connection: self, now: MonotonicClock.read())
        if case .begin(let ticket) = arrival {
            begin(admitted, request, ticket: ticket)
            return
        }
        admitted.principal.key?.leave()
        switch arrival {
        case .begin: break
        case .joined(let ticket):
            phase = .joining(request, ticket: ticket)
            arm()
        case .replay(let answer): repeatAnswer(answer, to: request, "replayed")
        case .refused(let error): reject(error)
        }
    }

    /// The exchange that this request joined has ended.
    func joinedAnswer(_ answer: StoredAnswer) {
        guard case .joining(let request, _) = phase else { return }
        repeatAnswer(answer, to: request, "joined")
    }

    private func repeatAnswer(_ answer: StoredAnswer, to request: IncomingRequest, _ word: String) {
        services.shared.repeats.count(word)
        services.logRepeat(word, status: answer.status, id: request.id)
        respond(status: answer.status, body: answer.body, request: request) { head in
            head.writeRequestID(request.id)
            head.writeImmutableBuffer(answer.head)
            head.writeStaticString("idempotent-replayed: true\r\n")
        }
    }

    // MARK: - Writing

    /// An error before any exchange began.
    private func reject(_ error: ClientError) {
        let request: IncomingRequest? = if case .readingBody(let request) = phase { request } else { nil }
        services.shared.rejections.count(error.code)
        let id = request?.id ?? services.makeExchangeID().text
        services.logRejection(error, id: id)
        let generation = (request?.inForce ?? services.inForce).generation
        respond(error, id: id, keepAlive: request?.keepAlive ?? false) { head in
            head.writeStaticString("x-holdfast-attempts: 0\r\nx-holdfast-generation: ")
            head.writeDecimal(Int(clamping: generation))
            head.writeStaticString("\r\n")
        }
    }

    /// The whole of an error response.
    func respond(_ error: ClientError, id: String, keepAlive: Bool, extra: (inout ByteBuffer) -> Void) {
        var body = ByteBuffer()
        error.write(into: &body)
        let keepAlive = keepAlive && !error.closes && !services.isDraining
        writeWhole(status: error.status, body: body, keepAlive: keepAlive) { head in
            head.writeRequestID(id)
            error.writeHeaders(into: &head)
            extra(&head)
        }
        finishAnswer(keepAlive: keepAlive, isRequestUnread: error.closes)
    }

    private func respond(
        status: Int, body: ByteBuffer, request: IncomingRequest, extra: (inout ByteBuffer) -> Void
    ) {
        let keepAlive = request.keepAlive && !services.isDraining
        writeWhole(status: status, body: body, keepAlive: keepAlive, extra: extra)
        finishAnswer(keepAlive: keepAlive, isRequestUnread: false)
    }

    /// Head and body. Small bodies leave with their head in one buffer.
    func writeWhole(
        status: Int, contentType: StaticString = "application/json", body: ByteBuffer, keepAlive: Bool,
        extra: (inout ByteBuffer) -> Void
    ) {
        guard let context else { return }
        let isSmall = body.readableBytes <= SpliceRequest.contiguousBytes
        var buffer = context.channel.allocator.buffer(capacity: 512 + (isSmall ? body.readableBytes : 0))
        ResponseHead.write(
            status: status, contentType: contentType, length: .known(body.readableBytes), keepAlive: keepAlive,
            into: &buffer, extra: extra)
        if isSmall {
            buffer.writeImmutableBuffer(body)
            context.write(wrapOutboundOut(buffer), promise: nil)
        } else {
            context.write(wrapOutboundOut(buffer), promise: nil)
            context.write(wrapOutboundOut(body), promise: nil)
        }
        // What is answered at once may have come with the client's last byte, and then there is no later.
        if keepAlive, case .exchanging = phase { services.flushWithTick(self) } else { flush() }
    }

    func write(_ buffer: ByteBuffer) {
        context?.write(wrapOutboundOut(buffer), promise: nil)
    }

    func flush() {
        context?.flush()
        if unwritableSince != nil { stalledBytes = bytesNotTaken }
    }

    /// Written and not yet in the kernel's hands.
    private var bytesNotTaken: Int {
        (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    /// The answer in flight is written to its end, whichever it was.
    func finishAnswer(keepAlive: Bool, isRequestUnread: Bool = false) {
        guard let context else {
            // Its client had left; the answer is kept for when it comes again.
            phase = .closed
            timer.invalidate()
            services.release(self)
            return
        }
        if keepAlive, !services.isDraining {
            phase = .awaitingHead
            idleSince = MonotonicClock.read()
            headSince = nil
            headBytes = 0
            arm()
            replayBacklog()
        } else if isRequestUnread {
            // Closing now would reset the connection under an answer that the client has not read.
            phase = .lingering(until: MonotonicClock.read().advanced(byNanoseconds: Self.lingerNanoseconds))
            context.close(mode: .output, promise: nil)
            arm()
        } else {
            closeWhenTaken(context)
        }
    }

    /// A close throws away what the socket has not taken yet. A client that takes nothing is ended by the write stall.
    private func closeWhenTaken(_ context: ChannelHandlerContext) {
        guard bytesNotTaken > 0 else {
            phase = .closed
            context.close(mode: .all, promise: nil)
            return
        }
        phase = .flushing
        // What remains may be too little to make the channel unwritable; the stall counts all the same.
        if unwritableSince == nil { (unwritableSince, stalledBytes) = (MonotonicClock.read(), bytesNotTaken) }
        services.shared.unflushed.add(1)
        let taken = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: taken)
        taken.futureResult.assumeIsolated().whenComplete { _ in
            self.services.shared.unflushed.add(-1)
            self.closeNow()
        }
        arm()
    }

    private func replayBacklog() {
        guard !backlog.isEmpty else { return }
        var parts: [HTTPServerRequestPart] = []
        swap(&parts, &backlog)
        backlogHeads = 0
        for part in parts {
            switch phase {
            case .awaitingHead, .readingBody: receive(part)
            case .exchanging, .joining: enqueue(part)
            case .flushing, .lingering, .closed: return
            }
        }
        if backlog.isEmpty, isReadHeldBack {
            isReadHeldBack = false
            context?.read()
        }
    }

    // MARK: - Time

    /// The exchange's own limits have moved.
    func arm() {
        let due: Instant? =
            switch phase {
            case .awaitingHead:
                headSince.map { $0.advanced(byNanoseconds: limits.headerNanoseconds) }
                    ?? idleSince.advanced(byNanoseconds: limits.idleNanoseconds)
            case .readingBody(let request): request.arrivedAt.advanced(byNanoseconds: limits.bodyNanoseconds)
            case .exchanging(let exchange): exchange.wakeAt
            case .joining: nil
            case .lingering(let until): until
            case .flushing, .closed: nil
            }
        let stall = unwritableSince?.advanced(byNanoseconds: limits.writeStallNanoseconds)
        guard let stall else { return services.timers.arm(timer, at: due) }
        services.timers.arm(timer, at: min(due ?? stall, stall))
    }

    private func wake(now: Instant) {
        if let since = unwritableSince, now.nanoseconds(since: since) >= limits.writeStallNanoseconds {
            let left = bytesNotTaken
            guard left < stalledBytes else {
                services.shared.rejections.count("write_stall")
                closeNow()
                return
            }
            // It takes its time, but it takes.
            (unwritableSince, stalledBytes) = (now, left)
        }
        switch phase {
        case .awaitingHead:
            if let since = headSince {
                if now.nanoseconds(since: since) >= limits.headerNanoseconds { reject(.slow) }
            } else if now.nanoseconds(since: idleSince) >= limits.idleNanoseconds {
                closeNow()
            }
        case .readingBody(let request):
            if now.nanoseconds(since: request.arrivedAt) >= limits.bodyNanoseconds { reject(.slow) }
        case .exchanging(let exchange):
            exchange.wake(now: now)
        case .lingering:
            closeNow()
        case .flushing, .joining: break
        case .closed: return
        }
        arm()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            if case .flushing = phase {} else { unwritableSince = nil }
            if case .exchanging(let exchange) = phase { exchange.clientWritable() }
        } else {
            (unwritableSince, stalledBytes) = (MonotonicClock.read(), .max)
            arm()
        }
        context.fireChannelWritabilityChanged()
    }
}
