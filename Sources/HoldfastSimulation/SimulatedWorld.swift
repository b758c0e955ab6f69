import HoldfastCore

/// Providers that fail and heal, clients that come, wait and leave, and one queue of everything that happens.
struct SimulatedWorld: Sendable {
    private struct Exchange: Sendable {
        var machine: ExchangeMachine
        var order: [Int]
        var question: SimulatedProvider.Question
        var stream = SimulatedStream()
        /// Its answer calls a tool after as many parts; nil: it never does.
        var callsToolAfterParts: Int?
        /// Providers it was sent to.
        var asked: Set<Int> = []
        /// Providers that refused it by law, which is so whatever an operator has cleared meanwhile.
        var restrictedBy: Set<Int> = []
        var ask: AttemptAsk
        /// The client leaves once it has seen this many steps; nil: it stays.
        var leavesAfterSteps: Int?
        var steps = 0
        var attempt = 0
        var attemptStarted = Instant.zero
        var provider: Int?
        /// The soonest timer in the queue.
        var timerAt: Instant?
    }

    /// Timers sound late by up to this much, less than the checkers' tick.
    private static let timerLatenessNanoseconds = 5 * Span.millisecond
    /// No run needs as many; a machine that never ends is caught here.
    private static let mostEvents = 1_000_000

