import HoldfastCore

/// Providers that fail and heal, gateways that hear of everything in their own time, clients that come, wait and leave,
/// and one queue of all that happens.
struct SimulatedWorld: Sendable {
    /// One run of an exchange. A hedged exchange has two of them; what is its client's business stands in the first.
    struct Exchange: Sendable {
        var plan: ExchangePlan
        var machine: ExchangeMachine
        /// The place of the first run.
        var client: Int
        /// The run that the client waits for.
        var current: Int
        /// The second run, while it may still win.
        var hedge: Int?
        /// The run that the client waits for, where this is the second one and may still win.
        var main: Int?
        /// The other run was faster, or is all that is left.
        var isBeaten = false
        var gateway: Int
        /// The snapshot that was in force when it came.
        var snapshot: UInt64
        /// Its candidates as providers.
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
        var arrivedAt: Instant
        var departure: Departure
        /// How often its client has asked for the same before.
        var retry: Int
        var steps = 0
        var attempt = 0
        var attemptStarted = Instant.zero
        /// Whose attempt is in flight.
        var provider: Int?
        /// The request of its attempt has left.
        var wasSent = false
        /// Its attempt has a head.
        var hasHead = false
        /// The attempt in flight is a probe.
        var isProbe = false
        /// Whom drills are meant for, and the attempts that met one.
        var draws = DrillDraws()
        var metOrders: [(order: String, provider: Int, startedAt: Instant)] = []
        /// The soonest timer in the queue.
        var timerAt: Instant?
    }

    /// No run needs as many; a machine that never ends is caught here.
    private static let mostEvents = 10_000_000
    /// Clients come once more for so long, when all is over.
    private static let lastStretchNanoseconds = 5 * Span.second

