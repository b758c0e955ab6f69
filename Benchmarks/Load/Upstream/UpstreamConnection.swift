import NIOCore

/// How the upstream answers; the request's model name chooses it.
enum Behaviour {
    case unary, paced, burst, idle

    /// The client's body is the only text that holds `bench-`, and a proxy that changes the model name keeps the
    /// prefix; so one search is enough.
    init(body: ByteBuffer) {
        guard let mark = body.offset(of: "bench-"),
            let letter = body.getInteger(at: body.readerIndex + mark + 6, as: UInt8.self)
        else {
            self = .unary
            return
        }
        switch letter {
        case UInt8(ascii: "p"): self = .paced
        case UInt8(ascii: "b"): self = .burst
        case UInt8(ascii: "i"): self = .idle
        default: self = .unary
        }
    }
}

struct Pacing {
    var intervalNanoseconds: Int64
    var events: Int
}

/// One connection from a proxy. HTTP/1.1 with a content length is all that the proxies under measurement send; anything
/// else is refused by name instead of being guessed at.
final class UpstreamConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answers: CannedAnswers
    private let pacing: Pacing
    private var pending = ByteBuffer()
    private var paced: Scheduled<Void>?

    init(answers: CannedAnswers, pacing: Pacing) {
        self.answers = answers
        self.pacing = pacing
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if pending.readableBytes == 0 {
            pending = bytes
        } else {
            pending.writeBuffer(&bytes)
        }
        while let body = nextRequest(context: context) {
            answer(Behaviour(body: body), context: context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }

    func channelInactive(context: ChannelHandlerContext) {
        paced?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func nextRequest(context: ChannelHandlerContext) -> ByteBuffer? {
        guard let headEnd = pending.offset(of: "\r\n\r\n") else { return nil }
        let headBytes = headEnd + 4
        let isGet = pending.getInteger(at: pending.readerIndex, as: UInt8.self) == UInt8(ascii: "G")
        guard let length = isGet ? 0 : pending.contentLength(headBytes: headBytes) else {
            context.writeAndFlush(wrapOutboundOut(answers.lengthRequired), promise: nil)
            context.close(promise: nil)
            pending.clear()
            return nil
        }
        guard pending.readableBytes >= headBytes + length else { return nil }
        pending.moveReaderIndex(forwardBy: headBytes)
        let body = pending.readSlice(length: length)
        if pending.readableBytes == 0 { pending = ByteBuffer() }
        return body
    }

    private func answer(_ behaviour: Behaviour, context: ChannelHandlerContext) {
        switch behaviour {
        case .unary: context.write(wrapOutboundOut(answers.unary), promise: nil)
        case .burst: context.write(wrapOutboundOut(answers.burst), promise: nil)
        case .idle: context.write(wrapOutboundOut(answers.idleStart), promise: nil)
        case .paced:
            context.write(wrapOutboundOut(answers.streamStart), promise: nil)
            pace(from: MonotonicClock.nanoseconds(), event: 1, context: context)
        }
    }

    /// Each event is due at a fixed distance from the start, so that a late one does not delay those after it.
    private func pace(from start: Int64, event: Int, context: ChannelHandlerContext) {
        let due = start + Int64(event) * pacing.intervalNanoseconds
        paced = context.eventLoop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(UInt64(due))) {
            let stamped = self.answers.stamped(MonotonicClock.nanoseconds())
            context.writeAndFlush(self.wrapOutboundOut(stamped), promise: nil)
            if event < self.pacing.events {
                self.pace(from: start, event: event + 1, context: context)
            } else {
                context.writeAndFlush(self.wrapOutboundOut(self.answers.streamEnd), promise: nil)
            }
        }
    }
}
