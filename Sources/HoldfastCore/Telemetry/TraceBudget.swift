/// How many exchanges are traced in a second, where more run than that. What it lets through is spread over the second,
/// after one second's worth at once.
///
/// A generic cell rate algorithm (ITU-T I.371, annex A): one instant is all that it keeps. It is asked when an exchange
/// begins, since providers are told then whether their spans are wanted.
package struct TraceBudget: Sendable {
    private let intervalNanoseconds: Int64
    /// When all that was let through would have been let through evenly.
    private var evenAt = Instant(nanoseconds: 0)

    /// - Parameters:
    ///   - perSecond: of all shares together.
    ///   - shares: among which it is divided; one gets at least one a second.
    package init(perSecond: Int, shares: Int = 1) {
        precondition(perSecond > 0 && shares > 0, "\(perSecond) a second over \(shares) shares is no rate")
        intervalNanoseconds = Span.second / Int64(max(perSecond / shares, 1))
    }

    package mutating func take(now: Instant) -> Bool {
        let next = max(evenAt, now).advanced(byNanoseconds: intervalNanoseconds)
        guard next.nanoseconds(since: now) <= Span.second else { return false }
        evenAt = next
        return true
    }
}
