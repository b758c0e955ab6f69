import HoldfastCore

/// One gateway of a world: what it shares among its exchanges, the snapshot it has in force, and who watches it.
struct SimulatedGateway: Sendable {
    var gate: SimulatedGate
    private(set) var sequence = SnapshotSequence(inForce: 1)
    /// What came while it stood still, in order; nil: it runs.
    private(set) var missed: [EventQueue.Event]?
    /// Of each provider.
    var watches: [ProviderWatch]
    var recovery: RecoveryChecker
    var hedges = HedgeChecker()
    var drills = FaultLeases()
    var drillChecker = DrillChecker()
    /// The next look is in the queue.
    var looksAtDrills = false

    init(_ options: WorldOptions, random: inout SeededRandom) {
        gate = SimulatedGate(groups: options.providers.map(\.group))
        if options.hasHedges { gate.learnPaces(random: &random) }
        watches = options.providers.indices.map { ProviderWatch(provider: $0) }
        recovery = RecoveryChecker(providers: options.providers.count, healsAt: options.healsAt)
        comesIntoForce(options.publication[1], now: .zero)
    }

    /// A snapshot arrives.
    mutating func receive(_ number: UInt64, of publication: Publication, now: Instant) {
        guard sequence.adopts(number) else { return }
        comesIntoForce(publication[number], now: now)
    }

    private mutating func comesIntoForce(_ snapshot: SimulatedSnapshot, now: Instant) {
        gate.configure(snapshot.limits)
        for provider in watches.indices { watches[provider].load.configured(snapshot.limits[provider]) }
        recovery.adopted(candidates: snapshot.candidates, now: now)
    }

    mutating func clearSuspensions(now: Instant) {
        gate.clearSuspensions(now: now)
        for provider in watches.indices { watches[provider].suspension.mended(now: now) }
    }

    // MARK: - Drills

    mutating func adoptDrills(_ offers: [FaultLeases.Offer], isLive: Bool, now: Instant) {
        drills.adopt(offers, isLive: isLive, unwell: gate.unwell, now: now)
        drillChecker.delivered(offers, isLive: isLive, unwell: gate.unwell, now: now)
    }

    mutating func lookAtDrills(now: Instant) {
        drills.saw(unwell: gate.unwell, now: now)
        drillChecker.looked(unwell: gate.unwell, now: now)
        drills.look(now: now)
    }

    // MARK: - Standing still

    mutating func stall() { missed = missed ?? [] }

    /// Whether it stands still; then it hears of the event when it runs again.
    mutating func misses(_ event: EventQueue.Event) -> Bool {
        missed?.append(event)
        return missed != nil
    }

    /// What it hears at once.
    mutating func resume(timersFirst: Bool) -> [EventQueue.Event] {
        defer { missed = nil }
        let missed = missed ?? []
        guard timersFirst else { return missed }
        return missed.filter(\.isTimer) + missed.filter { !$0.isTimer }
    }
}

/// Everybody who watches what one gateway does to one provider.
struct ProviderWatch: Sendable {
    var breaker: BreakerChecker
    var suspension: SuspensionChecker
    var retry: RetryChecker
    var load: LoadChecker
    var throttle: ThrottleChecker

    init(provider: Int) {
        breaker = BreakerChecker(provider: provider)
        suspension = SuspensionChecker(provider: provider)
        retry = RetryChecker(provider: provider)
        load = LoadChecker(provider: provider, limits: DeploymentLimits())
        throttle = ThrottleChecker(provider: provider)
    }

    var hasViolations: Bool {
        !breaker.violations.isEmpty || !suspension.violations.isEmpty || !retry.violations.isEmpty
            || !load.violations.isEmpty || !throttle.violations.isEmpty
    }

    var violations: [String] {
        breaker.violations + suspension.violations + retry.violations + load.violations + throttle.violations
    }

    mutating func finish() {
        breaker.finish()
        load.finish()
    }
}

extension EventQueue.Event {
    var isTimer: Bool {
        if case .timer = self { true } else { false }
    }
}
