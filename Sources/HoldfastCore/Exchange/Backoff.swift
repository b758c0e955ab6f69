/// Waits between attempts at the same deployment: full jitter, so that clients that failed together do not come back
/// together ("Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
package enum Backoff {
    package static let baseNanoseconds = 100 * Span.millisecond
    package static let capNanoseconds = 5 * Span.second

    /// - Parameter retry: 0 for the first retry.
    package static func wait(retry: Int, random: inout SeededRandom) -> Int64 {
        random.below(min(capNanoseconds, baseNanoseconds << Int64(min(max(retry, 0), 10))) + 1)
    }

    /// The wait before trying again where a provider asked for `retryAfter`: a floor plus up to 20 %, because many
    /// callers were told the same instant. Nil: too long to wait for, move on.
    package static func wait(
        retryAfterNanoseconds floor: Int64, timeLeftNanoseconds: Int64, random: inout SeededRandom
    ) -> Int64? {
        guard floor >= 0, floor <= min(capNanoseconds, timeLeftNanoseconds / 3) else { return nil }
        return told(nanoseconds: floor, random: &random)
    }

    /// What a client is told to wait: the same floor and spread, for the same reason.
    package static func told(nanoseconds floor: Int64, random: inout SeededRandom) -> Int64 {
        let floor = min(floor, Int64.max / 2)
        return floor + random.below(floor / 5 + 1)
    }
}
