/// What an exchange teaches of how long first tokens take.
extension ExchangeMachine {
    /// A silence counts as long as it was waited for: what is never seen to end would otherwise never be learnt. Where the
    /// client gave up and not we, it counts only if it was as long as what is usual, which is known to a quarter; who
    /// leaves early says nothing.
    func isSilence<Gate: CandidateGate>(
        _ flight: Flight, _ failure: FailureClass?, now: Instant, gate: Gate
    ) -> Bool {
        guard !flight.hasBegun, failure == .silent || failure == .neutral else { return false }
        if case .connecting = phase { return false }
        if failure == .silent, !flight.isCutShort, now < deadline { return true }
        let usual = gate.pace(candidate: flight.candidate, now: now).medianFirstTokenNanoseconds ?? .max
        return now.nanoseconds(since: flight.startedAt) >= usual - usual / 5
    }

    /// An answer that was begun elsewhere says little of how fast another begins.
    func observe<Gate: CandidateGate>(_ flight: Flight, now: Instant, gate: inout Gate) {
        guard plan.isStream, attempts.last?.continuation == nil else { return }
        gate.observe(
            candidate: flight.candidate, firstTokenNanoseconds: now.nanoseconds(since: flight.startedAt), now: now)
    }
}
