/// Exchanges that wait until one deployment has room for them.
///
/// After "Fail at Scale" (Maurer, ACM Queue 13(8), 2015), which took it from CoDel (RFC 8289): a queue that empties again
/// and again takes up bursts, and whoever waits in it waits a little; a queue that has not been empty for 100 ms only
/// adds its length to everybody's wait, and there nobody waits longer than 5 ms. The newest is served first: its client
/// is the most likely to be there still, and under overload some are served quickly where in order of arrival all would
/// be served too late.
///
/// Both patiences are one sum: whoever entered at `since` may wait until 5 ms later, but at least until the queue has
/// not been empty for 100 ms. Nobody can have waited 100 ms in a queue that was empty within them.
///
/// Order among classes:
/// - Whoever is more critical is served first.
/// - When somebody's wait is over, everybody less critical is refused before them, however short they have waited. So no
///   exchange is ever refused by a queue that keeps a less critical one. That costs little: what the more critical
///   one did not get within its wait, the less critical one would not have got either.
/// - A full queue takes a more critical newcomer in and sends away the least critical, and of those the one that has
///   waited longest, since it would be served last.
///
/// The queue sets no timer: the caller sets one for `nextExpiry` and calls `expire`. Whoever is handed out, served or
/// refused, is out of the queue; each ticket is handed out once.
package struct AdmissionQueue: Sendable {
    package static let patienceNanoseconds = 100 * Span.millisecond
    package static let overloadedPatienceNanoseconds = 5 * Span.millisecond
    /// Ten thousand newcomers a second for the longest patience; 16 KiB a deployment at most, and a search through all of
    /// it, when a client leaves, stays within a few microseconds.
    package static let capacity = 1024

    package enum Entrance: Sendable, Hashable {
        case waits
        /// The other one's wait ended with this.
        case waitsInsteadOf(ticket: UInt64)
        case full
    }

    private struct Entry: Sendable {
        var ticket: UInt64
        var since: Instant
    }

    // The oldest first, each: served from the end, refused from the beginning.
    private var deferrable: [Entry] = []
    private var standard: [Entry] = []
    private var critical: [Entry] = []
    /// Since when it has not been empty; nil: it is.
    private var busySince: Instant?

    package init() {}

    package var count: Int {
        deferrable.count + standard.count + critical.count
    }

    package var isEmpty: Bool { busySince == nil }

    package func count(of criticality: Criticality) -> Int {
        switch criticality {
        case .deferrable: deferrable.count
        case .standard: standard.count
        case .critical: critical.count
        }
    }

    /// - Parameter ticket: of nobody else in this queue.
    package mutating func enter(ticket: UInt64, criticality: Criticality, now: Instant) -> Entrance {
        var entrance = Entrance.waits
        if count >= Self.capacity {
            guard let away = takeOldest(below: criticality) else { return .full }
            entrance = .waitsInsteadOf(ticket: away)
        }
        busySince = busySince ?? now
        switch criticality {
        case .deferrable: Self.append(ticket, to: &deferrable, now: now)
        case .standard: Self.append(ticket, to: &standard, now: now)
        case .critical: Self.append(ticket, to: &critical, now: now)
        }
        return entrance
    }

    /// There is room for one: who gets it. Those whose wait is over are refused first.
    ///
    /// - Parameters:
    ///   - least: what is less critical stays, where the room that is left is reserved.
    ///   - refused: gets the tickets of the refused at its end, the least critical first. The caller's, so that it can be
    ///     used again.
    package mutating func next(
        atLeast least: Criticality = .deferrable, now: Instant, refused: inout [UInt64]
    ) -> UInt64? {
        guard !isEmpty else { return nil }
        expire(now: now, refused: &refused)
        var served = critical.popLast()
        if served == nil, least <= .standard { served = standard.popLast() }
        if served == nil, least <= .deferrable { served = deferrable.popLast() }
        noteWhetherEmpty()
        return served?.ticket
    }

    /// The client is gone. False: the ticket is not here, it has been handed out before.
    @discardableResult
    package mutating func leave(ticket: UInt64) -> Bool {
        let isFound =
            Self.remove(ticket, from: &critical) || Self.remove(ticket, from: &standard)
            || Self.remove(ticket, from: &deferrable)
        noteWhetherEmpty()
        return isFound
    }

    /// When `expire` has somebody to refuse, if nobody is served or leaves before; nil: nobody waits.
    package var nextExpiry: Instant? {
        guard let busySince else { return nil }
        var oldest = Instant.distantFuture
        if let entry = deferrable.first { oldest = min(oldest, entry.since) }
        if let entry = standard.first { oldest = min(oldest, entry.since) }
        if let entry = critical.first { oldest = min(oldest, entry.since) }
        return Self.due(since: oldest, busySince: busySince)
    }

    /// Refuses whoever has waited too long, and everybody less critical than one of them.
    ///
    /// - Parameter refused: as for `next`.
    package mutating func expire(now: Instant, refused: inout [UInt64]) {
        guard let busySince, let nextExpiry, now >= nextExpiry else { return }
        let criticals = Self.overdue(critical, busySince: busySince, now: now)
        let standards = criticals > 0 ? standard.count : Self.overdue(standard, busySince: busySince, now: now)
        let deferrables =
            standards > 0 || criticals > 0
            ? deferrable.count : Self.overdue(deferrable, busySince: busySince, now: now)
        Self.take(deferrables, of: &deferrable, to: &refused)
        Self.take(standards, of: &standard, to: &refused)
        Self.take(criticals, of: &critical, to: &refused)
        noteWhetherEmpty()
    }

    private static func due(since: Instant, busySince: Instant) -> Instant {
        max(
            since.advanced(byNanoseconds: overloadedPatienceNanoseconds),
            busySince.advanced(byNanoseconds: patienceNanoseconds))
    }

    /// How many at the beginning have waited too long.
    private static func overdue(_ entries: [Entry], busySince: Instant, now: Instant) -> Int {
        entries.firstIndex { due(since: $0.since, busySince: busySince) > now } ?? entries.count
    }

    private static func take(_ count: Int, of entries: inout [Entry], to refused: inout [UInt64]) {
        for entry in entries.prefix(count) { refused.append(entry.ticket) }
        entries.removeFirst(count)
    }

    private static func append(_ ticket: UInt64, to entries: inout [Entry], now: Instant) {
        // Threads read the clock before they take the lock: an instant may be a little before the last one.
        entries.append(Entry(ticket: ticket, since: max(now, entries.last?.since ?? now)))
    }

    private static func remove(_ ticket: UInt64, from entries: inout [Entry]) -> Bool {
        guard let place = entries.lastIndex(where: { $0.ticket == ticket }) else { return false }
        entries.remove(at: place)
        return true
    }

    private mutating func takeOldest(below criticality: Criticality) -> UInt64? {
        if criticality > .deferrable, !deferrable.isEmpty { return deferrable.removeFirst().ticket }
        if criticality > .standard, !standard.isEmpty { return standard.removeFirst().ticket }
        return nil
    }

    private mutating func noteWhetherEmpty() {
        if count == 0 { busySince = nil }
    }
}
