/// Who is asked next.
extension ExchangeMachine {
    /// Times that one exchange waits for a limit to end; more would queue behind whoever else waits for it.
    private static let mostWaitsForLimits = 2

    /// What going once through the candidates found.
    private struct Round {
        var slowStarting: UInt64 = 0
        var probing: UInt64 = 0
        var leastBad: (candidate: Int, until: Instant)?
        /// The first to be within its provider's limits again.
        var limited: (candidate: Int, until: Instant)?
        var scarce: UInt64 = 0
        /// The most preferred of those that are busy.
        var busy: Int?
    }

    /// The first candidate that was not tried and is admitted; else one that slow start held back, a probe that was left
    /// to others, a second try at one that failed transiently, one whose limit ends soon, or a last resort; else the
    /// end.
    mutating func tryNext<Gate: CandidateGate>(
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        guard lastWord == nil, attempts.count < attemptsAllowed else { return giveUp(now: now, random: &random) }
        let defersProbe = plan.criticality == .critical && plan.candidates > 1
        var round = Round()
        candidates.beginRound()
        if let preferred {
            self.preferred = nil
            if let step = ask(preferred, defersProbe, &round, now: now, gate: &gate, random: &random) { return step }
        }
        let (first, then) = candidates.fresh
        for candidate in order.places(of: first) {
            // A provider may keep a model for longer than it said: it is asked after all others.
            let isRetired = plan.retired & .bit(candidate) != 0
            if isRetired { exclude(candidate, .retired, now: now) }
            guard let asked = isRetired ? candidates.replacement(of: candidate) : candidate else { continue }
            if let step = ask(asked, defersProbe, &round, now: now, gate: &gate, random: &random) { return step }
        }
        for candidate in order.places(of: then | first & plan.retired) {
            if let step = ask(candidate, defersProbe, &round, now: now, gate: &gate, random: &random) { return step }
        }
        for candidate in order.places(of: round.scarce) {
            if let step = ask(
                candidate, defersProbe, &round, mayUseScarce: true, now: now, gate: &gate, random: &random)
            {
                return step
            }
        }
        for candidate in round.slowStarting.places {
            if let permit = gate.admitDespiteSlowStart(candidate: candidate, now: now) {
                return send(candidate, permit, now: now, gate: gate)
            }
        }
        // Leaving the probe to a less critical exchange is a courtesy among candidates; here nobody else is left.
        for candidate in round.probing.places where defersProbe {
            if case .admitted(let permit) = gate.admit(
                candidate: candidate, defersProbe: false, mayUseScarce: true, now: now, random: &random)
            {
                return send(candidate, permit, now: now, gate: gate)
            }
        }
        if let busy = round.busy, let step = waitForSlot(busy, now: now, gate: &gate) { return step }
        if let step = waitForSecondTry(now: now, gate: &gate, random: &random) {
            return step
        }
        if let step = waitForLimit(round.limited, now: now, random: &random) {
            return step
        }
        return lastResort(leastBad: round.leastBad?.candidate, now: now, gate: &gate, random: &random)
    }

    /// Drawn once, so that whatever fails meanwhile the exchange never goes back and forth.
    mutating func drawOrder<Gate: CandidateGate>(now: Instant, gate: Gate, random: inout SeededRandom) {
        let facts = plan.facts
        guard plan.candidates > 1, !facts.isEmpty else { return }
        switch plan.strategy {
        case .ordered: break
        case .weighted:
            order = .weighted(among: candidates.ordinary, random: &random) { facts[$0].weight }
        case .fastest:
            order = .fastest(among: candidates.ordinary, random: &random) { gate.pace(candidate: $0, now: now) }
        case .cheapest:
            order = .cheapest(among: candidates.ordinary, need: plan.need) { facts[$0].price }
        }
    }

