/// Bounds hedges by the exchanges they are made for: one for each twenty, the 5 % of Dean and Barroso, "The Tail at
/// Scale" (2013), so that a deployment that turns slow as a whole is not asked twice for everything.
///
/// Each exchange earns a twentieth of a hedge, and each twentieth is spent once, the oldest first; so hedges never exceed
/// a twentieth of all exchanges so far. What was earned is good for ten seconds, so that a busy hour pays for no storm in
/// the next. Of what is older one hedge is kept: a route with an exchange a minute would otherwise never have one, and
/// this way has at most one in twenty, like all others. There is no floor in time, unlike `RetryBudget`'s one a second:
/// that would let such a route hedge each of its exchanges.
///
/// Over any span, hedges × 20 ≤ exchanges of that span and of the ten seconds before it, + 20.
package struct HedgeBudget: Sendable {
    package static let exchangesPerHedge: Int64 = 20
    package static let windowSeconds: Int64 = 10

    /// A second each; the newest overwrites the oldest.
    private var seconds = InlineArray<10, Second>(repeating: Second())
    /// Twentieths from before the window, at most one hedge's worth.
    private var carried: Int64 = 0

    private struct Second: Sendable {
        var second: Int64 = -1
        /// Twentieths of a hedge that are not spent.
        var earned: Int64 = 0
    }

    package init() {}

    /// An exchange began. Its hedge is none.
    package mutating func exchanged(now: Instant) {
        let second = Self.second(now)
        let place = Int(second % Self.windowSeconds)
        if seconds[place].second != second {
            carry(place)
            seconds[place].second = second
        }
        seconds[place].earned += 1
    }

    /// Takes one hedge out of the budget; false: not enough was earned.
    package mutating func takeHedge(now: Instant) -> Bool {
        let newest = Self.second(now)
        var saved: Int64 = 0
        for place in seconds.indices {
            if seconds[place].second <= newest - Self.windowSeconds { carry(place) }
            saved += seconds[place].earned
        }
        guard saved + carried >= Self.exchangesPerHedge else { return false }
        var due = Self.exchangesPerHedge
        Self.pay(&due, from: &carried)
        for age in stride(from: Self.windowSeconds - 1, through: 0, by: -1) {
            Self.pay(&due, from: &seconds[Int((newest + Self.windowSeconds - age) % Self.windowSeconds)].earned)
        }
        return true
    }

    /// What was earned in a second that is over for good.
    private mutating func carry(_ place: Int) {
        carried = min(carried + seconds[place].earned, Self.exchangesPerHedge)
        seconds[place].earned = 0
    }

    private static func pay(_ due: inout Int64, from saved: inout Int64) {
        let paid = min(due, saved)
        due -= paid
        saved -= paid
    }

    private static func second(_ now: Instant) -> Int64 {
        now.nanoseconds / Span.second
    }
}
