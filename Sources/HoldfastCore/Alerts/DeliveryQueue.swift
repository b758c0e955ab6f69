/// What one receiver is still to be sent, in order, and when it is tried next. A receiver that is slow, refuses or is gone
/// costs nothing but its own queue.
///
/// What cannot be sent is tried again with growing, jittered waits until it is too old to be of use to anybody. Where the
/// queue is full the oldest goes: what happened last says more about now.
package struct DeliveryQueue<Item: Sendable>: Sendable {
    package enum Outcome: Sendable, Hashable {
        case taken
        /// In words for an operator, without anything secret. `isFinal`: it will not be taken however often it is sent.
        case failed(String, isFinal: Bool, retryAfterNanoseconds: Int64?)
    }

    /// Milliseconds are since 1970.
    package struct Figures: Sendable, Hashable {
        package var sent = 0
        package var failures = 0
        package var dropped = 0
        package var lastSuccessAt: Int64?
        package var lastFailureAt: Int64?
        package var lastFailure: String?
    }

    package static var most: Int { 1_000 }
    package static var longestNanoseconds: Int64 { Span.hour }
    static var firstWaitNanoseconds: Int64 { Span.second }
    static var longestWaitNanoseconds: Int64 { 2 * Span.minute }

    private var items: [(item: Item, at: Instant)] = []
    private var isSending = false
    /// In a row.
    private var failures = 0
    private var nextAt = Instant.zero
    package private(set) var figures = Figures()

    package init() {}

    package var count: Int { items.count }
    /// Without what is being sent.
    package var waiting: Int { items.count - (isSending ? 1 : 0) }

    package mutating func offer(_ item: Item, now: Instant) {
        if items.count >= Self.most {
            // The one that is being sent is not taken from under its sender.
            items.remove(at: isSending ? 1 : 0)
            figures.dropped += 1
        }
        items.append((item, now))
    }

    /// What is to be sent now. Whoever takes it says what became of it.
    package mutating func take(now: Instant) -> Item? {
        guard !isSending, now >= nextAt else { return nil }
        while let first = items.first, now.nanoseconds(since: first.at) > Self.longestNanoseconds {
            items.removeFirst()
            figures.dropped += 1
        }
        guard let first = items.first else { return nil }
        isSending = true
        return first.item
    }

    package mutating func ended(
        _ outcome: Outcome, now: Instant, nowMilliseconds: Int64, random: inout SeededRandom
    ) {
        precondition(isSending, "only what was taken ends")
        isSending = false
        note(outcome, nowMilliseconds: nowMilliseconds)
        switch outcome {
        case .taken:
            items.removeFirst()
            failures = 0
            nextAt = now
        case .failed(_, let isFinal, let retryAfter):
            if isFinal {
                items.removeFirst()
                figures.dropped += 1
            }
            let doubled = min(Self.firstWaitNanoseconds << Int64(min(failures, 10)), Self.longestWaitNanoseconds)
            failures += 1
            let half = doubled / 2
            let asked = retryAfter.map { Backoff.told(nanoseconds: min($0, Self.longestNanoseconds), random: &random) }
            nextAt = now.advanced(byNanoseconds: asked ?? half + random.below(half + 1))
        }
    }

    /// Something was sent past the queue. Where that was taken, what waits need not wait any longer.
    package mutating func tested(_ outcome: Outcome, nowMilliseconds: Int64) {
        note(outcome, nowMilliseconds: nowMilliseconds)
        if outcome == .taken { nextAt = .zero }
    }

    private mutating func note(_ outcome: Outcome, nowMilliseconds: Int64) {
        switch outcome {
        case .taken:
            figures.sent += 1
            figures.lastSuccessAt = nowMilliseconds
        case .failed(let reason, _, _):
            figures.failures += 1
            figures.lastFailureAt = nowMilliseconds
            figures.lastFailure = reason
        }
    }
}
