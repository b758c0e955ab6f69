/// Bounds second tries at one deployment by what it is asked in the first place, so that a deployment in trouble is not
/// asked twice as much as one that is well.
///
/// After Finagle's retry budget: over ten seconds, one second try for each ten attempts, and one a second however quiet
/// it is. Failover draws on nothing here: a dead primary under load could not be masked otherwise.
package struct RetryBudget: Sendable {
    package static let windowSeconds: Int64 = 10
    package static let attemptsPerRetry: Int64 = 10
    package static let leastPerSecond: Int64 = 1

    /// A second each; the newest overwrites the oldest.
    private var seconds = InlineArray<10, Second>(repeating: Second())

    private struct Second: Sendable {
        var second: Int64 = -1
        var attempts: Int64 = 0
        var retries: Int64 = 0
    }

    package init() {}

    package mutating func attempted(now: Instant) {
        seconds[place(now)].attempts += 1
    }

    /// Takes one second try out of the budget; false: it is used up.
    package mutating func takeRetry(now: Instant) -> Bool {
        let place = place(now)
        let oldest = second(now) - Self.windowSeconds + 1
        var (attempts, retries): (Int64, Int64) = (0, 0)
        for index in seconds.indices where seconds[index].second >= oldest {
            attempts += seconds[index].attempts
            retries += seconds[index].retries
        }
        // The second tries that were made are among the attempts, and earn nothing.
        let budget = Self.leastPerSecond * Self.windowSeconds + max(attempts - retries, 0) / Self.attemptsPerRetry
        guard retries < budget else { return false }
        seconds[place].retries += 1
        return true
    }

    private func second(_ now: Instant) -> Int64 {
        now.nanoseconds / Span.second
    }

    private mutating func place(_ now: Instant) -> Int {
        let second = second(now)
        let place = Int(second % Self.windowSeconds)
        if seconds[place].second != second { seconds[place] = Second(second: second) }
        return place
    }
}