    private let seed: UInt64
    private let healsAt: Instant
    private let arrivalsEndAt: Instant
    /// Where every provider is back by then, nobody else needs to come.
    private let settledAt: Instant
    private let meanGapNanoseconds: Int64
    private let timeouts: RouteTimeouts
    private let retries: RouteRetries
    private let strategy: RouteStrategy
    private let delivery: Delivery
    private let hold: RouteHold
    private let providers: [SimulatedProvider]
    /// The last provider answers only where the first one's model is gone.
    private let hasStandIn: Bool
    private var random: SeededRandom
    private var now = Instant.zero
    private var queue = EventQueue()
    private var gate: SimulatedGate
    private var exchanges: [Exchange] = []
    private var trace = Trace()
    private var report: SimulationReport
    private var exchangeChecker = ExchangeChecker()
    private var breakerCheckers: [BreakerChecker]
    private var suspensionCheckers: [SuspensionChecker]
    private var retryCheckers: [RetryChecker]
    private var deliveryChecker = DeliveryChecker()
    private var loadCheckers: [LoadChecker]
    private var recoveryChecker: RecoveryChecker

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let healsAt = Instant(nanoseconds: 15 * Span.second + random.below(30 * Span.second))
        let count = Int(1 + random.below(4))
        var timeouts = RouteTimeouts()
        timeouts.firstTokenNanoseconds = Span.second + random.below(4 * Span.second)
        timeouts.idleNanoseconds = Span.second + random.below(4 * Span.second)
        timeouts.responseNanoseconds = 2 * Span.second + random.below(8 * Span.second)
        timeouts.totalNanoseconds = 10 * Span.second + random.below(20 * Span.second)
        var retries = RouteRetries()
        retries.sameDeployment = Int(random.below(2))
        retries.attempts = Int(1 + random.below(5))
        strategy = RouteStrategy.allCases[Int(random.below(4))]
        delivery = random.below(2) == 0 ? .splice : Delivery.allCases[Int(random.below(3))]
        var hold = RouteHold()
        hold.bytes = random.below(2) == 0 ? 60 : 1_000
        hold.heartbeatNanoseconds = random.below(2) == 0 ? nil : Span.second / 2 + random.below(2 * Span.second)
        self.hold = hold
        self.seed = seed
        self.healsAt = healsAt
        self.timeouts = timeouts
        self.retries = retries
        arrivalsEndAt = healsAt.advanced(byNanoseconds: RecoveryChecker.boundNanoseconds)
        settledAt = healsAt.advanced(byNanoseconds: 10 * Span.second)
        // From a quiet service to one busy enough for the breaker's rate window.
        meanGapNanoseconds = (random.below(10) == 0 ? 20 : 100 + random.below(400)) * Span.millisecond
        let conditions = SimulatedProvider.drawConditions(random: &random)
        providers = (0..<count).map { _ in
            SimulatedProvider(healsAt: healsAt, conditions: conditions, random: &random)
        }
        hasStandIn = count > 1 && random.below(3) == 0
        gate = SimulatedGate(limits: providers.map(\.limits))
        breakerCheckers = (0..<count).map { BreakerChecker(provider: $0) }
        suspensionCheckers = (0..<count).map { SuspensionChecker(provider: $0) }
        retryCheckers = (0..<count).map { RetryChecker(provider: $0) }
        loadCheckers = providers.enumerated().map { LoadChecker(provider: $0, limits: $1.limits) }
        // Nobody asks a stand-in while all is well.
        recoveryChecker = RecoveryChecker(providers: hasStandIn ? count - 1 : count, healsAt: healsAt)
        report = SimulationReport(seed: seed, traceHash: 0)
        self.random = random
    }

    mutating func run() -> SimulationReport {
        queue.schedule(.arrives, at: now)
        queue.schedule(.mends, at: healsAt)
        for (provider, state) in providers.enumerated() {
            for period in state.periods where period.condition == .crashed {
                queue.schedule(.crashes(provider: provider), at: period.from)
            }
        }
        while let (at, event) = queue.next(), trace.count < Self.mostEvents, !hasViolations {
            now = at
            happen(event)
        }
        if !hasViolations { exchangeChecker.finish() }
        if !hasViolations {
            for provider in loadCheckers.indices { loadCheckers[provider].finish() }
            if !gate.isIdle { exchangeChecker.leftBehind() }
        }
        report.violations =
            exchangeChecker.violations + breakerCheckers.flatMap(\.violations)
            + suspensionCheckers.flatMap(\.violations) + retryCheckers.flatMap(\.violations)
            + deliveryChecker.violations + loadCheckers.flatMap(\.violations)
        if report.violations.isEmpty { report.violations = recoveryChecker.violations }
        report.slowestRecovery = recoveryChecker.slowest
        report.traceHash = trace.hash
        report.events = trace.count
        report.exchanges = exchanges.count
        report.lastEvents = trace.lastEvents
        return report
    }

    /// Providers that an exchange asks without being told to: all but a stand-in.
    private var recoverable: Int { hasStandIn ? providers.count - 1 : providers.count }

    private var hasViolations: Bool {
        !exchangeChecker.violations.isEmpty || breakerCheckers.contains { !$0.violations.isEmpty }
            || suspensionCheckers.contains { !$0.violations.isEmpty }
            || retryCheckers.contains { !$0.violations.isEmpty } || !deliveryChecker.violations.isEmpty
            || loadCheckers.contains { !$0.violations.isEmpty }
    }

    private mutating func happen(_ event: EventQueue.Event) {
        switch event {
        case .arrives:
            arrive()
        case .crashes(let provider):
            for exchange in exchanges.indices where exchanges[exchange].provider == provider {
                fail(.transient, retryAfterNanoseconds: nil, exchange: exchange)
            }
        case .mends:
            gate.clearSuspensions(now: now)
            for provider in suspensionCheckers.indices { suspensionCheckers[provider].mended(now: now) }
        case .upstream(let exchange, let attempt, let part):
            // After the end even late events reach the machine, which must not stir.
            if exchanges[exchange].attempt == attempt || exchanges[exchange].machine.isFinished {
                receive(part, exchange: exchange)
            }
        case .timer(let exchange):
            exchanges[exchange].timerAt = nil
            handle(.timerFired, exchange: exchange)
        case .slot(let exchange, let isGranted):
            handle(isGranted ? .slotGranted : .slotRefused, exchange: exchange)
        case .clientLeaves(let exchange):
            handle(.clientGone, exchange: exchange)
        }
    }

    // MARK: - Clients

    private mutating func arrive() {
        let ordinary = recoverable
        let first = Int(random.below(Int64(ordinary)))
        let isStream = random.below(3) > 0
        let clientTimeout = random.below(10) == 0 ? random.below(15 * Span.second) : nil
        let total = min(timeouts.totalNanoseconds, clientTimeout ?? .max)
        let order = (0..<ordinary).map { (first + $0) % ordinary } + (ordinary..<providers.count)
        let facts = order.map { provider in
            CandidateFacts(
                provider: provider,
                contextTokens: providers[provider].isContextKnown ? providers[provider].contextTokens : nil,
                replacement: hasStandIn && provider == 0 ? ordinary : nil, isStandIn: provider >= ordinary,
                prefills: providers[provider].declaresPrefill, weight: providers[provider].weight,
                price: providers[provider].price)
        }
        var plan = ExchangePlan(
            candidates: order.count, limits: ExchangeLimits(timeouts, candidates: order.count), retries: retries,
            criticality: Criticality.allCases[Int(random.below(3))], isStream: isStream, delivery: delivery,
            heartbeatNanoseconds: hold.heartbeatNanoseconds, clientTimeoutNanoseconds: clientTimeout, facts: facts)
        // Some ask by another route over the same providers: by price alone the dearest would never be asked.
        plan.strategy = random.below(2) == 0 ? strategy : .ordered
        plan.need = TokenNeed(inputTokens: 100, outputTokens: 100)
        if random.below(20) == 0 { plan.retired = UInt64(random.below(4)) }
        let exchange = exchanges.count
        exchanges.append(
            Exchange(
                machine: ExchangeMachine(plan: plan), order: order,
                question: SimulatedProvider.Question(
                    isStream: isStream, tokens: random.below(8) == 0 ? Int(random.below(5_000)) : 100,
                    answerBytes: random.below(50) == 0 ? 500 : 2 + Int(random.below(120))),
                callsToolAfterParts: random.below(8) == 0 ? Int(random.below(10)) : nil,
                ask: AttemptAsk(
                    inputBytes: 400, outputTokenBound: random.below(2) == 0 ? nil : 100, criticality: plan.criticality),
                leavesAfterSteps: random.below(10) == 0 ? Int(random.below(12)) : nil))
        let known = ExchangeFacts(
            providers: order, contexts: facts.map(\.contextTokens), isStream: isStream,
            delivery: delivery, attemptsAllowed: retries.attempts, endsBy: now.advanced(byNanoseconds: total))
        exchangeChecker.see(.arrived(exchange: exchange, known), now: now)
        if isStream {
            deliveryChecker.began(
                exchange: exchange,
                DeliveryChecker.Facts(
                    delivery: delivery, holdBytes: hold.bytes, bytes: exchanges[exchange].question.answerBytes,
                    voices: providers.map(\.voice), prefills: providers.map(\.declaresPrefill)))
        }
        if random.below(20) == 0 {
            queue.schedule(
                .clientLeaves(exchange: exchange), at: now.advanced(byNanoseconds: random.below(5 * Span.second)))
        }
        handle(.started, exchange: exchange)
        // Bursts: a third come together with the one before.
        let gap = random.below(3) == 0 ? 0 : random.below(2 * meanGapNanoseconds)
        let next = now.advanced(byNanoseconds: gap)
        if next < (recoveryChecker.slowest == nil ? arrivalsEndAt : settledAt) { queue.schedule(.arrives, at: next) }
    }

    // MARK: - The driver

    private mutating func handle(_ event: ExchangeEvent, exchange: Int) {
        gate.exchange = exchange
        gate.order = exchanges[exchange].order
        gate.ask = exchanges[exchange].ask
        gate.ask.ticket = UInt64(exchange)
        let step = exchanges[exchange].machine.handle(event, now: now, gate: &gate, random: &random)
        trace.add(Trace.Entry(now: now, exchange: exchange, event: event, step: step))
        tellCheckers(step, after: event, exchange: exchange)
        perform(step, after: event, exchange: exchange)
        for (exchange, isGranted) in gate.handovers {
            report.waits += 1
            if !isGranted { report.waitsRefused += 1 }
            // Another loop hears of it a little later.
            let delay = random.below(Span.millisecond)
            queue.schedule(.slot(exchange: exchange, isGranted: isGranted), at: now.advanced(byNanoseconds: delay))
        }
        gate.handovers.removeAll(keepingCapacity: true)
        arm(exchange)
        exchanges[exchange].steps += 1
        if exchanges[exchange].steps == exchanges[exchange].leavesAfterSteps {
            queue.schedule(.clientLeaves(exchange: exchange), at: now)
        }
    }

    private mutating func receive(_ part: EventQueue.UpstreamPart, exchange: Int) {
        switch part {
        case .text(let range):
            receive(range, exchange: exchange)
        case .event(.attemptFailed(let failure, let retryAfter)):
            fail(failure, retryAfterNanoseconds: retryAfter, exchange: exchange)
        case .event(.upstreamEnded) where exchanges[exchange].question.isStream:
            end(exchange: exchange)
        case .event(let event):
            handle(event, exchange: exchange)
        }
    }

    private mutating func receive(_ range: Range<Int>, exchange: Int) {
        guard let provider = exchanges[exchange].provider else {
            handle(.chunkReceived(hasToken: true), exchange: exchange)
            return
        }
        let text = SimulatedText.bytes(range, exchange: exchange, voice: providers[provider].voice)
        let event = exchanges[exchange].stream.receive(text)
        if case .attemptFailed = event { exchanges[exchange].attempt += 1 }
        handle(event, exchange: exchange)
        if exchanges[exchange].machine.isCommitted, let parts = exchanges[exchange].callsToolAfterParts {
            exchanges[exchange].callsToolAfterParts = parts - 1
            if parts == 0 {
                deliveryChecker.becameUncontinuable(exchange: exchange)
                handle(.becameUncontinuable, exchange: exchange)
            }
        }
        if exchanges[exchange].machine.isHolding, exchanges[exchange].stream.held.count > hold.bytes {
            handle(.holdFilled, exchange: exchange)
        }
    }

    /// A stream has come to its proper end.
    private mutating func end(exchange: Int) {
        guard exchanges[exchange].stream.mayEnd else {
            exchanges[exchange].attempt += 1
            handle(.attemptFailed(.diverged, retryAfterNanoseconds: nil), exchange: exchange)
            return
        }
        // Where all had been said before it broke off, the proper end is what is new.
        if exchanges[exchange].machine.continuation != nil, !exchanges[exchange].machine.isCommitted {
            handle(.chunkReceived(hasToken: true), exchange: exchange)
        }
        handle(.upstreamEnded, exchange: exchange)
    }

    private mutating func fail(_ failure: FailureClass, retryAfterNanoseconds: Int64?, exchange: Int) {
        exchanges[exchange].attempt += 1
        let seen = exchanges[exchange].machine.hasBegun ? .truncated : failure
        handle(.attemptFailed(seen, retryAfterNanoseconds: retryAfterNanoseconds), exchange: exchange)
    }

    private mutating func perform(_ step: ExchangeStep, after event: ExchangeEvent, exchange: Int) {
        if step.cancelsAttempt {
            exchanges[exchange].attempt += 1
            exchanges[exchange].provider = nil
        }
        switch step.action {
        case .none, .hold, .heartbeat, .hedge:
            if case .attemptFailed = event { exchanges[exchange].provider = nil }
        case .forward:
            letGo(exchange)
        case .sendAttempt(let candidate):
            sendAttempt(candidate, exchange: exchange)
        case .finish(let end):
            finish(end, exchange: exchange)
        }
    }

    private mutating func sendAttempt(_ candidate: Int, exchange: Int) {
        let provider = exchanges[exchange].order[candidate]
        if candidate != 0 { report.failovers += 1 }
        let isSecondTry = !exchanges[exchange].asked.insert(provider).inserted
        if isSecondTry { report.retries += 1 } else { retryCheckers[provider].sentFirstTry(now: now) }
        exchanges[exchange].attempt += 1
        exchanges[exchange].attemptStarted = now
        exchanges[exchange].provider = provider
        let method = exchanges[exchange].machine.continuation
        exchanges[exchange].stream.beginAttempt(method)
        var question = exchanges[exchange].question
        if method == .prefilled { question.prefilledBytes = exchanges[exchange].stream.sent.bytes.count }
        for (delay, part) in providers[provider].script(question, now: now, random: &random) {
            queue.schedule(
                .upstream(exchange: exchange, attempt: exchanges[exchange].attempt, part),
                at: now.advanced(byNanoseconds: delay))
        }
    }

    private mutating func finish(_ end: ExchangeEnd, exchange: Int) {
        switch end {
        case .answered:
            letGo(exchange)
            report.answered += 1
            if exchanges[exchange].machine.continuation != nil { report.continued += 1 }
            if let provider = exchanges[exchange].provider, provider < recoverable {
                recoveryChecker.answered(
                    provider: provider, attemptStarted: exchanges[exchange].attemptStarted, now: now)
            }
        case .refused: report.refused += 1
        case .interrupted: report.interrupted += 1
        case .clientGone: report.clientGone += 1
        }
        exchanges[exchange].provider = nil
        deliveryChecker.ended(end, exchange: exchange)
    }

    private mutating func letGo(_ exchange: Int) {
        guard let provider = exchanges[exchange].provider else { return }
        deliveryChecker.delivered(exchanges[exchange].stream.letGo(), by: provider, exchange: exchange)
    }

    private mutating func arm(_ exchange: Int) {
        guard let due = exchanges[exchange].machine.wakeAt else { return }
        if let armed = exchanges[exchange].timerAt, armed <= due { return }
        exchanges[exchange].timerAt = due
        let lateness = random.below(Self.timerLatenessNanoseconds)
        queue.schedule(.timer(exchange: exchange), at: max(now, due).advanced(byNanoseconds: lateness))
    }

    // MARK: - The checkers

    private mutating func tellCheckers(_ step: ExchangeStep, after event: ExchangeEvent, exchange: Int) {
        for observation in gate.observed {
            exchangeChecker.see(observation, now: now)
            switch observation {
            case .permitGiven(_, let provider, let permit):
                if case .probe = permit { report.probes += 1 }
                if case .lastResort = permit { report.lastResorts += 1 }
                breakerCheckers[provider].given(permit, now: now)
                suspensionCheckers[provider].given(now: now)
                loadCheckers[provider].given(now: now)
            case .permitSettled(_, let provider, let permit, let result):
                if result.failure == .restricted { exchanges[exchange].restrictedBy.insert(provider) }
                breakerCheckers[provider].settled(permit, result.outcome, now: now)
                suspensionCheckers[provider].settled(result, now: now)
                loadCheckers[provider].settled()
            case .lastResortAsked(let provider):
                breakerCheckers[provider].askedForLastResort()
            case .secondTryGranted(let provider):
                retryCheckers[provider].grantedSecondTry(now: now)
            case .waits(let exchange, let provider, let criticality):
                loadCheckers[provider].waits(exchange: exchange, criticality)
            case .stoppedWaiting(let exchange, let provider):
                loadCheckers[provider].stopped(exchange: exchange)
            case .handedOver(let provider, let granted, let refused):
                loadCheckers[provider].handedOver(granted: granted, refused: refused)
            case .arrived, .stepped:
                break
            }
        }
        gate.observed.removeAll(keepingCapacity: true)
        if case .finish(.refused(.noneAvailable)) = step.action, exchanges[exchange].attempt == 0 {
            for provider in exchanges[exchange].order
            where provider < recoverable && !suspensionCheckers[provider].isOut(now: now)
                && !loadCheckers[provider].isFull(now: now)
            {
                breakerCheckers[provider].turnedAway(now: now)
            }
        }
        if case .finish(.refused(.noneLawful)) = step.action {
            report.unlawful += 1
            for provider in exchanges[exchange].order
            where provider < recoverable && !exchanges[exchange].restrictedBy.contains(provider) {
                suspensionCheckers[provider].calledUnlawful()
            }
        }
        exchangeChecker.see(.stepped(exchange: exchange, step, after: event), now: now)
    }
}
