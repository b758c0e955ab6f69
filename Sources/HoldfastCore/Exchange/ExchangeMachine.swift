/// One exchange from admission to its end: which candidate is tried when, how long it is waited for, and what the
/// client is told. Sans IO: events in, one step out, `now` and randomness as parameters.
///
/// The rule of the whole product stands here. An attempt is *committed* when its first content reaches the client.
/// Before that every failure may be mended invisibly by the next candidate; after it nothing may be repeated or mixed:
/// another candidate may continue the answer word for word where the route's delivery allows it, and an answer that
/// cannot be finished ends as interrupted. A route may also hold answers back until they are complete.
///
/// Another candidate is preferred to a second try at the same one, since it costs the client no wait; the second try is
/// for when there is no other. A provider that names a short wait is the exception: it has said when it will answer.
package struct ExchangeMachine: Sendable {
    enum Phase: Sendable {
        case idle
        case connecting(Flight)
        case awaitingHead(Flight)
        /// A success head came; nothing of this attempt has reached the client.
        case receiving(Flight)
        case committed(Flight)
        /// Nothing is in flight; `candidate` is tried again at `until`.
        case waiting(candidate: Int, until: Instant)
        /// Nothing is in flight; the first slot of `candidate` that comes free may be this exchange's.
        case queued(candidate: Int, expiresAt: Instant)
        case finished
    }

    struct Flight: Sendable {
        var candidate: Int
        /// Nil once settled, which a long stream that was a probe does before its end.
        var permit: AttemptPermit?
        var startedAt: Instant
        var limitAt: Instant
        /// No other candidate would be asked after this attempt, so patience is all there is.
        var isLast: Bool
        /// Its limit is the client's, not our patience: that it passed says nothing about the deployment.
        var isCutShort = false
        /// How long it takes to its first token at the longest, as far as that is known.
        var learntNanoseconds = Int64.max
        /// Content has come, whether or not it has reached the client.
        var hasBegun = false
        /// Its request has left, perhaps over a connection that turned out to be closed.
        var wasSent = false
    }

    let plan: ExchangePlan
    var phase = Phase.idle
    package private(set) var deadline = Instant.distantFuture
    var hasClientDeadline = false
    var candidates: CandidateSets
    var order = CandidateOrder.asWritten
    /// Asked before the others: it stands in for a candidate whose model is gone.
    var preferred: Int?
    /// The most preferred candidate that may be tried again, and not before when.
    var secondTry: (candidate: Int, notBefore: Instant)?
    var retriesLeft: Int
    var retriesDone = 0
    var lastFailure: FailureClass?
    /// The soonest instant at which a candidate that refused may be asked again.
    var soonestRetry: Instant?
    var waitsForLimits = 0
    /// It has waited for a slot, and does not wait again.
    var hasQueued = false
    /// What broke an answer off that had begun to reach the client: from then on it is continued or ends as interrupted.
    var interruption: FailureClass?
    /// Nobody can continue what the client has.
    var isUncontinuable = false
    /// A held answer has outgrown its bound: from then on it is delivered as it comes.
    var hasOutgrownHold = false
    /// In all; less the one that a hedge has taken, more where a hedge has become the whole exchange.
    var attemptsAllowed: Int
    /// When the first token is late enough for a hedge.
    var hedgeAt: Instant?
    var hasHedged = false
    /// Another run was told that the request itself is at fault, or that its content is declined: nobody else is asked.
    var lastWord: FailureClass?
    /// When a client that waits with an open stream is told so.
    var heartbeatAt: Instant?
    /// Every failure so far was a provider asking for less: waiting helps, so the client is told how long.
    var onlyBusyFailures = true
    package internal(set) var attempts: [AttemptRecord] = []
    /// Why candidates were passed over: the last reason of each.
    package internal(set) var exclusions: [CandidateExclusion] = []
    /// When `timerFired` is due; nil once finished. May move either way with every event. Stored, because whoever holds a
    /// machine asks several times for each event, and a getter that is not inlined is given a copy of all of it.
    package private(set) var wakeAt: Instant?
    /// A candidate was used although its breaker is open.
    package internal(set) var usedLastResort = false
    /// Whoever answers now or answered last is not who would have been asked first, in the order of this exchange, had
    /// nobody failed or been out. Whom the law leaves out was never to answer.
    package internal(set) var isFailover = false

    package init(plan: ExchangePlan) {
        precondition(
            (1...ExchangePlan.longestCandidates).contains(plan.candidates),
            "an exchange has 1 to \(ExchangePlan.longestCandidates) candidates because masks are 64 bits wide")
        self.plan = plan
        candidates = CandidateSets(plan)
        attemptsAllowed = plan.retries.attempts
        retriesLeft = plan.retries.sameDeployment
        attempts.reserveCapacity(1)
    }

    package var isCommitted: Bool {
        if case .committed = phase { true } else { false }
    }

    /// Content of the attempt in flight has come.
    package var hasBegun: Bool { flightInAir?.hasBegun ?? false }

    /// How the attempt in flight was asked to continue an answer; nil: it answers from the beginning.
    package var continuation: Continuation.Method? { attempts.last?.continuation }

    /// Content is kept from the client until the answer is complete.
    package var isHolding: Bool { plan.delivery == .hold && !hasOutgrownHold && plan.isStream }

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
        let step = respond(to: event, now: now, gate: &gate, random: &random)
        wakeAt = dueAt
        return step
    }

    private var dueAt: Instant? {
        switch phase {
        case .idle, .finished: nil
        case .connecting(let flight), .awaitingHead(let flight), .receiving(let flight):
            min(flight.limitAt, deadline, heartbeatAt ?? .distantFuture, hedgeAt ?? .distantFuture)
        case .committed(let flight): min(flight.limitAt, deadline)
        case .waiting(_, let until), .queued(_, let until): min(until, deadline, heartbeatAt ?? .distantFuture)
        }
    }

    private mutating func respond<Gate: CandidateGate>(
        to event: ExchangeEvent, now: Instant, gate: inout Gate, random: inout SeededRandom
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
            return chunkReceived(hasToken: hasToken, now: now, gate: &gate, random: &random)
        case .chunkRepeated:
            return progressed(now: now, gate: &gate, random: &random)
        case .becameUncontinuable:
            isUncontinuable = true
            return ExchangeStep(.none)
        case .holdFilled:
            return holdFilled()
        case .hedged(let candidate):
            candidates.willTry(candidate)
            attemptsAllowed -= 1
            return ExchangeStep(.none)
        case .secondTryForbidden:
            if let candidate = flightInAir?.candidate { candidates.forbidSecondTry(candidate) }
            return ExchangeStep(.none)
        case .slotGranted:
            guard case .queued(let candidate, _) = phase else { return ExchangeStep(.none) }
            hasQueued = true
            let step = tryAgain(candidate, now: now, gate: &gate, random: &random)
            // Where it went elsewhere after all, somebody else waits for the slot.
            gate.stopWaiting(candidate: candidate, now: now)
            return step
        case .slotRefused:
            guard case .queued = phase else { return ExchangeStep(.none) }
            hasQueued = true
            return tryNext(now: now, gate: &gate, random: &random)
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
        // A client that left before the start has ended the exchange already.
        guard case .idle = phase else { return ExchangeStep(.none) }
        var total = plan.limits.totalNanoseconds
        if let client = plan.clientTimeoutNanoseconds, client < total {
            total = client
            hasClientDeadline = true
        }
        deadline = now.advanced(byNanoseconds: total)
        if isHolding { expectHeartbeat(now: now) }
        for candidate in plan.drained.places { exclude(candidate, .drained, now: now) }
        for candidate in plan.unlawful.places { exclude(candidate, .unlawful, now: now) }
        drawOrder(now: now, gate: gate, random: &random)
        return tryNext(now: now, gate: &gate, random: &random)
    }

    private mutating func connected() -> ExchangeStep {
        guard case .connecting(var flight) = phase else { return ExchangeStep(.none) }
        flight.wasSent = true
        wait(&flight) { plan.isStream ? $0.firstByteNanoseconds : $0.responseNanoseconds }
        phase = .awaitingHead(flight)
        return ExchangeStep(.none)
    }

    /// How long an attempt is waited for. A client's short deadline must leave time for another candidate, so a stream
    /// that has others gets half of what is left at most; a whole answer takes as long as it takes, and half of the time
    /// for each of two would be too little for both.
    private func wait(_ flight: inout Flight, for span: (ExchangeLimits.Patience) -> Int64) {
        let patience =
            flight.isLast ? span(plan.limits.alone) : min(span(plan.limits.withOthers), flight.learntNanoseconds)
        let half = deadline.nanoseconds(since: flight.startedAt) / 2
        flight.isCutShort = plan.isStream && !flight.isLast && half < patience
        flight.limitAt = flight.startedAt.advanced(byNanoseconds: flight.isCutShort ? half : patience)
    }

    private mutating func connectionStale(now: Instant) -> ExchangeStep {
        guard case .awaitingHead(var flight) = phase else { return ExchangeStep(.none) }
        flight.limitAt = now.advanced(byNanoseconds: plan.limits.connectNanoseconds)
        phase = .connecting(flight)
        return ExchangeStep(.none)
    }

    private mutating func headReceived() -> ExchangeStep {
        // A provider may answer before the last byte of the request is written.
        _ = connected()
        guard case .awaitingHead(var flight) = phase else { return ExchangeStep(.none) }
        if plan.isStream { wait(&flight, for: \.firstTokenNanoseconds) }
        phase = .receiving(flight)
        return ExchangeStep(.hold)
    }

    private mutating func chunkReceived<Gate: CandidateGate>(
        hasToken: Bool, now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        switch phase {
        case .receiving(var flight):
            guard plan.isStream, hasToken || flight.hasBegun else { return ExchangeStep(.hold) }
            if isHolding || !hasToken { return progressed(now: now, gate: &gate, random: &random) }
            begin(&flight, now: now, gate: &gate)
            heartbeatAt = nil
            phase = .committed(flight)
            return ExchangeStep(.forward)
        case .committed(var flight):
            flight.limitAt = now.advanced(byNanoseconds: plan.limits.idleNanoseconds)
            if case .probe? = flight.permit?.breaker {
                settleProvenProbe(&flight, now: now, gate: &gate, random: &random)
            }
            phase = .committed(flight)
            return ExchangeStep(.forward)
        case .idle, .connecting, .awaitingHead, .waiting, .queued, .finished:
            return ExchangeStep(.none)
        }
    }

    /// Content came that stays here: an answer that is held, or words that the client already has.
    private mutating func progressed<Gate: CandidateGate>(
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        guard case .receiving(var flight) = phase else { return ExchangeStep(.none) }
        begin(&flight, now: now, gate: &gate)
        if case .probe? = flight.permit?.breaker {
            settleProvenProbe(&flight, now: now, gate: &gate, random: &random)
        }
        phase = .receiving(flight)
        return ExchangeStep(.hold)
    }

    private mutating func begin<Gate: CandidateGate>(_ flight: inout Flight, now: Instant, gate: inout Gate) {
        if !flight.hasBegun {
            attempts[attempts.count - 1].firstTokenAt = now
            observe(flight, now: now, gate: &gate)
            gate.began(candidate: flight.candidate, now: now)
        }
        flight.hasBegun = true
        hedgeAt = nil
        flight.limitAt = now.advanced(byNanoseconds: plan.limits.idleNanoseconds)
    }

    private mutating func upstreamEnded<Gate: CandidateGate>(
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        guard let flight = flightInAir else { return ExchangeStep(.none) }
        // The proper end of a stream is content, so a stream that ends uncommitted held no answer.
        if plan.isStream, !isCommitted, !(isHolding && flight.hasBegun) {
            return attemptFailed(
                .empty, retryAfterNanoseconds: nil, cancels: false, now: now, gate: &gate, random: &random)
        }
        settle(flight, .ok, failure: nil, now: now, gate: &gate, random: &random)
        return finish(.answered)
    }

    private mutating func clientGone<Gate: CandidateGate>(
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        if case .finished = phase { return ExchangeStep(.none) }
        let flight = flightInAir
        if let flight {
            settle(flight, .neutral, failure: .neutral, now: now, gate: &gate, random: &random)
        }
        stopWaiting(now: now, gate: &gate)
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
        let isHedgeDue = hedgeAt.map { now >= $0 } ?? false
        switch phase {
        case .waiting(let candidate, let until) where now >= until:
            return tryAgain(candidate, now: now, gate: &gate, random: &random)
        case .connecting(let flight) where now >= flight.limitAt:
            return attemptFailed(
                .transient, retryAfterNanoseconds: nil, cancels: true, now: now, gate: &gate, random: &random)
        case .awaitingHead(let flight) where now >= flight.limitAt,
            .receiving(let flight) where now >= flight.limitAt:
            return attemptFailed(
                flight.hasBegun ? .truncated : .silent, retryAfterNanoseconds: nil, cancels: true,
                outcome: flight.isCutShort && !flight.hasBegun ? .neutral : nil, now: now, gate: &gate, random: &random)
        case .committed:
            return attemptFailed(
                .truncated, retryAfterNanoseconds: nil, cancels: true, now: now, gate: &gate, random: &random)
        case .queued(let candidate, let expiresAt) where now >= expiresAt:
            // Whose patience is over is told so, this exchange perhaps among them; its own wait goes on until then.
            let next = gate.expireWaits(candidate: candidate, now: now)
            if case .queued = phase { phase = .queued(candidate: candidate, expiresAt: next ?? .distantFuture) }
            return ExchangeStep(.none)
        case .connecting where isHedgeDue, .awaitingHead where isHedgeDue, .receiving where isHedgeDue:
            return hedge(now: now, gate: &gate)
        case .waiting, .queued, .connecting, .awaitingHead, .receiving:
            expectHeartbeat(now: now)
            return ExchangeStep(.heartbeat)
        case .idle, .finished:
            return ExchangeStep(.none)
        }
    }

    private mutating func deadlinePassed<Gate: CandidateGate>(
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        guard let flight = flightInAir else {
            stopWaiting(now: now, gate: &gate)
            return finish(.refused(.deadlinePassed))
        }
        let wasCommitted = isCommitted
        // A client's own short deadline says nothing about the deployment. The route's total before any content does.
        let outcome: AttemptOutcome = hasClientDeadline || flight.hasBegun ? .neutral : .fail
        settle(flight, outcome, failure: .silent, now: now, gate: &gate, random: &random)
        return finish(wasCommitted ? .interrupted(.silent) : .refused(.deadlinePassed), cancels: true)
    }

    private mutating func attemptFailed<Gate: CandidateGate>(
        _ failure: FailureClass, retryAfterNanoseconds: Int64?, cancels: Bool, outcome: AttemptOutcome? = nil,
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) -> ExchangeStep {
        guard let flight = flightInAir else { return ExchangeStep(.none) }
        let wasCommitted = isCommitted
        let policy = failure.policy
        settle(
            flight, outcome ?? policy.outcome, failure: failure, retryAfterNanoseconds: retryAfterNanoseconds, now: now,
            gate: &gate, random: &random)
        if wasCommitted {
            guard plan.delivery != .stop, !isUncontinuable else {
                return finish(.interrupted(failure), cancels: cancels)
            }
            interruption = failure
            expectHeartbeat(now: now)
        }
        lastFailure = failure
        if failure != .rateLimit && failure != .capacity { onlyBusyFailures = false }
        if let retryAfterNanoseconds { note(now.advanced(byNanoseconds: retryAfterNanoseconds)) }
        let asked = retryAfterNanoseconds.flatMap { floor in
            Backoff.wait(
                retryAfterNanoseconds: floor, timeLeftNanoseconds: deadline.nanoseconds(since: now), random: &random)
        }
        switch policy.sameDeployment {
        case .once:
            // Asked for a wait that is too long: not again within this exchange.
            if retryAfterNanoseconds == nil || asked != nil, flight.candidate <= secondTry?.candidate ?? .max {
                secondTry = (flight.candidate, now.advanced(byNanoseconds: asked ?? 0))
            }
        case .afterWait:
            if let asked, retriesLeft > 0, candidates.mayAskAgain(flight.candidate),
                attempts.count < attemptsAllowed,
                gate.takeRetry(candidate: flight.candidate, now: now)
            {
                let until = now.advanced(byNanoseconds: asked)
                return waitForRetry(flight.candidate, until: until, cancels: cancels)
            }
        case .never: break
        }
        if failure == .callerFault, let method = continuation {
            // The question was good enough for whoever began the answer; what is at fault is that it was begun.
            if method == .prefilled { preferRepeating(flight.candidate, now: now, gate: &gate) }
        } else if policy.moveOn == .never {
            return finish(.refused(.upstreamAnswer(failure)), cancels: cancels)
        }
        candidates.learn(failure, of: flight.candidate)
        if policy.moveOn == .toReplacement { preferred = candidates.replacement(of: flight.candidate) }
        var step = tryNext(now: now, gate: &gate, random: &random)
        step.cancelsAttempt = cancels
        return step
    }

    // MARK: - Bookkeeping

    private var flightInAir: Flight? {
        switch phase {
        case .connecting(let flight), .awaitingHead(let flight), .receiving(let flight), .committed(let flight): flight
        case .idle, .waiting, .queued, .finished: nil
        }
    }

    mutating func exclude(_ candidate: Int, _ reason: CandidateExclusion.Reason, now: Instant) {
        let exclusion = CandidateExclusion(candidate: candidate, reason: reason, at: now)
        if let place = exclusions.firstIndex(where: { $0.candidate == candidate }) {
            exclusions[place] = exclusion
        } else {
            exclusions.append(exclusion)
        }
    }

    mutating func note(_ retryAt: Instant) {
        soonestRetry = min(soonestRetry ?? retryAt, retryAt)
    }

    private mutating func settle<Gate: CandidateGate>(
        _ flight: Flight, _ outcome: AttemptOutcome, failure: FailureClass?, retryAfterNanoseconds: Int64? = nil,
        now: Instant, gate: inout Gate, random: inout SeededRandom
    ) {
        hedgeAt = nil
        attempts[attempts.count - 1].endedAt = now
        attempts[attempts.count - 1].failure = failure
        if isSilence(flight, failure, now: now, gate: gate) { observe(flight, now: now, gate: &gate) }
        guard let permit = flight.permit else { return }
        gate.settle(
            candidate: flight.candidate, permit: permit,
            result: AttemptResult(
                outcome: outcome, failure: failure, retryAfterNanoseconds: retryAfterNanoseconds,
                startedAt: flight.startedAt, hasBegun: flight.hasBegun, wasSent: flight.wasSent), now: now,
            random: &random)
    }

    private func stopWaiting<Gate: CandidateGate>(now: Instant, gate: inout Gate) {
        if case .queued(let candidate, _) = phase { gate.stopWaiting(candidate: candidate, now: now) }
    }

    /// A stream that has run well for a while has shown what a probe asks. Without this a long answer would hold its
    /// breaker half-open, and everyone else away from a healthy deployment, until its end.
    private func settleProvenProbe<Gate: CandidateGate>(
        _ flight: inout Flight, now: Instant, gate: inout Gate, random: inout SeededRandom
    ) {
        guard let permit = flight.permit, let first = attempts.last?.firstTokenAt,
            now.nanoseconds(since: first) >= Breaker.probeProofNanoseconds
        else { return }
        flight.permit = nil
        gate.settle(
            candidate: flight.candidate, permit: permit,
            result: AttemptResult(outcome: .ok, startedAt: flight.startedAt, hasBegun: true), now: now, random: &random)
    }

    mutating func finish(_ end: ExchangeEnd, cancels: Bool = false) -> ExchangeStep {
        phase = .finished
        // What could not be continued was interrupted, whatever became of the attempts to continue it.
        if let interruption, case .refused = end {
            return ExchangeStep(cancelsAttempt: cancels, .finish(.interrupted(interruption)))
        }
        return ExchangeStep(cancelsAttempt: cancels, .finish(end))
    }
}
