/// Answers that are held, continued or asked for twice.
extension ExchangeMachine {
    mutating func holdFilled() -> ExchangeStep {
        guard isHolding, case .receiving(let flight) = phase, flight.hasBegun else { return ExchangeStep(.none) }
        hasOutgrownHold = true
        heartbeatAt = nil
        phase = .committed(flight)
        return ExchangeStep(.forward)
    }

    mutating func expectHeartbeat(now: Instant) {
        heartbeatAt = plan.heartbeatNanoseconds.map { now.advanced(byNanoseconds: $0) }
    }

    mutating func hedge<Gate: CandidateGate>(now: Instant, gate: inout Gate) -> ExchangeStep {
        hedgeAt = nil
        guard attemptsLeft > 0, gate.takeHedge(now: now) else { return ExchangeStep(.none) }
        hasHedged = true
        return ExchangeStep(.hedge)
    }

    /// Asks a candidate that does not take a begun answer for the whole one, where a second try may be had.
    mutating func preferRepeating<Gate: CandidateGate>(_ candidate: Int, now: Instant, gate: inout Gate) {
        candidates.refusesPrefill(candidate)
        guard retriesLeft > 0, gate.takeRetry(candidate: candidate, now: now) else { return }
        retriesLeft -= 1
        preferred = candidate
    }

    /// Candidates that were asked or would be in vain, a bit each.
    package var asked: UInt64 { candidates.asked }

    package var attemptsLeft: Int { max(attemptsAllowed - attempts.count, 0) }

    /// Another run of the same exchange is over, or gives way to this one: what it was told is known here too. What a
    /// provider said of the request itself does not take away an attempt that is under way, which without a hedge would
    /// have been all there is; it is the last word once that has failed.
    package mutating func learn(from other: ExchangeMachine) {
        candidates.learn(from: other.candidates)
        if other.isFinished, let failure = other.lastFailure, failure.policy.moveOn == .never { lastWord = failure }
    }

    /// A hedge has won, or is all that is left: it goes on where the other run was.
    package mutating func takeOver(from other: ExchangeMachine) {
        learn(from: other)
        takeOver(attemptsLeft: other.attemptsLeft)
    }

    /// A hedge has won, or is all that is left: what the other run had left is now its own.
    package mutating func takeOver(attemptsLeft: Int) {
        attemptsAllowed = attempts.count + attemptsLeft
    }
}
