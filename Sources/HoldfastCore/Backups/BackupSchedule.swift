/// When the management plane makes a backup by itself: once a day, and soon where none was ever restored on trial.
///
/// It waits on the monotonic clock, so that a wall clock that jumps makes neither a flood of backups nor a gap. The wall
/// clock is asked once, at the start, for how old the last good one is; a time in the future says nothing, and then one is
/// due. What it does not know: whether the disk has room. A failure is tried again, and seldom enough to be no load.
package struct BackupSchedule: Sendable, Hashable {
    package static let intervalNanoseconds = Span.day
    /// The start has better things to do.
    package static let soonNanoseconds = 30 * Span.second
    package static let firstRetryNanoseconds = 10 * Span.minute
    package static let longestRetryNanoseconds = 6 * Span.hour

    package private(set) var nextAt: Instant
    /// In a row.
    private var failures: Int64 = 0

    /// - Parameters:
    ///   - lastVerifiedMilliseconds: wall clock; nil: no backup was ever restored on trial.
    ///   - nowMilliseconds: wall clock.
    package init(lastVerifiedMilliseconds: Int64?, nowMilliseconds: Int64, now: Instant) {
        let interval = Self.intervalNanoseconds / Span.millisecond
        var wait = Self.soonNanoseconds
        if let last = lastVerifiedMilliseconds {
            let (age, overflow) = nowMilliseconds.subtractingReportingOverflow(last)
            if !overflow, 0..<interval ~= age { wait = max(wait, (interval - age) * Span.millisecond) }
        }
        nextAt = now.advanced(byNanoseconds: wait)
    }

    package func isDue(now: Instant) -> Bool { now >= nextAt }

    /// One was made and restored on trial, by itself or because somebody asked.
    package mutating func succeeded(now: Instant) {
        failures = 0
        nextAt = now.advanced(byNanoseconds: Self.intervalNanoseconds)
    }

    package mutating func failed(now: Instant) {
        let wait = Self.firstRetryNanoseconds << min(failures, 10)
        failures += 1
        nextAt = now.advanced(byNanoseconds: min(wait, Self.longestRetryNanoseconds))
    }
}

/// Which backups are removed, and for how long a trial restore says something.
package enum BackupRetention {
    /// A week of daily ones.
    package static let most = 7
    /// Disks rot: what was read a month ago may not be readable now.
    package static let freshMilliseconds: Int64 = 30 * 86_400_000

    /// Those beyond the newest, the oldest first; never the last that is known to be good.
    ///
    /// - Parameters:
    ///   - ids: the newest first.
    ///   - lastVerified: nil: none is known to be good. The one that may be is as likely an old one, so as many of the
    ///     oldest stay too.
    package static func surplus(of ids: [String], lastVerified: String?) -> [String] {
        guard let lastVerified, ids.contains(lastVerified) else {
            return ids.dropFirst(most).dropLast(most).reversed()
        }
        return ids.dropFirst(most).reversed().filter { $0 != lastVerified }
    }

    /// - Parameter checkedMilliseconds: when it was restored on trial. A time in the future is one of a clock that jumped,
    ///   and counts as now.
    package static func isFresh(checkedMilliseconds: Int64, nowMilliseconds: Int64) -> Bool {
        age(of: checkedMilliseconds, nowMilliseconds: nowMilliseconds) <= freshMilliseconds
    }

    /// Milliseconds, never negative.
    package static func age(of milliseconds: Int64, nowMilliseconds: Int64) -> Int64 {
        let (age, overflow) = nowMilliseconds.subtractingReportingOverflow(milliseconds)
        return overflow ? (nowMilliseconds > milliseconds ? .max : 0) : max(age, 0)
    }
}
