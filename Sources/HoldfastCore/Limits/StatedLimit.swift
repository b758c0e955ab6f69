/// What the headers of one answer say about one dimension.
package struct StatedLimit: Sendable, Hashable {
    package var dimension: LimitDimension
    package var limit: Int64?
    package var remaining: Int64
    /// Until all of it is there again, from when the headers came.
    package var resetNanoseconds: Int64?

    package init(dimension: LimitDimension, limit: Int64?, remaining: Int64, resetNanoseconds: Int64?) {
        self.dimension = dimension
        self.limit = limit
        self.remaining = remaining
        self.resetNanoseconds = resetNanoseconds
    }
}

/// The newest statement about one dimension, kept up with what was sent since.
///
/// Between the answer and the reset the room is taken to come back evenly. OpenAI states the time until the limit is
/// full again and Anthropic refills a token bucket without a pause: as a step at its end, a deployment that could be
/// used again in a second would be left alone for a minute. At a provider that does step this is too hopeful: the
/// attempt that finds out is answered 429 and the suspension waits as long as that asks.
struct LimitStatement: Sendable {
    /// Of limits without a reset: both families count by the minute. Without an end a low statement would keep away the
    /// very traffic that could replace it.
    static let unknownResetNanoseconds = 1 * Span.minute
    /// Some resets are in whole seconds of another clock, and may be over before they are read.
    static let shortestResetNanoseconds = 1 * Span.second
    /// Like a limit that was run into, a stated one is looked at again after an hour.
    static let longestNanoseconds = Suspension.longestAskedNanoseconds
    /// Above every limit there is; sums of a few such numbers stay inside 64 bits.
    static let most: Int64 = 1 << 50

    let dimension: LimitDimension
    /// The attempt whose answer said so, in the order of sending.
    let sequence: Int64
    let forgottenAt: Instant
    private let limit: Int64?
    private let remaining: Int64
    private let notedAt: Instant
    private let spanNanoseconds: Int64
    /// Sent since, as far as is known not in `remaining`.
    private var spent: Int64

    /// - Parameter spent: sent after the attempt that was answered. The provider may have counted some of it already;
    ///   which, nobody can know.
    init(_ stated: StatedLimit, sequence: Int64, spent: Int64, now: Instant) {
        dimension = stated.dimension
        self.sequence = sequence
        let limit = stated.limit.flatMap { $0 > 0 ? min($0, Self.most) : nil }
        self.limit = limit
        remaining = min(max(stated.remaining, 0), limit ?? Self.most)
        notedAt = now
        spanNanoseconds = max(stated.resetNanoseconds ?? Self.unknownResetNanoseconds, Self.shortestResetNanoseconds)
        forgottenAt = now.advanced(byNanoseconds: min(spanNanoseconds, Self.longestNanoseconds))
        self.spent = min(max(spent, 0), Self.most)
    }

    func verdict(need: LimitNeed, keepsReserve: Bool, now: Instant) -> LimitVerdict {
        let amount = need.amount(dimension)
        // What takes nothing of a dimension is not kept away by it.
        guard amount > 0 else { return .open }
        let demand = LimitDemand(need: amount, limit: limit, keepsReserve: keepsReserve)
        return demand.verdict(room: room(now: now)) { instant(whenRoom: $0) }
    }

    mutating func spend(_ amount: Int64) {
        spent = min(max(spent + amount, 0), Self.most)
    }

    /// An answer to an earlier attempt says that less remains.
    mutating func lower(to remaining: Int64, now: Instant) {
        spend(max(room(now: now) - max(remaining, 0), 0))
    }

    private func room(now: Instant) -> Int64 {
        remaining + refilled(now: now) - spent
    }

    private func refilled(now: Instant) -> Int64 {
        guard let limit else { return 0 }
        let elapsed = min(max(now.nanoseconds(since: notedAt), 0), spanNanoseconds)
        return Self.part(limit - remaining, elapsed, of: spanNanoseconds)
    }

    private func instant(whenRoom room: Int64) -> Instant {
        let missing = room + spent - remaining
        guard let limit, missing < limit - remaining else { return forgottenAt }
        // A nanosecond more than the rounded-down quotient is not too early.
        let wait = Self.part(spanNanoseconds, max(missing, 0), of: limit - remaining) + 1
        return min(notedAt.advanced(byNanoseconds: wait), forgottenAt)
    }

    /// `whole · part / of`, rounded down. Tokens times nanoseconds need more than 64 bits.
    private static func part(_ whole: Int64, _ part: Int64, of: Int64) -> Int64 {
        assert(whole >= 0 && part >= 0 && part <= of, "\(part) of \(of) is not a part: the quotient may not fit")
        return of.dividingFullWidth(whole.multipliedFullWidth(by: part)).quotient
    }
}
