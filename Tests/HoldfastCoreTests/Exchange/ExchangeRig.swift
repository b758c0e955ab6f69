@testable import HoldfastCore

/// Breakers of an exchange's candidates, with a record of what was asked of them.
struct BreakerGate: CandidateGate {
    var breakers: [Breaker]
    /// One for each candidate: here each is a provider with one deployment.
    var suspensions: [Suspension]
    var retryBudgets: [RetryBudget]
    var paces: [CandidatePace]
    var firstTokens: [Int64] = []
    var given = 0
    var settled: [Settlement] = []

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

    mutating func admit(
        candidate: Int, defersProbe: Bool, now: Instant, random: inout SeededRandom
    ) -> CandidateDecision {
        if let refusal = suspensions[candidate].refusal(now: now) { return .refused(.suspended(refusal)) }
        switch breakers[candidate].admit(now: now, defersProbe: defersProbe, random: &random) {
        case .refused(let refusal):
            return .refused(.breaker(refusal))
        case .admitted(let permit):
            _ = suspensions[candidate].admit(now: now)
            given += 1
            return .admitted(permit)
        }
    }

    mutating func admitDespiteSlowStart(candidate: Int, now: Instant) -> Breaker.Permit? {
        let permit = breakers[candidate].admitDespiteSlowStart()
        if permit != nil { given += 1 }
        return permit
    }

    mutating func admitLastResort(candidate: Int, now: Instant) -> Breaker.Permit? {
        let permit = breakers[candidate].admitLastResort(now: now)
        if permit != nil { given += 1 }
        return permit
    }

    func pace(candidate: Int, now: Instant) -> CandidatePace { paces[candidate] }

    mutating func takeRetry(candidate: Int, now: Instant) -> Bool {
        retryBudgets[candidate].takeRetry(now: now)
    }

    mutating func settle(
        candidate: Int, permit: Breaker.Permit, result: AttemptResult, now: Instant, random: inout SeededRandom
    ) {
        if let nanoseconds = result.firstTokenNanoseconds { firstTokens.append(nanoseconds) }
        settled.append(Settlement(candidate, result.outcome))
        breakers[candidate].settle(permit, outcome: result.outcome, now: now, random: &random)
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
    static let heartbeat = ExchangeStep(.heartbeat)
}
