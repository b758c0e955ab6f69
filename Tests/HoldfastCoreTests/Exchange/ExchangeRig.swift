@testable import HoldfastCore

/// Breakers of an exchange's candidates, with a record of what was asked of them.
struct BreakerGate: CandidateGate {
    var breakers: [Breaker]
    /// One for each candidate: here each is a provider with one deployment.
    var suspensions: [Suspension]
    var retryBudgets: [RetryBudget]
    var paces: [CandidatePace]
    var firstTokens: [Int64] = []
    /// What other exchanges and the provider leave no room for.
    var refusals: [Int: CandidateRefusal] = [:]
    var waitsFor: Int?
    var mayHedge = true
    var begun: [Int] = []
    var given = 0
    var settled: [Settlement] = []
    /// Candidates of attempts whose request never left.
    var unsent: [Int] = []

    struct Settlement: Equatable {
        var candidate: Int
        var outcome: AttemptOutcome

        init(_ candidate: Int, _ outcome: AttemptOutcome) {
            self.candidate = candidate
            self.outcome = outcome
        }
    }

    init(candidates: Int) {
        breakers = Array(repeating: Breaker(), count: candidates)
        suspensions = Array(repeating: Suspension(), count: candidates)
        retryBudgets = Array(repeating: RetryBudget(), count: candidates)
        paces = Array(repeating: CandidatePace(medianFirstTokenNanoseconds: nil), count: candidates)
    }

    private var limits = KnownLimits()
    private var throttle = ClientThrottle()

    private mutating func permit(_ breaker: Breaker.Permit, now: Instant) -> AttemptPermit {
        given += 1
        return AttemptPermit(
            breaker: breaker, limits: limits.take(LimitNeed(inputTokens: 0, outputTokens: 0), now: now),
            throttle: throttle.sent(.standard, now: now))
    }

    mutating func admit(
        candidate: Int, defersProbe: Bool, mayUseScarce: Bool, now: Instant, random: inout SeededRandom
    ) -> CandidateDecision {
        if let refusal = refusals[candidate] {
            if case .scarce = refusal, mayUseScarce {} else { return .refused(refusal) }
        }
        if let refusal = suspensions[candidate].refusal(now: now) { return .refused(.suspended(refusal)) }
        switch breakers[candidate].admit(now: now, defersProbe: defersProbe, random: &random) {
        case .refused(let refusal):
            return .refused(.breaker(refusal))
        case .admitted(let breaker):
            _ = suspensions[candidate].admit(now: now)
            return .admitted(permit(breaker, now: now))
        }
    }

    mutating func admitDespiteSlowStart(candidate: Int, now: Instant) -> AttemptPermit? {
        breakers[candidate].admitDespiteSlowStart().map { permit($0, now: now) }
    }

    mutating func admitLastResort(candidate: Int, now: Instant) -> AttemptPermit? {
        breakers[candidate].admitLastResort(now: now).map { permit($0, now: now) }
    }

    mutating func waitForSlot(candidate: Int, now: Instant) -> DeploymentLoad.Wait {
        waitsFor = candidate
        return .until(now.advanced(byNanoseconds: AdmissionQueue.patienceNanoseconds))
    }

    mutating func expireWaits(candidate: Int, now: Instant) -> Instant? { nil }

    mutating func stopWaiting(candidate: Int, now: Instant) { waitsFor = nil }

    mutating func observe(candidate: Int, firstTokenNanoseconds: Int64, now: Instant) {
        firstTokens.append(firstTokenNanoseconds)
    }

    func pace(candidate: Int, now: Instant) -> CandidatePace { paces[candidate] }

    mutating func began(candidate: Int, now: Instant) { begun.append(candidate) }

    mutating func takeHedge(now: Instant) -> Bool { mayHedge }

    mutating func takeRetry(candidate: Int, now: Instant) -> Bool {
        retryBudgets[candidate].takeRetry(now: now)
    }

    mutating func settle(
        candidate: Int, permit: AttemptPermit, result: AttemptResult, now: Instant, random: inout SeededRandom
    ) {
        settled.append(Settlement(candidate, result.outcome))
        if !result.wasSent { unsent.append(candidate) }
        breakers[candidate].settle(permit.breaker, outcome: result.outcome, now: now, random: &random)
        _ = suspensions[candidate].note(result, now: now)
    }
}

