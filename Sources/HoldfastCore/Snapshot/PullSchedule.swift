/// When a gateway asks the control plane for its snapshot next, and whether what it has is old.
///
/// It asks often and briefly instead of holding a connection open: what is asked again every two seconds finds a control
/// plane that moved, and needs nobody to notice a connection that died in silence. Chance is in every wait, since what
/// hundreds of gateways do at once (a start, an outage, its end) they would do at once for ever.
package struct PullSchedule: Sendable, Hashable {
    package static let intervalNanoseconds = 2 * Span.second
    /// While it has something to tell of a drill, which somebody watches second by second.
    package static let watchedIntervalNanoseconds = Span.second
    /// A fifth more or less; a tenth while it is watched.
    package static let jitterDivisor: Int64 = 5
    package static let longestBackoffNanoseconds = 30 * Span.second
    /// Full jitter may draw nothing at all, and a refused connection costs nobody enough to slow down by itself.
    package static let shortestBackoffNanoseconds = 200 * Span.millisecond
    /// What is asked for is obeyed up to here; beyond it somebody made a mistake that must not last.
    package static let longestObeyedNanoseconds = 5 * Span.minute
    /// `Retry-After` has whole seconds, so those who were told different instants were told the same one.
    package static let obeyedJitterNanoseconds = Span.second
    /// Fifteen pulls. The configuration is no worse for it; what is worse is that nobody can change it.
    package static let staleNanoseconds = 30 * Span.second

    /// To be asked then, and not before.
    package private(set) var nextAt: Instant
    /// In a row.
    package private(set) var failures = 0
    /// When the control plane last confirmed what is in force; before the first time, the start.
    private var confirmedAt: Instant

    package init(now: Instant) {
        nextAt = now
        confirmedAt = now
    }

    /// It answered: with a snapshot, or that there is none newer. A refusal to be repeated later is a failure.
    package mutating func succeeded(isWatched: Bool = false, now: Instant, random: inout SeededRandom) {
        failures = 0
        confirmedAt = now
        let interval = isWatched ? Self.watchedIntervalNanoseconds : Self.intervalNanoseconds
        let jitter = interval / (isWatched ? 2 : 1) / Self.jitterDivisor
        nextAt = now.advanced(byNanoseconds: interval - jitter + random.below(2 * jitter + 1))
    }

    /// - Parameter retryAfterNanoseconds: what it asked for, if it asked.
    package mutating func failed(retryAfterNanoseconds: Int64? = nil, now: Instant, random: inout SeededRandom) {
        failures += 1
        if let asked = retryAfterNanoseconds {
            let obeyed = min(max(asked, 0), Self.longestObeyedNanoseconds)
            nextAt = now.advanced(byNanoseconds: obeyed + random.below(Self.obeyedJitterNanoseconds + 1))
            return
        }
        // Full jitter: see `Backoff`.
        let doubled = Self.intervalNanoseconds << Int64(min(failures, 10))
        let longest = min(doubled, Self.longestBackoffNanoseconds)
        let least = Self.shortestBackoffNanoseconds
        nextAt = now.advanced(byNanoseconds: least + random.below(longest - least + 1))
    }

    /// Answers say `stale-config` from here on.
    package func isStale(now: Instant) -> Bool {
        now.nanoseconds(since: confirmedAt) >= Self.staleNanoseconds
    }
}
