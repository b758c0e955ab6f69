/// Finds when service was back: the start of the first five good exchanges in a row that nothing breaks within 60 s.
///
/// Exchanges are good or lost in the order in which they end, and a row starts when its first one ends: that is when a
/// client first had an answer again. Counting from when that client had asked was rejected, since one that waited ten
/// seconds for a provider to fall silent was not served for ten seconds.
package struct RecoveryRun: Sendable, Hashable {
    package static let goodInARow = 5
    package static let unbrokenNanoseconds = 60 * Span.second

    private var startedAt: Instant?
    private var good = 0
    /// Nothing breaks it any more.
    package private(set) var isFinal = false

    package init() {}

    /// Nil: not so far. Until it is final, a lost exchange takes it back.
    package var recoveredAt: Instant? { good >= Self.goodInARow ? startedAt : nil }

    package mutating func answered(now: Instant) {
        look(now: now)
        if startedAt == nil { startedAt = now }
        good = min(good + 1, Self.goodInARow)
    }

    package mutating func lost(now: Instant) {
        look(now: now)
        guard !isFinal else { return }
        startedAt = nil
        good = 0
    }

    package mutating func look(now: Instant) {
        guard let recoveredAt else { return }
        if now.nanoseconds(since: recoveredAt) > Self.unbrokenNanoseconds { isFinal = true }
    }
}