/// One machine with its breakers, its randomness and its clock.
struct ExchangeRig {
    var machine: ExchangeMachine
    var gate: BreakerGate
    var random: SeededRandom
    var now = Instant.zero

    init(
        candidates: Int = 2, isStream: Bool = true, criticality: Criticality = .standard,
        timeouts: RouteTimeouts = RouteTimeouts(), retries: RouteRetries = RouteRetries(),
        delivery: Delivery = .stop, heartbeatNanoseconds: Int64? = nil, clientTimeoutNanoseconds: Int64? = nil,
        facts: [CandidateFacts] = [], seed: UInt64 = 7
    ) {
        self.init(
            ExchangePlan(
                candidates: candidates, limits: ExchangeLimits(timeouts, candidates: candidates), retries: retries,
                criticality: criticality, isStream: isStream, delivery: delivery,
                heartbeatNanoseconds: heartbeatNanoseconds, clientTimeoutNanoseconds: clientTimeoutNanoseconds,
                facts: facts), seed: seed)
    }

    init(_ plan: ExchangePlan, seed: UInt64 = 7) {
        machine = ExchangeMachine(plan: plan)
        gate = BreakerGate(candidates: plan.candidates)
        random = SeededRandom(seed: seed)
    }

    @discardableResult
    mutating func send(_ event: ExchangeEvent) -> ExchangeStep {
        machine.handle(event, now: now, gate: &gate, random: &random)
    }

    @discardableResult
    mutating func send(_ event: ExchangeEvent, atMilliseconds milliseconds: Int64) -> ExchangeStep {
        now = Instant(nanoseconds: milliseconds * Span.millisecond)
        return send(event)
    }

    /// Lets time pass to the machine's own alarm and sounds it.
    @discardableResult
    mutating func wake() -> ExchangeStep? {
        guard let due = machine.wakeAt else { return nil }
        now = due
        return send(.timerFired)
    }

    var wakeMilliseconds: Int64? {
        machine.wakeAt.map { $0.nanoseconds / Span.millisecond }
    }

    /// Opens the breaker of one candidate from outside, as other exchanges would.
    mutating func open(_ candidate: Int) {
        for _ in 0..<Breaker.consecutiveFailures {
            if case .admitted(let permit) = gate.breakers[candidate].admit(
                now: now, defersProbe: false, random: &random)
            {
                gate.breakers[candidate].settle(permit, outcome: .fail, now: now, random: &random)
            }
        }
    }

    /// Brings the breaker of one candidate to half-open with its probe free: a probe was given and came back neutral.
    mutating func halfOpen(_ candidate: Int) {
        open(candidate)
        guard case .open(let until) = gate.breakers[candidate].state else { return }
        now = max(now, until)
        if case .admitted(let permit) = gate.breakers[candidate].admit(now: now, defersProbe: false, random: &random) {
            gate.breakers[candidate].settle(permit, outcome: .neutral, now: now, random: &random)
        }
    }

    /// Closes the breaker of one candidate again after it was open, which begins its slow start.
    mutating func beginSlowStart(_ candidate: Int) {
        halfOpen(candidate)
        for _ in 0..<Breaker.successesToClose {
            if case .admitted(let permit) = gate.breakers[candidate].admit(
                now: now, defersProbe: false, random: &random)
            {
                gate.breakers[candidate].settle(permit, outcome: .ok, now: now, random: &random)
            }
        }
    }
}

extension ExchangeStep {
    static func send(_ candidate: Int, cancels: Bool = false) -> ExchangeStep {
        ExchangeStep(cancelsAttempt: cancels, .sendAttempt(candidate: candidate))
    }

    static func end(_ end: ExchangeEnd, cancels: Bool = false) -> ExchangeStep {
        ExchangeStep(cancelsAttempt: cancels, .finish(end))
    }

    static let nothing = ExchangeStep(.none)
    static let hold = ExchangeStep(.hold)
    static let forward = ExchangeStep(.forward)
    static let hedge = ExchangeStep(.hedge)
    static let heartbeat = ExchangeStep(.heartbeat)
}

extension ExchangeStep {
    /// Refused because nobody is available, with the wait that the client is told, which is up to a fifth more than what is waited for.
    func refuses(for wait: Int64) -> Bool {
        guard case .finish(.refused(.noneAvailable(let told))) = action else { return false }
        return told >= wait && told <= wait + wait / 5
    }
}
