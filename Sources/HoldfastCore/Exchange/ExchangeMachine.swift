/// One exchange from admission to its end: which candidate is tried when, how long it is waited for, and what the
/// client is told. Sans IO: events in, one step out, `now` and randomness as parameters.
///
/// The rule of the whole product stands here. An attempt is *committed* when its first content reaches the client.
/// Before that every failure may be mended invisibly by the next candidate; after it nothing may be repeated or mixed,
/// and an answer that cannot be finished ends as interrupted.
///
/// Another candidate is preferred to a second try at the same one, since it costs the client no wait; the second try is
/// for when there is no other. A provider that names a short wait is the exception: it has said when it will answer.
package struct ExchangeMachine: Sendable {
    private enum Phase: Sendable {
        case idle
        case connecting(Flight)
        case awaitingHead(Flight)
        /// A success head came; nothing has reached the client.
        case receiving(Flight)
        case committed(Flight)
        /// Nothing is in flight; `candidate` is tried again at `until`.
        case waiting(candidate: Int, until: Instant)
        case finished
    }

    private struct Flight: Sendable {
        var candidate: Int
        var permit: Breaker.Permit
        var startedAt: Instant
        var limitAt: Instant
    }

    private let plan: ExchangePlan
    private var phase = Phase.idle
    private var deadline = Instant.distantFuture
    private var hasClientDeadline = false
    /// Bit per candidate.
    private var tried: UInt64 = 0
    private var retryable: UInt64 = 0
    private var retriesLeft: Int
    private var retriesDone = 0
    private var lastFailure: FailureClass?
    /// The soonest instant at which a candidate that refused may be asked again.
    private var soonestRetry: Instant?
    /// Every failure so far was a provider asking for less: waiting helps, so the client is told how long.
    private var onlyBusyFailures = true
    package private(set) var attempts: [AttemptRecord] = []
    /// A candidate was used although its breaker is open.
    package private(set) var usedLastResort = false

    package init(plan: ExchangePlan) {
        precondition(
            (1...ExchangePlan.longestCandidates).contains(plan.candidates),
            "an exchange has 1 to \(ExchangePlan.longestCandidates) candidates because masks are 64 bits wide")
        self.plan = plan
        retriesLeft = plan.retries.sameDeployment
        attempts.reserveCapacity(1)
    }

    /// When `timerFired` is due; nil once finished. May move either way with every event.
    package var wakeAt: Instant? {
        switch phase {
        case .idle, .finished: nil
        case .connecting(let flight), .awaitingHead(let flight), .receiving(let flight), .committed(let flight):
            min(flight.limitAt, deadline)
        case .waiting(_, let until): min(until, deadline)
        }
    }

    package var isCommitted: Bool {
        if case .committed = phase { true } else { false }
    }

    package var isFinished: Bool {
        if case .finished = phase { true } else { false }
    }

    /// The candidate that answers now or answered last.
    package var lastCandidate: Int? {
        attempts.last?.candidate
    }

    package mutating func handle<Gate: CandidateGate>(
        _ event: ExchangeEvent, now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        switch event {
        case .started:
            return start(now: now, gate: &gate, random: &random)
        case .attemptConnected:
            return connected()
        case .connectionStale:
            return connectionStale(now: now)
        case .headReceived:
            return headReceived()
        case .chunkReceived(let hasToken):
            return chunkReceived(hasToken: hasToken, now: now)
        case .upstreamEnded:
            return upstreamEnded(now: now, gate: &gate, random: &random)
        case .attemptFailed(let failure, let retryAfter):
            return attemptFailed(
                failure, retryAfterNanoseconds: retryAfter, cancels: false, now: now, gate: &gate, random: &random)
        case .timerFired:
            return timerFired(now: now, gate: &gate, random: &random)
        case .clientGone:
            return clientGone(now: now, gate: &gate, random: &random)
        }
    }

    // MARK: - Progress of an attempt

    private mutating func start<Gate: CandidateGate>(
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        guard case .idle = phase else {
            preconditionFailure("an exchange starts once, because its deadline counts from there")
        }
        var total = plan.limits.totalNanoseconds
        if let client = plan.clientTimeoutNanoseconds, client < total {
            total = client
            hasClientDeadline = true
        }
        deadline = now.advanced(byNanoseconds: total)
        return tryNext(now: now, gate: &gate, random: &random)
    }

    private mutating func connected() -> ExchangeStep {
        guard case .connecting(var flight) = phase else { return ExchangeStep(.none) }
        let limit = plan.isStream ? plan.limits.firstByteNanoseconds : plan.limits.responseNanoseconds
        flight.limitAt = flight.startedAt.advanced(byNanoseconds: limit)
        phase = .awaitingHead(flight)
        return ExchangeStep(.none)
    }

    private mutating func connectionStale(now: Instant) -> ExchangeStep {
        guard case .awaitingHead(var flight) = phase else { return ExchangeStep(.none) }
        flight.limitAt = now.advanced(byNanoseconds: plan.limits.connectNanoseconds)
        phase = .connecting(flight)
        return ExchangeStep(.none)
    }

    private mutating func headReceived() -> ExchangeStep {
        guard case .awaitingHead(var flight) = phase else { return ExchangeStep(.none) }
        if plan.isStream {
            flight.limitAt = flight.startedAt.advanced(byNanoseconds: plan.limits.firstTokenNanoseconds)
        }
        phase = .receiving(flight)
        return ExchangeStep(.hold)
    }

    private mutating func chunkReceived(hasToken: Bool, now: Instant) -> ExchangeStep {
        switch phase {
        case .receiving(var flight):
            guard plan.isStream, hasToken else { return ExchangeStep(.hold) }
            attempts[attempts.count - 1].firstTokenAt = now
            flight.limitAt = now.advanced(byNanoseconds: plan.limits.idleNanoseconds)
            phase = .committed(flight)
            return ExchangeStep(.forward)
        case .committed(var flight):
            flight.limitAt = now.advanced(byNanoseconds: plan.limits.idleNanoseconds)
            phase = .committed(flight)
            return ExchangeStep(.forward)
        case .idle, .connecting, .awaitingHead, .waiting, .finished:
            return ExchangeStep(.none)
        }
    }

    private mutating func upstreamEnded<Gate: CandidateGate>(
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        switch phase {
        case .awaitingHead(let flight), .receiving(let flight), .committed(let flight):
            settle(flight, .ok, failure: nil, now: now, gate: &gate, random: &random)
            return finish(.answered)
        case .idle, .connecting, .waiting, .finished:
            return ExchangeStep(.none)
        }
    }

    private mutating func clientGone<Gate: CandidateGate>(
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        if case .finished = phase { return ExchangeStep(.none) }
        let flight = flightInAir
        if let flight {
            settle(flight, .neutral, failure: .neutral, now: now, gate: &gate, random: &random)
        }
        return finish(.clientGone, cancels: flight != nil)
    }

    // MARK: - Failure

    private mutating func timerFired<Gate: CandidateGate>(
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        guard let due = wakeAt, now >= due else { return ExchangeStep(.none) }
        if now >= deadline {
            return deadlinePassed(now: now, gate: &gate, random: &random)
        }
        switch phase {
        case .connecting:
            return attemptFailed(
                .transient, retryAfterNanoseconds: nil, cancels: true, now: now, gate: &gate, random: &random)
        case .awaitingHead, .receiving:
            return attemptFailed(
                .silent, retryAfterNanoseconds: nil, cancels: true, now: now, gate: &gate, random: &random)
        case .committed:
            return attemptFailed(
                .truncated, retryAfterNanoseconds: nil, cancels: true, now: now, gate: &gate, random: &random)
        case .waiting(let candidate, _):
            return tryAgain(candidate, now: now, gate: &gate, random: &random)
        case .idle, .finished:
            return ExchangeStep(.none)
        }
    }

    private mutating func deadlinePassed<Gate: CandidateGate>(
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        guard let flight = flightInAir else {
            return finish(.refused(.deadlinePassed))
        }
        let wasCommitted = isCommitted
        // A client's own short deadline says nothing about the deployment. The route's total before any content does.
        let outcome: AttemptOutcome = hasClientDeadline || wasCommitted ? .neutral : .fail
        settle(flight, outcome, failure: .silent, now: now, gate: &gate, random: &random)
        return finish(wasCommitted ? .interrupted(.silent) : .refused(.deadlinePassed), cancels: true)
    }

    private mutating func attemptFailed<Gate: CandidateGate>(
        _ failure: FailureClass, retryAfterNanoseconds: Int64?, cancels: Bool, now: Instant, gate: inout Gate,
        random: inout SeededRandom
    ) -> ExchangeStep {
        guard let flight = flightInAir else { return ExchangeStep(.none) }
        let wasCommitted = isCommitted
        let policy = failure.policy
        settle(flight, policy.outcome, failure: failure, now: now, gate: &gate, random: &random)
        if wasCommitted {
            return finish(.interrupted(failure), cancels: cancels)
        }
        lastFailure = failure
        if failure != .rateLimit && failure != .capacity { onlyBusyFailures = false }
        let canRetry = retriesLeft > 0 && attempts.count < plan.retries.attempts
        let bit = UInt64(1) << UInt64(flight.candidate)
        switch policy.sameDeployment {
        case .once: retryable |= bit
        case .afterWait:
            note(retryAfterNanoseconds, now: now)
            if canRetry, let asked = retryAfterNanoseconds,
                let wait = Backoff.wait(
                    retryAfterNanoseconds: asked, timeLeftNanoseconds: deadline.nanoseconds(since: now),
                    random: &random)
            {
                return waitForRetry(flight.candidate, nanoseconds: wait, cancels: cancels, now: now)
            }
        case .never: break
        }
        // A larger context is not known to exist, and the same question to an equal one fails for the same reason.
        guard policy.moveOn != .never, policy.moveOn != .toLargerContext else {
            return finish(.refused(.upstreamAnswer(failure)), cancels: cancels)
        }
        var step = tryNext(now: now, gate: &gate, random: &random)
        step.cancelsAttempt = cancels
        return step
    }

    // MARK: - Choosing

    /// The first candidate that was not tried and is admitted; else one that slow start held back, a second try at one
    /// that failed transiently, or a last resort; else the end.
    private mutating func tryNext<Gate: CandidateGate>(
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        guard attempts.count < plan.retries.attempts else { return giveUp(now: now) }
        let defersProbe = plan.criticality == .critical && plan.candidates > 1
        var slowStarting: Int?
        for candidate in 0..<plan.candidates where !isTried(candidate) {
            switch gate.admit(candidate: candidate, defersProbe: defersProbe, now: now, random: &random) {
            case .admitted(let permit):
                return send(candidate, permit, now: now)
            case .refused(.slowStart):
                if slowStarting == nil { slowStarting = candidate }
            case .refused(.open(let until)):
                soonestRetry = min(soonestRetry ?? until, until)
            case .refused(.probing):
                note(Span.second, now: now)
            }
        }
        if let slowStarting, let permit = gate.admitDespiteSlowStart(candidate: slowStarting) {
            return send(slowStarting, permit, now: now)
        }
        if retriesLeft > 0, retryable != 0 {
            let wait = Backoff.wait(retry: retriesDone, random: &random)
            return waitForRetry(retryable.trailingZeroBitCount, nanoseconds: wait, cancels: false, now: now)
        }
        for candidate in 0..<plan.candidates where !isTried(candidate) {
            if let permit = gate.admitLastResort(candidate: candidate, now: now) {
                usedLastResort = true
                return send(candidate, permit, now: now)
            }
        }
        return giveUp(now: now)
    }

    private mutating func waitForRetry(
        _ candidate: Int, nanoseconds: Int64, cancels: Bool, now: Instant
    ) -> ExchangeStep {
        retriesLeft -= 1
        retriesDone += 1
        retryable &= ~(1 << UInt64(candidate))
        phase = .waiting(candidate: candidate, until: now.advanced(byNanoseconds: nanoseconds))
        return ExchangeStep(cancelsAttempt: cancels, .none)
    }

    private mutating func tryAgain<Gate: CandidateGate>(
        _ candidate: Int, now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        switch gate.admit(candidate: candidate, defersProbe: false, now: now, random: &random) {
        case .admitted(let permit):
            return send(candidate, permit, now: now)
        case .refused(.slowStart):
            guard let permit = gate.admitDespiteSlowStart(candidate: candidate) else { break }
            return send(candidate, permit, now: now)
        case .refused(.open(let until)):
            soonestRetry = min(soonestRetry ?? until, until)
        case .refused(.probing):
            note(Span.second, now: now)
        }
        return tryNext(now: now, gate: &gate, random: &random)
    }

    private mutating func send(_ candidate: Int, _ permit: Breaker.Permit, now: Instant) -> ExchangeStep {
        tried |= 1 << UInt64(candidate)
        attempts.append(AttemptRecord(candidate: candidate, startedAt: now))
        phase = .connecting(
            Flight(
                candidate: candidate, permit: permit, startedAt: now,
                limitAt: now.advanced(byNanoseconds: plan.limits.connectNanoseconds)))
        return ExchangeStep(.sendAttempt(candidate: candidate))
    }

    private mutating func giveUp(now: Instant) -> ExchangeStep {
        if let lastFailure, !onlyBusyFailures {
            return finish(.refused(.everyCandidateFailed(lastFailure)))
        }
        let wait = soonestRetry.map { max($0.nanoseconds(since: now), 0) } ?? Span.second
        return finish(.refused(.noneAvailable(retryAfterNanoseconds: wait)))
    }

    // MARK: - Bookkeeping

    private var flightInAir: Flight? {
        switch phase {
        case .connecting(let flight), .awaitingHead(let flight), .receiving(let flight), .committed(let flight): flight
        case .idle, .waiting, .finished: nil
        }
    }

    private func isTried(_ candidate: Int) -> Bool {
        tried & (1 << UInt64(candidate)) != 0
    }

    private mutating func note(_ retryAfterNanoseconds: Int64?, now: Instant) {
        guard let retryAfterNanoseconds else { return }
        let at = now.advanced(byNanoseconds: retryAfterNanoseconds)
        soonestRetry = min(soonestRetry ?? at, at)
    }

    private mutating func settle<Gate: CandidateGate>(
        _ flight: Flight, _ outcome: AttemptOutcome, failure: FailureClass?, now: Instant, gate: inout Gate,
        random: inout SeededRandom
    ) {
        attempts[attempts.count - 1].endedAt = now
        attempts[attempts.count - 1].failure = failure
        gate.settle(candidate: flight.candidate, permit: flight.permit, outcome: outcome, now: now, random: &random)
    }

    private mutating func finish(_ end: ExchangeEnd, cancels: Bool = false) -> ExchangeStep {
        phase = .finished
        return ExchangeStep(cancelsAttempt: cancels, .finish(end))
    }
}
