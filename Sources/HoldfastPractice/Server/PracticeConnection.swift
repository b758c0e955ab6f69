import Foundation
import HoldfastCore
import NIOCore
import NIOHTTP1

/// What the server asks of a connection.
enum ConnectionOrder: Sendable {
    /// Finish what runs, take nothing new.
    case drain
    /// End at once, with a reset as when the process is gone.
    case reset
}

/// One client connection: gathers requests, has them decided, and performs the beats of their answers on the event
/// loop. It lives on its loop alone and is not `Sendable`.
final class PracticeConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    enum Role: Sendable {
        case provider
        /// The control API alone.
        case control
    }

    /// A request body beyond this is a mistake of the caller's.
    static let bodyLimit = 32 * 1024 * 1024
    /// Requests that a client may send ahead of their answers.
    static let pipelineLimit = 16
    /// An unpaced stream is written in pieces of this size.
    static let flushBytes = 64 * 1024

    private struct Request {
        var head: HTTPRequestHead
        var body: ByteBuffer?
    }

    private struct Exchange {
        let number: Int
        let started: Instant
        let performance: PracticeRouter.Performance
        let frame: GeneratedAnswer.EventFrame?
        var playback: Playback
        /// The beat that waits for its time.
        var pending: Beat?
        var status: Int?
        var tokensSent = 0
        var hangs = false
    }

    private let core: PracticeCore
    private let role: Role
    private let relisten: @Sendable () -> Void
    private var writer = ResponseWriter()
    private var number = 0
    private var served = 0
    private var gathering: Request?
    private var queue: [Request] = []
    private var exchange: Exchange?
    private var timer: Scheduled<Void>?
    private var awaitsWritability = false
    private var draining = false
    /// Set once we have decided to end the connection: what still arrives is not looked at.
    private var ending = false

    init(core: PracticeCore, role: Role, relisten: @escaping @Sendable () -> Void) {
        self.core = core
        self.role = role
        self.relisten = relisten
    }

    func channelActive(context: ChannelHandlerContext) {
        let taken = core.register(context.channel)
        number = taken ?? 0
        // Accepted a moment before the listener closed: to the client it must look as if it had come after.
        if taken == nil || (role == .provider && core.refusingUntil() != nil) { return reset(context) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        core.unregister(context.channel)
        finish(.clientLeft)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError, exchange == nil, !ending else {
            context.close(promise: nil)
            return
        }
        writer.closes = true
        let answer = StatusAnswer(
            status: 400, type: "invalid_request_error", code: nil, message: "The request is not valid HTTP.")
        send(answer, headers: [], context: context)
        close(context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event as? ConnectionOrder {
        case .drain:
            draining = true
            writer.closes = true
            if exchange?.hangs ?? true, queue.isEmpty, gathering == nil { end(.aborted, context) }
        case .reset:
            finish(.aborted)
            reset(context)
        case nil: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, awaitsWritability {
            awaitsWritability = false
            play(context)
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !ending else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            gathering = Request(head: head)
            if head.headers.first(name: "expect")?.lowercased() == "100-continue", exchange == nil {
                context.writeAndFlush(
                    wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
            }
        case .body(var part):
            let gathered = gathering?.body?.readableBytes ?? 0
            guard gathered + part.readableBytes <= PracticeConnection.bodyLimit else { return refuseBody(context) }
            if gathering?.body == nil {
                gathering?.body = part
            } else {
                gathering?.body?.writeBuffer(&part)
            }
        case .end:
            guard let request = gathering else { return }
            gathering = nil
            guard exchange != nil else { return start(request, context) }
            guard queue.count < PracticeConnection.pipelineLimit else { return end(.aborted, context) }
            queue.append(request)
        }
    }

    private func refuseBody(_ context: ChannelHandlerContext) {
        guard exchange == nil else { return end(.aborted, context) }
        writer.closes = true
        send(StatusAnswer.forFault(status: 413, code: nil), headers: [], context: context)
        close(context)
    }

    private func start(_ request: Request, _ context: ChannelHandlerContext) {
        writer.chunked = request.head.version != .http1_0
        writer.closes = draining || !request.head.isKeepAlive
        let path = String(request.head.uri.prefix { $0 != "?" })
        let body = request.body.map { Array($0.readableBytesView) } ?? []
        let reused = served > 0
        served += 1
        if path.hasPrefix("/practice/") {
            return control(request.head, path: path, body: body, context)
        }
        guard role == .provider else {
            let answer = StatusAnswer(
                status: 404, type: "invalid_request_error", code: "unknown_url",
                message: "This listener has the control API alone, under /practice/.")
            send(answer, headers: [], context: context)
            return completed(context)
        }
        // The listener and its connections are closed a moment after the order: until then nothing is answered either.
        if core.refusingUntil() != nil { return reset(context) }
        let started = core.instant
        let number = core.begin { number in
            RequestRecord(
                number: number, connection: self.number, method: request.head.method.rawValue, path: path, model: nil,
                headers: request.head.headers.map(RequestJournal.visible), bodyBytes: body.count, started: started)
        }
        let router = PracticeRouter(core: core, serial: UInt64(number), reused: reused)
        switch router.decide(request.head, path: path, body: body) {
        case .reject(let answer, let model, let allow):
            core.describe(number, model: model, stream: false, fault: nil)
            let common = ProviderHeaders.common(
                serial: UInt64(number), seed: core.options.seed, processingNanoseconds: 0)
            core.finish(number, outcome: .rejected, status: answer.status, tokensSent: 0, started: started)
            send(answer, headers: common + (allow.map { [("allow", $0)] } ?? []), context: context)
            completed(context)
        case .perform(let performance):
            perform(performance, number: number, started: started, context)
        }
    }

    private func control(_ head: HTTPRequestHead, path: String, body: [UInt8], _ context: ChannelHandlerContext) {
        let answer = ControlAPI(core: core).answer(method: head.method.rawValue, path: path, body: body)
        var out = context.channel.allocator.buffer(capacity: 512)
        writer.whole(
            ResponseWriter.Head(
                status: answer.status, contentType: ResponseWriter.json,
                extra: answer.allow.map { [("allow", $0)] } ?? []),
            body: answer.body.line, into: &out)
        let written = context.writeAndFlush(wrapOutboundOut(out))
        if answer.changesListener {
            // Only once the answer is out: `refuse` resets every connection, this one too.
            let relisten = relisten
            written.whenComplete { _ in relisten() }
        }
        completed(context)
    }

    private func perform(
        _ performance: PracticeRouter.Performance, number: Int, started: Instant, _ context: ChannelHandlerContext
    ) {
        var shape = AnswerShape.unary(tokens: 1)
        var frame: GeneratedAnswer.EventFrame?
        var streams = false
        if case .generated(let answer, let stream) = performance.content {
            streams = stream
            shape = stream ? answer.shape : .unary(tokens: answer.pieces.count)
            frame = stream ? answer.eventFrame() : nil
        }
        core.describe(number, model: performance.model, stream: streams, fault: performance.fault)
        let random = SeededRandom(seed: core.options.seed &+ UInt64(number))
        exchange = Exchange(
            number: number, started: started, performance: performance, frame: frame,
            playback: Playback(plan: performance.plan, shape: shape, pacing: performance.pacing, random: random))
        play(context)
    }

    // MARK: Performing

    /// Performs all beats that are due, then waits for the next one.
    private func play(_ context: ChannelHandlerContext) {
        var out = context.channel.allocator.buffer(capacity: 512)
        while var current = exchange {
            let beat: Beat
            if let pending = current.pending {
                beat = Beat(pending.cue)
                current.pending = nil
            } else if let next = current.playback.next() {
                beat = next
            } else {
                finish(current.performance.plan.endsWell ? .answered : .failed)
                flush(&out, context)
                return completed(context)
            }
            if beat.delayNanoseconds > 0 {
                current.pending = beat
                exchange = current
                flush(&out, context)
                return wait(beat.delayNanoseconds, context)
            }
            exchange = current
            guard perform(beat.cue, into: &out, context) else { return }
            if out.readableBytes >= PracticeConnection.flushBytes {
                flush(&out, context)
                guard context.channel.isWritable else {
                    awaitsWritability = true
                    return
                }
            }
        }
    }

    private func wait(_ nanoseconds: Int64, _ context: ChannelHandlerContext) {
        let loop = context.eventLoop.assumeIsolated()
        timer = loop.scheduleTask(in: .nanoseconds(nanoseconds)) { [weak self] in
            guard let self else { return }
            timer = nil
            // A client that does not read holds back the stream, not the memory of this process.
            guard context.channel.isWritable else {
                awaitsWritability = true
                return
            }
            play(context)
        }
    }

    /// False where nothing may follow.
    private func perform(_ cue: Cue, into out: inout ByteBuffer, _ context: ChannelHandlerContext) -> Bool {
        switch cue {
        case .hang:
            flush(&out, context)
            exchange?.hangs = true
            if draining { end(.aborted, context) }
            return false
        case .close:
            finish(.failed)
            flush(&out, context)
            close(context)
            return false
        case .reset:
            finish(.failed)
            reset(context)
            return false
        case .status, .rateLimit, .html, .redirect, .body, .halfBody, .malformedBody, .errorBody, .emptyBody:
            writeWhole(cue, into: &out)
        case .streamHead:
            exchange?.status = 200
            let head = ResponseWriter.Head(
                status: 200, contentType: "text/event-stream",
                extra: answerHeaders() + [("cache-control", "no-cache"), ("x-accel-buffering", "no")])
            if !writer.chunked { writer.closes = true }
            writer.head(head, contentLength: nil, into: &out)
        case .streamEnd:
            writer.endOfStream(into: &out)
        default:
            writeEvent(cue, into: &out)
        }
        return true
    }

    private func writeEvent(_ cue: Cue, into out: inout ByteBuffer) {
        guard let current = exchange, let frame = current.frame,
            case .generated(let answer, _) = current.performance.content
        else { return }
        writer.event(into: &out) { event in
            switch cue {
            case .role: answer.writeRole(frame: frame, into: &event)
            case .token(let index): answer.writeToken(index, frame: frame, into: &event)
            case .finish: answer.writeFinish(frame: frame, into: &event)
            case .usage: answer.writeUsage(frame: frame, into: &event)
            case .done: event.writeStaticString("data: [DONE]\n\n")
            case .malformedEvent: event.writeString("data: {\"id\":\"\(answer.id)\",\"choices\":[{\"ind\n\n")
            default:
                let error = StatusAnswer(
                    status: 500, type: "server_error", code: "server_error",
                    message: "The server had an error while processing your request.")
                event.writeString("data: \(error.body.line)\n\n")
            }
        }
        if case .token = cue { exchange?.tokensSent += 1 }
    }

    /// A head with its body, in one piece.
    private func writeWhole(_ cue: Cue, into out: inout ByteBuffer) {
        guard let current = exchange else { return }
        let answer = WholeAnswer.make(
            cue, performance: current.performance, provider: core.options.name,
            wallSeconds: core.options.clock.wallSeconds())
        exchange?.status = answer.status
        if case .generated(let generated, _) = current.performance.content, cue == .body {
            exchange?.tokensSent = generated.pieces.count
        }
        let head = ResponseWriter.Head(
            status: answer.status, contentType: answer.contentType,
            extra: commonHeaders() + answer.headers)
        writer.whole(head, body: answer.body, half: cue == .halfBody, into: &out)
    }

    private func answerHeaders() -> [(String, String)] {
        commonHeaders() + ProviderHeaders.limits
    }

    private func commonHeaders() -> [(String, String)] {
        guard let exchange else { return [] }
        return ProviderHeaders.common(
            serial: UInt64(exchange.number), seed: core.options.seed,
            processingNanoseconds: core.instant.nanoseconds(since: exchange.started))
    }

    // MARK: Ends

    private func flush(_ out: inout ByteBuffer, _ context: ChannelHandlerContext) {
        guard out.readableBytes > 0 else { return }
        context.writeAndFlush(wrapOutboundOut(out), promise: nil)
        out = ByteBuffer()
    }

    private func send(_ answer: StatusAnswer, headers: [(String, String)], context: ChannelHandlerContext) {
        var out = context.channel.allocator.buffer(capacity: 512)
        writer.whole(
            ResponseWriter.Head(status: answer.status, contentType: ResponseWriter.json, extra: headers),
            body: answer.body.line, into: &out)
        context.writeAndFlush(wrapOutboundOut(out), promise: nil)
    }

    /// The answer is out: the connection ends, or takes its next request.
    private func completed(_ context: ChannelHandlerContext) {
        if writer.closes || draining { return close(context) }
        if !queue.isEmpty { start(queue.removeFirst(), context) }
    }

    private func end(_ outcome: RequestRecord.Outcome, _ context: ChannelHandlerContext) {
        finish(outcome)
        close(context)
    }

    /// Comes before the last bytes leave: whoever has them finds their request on the record.
    private func finish(_ outcome: RequestRecord.Outcome) {
        guard let ended = exchange else { return }
        exchange = nil
        timer?.cancel()
        timer = nil
        awaitsWritability = false
        core.finish(
            ended.number, outcome: outcome, status: ended.status, tokensSent: ended.tokensSent, started: ended.started)
    }

    private func close(_ context: ChannelHandlerContext) {
        ending = true
        context.close(promise: nil)
    }

    private func reset(_ context: ChannelHandlerContext) {
        ending = true
        // Lingering for no time makes the kernel send RST in place of FIN.
        let options = context.channel as? any SocketOptionProvider
        _ = options?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        context.close(promise: nil)
    }
}
