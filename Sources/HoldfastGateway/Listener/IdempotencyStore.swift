import Crypto
import HoldfastCore
import HoldfastWire
import NIOCore
import Synchronization

/// An answer as everyone gets it who asked for the same under the same name.
struct StoredAnswer: Sendable {
    var status: Int
    var body: ByteBuffer
    /// Header lines that say who answered and how; the request's own id is not among them.
    var head: ByteBuffer

    var bytes: Int { body.readableBytes + head.readableBytes }
}

/// The names that clients give their requests, shared by all loops, and who waits for whose answer.
final class IdempotencyStore: Sendable {
    private struct State: Sendable {
        var table = IdempotencyTable<StoredAnswer>()
        var joiners: [UInt64: NIOLoopBound<ClientConnection>] = [:]
    }

    private let state = Mutex(State())

    enum Arrival {
        case begin(ticket: UInt64)
        /// The connection hears of the answer.
        case joined(ticket: UInt64)
        case replay(StoredAnswer)
        case refused(ClientError)
    }

    /// - Parameter connection: on its own loop.
    func arrive(
        _ name: IdempotencyName, _ digest: RequestDigest, isStream: Bool, connection: ClientConnection, now: Instant
    ) -> Arrival {
        let bound = NIOLoopBound(connection, eventLoop: connection.services.loop)
        return state.withLock { state in
            switch state.table.arrive(name, digest: digest, kind: isStream ? .stream : .unary, now: now) {
            case .begin(let ticket): return .begin(ticket: ticket)
            case .join(_, let joiner):
                state.joiners[joiner] = bound
                return .joined(ticket: joiner)
            case .replay(let answer): return .replay(answer)
            case .conflict(.inFlight): return .refused(.idempotencyInFlight)
            case .conflict(.answered): return .refused(.idempotencyAnswered)
            case .mismatch: return .refused(.idempotencyMismatch)
            case .full: return .refused(.idempotencyFull)
            }
        }
    }

    /// - Parameters:
    ///   - answer: what everyone who joined gets; nil for a stream, which nobody joins.
    ///   - isKept: it answers the question, so that the same question gets it again.
    func finish(_ ticket: UInt64, _ answer: StoredAnswer?, isKept: Bool, now: Instant) {
        let joiners = state.withLock { state in
            let ending: IdempotencyTable<StoredAnswer>.Ending =
                switch (answer, isKept) {
                case (let answer?, true): .answered(answer, bytes: answer.bytes)
                case (nil, true): .streamed
                case (_, false): .failed
                }
            return state.table.finish(ticket, ending, now: now).compactMap { state.joiners.removeValue(forKey: $0) }
        }
        guard let answer else { return }
        for joiner in joiners { joiner.eventLoop.execute { joiner.value.joinedAnswer(answer) } }
    }

    /// A client that waited for another's answer is gone.
    func leave(joiner: UInt64) {
        state.withLock { state in
            state.joiners[joiner] = nil
            _ = state.table.leave(joiner: joiner)
        }
    }

    static func digest(_ endpoint: Endpoint, _ body: ByteBuffer) -> RequestDigest {
        var hash = SHA256()
        hash.update(data: Array(endpoint.operation.utf8))
        body.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
        let words = Array(hash.finalize())
        func word(_ range: Range<Int>) -> UInt64 { words[range].reduce(0) { $0 << 8 | UInt64($1) } }
        return RequestDigest(high: word(0..<8), low: word(8..<16))
    }
}

extension ClientError {
    static let idempotencyInFlight = ClientError(
        status: 409, message: "A stream under this 'idempotency-key' is still being answered.",
        type: "invalid_request_error", code: "idempotency_key_in_flight", retryAfterNanoseconds: Span.second)

    static let idempotencyAnswered = ClientError(
        status: 409,
        message:
            "The request under this 'idempotency-key' was answered, and its answer is not kept. Send a new key to ask "
            + "and pay again.",
        type: "invalid_request_error", code: "idempotency_key_answered", isFinal: true)

    static let idempotencyMismatch = ClientError(
        status: 422, message: "This 'idempotency-key' was used for another request. Send a new key with a new request.",
        type: "invalid_request_error", code: "idempotency_key_reused", isFinal: true)

    static let idempotencyFull = ClientError(
        status: 429, message: "Too many requests with an 'idempotency-key' are in flight.", type: "rate_limit_error",
        code: "idempotency_keys_in_flight", retryAfterNanoseconds: Span.second)
}
