import HoldfastCore
import Testing

@testable import HoldfastSimulation

/// One route under a load that rises to ten times of what its providers can do, and falls again. Its clients give up on
/// slow answers and ask again for what they did not get, which is what keeps an overload alive once it has begun: a
/// metastable failure (Bronson et al., HotOS 2021).
struct GoodputWorld: Sendable {
    struct Scenario: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var providers: [BoundedProvider]
        /// What the file says that each takes at once.
        var concurrent: Int?
        var isProtected = true

        /// Answers a second at the most.
        var capacity: Int { providers.reduce(0) { $0 + $1.slots } }
    }

    /// Loads in tenths of the capacity, one after the other.
    static let loads: [Int64] = [5, 10, 20, 50, 100, 5]
    static let stageNanoseconds = 30 * Span.second
    /// The last load lasts longer, so that the slowest recovery is seen.
    static let lastStageNanoseconds = 60 * Span.second
    /// A client waits so long for a whole answer, asks again as often as the SDKs of the large providers do, and every
    /// other listens to a `retry-after`.
    private static let patienceNanoseconds = 4 * Span.second
    private static let mostRetries = 3

    enum Event: Sendable {
        case arrives
        case asks(client: Int, retry: Int)
        case upstream(exchange: Int, attempt: Int, ExchangeEvent)
        case timer(exchange: Int)
        case slot(exchange: Int, isGranted: Bool)
        case leaves(exchange: Int)
    }

    struct Exchange: Sendable {
        var machine: ExchangeMachine
        var client: Int
        var retry: Int
        var criticality: Criticality
        var beganAt: Instant
        var attempt = 0
        var provider: Int?
        var timerAt: Instant?
        var wasRefusedBySlot = false
    }

    let scenario: Scenario
    var random: SeededRandom
    var now = Instant.zero
    private var agenda = Agenda<Event>()
    var providers: [BoundedProvider]
    var gate: GoodputGate
    var exchanges: [Exchange] = []
    private var clients = 0
    var load: LoadChecker
    var report = GoodputReport()

    init(_ scenario: Scenario, seed: UInt64) {
        self.scenario = scenario
        random = SeededRandom(seed: seed)
        providers = scenario.providers
        var simulated = SimulatedGate(groups: Array(providers.indices))
        let limits = DeploymentLimits(requestsPerMinute: nil, tokensPerMinute: nil, concurrent: scenario.concurrent)
        simulated.configure(Array(repeating: limits, count: providers.count))
        gate = GoodputGate(gate: simulated, isProtected: scenario.isProtected)
        load = LoadChecker(provider: 0, limits: limits)
    }

    mutating func run() -> GoodputReport {
        agenda.schedule(.arrives, at: now)
        while let (at, event) = agenda.next() {
            now = at
            happen(event)
        }
        report.asked = providers.reduce(0) { $0 + $1.asked }
        report.refusedByProvider = providers.reduce(0) { $0 + $1.refused }
        report.attempts = exchanges.reduce(0) { $0 + $1.machine.attempts.count }
        report.violations += load.violations
        return report
    }

    private mutating func happen(_ event: Event) {
        switch event {
        case .arrives: arrive()
        case .asks(let client, let retry): ask(client: client, retry: retry)
        case .upstream(let exchange, let attempt, let event):
            guard exchanges[exchange].attempt == attempt else { return }
            handle(event, exchange: exchange)
        case .timer(let exchange):
            exchanges[exchange].timerAt = nil
            handle(.timerFired, exchange: exchange)
        case .slot(let exchange, let isGranted):
            exchanges[exchange].wasRefusedBySlot = !isGranted
            handle(isGranted ? .slotGranted : .slotRefused, exchange: exchange)
        case .leaves(let exchange):
            handle(.clientGone, exchange: exchange)
        }
    }

    // MARK: - Clients

    private func load(at now: Instant) -> Int64? {
        let stage = min(Int(now.nanoseconds / Self.stageNanoseconds), Self.loads.count - 1)
        let begins = Instant(nanoseconds: Int64(stage) * Self.stageNanoseconds)
        let isOver = stage == Self.loads.count - 1 && now.nanoseconds(since: begins) >= Self.lastStageNanoseconds
        return isOver ? nil : Self.loads[stage]
    }

    private mutating func arrive() {
        guard let load = load(at: now) else { return }
        agenda.schedule(.asks(client: clients, retry: 0), at: now)
        clients += 1
        let gap = Span.second * 10 / (load * Int64(scenario.capacity))
        agenda.schedule(.arrives, at: now.advanced(byNanoseconds: 1 + random.below(2 * gap)))
    }

    /// Of ten two are critical and three deferrable.
    private func criticality(of client: Int) -> Criticality {
        switch client % 10 {
        case 0, 5: .critical
        case 1, 4, 7: .deferrable
        default: .standard
        }
    }

    private mutating func ask(client: Int, retry: Int) {
        let criticality = criticality(of: client)
        var retries = RouteRetries()
        if retry > 0 { retries.sameDeployment = 0 }
        let facts = providers.indices.map { CandidateFacts(provider: $0) }
        let plan = ExchangePlan(
            candidates: providers.count, limits: ExchangeLimits(RouteTimeouts(), candidates: providers.count),
            retries: retries, criticality: criticality, isStream: true, facts: facts)
        exchanges.append(
            Exchange(
                machine: ExchangeMachine(plan: plan), client: client, retry: retry, criticality: criticality,
                beganAt: now))
        if retry == 0 { report.count(criticality, now) { $0.offered += 1 } }
        agenda.schedule(
            .leaves(exchange: exchanges.count - 1), at: now.advanced(byNanoseconds: Self.patienceNanoseconds))
        handle(.started, exchange: exchanges.count - 1)
    }

    private mutating func mayAskAgain(_ exchange: Int, toldNanoseconds: Int64?) {
        let (client, retry) = (exchanges[exchange].client, exchanges[exchange].retry)
        guard retry < Self.mostRetries else { return }
        var wait = Span.second / 2 << Int64(retry)
        wait -= random.below(wait / 4)
        if client % 2 == 0, let toldNanoseconds { wait = max(wait, toldNanoseconds) }
        agenda.schedule(.asks(client: client, retry: retry + 1), at: now.advanced(byNanoseconds: wait))
    }

    private mutating func notAnswered(_ exchange: Int) {
        let isFirst = exchanges[exchange].retry == 0
        report.count(exchanges[exchange].criticality, exchanges[exchange].beganAt) {
            if isFirst { $0.disappointed += 1 }
        }
    }

    // MARK: - The driver

    private mutating func handle(_ event: ExchangeEvent, exchange: Int) {
        guard !exchanges[exchange].machine.isFinished else { return }
        gate.gate.exchange = exchange
        gate.gate.order = Array(providers.indices)
        gate.gate.ask = AttemptAsk(inputBytes: 400, criticality: exchanges[exchange].criticality)
        gate.gate.ask.ticket = UInt64(exchange)
        let step = exchanges[exchange].machine.handle(event, now: now, gate: &gate, random: &random)
        tellCheckers()
        perform(step, after: event, exchange: exchange)
        for (exchange, isGranted) in gate.gate.handovers {
            agenda.schedule(.slot(exchange: exchange, isGranted: isGranted), at: now)
        }
        gate.gate.handovers.removeAll(keepingCapacity: true)
        guard let due = exchanges[exchange].machine.wakeAt else { return }
        if let armed = exchanges[exchange].timerAt, armed <= due { return }
        exchanges[exchange].timerAt = due
        agenda.schedule(.timer(exchange: exchange), at: max(now, due))
    }

    /// Who waits for the first provider, and who is sent away in what order.
    private mutating func tellCheckers() {
        for observation in gate.gate.observed {
            switch observation {
            case .waits(let exchange, 0, let criticality): load.waits(exchange: exchange, criticality)
            case .stoppedWaiting(let exchange, 0): load.stopped(exchange: exchange)
            case .handedOver(0, let granted, let refused): load.handedOver(granted: granted, refused: refused)
            case .permitGiven(let exchange, 0, _): load.given(exchange: exchange, now: now)
            case .permitSettled(_, 0, _, _): load.settled()
            case .dropped: report.dropped += 1
            default: break
            }
        }
        gate.gate.observed.removeAll(keepingCapacity: true)
    }

    private mutating func perform(_ step: ExchangeStep, after event: ExchangeEvent, exchange: Int) {
        var hasEnded = step.cancelsAttempt || event == .upstreamEnded
        if case .attemptFailed = event { hasEnded = true }
        if hasEnded { letGo(exchange) }
        switch step.action {
        case .sendAttempt(let candidate):
            letGo(exchange)
            exchanges[exchange].provider = candidate
            for (delay, event) in providers[candidate].answer(now: now, random: &random) {
                agenda.schedule(
                    .upstream(exchange: exchange, attempt: exchanges[exchange].attempt, event),
                    at: now.advanced(byNanoseconds: delay))
            }
        case .finish(let end):
            letGo(exchange)
            finish(end, exchange: exchange)
        case .none, .hold, .forward, .heartbeat, .hedge:
            break
        }
    }

    private mutating func letGo(_ exchange: Int) {
        exchanges[exchange].attempt += 1
        guard let provider = exchanges[exchange].provider else { return }
        providers[provider].left()
        exchanges[exchange].provider = nil
    }

    private mutating func finish(_ end: ExchangeEnd, exchange: Int) {
        let criticality = exchanges[exchange].criticality
        switch end {
        case .answered:
            report.count(criticality, now) { $0.answered += 1 }
        case .refused(let refusal):
            let isUpstream = !exchanges[exchange].machine.attempts.isEmpty
            notAnswered(exchange)
            if exchanges[exchange].wasRefusedBySlot {
                report.refusedByQueue += 1
                if isUpstream { report.refusedByQueueAfterAttempts += 1 }
            }
            var told: Int64?
            if case .noneAvailable(let wait) = refusal { told = wait }
            mayAskAgain(exchange, toldNanoseconds: told)
        case .clientGone, .interrupted:
            notAnswered(exchange)
            mayAskAgain(exchange, toldNanoseconds: nil)
        }
    }
}
