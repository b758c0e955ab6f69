/// What an exchange asks of the state that it shares with others: may this candidate be tried, and here is how it went.
///
/// In production the implementation takes one short lock per deployment; in the simulator it is a plain value. Every
/// permit that is given out comes back through `settle` exactly once: at the end of its attempt, or earlier where a
/// streamed probe has proven itself.
package protocol CandidateGate {
    /// - Parameters:
    ///   - candidate: index into the route's candidates.
    ///   - defersProbe: leave a half-open breaker's probe to a less critical exchange.
    mutating func admit(
        candidate: Int, defersProbe: Bool, now: Instant, random: inout SeededRandom
    ) -> Breaker.Decision
    mutating func admitDespiteSlowStart(candidate: Int) -> Breaker.Permit?
    mutating func admitLastResort(candidate: Int, now: Instant) -> Breaker.Permit?
    mutating func settle(
        candidate: Int, permit: Breaker.Permit, outcome: AttemptOutcome, now: Instant, random: inout SeededRandom)
}