    let options: WorldOptions
    let drillPlan: DrillPlan
    /// Of what drills do, so that nothing else is drawn otherwise for it.
    var drillRandom: SeededRandom
    var arrivalsEndAt: Instant
    /// Where every provider is back by then, nobody else needs to come.
    let settledAt: Instant
    var lastStretchAt: Instant { arrivalsEndAt.advanced(byNanoseconds: Span.second) }
    var lastStretchEndsAt: Instant { lastStretchAt.advanced(byNanoseconds: Self.lastStretchNanoseconds) }
    var random: SeededRandom
    var now = Instant.zero
    var queue = EventQueue()
    var gateways: [SimulatedGateway]
    /// Of each provider.
    var allowances: [ProviderAllowance]
    var exchanges: [Exchange] = []
    var trace = Trace()
    var report: SimulationReport
    var exchangeChecker = ExchangeChecker()
    var deliveryChecker = DeliveryChecker()
    var snapshotChecker: SnapshotChecker
    var stormChecker = StormChecker()
    /// One of those who watch a pair of gateway and provider has something to say.
    var hasViolationOfPair = false

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let options = WorldOptions(random: &random)
        arrivalsEndAt = options.healsAt.advanced(
            byNanoseconds: WorldOptions.settlingNanoseconds + RecoveryChecker.boundNanoseconds)
        settledAt = options.healsAt.advanced(byNanoseconds: 10 * Span.second)
        gateways = (0..<options.gateways).map { _ in SimulatedGateway(options, random: &random) }
        allowances = options.providers.map(\.allowance)
        snapshotChecker = SnapshotChecker(options.publication, gateways: options.gateways)
        report = SimulationReport(seed: seed, traceHash: 0)
        drillPlan = DrillPlan(options, seed: seed)
        drillRandom = SeededRandom(seed: ~seed)
        self.options = options
        self.random = random
    }

    mutating func run() -> SimulationReport {
        schedule()
        while let (at, event) = queue.next(), trace.count < Self.mostEvents, !hasViolations {
            now = at
            happen(event)
        }
        if !hasViolations { finish() }
        report.violations =
            exchangeChecker.violations + deliveryChecker.violations + snapshotChecker.violations
            + stormChecker.violations
            + gateways.enumerated().flatMap { gateway, state in
                state.hedges.violations.map { "gateway \(gateway) \($0)" }
            }
            + gateways.enumerated().flatMap { gateway, state in
                state.drillChecker.violations.map { "gateway \(gateway): \($0)" }
            }
            + gateways.enumerated().flatMap { gateway, state in
                state.watches.flatMap(\.violations).map { "gateway \(gateway): \($0)" }
            }
        if !isHopeless {
            if report.violations.isEmpty {
                report.violations = gateways.enumerated().flatMap { gateway, state in
                    state.recovery.violations.map { "gateway \(gateway): \($0)" }
                }
            }
            report.slowestRecovery = slowestRecovery
        }
        report.traceHash = trace.hash
        report.events = trace.count
        report.exchanges = exchanges.indices.count { exchanges[$0].client == $0 }
        report.lastEvents = trace.lastEvents
        return report
    }

    private mutating func schedule() {
        queue.schedule(.arrives, at: now)
        scheduleDrills()
        for gateway in gateways.indices { queue.schedule(.mends(gateway: gateway), at: options.healsAt) }
        for (provider, state) in options.providers.enumerated() {
            for instant in state.crashes { queue.schedule(.crashes(provider: provider), at: instant) }
        }
        for delivery in options.publication.deliveries {
            queue.schedule(.snapshot(gateway: delivery.gateway, number: delivery.number), at: delivery.at)
        }
        for stall in options.stalls {
            queue.schedule(.stalls(gateway: stall.gateway, until: stall.until), at: stall.from)
            queue.schedule(.resumes(gateway: stall.gateway, timersFirst: stall.timersFirst), at: stall.until)
        }
    }

    private mutating func happen(_ event: EventQueue.Event) {
        if let gateway = gateway(of: event), gateways[gateway].misses(event) { return }
        switch event {
        case .arrives:
            arrive()
        case .begins(let gateway, let retry):
            begin(at: gateway, retry: retry)
        case .crashes(let provider):
            for exchange in exchanges.indices where exchanges[exchange].provider == provider {
                queue.schedule(
                    .upstream(
                        exchange: exchange, attempt: exchanges[exchange].attempt,
                        .event(.attemptFailed(.transient, retryAfterNanoseconds: nil))), at: now)
            }
        case .mends(let gateway):
            gateways[gateway].clearSuspensions(now: now)
            noteSpendingBeforeHealing(at: gateway)
        case .snapshot(let gateway, let number):
            gateways[gateway].receive(number, of: options.publication, now: now)
            snapshotChecker.delivered(number, to: gateway, inForce: gateways[gateway].sequence.inForce)
            report.snapshots += 1
        case .drills(let delivery): deliverDrills(delivery)
        case .looks(let gateway): lookAtDrills(of: gateway)
        case .stalls(let gateway, let until):
            gateways[gateway].stall()
            report.hedgesStalled += exchanges.count { $0.gateway == gateway && $0.hedge != nil }
            exchangeChecker.stalled(gateway: gateway, from: now, until: until)
            report.stalls += 1
        case .resumes(let gateway, let timersFirst):
            for missed in gateways[gateway].resume(timersFirst: timersFirst) where !hasViolations { happen(missed) }
        case .upstream(let exchange, let attempt, let part):
            // After the end even late events reach the machine, which must not stir.
            if exchanges[exchange].attempt == attempt || exchanges[exchange].machine.isFinished {
                receive(part, exchange: exchange)
            }
        case .timer(let exchange):
            wake(exchange)
        case .slot(let exchange, let isGranted):
            handle(isGranted ? .slotGranted : .slotRefused, exchange: exchange)
        case .clientLeaves(let exchange):
            leave(exchange)
        }
    }

    /// Who hears of it; nil: it happens outside.
    private func gateway(of event: EventQueue.Event) -> Int? {
        switch event {
        case .begins(let gateway, _), .mends(let gateway), .snapshot(let gateway, _), .looks(let gateway): gateway
        case .drills(let delivery): drillPlan.deliveries[delivery].gateway
        case .upstream(let exchange, _, _), .timer(let exchange), .slot(let exchange, _), .clientLeaves(let exchange):
            exchanges[exchange].gateway
        case .arrives, .crashes, .stalls, .resumes: nil
        }
    }
}
