import HoldfastCore
import HoldfastWire
import NIOCore

/// What an exchange has to do with drills: which orders it is drawn for, and which of its attempts met one. Both runs of a
/// hedged exchange share it.
final class MetFaults {
    struct Mark: Sendable, Equatable {
        var startedAt: Instant
        var candidate: Int
        var order: String
    }

    var draws = DrillDraws()
    fileprivate(set) var marks: [Mark] = []

    func order(of attempt: AttemptRecord) -> String? { marks.order(of: attempt) }
}

extension [MetFaults.Mark] {
    /// The order that an attempt met; nil: none.
    func order(of attempt: AttemptRecord) -> String? {
        first { $0.startedAt == attempt.startedAt && $0.candidate == attempt.candidate }?.order
    }
}

/// An attempt that a drill keeps to itself: nothing of it has left this process, and no credential has.
final class InjectedAttempt {
    let order: String
    let exchange: Exchange
    /// Of a slow one, what makes it for real.
    fileprivate(set) var delay: Scheduled<Void>?

    fileprivate init(_ order: String, _ exchange: Exchange) {
        self.order = order
        self.exchange = exchange
    }

    func cancel() { delay?.cancel() }
}

/// Fails attempts on purpose, at the place where they would reach for a connection. What follows from the failure is
/// nobody's business here: classes, breakers, retries and budgets are those of a failure that nobody meant.
extension Exchange {
    /// Whether a drill has the attempt now. False: it is to be made, with an answer that a drill may cut.
    func meetsFault(_ candidate: Int, now: Instant) -> Bool {
        cutBy = nil
        gate.injectedBy = nil
        let met = self.met ?? MetFaults()
        self.met = met
        let deployment = admitted.route.candidates[candidate].deployment.id
        guard
            let (id, order) = services.shared.faults.fault(
                for: deployment, on: admitted.route.route.name, draws: &met.draws, random: &services.random, now: now)
        else { return false }
        if order.fault == .cut {
            cutBy = id
            return false
        }
        mark(id, order.fault)
        let attempt = InjectedAttempt(id, self)
        carrier = .injected(attempt)
        inject(order, attempt, now: now)
        return true
    }

    private func inject(_ order: FaultOrder, _ attempt: InjectedAttempt, now: Instant) {
        switch order.fault {
        case .silence:
            services.hold(attempt)
            report(.attemptConnected, now: now)
        case .slow:
            services.hold(attempt)
            let delay = TimeAmount.milliseconds(order.delayMilliseconds)
            attempt.delay = services.loop.assumeIsolated().scheduleTask(in: delay) { self.release(attempt) }
            report(.attemptConnected, now: now)
        case .refuse, .revoke, .status500, .status503, .status429, .cut, .sham:
            // Not within the step that asks for the attempt, just as no connection is refused at once.
            services.loop.assumeIsolated().execute { self.failInjected(attempt, order.fault) }
        }
    }

    /// Notes what the attempt that was begun last has met.
    func mark(_ order: String, _ fault: InjectedFault) {
        guard let attempt = machine.attempts.last else { return }
        let met = self.met ?? MetFaults()
        self.met = met
        met.marks.append(MetFaults.Mark(startedAt: attempt.startedAt, candidate: attempt.candidate, order: order))
        gate.injectedBy = order
        services.shared.faults.count(fault, at: admitted.route.candidates[attempt.candidate].deployment.id)
    }

    private func isHeld(_ attempt: InjectedAttempt) -> Bool {
        if case .injected(let current) = carrier { current === attempt } else { false }
    }

    private func failInjected(_ attempt: InjectedAttempt, _ fault: InjectedFault) {
        guard isHeld(attempt) else { return }
        let now = MonotonicClock.read()
        guard let answer = InjectedAnswer.bytes(of: fault) else {
            carrier = .none
            fail(UpstreamFault(.transient, "connection refused"), retryAfter: nil, now: now)
            return
        }
        report(.attemptConnected, now: now)
        var parser = HTTPResponseParser()
        parser.begin()
        parser.feed(answer)
        while isHeld(attempt), let part = try? parser.next() {
            switch part {
            case .head(let head): upstreamHead(head)
            case .body(let bytes): upstreamBody(bytes)
            case .end: upstreamEnded()
            }
        }
    }

    /// The delay is over, or the fault is: the attempt is made for real.
    func release(_ attempt: InjectedAttempt) {
        guard isHeld(attempt), let candidate = machine.lastCandidate else { return }
        services.giveUp(attempt)
        carrier = .none
        sendForReal(to: candidate, now: MonotonicClock.read())
    }

    // MARK: - Cut

    /// Takes the first part of an answer and breaks off behind it. False: the answer goes on, since the order has ended
    /// or this is a refusal.
    func cuts(_ bytes: ByteBuffer) -> Bool {
        guard let order = cutBy, services.shared.faults.isEffective(order, now: MonotonicClock.read()) else {
            cutBy = nil
            return false
        }
        switch reading {
        case .nothing, .refusal: return false
        case .whole: breakOff(order)
        case .events: cutEvents(bytes, order)
        }
        return true
    }

    /// Line by line: providers send one event after the other or all of them at once, and it breaks off behind the first
    /// that has content either way.
    private func cutEvents(_ bytes: ByteBuffer, _ order: String) {
        var rest = bytes
        while rest.readableBytes > 0 {
            let newline = rest.readableBytesView.firstIndex(of: UInt8(ascii: "\n"))
            let length = newline.map { $0 - rest.readerIndex + 1 } ?? rest.readableBytes
            guard let line = rest.readSlice(length: length) else { return }
            relay?.append(line)
            relayAppended()
            guard case .held = carrier, cutBy != nil, !machine.isFinished else { return }
            if machine.hasBegun { return breakOff(order) }
        }
    }

    private func breakOff(_ order: String) {
        guard case .held(let upstream) = carrier else { return }
        cutBy = nil
        mark(order, .cut)
        connection.flush()
        upstream.cancel()
        upstreamFailed(UpstreamFault(.transient, "connection closed inside the answer"), isStale: false)
    }
}

/// What a provider says that fails in this way, byte by byte, so that it is read and judged like any answer.
private enum InjectedAnswer {
    /// Nil: nothing is said.
    static func bytes(of fault: InjectedFault) -> ByteBuffer? {
        switch fault {
        case .revoke:
            response("401 Unauthorized", "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
        case .status500:
            response("500 Internal Server Error", "The server had an error.", "server_error", "server_error")
        case .status503:
            response("503 Service Unavailable", "The service is not available.", "server_error", "server_error")
        case .status429:
            response(
                "429 Too Many Requests", "Rate limit reached for requests.", "requests", "rate_limit_exceeded",
                "retry-after: 1\r\n")
        case .refuse, .silence, .slow, .cut, .sham: nil
        }
    }

    private static func response(
        _ status: String, _ message: String, _ type: String, _ code: String, _ fields: String = ""
    ) -> ByteBuffer {
        var body = ByteBuffer()
        OpenAIErrorBody.write(message: message, type: type, param: nil, code: code, into: &body)
        var answer = ByteBuffer()
        answer.writeString("HTTP/1.1 \(status)\r\ncontent-type: application/json\r\n\(fields)")
        answer.writeString("content-length: \(body.readableBytes)\r\n\r\n")
        answer.writeBuffer(&body)
        return answer
    }
}
