/// A client's `idempotency-key` beside whose it is: two principals that choose the same text do not meet.
package struct IdempotencyName: Sendable, Hashable {
    /// What other services take, and four times a UUID's text besides.
    package static let textBytes = 255

    package let principal: String
    package let text: String

    /// Nil where the text is empty, too long, or not printable ASCII. A control character in it is no key but an
    /// attempt at a log or a header, and other letters have several spellings.
    package init?(principal: String, text: String) {
        let bytes = text.utf8
        guard (1...Self.textBytes).contains(bytes.count), bytes.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            return nil
        }
        self.principal = principal
        self.text = text
    }
}

/// The first half of a SHA-256 of everything that makes two requests the same: the endpoint and the body. A client can
/// only collide with itself, so half is plenty.
package struct RequestDigest: Sendable, Hashable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// What an idempotency table may hold. None of it survives a restart, and no promise outlives the memory for it.
package struct IdempotencyLimits: Sendable, Hashable {
    /// Names, in flight and answered. With the longest texts these are a few megabytes.
    package var entries = 10_000
    /// Of stored results in all: what a small container can spare.
    package var resultBytes = 64 << 20
    /// Of one stored result. Answers have a few kilobytes; what is larger is mostly a batch of embeddings, and a few of
    /// those would push out everybody else's.
    package var largestResultBytes = 1 << 20
    /// Those who wait for one exchange. More repeats of one request than this are no retries.
    package var joinersPerExchange = 64
    /// From the answer on. A repeat comes within seconds from an SDK and within minutes from a job queue; a day, which
    /// payment services keep, would be a day of customers' answers in memory for no one.
    package var lifetimeNanoseconds = 1 * Span.hour

    package init() {}
}
