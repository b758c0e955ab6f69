/// Which of the gateways that ask at once the control plane answers, and when the others are to come again: a token
/// bucket, so that a fleet that comes back after an outage does not become the next one.
///
/// Whoever is refused is told a wait by chance out of a window, and not the next free place: places that are kept for
/// gateways that never come are lost, and the window alone spreads what came together. What it does not know: how many
/// gateways there are. Where they are more than the rate can answer in a window, some are refused again, and the rate
/// holds all the same.
package struct PullAdmission: Sendable, Hashable {
    package struct Limits: Sendable, Hashable {
        /// Well over the 250 a second of 500 gateways that ask every two seconds.
        package var perSecond: Int64 = 400
        package var burst: Int64 = 100
        /// What the refused are told: this, and up to `spread` more.
        package var leastRetryNanoseconds = Span.second
        package var retrySpreadNanoseconds = 4 * Span.second

        package init() {}
    }

    package enum Answer: Sendable, Hashable {
        case admit
        case retryAfter(nanoseconds: Int64)
    }

    package let limits: Limits
    /// Nanoseconds' worth of tokens, so that all of it is integer arithmetic: a token is `cost` of them.
    private var saved: Int64
    private var filledAt: Instant

    private var cost: Int64 { Span.second / limits.perSecond }
    private var full: Int64 { cost * limits.burst }

    package init(_ limits: Limits = Limits(), now: Instant) {
        precondition(
            (1...1_000_000).contains(limits.perSecond) && (1...1_000_000).contains(limits.burst),
            "\(limits.perSecond) a second, burst \(limits.burst): both are 1 to a million, or nobody is ever admitted")
        self.limits = limits
        filledAt = now
        saved = 0
        saved = full
    }

    package mutating func arrive(now: Instant, random: inout SeededRandom) -> Answer {
        // A clock that went back fills nothing; one that leapt fills it up.
        let passed = min(max(now.nanoseconds(since: filledAt), 0), full)
        filledAt = max(filledAt, now)
        saved = min(saved + passed, full)
        guard saved >= cost else {
            let wait = limits.leastRetryNanoseconds + random.below(limits.retrySpreadNanoseconds + 1)
            return .retryAfter(nanoseconds: wait)
        }
        saved -= cost
        return .admit
    }
}
