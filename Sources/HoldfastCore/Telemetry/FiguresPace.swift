/// When a gateway says with its report what goes through it: at first, once a minute, and whenever it was told that
/// somebody looks on.
package struct FiguresPace: Sendable, Hashable {
    package static let restNanoseconds = Span.minute

    private var isWatched = false
    private var saidAt: Instant?
    private var refusedAt: Instant?

    package init() {}

    package func isDue(now: Instant) -> Bool {
        if let refusedAt, now.nanoseconds(since: refusedAt) < Self.restNanoseconds { return false }
        guard let saidAt else { return true }
        return isWatched || now.nanoseconds(since: saidAt) >= Self.restNanoseconds
    }

    /// A report was taken.
    ///
    /// - Parameter isWatched: the answer asks for more.
    package mutating func reported(withFigures: Bool, isWatched: Bool, now: Instant) {
        self.isWatched = isWatched
        if withFigures { (saidAt, refusedAt) = (now, nil) }
    }

    /// A report with figures was refused, perhaps for them. What a gateway is to have in force matters more than what it has
    /// to tell, so it asks without them for a while.
    package mutating func refused(now: Instant) { refusedAt = now }
}

/// Whether gateways are to tell all that they can: while somebody looks on, and no more of them at a time than can be read.
package struct Audience: Sendable, Hashable {
    /// Whoever looks on asks again within this.
    package static let spanNanoseconds = 15 * Span.second
    /// Reports with figures in a second, of all gateways: beyond fifty they take turns, and what is shown of one is older.
    package static let reportsPerSecond: Int64 = 25

    private var lookedAt: Instant?

    package init() {}

    package mutating func look(now: Instant) { lookedAt = now }

    package func isThere(now: Instant) -> Bool {
        lookedAt.map { now.nanoseconds(since: $0) < Self.spanNanoseconds } ?? false
    }

    /// Whether the next report of one gateway is to have them.
    ///
    /// - Parameters:
    ///   - age: of those that it sent last; nil: it never did.
    ///   - gateways: that report.
    package func wantsFigures(ageNanoseconds age: Int64?, gateways: Int, now: Instant) -> Bool {
        guard isThere(now: now) else { return false }
        guard let age else { return true }
        let turn = Int64(gateways) * Span.second / Self.reportsPerSecond
        return age.addingReportingOverflow(PullSchedule.intervalNanoseconds).partialValue >= turn
    }
}
