import HoldfastCore
import HoldfastWire
import NIOCore

/// What an answer, or what came in its place, means.
extension Exchange {
    func judgeWhole(now: Instant) {
        guard !isStream else {
            return judgeMisfit(now: now)
        }
        switch gathered.withUnsafeReadableBytes({ OpenAIAnswer.inspect($0, endpoint: admitted.scan.endpoint) }) {
        case .answer(let facts):
            usage = facts.usage
            gate.usage = usage
            // It was asked for a stream and sent the whole at once, which is as good.
            if isAssembled { step(.chunkReceived(hasToken: true), now: now) }
            step(.upstreamEnded, now: now)
        case .error(let text):
            failByWords(text, now: now)
        case .empty:
            fail(UpstreamFault(.empty, "a success status without an answer"), retryAfter: nil, now: now)
        }
    }

    /// A stream was asked for and something else came: often an error in JSON.
    func judgeMisfit(now: Instant) {
        if case .error(let text) = gathered.withUnsafeReadableBytes({
            OpenAIAnswer.inspect($0, endpoint: admitted.scan.endpoint)
        }) {
            failByWords(text, now: now)
        } else {
            fail(UpstreamFault(.empty, "no event stream, though one was asked for"), retryAfter: nil, now: now)
        }
    }

    /// An error under a status that says success. Some providers put the real status into its code.
    func failByWords(_ text: UpstreamErrorText, now: Instant) {
        let status = text.code.flatMap { Int($0) }.flatMap { (400..<600).contains($0) ? $0 : nil } ?? 200
        let signal = FailureSignal(status: status, code: text.code, type: text.type, message: text.message)
        let failure = FailureTable.classify(signal)
        if failure.policy.moveOn == .never { refusal = UpstreamRefusal(status: status, body: nil) }
        fail(
            UpstreamFault(failure, "an error inside a success status"), retryAfter: text.retryDelayNanoseconds, now: now
        )
    }

    func judgeRefusal(_ head: UpstreamHead, now: Instant) {
        let text = gathered.withUnsafeReadableBytes { UpstreamErrorText.read($0) }
        let signal = FailureSignal(
            status: head.status, code: text?.code, type: text?.type, message: text?.message,
            shouldRetry: head.value(of: "x-should-retry").flatMap { Bool($0.lowercased()) })
        if signal.shouldRetry == false { step(.secondTryForbidden, now: now) }
        let failure = FailureTable.classify(signal)
        if failure.policy.moveOn == .never || failure.policy.moveOn == .toLargerContext {
            refusal = UpstreamRefusal(status: head.status, body: text == nil ? nil : gathered)
        }
        let wait =
            RetryAfter.nanoseconds(of: head, wallClockSeconds: WallClock.readMilliseconds() / 1_000)
            ?? text?.retryDelayNanoseconds
        fail(UpstreamFault(failure, "status \(head.status)"), retryAfter: wait, now: now)
    }
}