    /// Sends to the candidate where it is admitted, or to the one that replaces it; else notes why not.
    private mutating func ask<Gate: CandidateGate>(
        _ candidate: Int, _ defersProbe: Bool, _ round: inout Round, mayUseScarce: Bool = false, now: Instant,
        gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep? {
        // The first attempt is made whatever the odds; another one that will hardly be in time only costs money.
        if plan.isStream, !attempts.isEmpty,
            let median = gate.pace(candidate: candidate, now: now).medianFirstTokenNanoseconds,
            deadline.nanoseconds(since: now) < median
        {
            candidates.isUnfit(candidate)
            exclude(candidate, .tooSlow, now: now)
            return nil
        }
        switch gate.admit(
            candidate: candidate, defersProbe: defersProbe, mayUseScarce: mayUseScarce, now: now, random: &random)
        {
        case .admitted(let permit):
            return send(candidate, permit, now: now, gate: gate)
        case .refused(let refusal):
            exclude(candidate, .refused(refusal), now: now)
            note(refusal, of: candidate, &round, now: now)
            guard case .suspended(let facts) = refusal, facts.failure == .modelGone,
                let replacement = candidates.replacement(of: candidate)
            else { return nil }
            return ask(replacement, defersProbe, &round, now: now, gate: &gate, random: &random)
        }
    }

    private mutating func note(_ refusal: CandidateRefusal, of candidate: Int, _ round: inout Round, now: Instant) {
        switch refusal {
        case .breaker(.slowStart):
            round.slowStarting |= .bit(candidate)
        case .breaker(.open(let until)):
            candidates.isShut(candidate)
            note(until)
            if until < round.leastBad?.until ?? .distantFuture { round.leastBad = (candidate, until) }
        case .breaker(.probing):
            candidates.isShut(candidate)
            round.probing |= .bit(candidate)
            note(now.advanced(byNanoseconds: Span.second))
            if now < round.leastBad?.until ?? .distantFuture { round.leastBad = (candidate, now) }
        case .busy:
            candidates.isUnfit(candidate)
            if round.busy == nil { round.busy = candidate }
        case .throttled:
            candidates.isUnfit(candidate)
            note(now.advanced(byNanoseconds: Span.second))
        case .scarce:
            round.scarce |= .bit(candidate)
        case .limited(let until):
            candidates.isOut(candidate, for: .rateLimit)
            note(until)
            if until < round.limited?.until ?? .distantFuture { round.limited = (candidate, until) }
        case .suspended(let facts):
            candidates.isOut(candidate, for: facts.failure)
            if let until = facts.until { note(until) }
            if facts.failure == .rateLimit, let until = facts.until, until < round.limited?.until ?? .distantFuture {
                round.limited = (candidate, until)
            }
        }
    }

    /// Where all who could answer are busy, one of them will have answered somebody soon.
    private mutating func waitForSlot<Gate: CandidateGate>(
        _ candidate: Int, now: Instant, gate: inout Gate
    ) -> ExchangeStep? {
        guard !hasQueued, case .until(let expiresAt) = gate.waitForSlot(candidate: candidate, now: now) else {
            note(now.advanced(byNanoseconds: Span.second))
            return nil
        }
        phase = .queued(candidate: candidate, expiresAt: expiresAt)
        return ExchangeStep(.none)
    }

    /// Where all that could answer has told when it will, and that is soon, a client is better served by waiting.
    private mutating func waitForLimit(
        _ limited: (candidate: Int, until: Instant)?, now: Instant, random: inout SeededRandom
    ) -> ExchangeStep? {
        guard let limited, waitsForLimits < Self.mostWaitsForLimits,
            let wait = Backoff.wait(
                retryAfterNanoseconds: max(limited.until.nanoseconds(since: now), 0),
                timeLeftNanoseconds: deadline.nanoseconds(since: now), random: &random)
        else { return nil }
        waitsForLimits += 1
        phase = .waiting(candidate: limited.candidate, until: now.advanced(byNanoseconds: wait))
        return ExchangeStep(.none)
    }

    private mutating func waitForSecondTry<Gate: CandidateGate>(
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep? {
        guard retriesLeft > 0, let (candidate, notBefore) = secondTry, candidates.mayAskAgain(candidate) else {
            return nil
        }
        let backoff = now.advanced(byNanoseconds: Backoff.wait(retry: retriesDone, random: &random))
        let until = max(notBefore, backoff)
        // Sleeping into the deadline would only delay the refusal.
        guard until < deadline, gate.takeRetry(candidate: candidate, now: now) else { return nil }
        return waitForRetry(candidate, until: until, cancels: false)
    }

    mutating func waitForRetry(_ candidate: Int, until: Instant, cancels: Bool) -> ExchangeStep {
        retriesLeft -= 1
        retriesDone += 1
        if secondTry?.candidate == candidate { secondTry = nil }
        phase = .waiting(candidate: candidate, until: until)
        return ExchangeStep(cancelsAttempt: cancels, .none)
    }

    private mutating func lastResort<Gate: CandidateGate>(
        leastBad: Int?, now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        if let leastBad, let permit = gate.admitLastResort(candidate: leastBad, now: now) {
            usedLastResort = true
            return send(leastBad, permit, now: now, gate: gate)
        }
        for candidate in candidates.lastResorts.places where candidate != leastBad {
            if let permit = gate.admitLastResort(candidate: candidate, now: now) {
                usedLastResort = true
                return send(candidate, permit, now: now, gate: gate)
            }
        }
        return giveUp(now: now, random: &random)
    }

    mutating func tryAgain<Gate: CandidateGate>(
        _ candidate: Int, now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        guard lastWord == nil else { return giveUp(now: now, random: &random) }
        var round = Round()
        if let step = ask(candidate, false, &round, mayUseScarce: true, now: now, gate: &gate, random: &random) {
            return step
        }
        if round.slowStarting != 0, let permit = gate.admitDespiteSlowStart(candidate: candidate, now: now) {
            return send(candidate, permit, now: now, gate: gate)
        }
        return tryNext(now: now, gate: &gate, random: &random)
    }

    private mutating func send<Gate: CandidateGate>(
        _ candidate: Int, _ permit: AttemptPermit, now: Instant, gate: Gate
    ) -> ExchangeStep {
        candidates.willTry(candidate)
        isFailover = candidate != order.next(of: candidates.ordinary & ~plan.unlawful)
        var attempt = AttemptRecord(candidate: candidate, startedAt: now)
        if interruption != nil { attempt.continuation = candidates.prefills(candidate) ? .prefilled : .repeated }
        attempts.append(attempt)
        let hasOthers = attempts.count < attemptsAllowed && candidates.hasOthers
        var flight = Flight(
            candidate: candidate, permit: permit, startedAt: now,
            limitAt: now.advanced(byNanoseconds: plan.limits.connectNanoseconds), isLast: !hasOthers)
        if plan.isStream, hasOthers, plan.limits.learnsFirstToken || plan.hedges {
            let pace = gate.pace(candidate: candidate, now: now)
            if plan.limits.learnsFirstToken {
                flight.learntNanoseconds = FirstTokenLatency.firstTokenLimit(
                    learntP99: pace.p99FirstTokenNanoseconds, most: plan.limits.withOthers.firstTokenNanoseconds)
            }
            if plan.hedges, !hasHedged, interruption == nil, let late = pace.p95FirstTokenNanoseconds {
                hedgeAt = now.advanced(byNanoseconds: late)
            }
        }
        phase = .connecting(flight)
        return ExchangeStep(.sendAttempt(candidate: candidate))
    }

    private mutating func giveUp(now: Instant, random: inout SeededRandom) -> ExchangeStep {
        if let lastWord { return finish(.refused(.upstreamAnswer(lastWord))) }
        if candidates.noneIsLawful { return finish(.refused(.noneLawful)) }
        // Nobody with a larger context is left, and the client can mend that better than another try.
        if lastFailure == .tooLong { return finish(.refused(.upstreamAnswer(.tooLong))) }
        if let lastFailure, !onlyBusyFailures {
            return finish(.refused(.everyCandidateFailed(lastFailure)))
        }
        let wait = soonestRetry.map { max($0.nanoseconds(since: now), 0) } ?? Span.second
        return finish(
            .refused(.noneAvailable(retryAfterNanoseconds: Backoff.told(nanoseconds: wait, random: &random))))
    }
}
