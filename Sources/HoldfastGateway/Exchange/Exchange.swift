import HoldfastCore
import HoldfastWire
import NIOCore

/// The driver of one exchange: performs what its machine decides, on one event loop, and reports what happens. There is
/// no policy here; whatever looks like one belongs into `ExchangeMachine`.
final class Exchange {
    /// What a failed answer may hold before the rest is thrown away: enough for every provider's error body.
    static let errorBodyBytes = 64 << 10

    /// How the answer of the attempt in flight is read.
    enum Reading {
        case nothing
        /// A whole body, judged when it is complete.
        case whole(status: Int)
        /// Events, judged one by one.
        case events(status: Int)
        /// A refusal: its body says why.
        case refusal(UpstreamHead)
    }

    enum Carrier {
        case none
        case awaited(UpstreamPool)
        case held(UpstreamConnection)
        /// A drill has it, and no provider.
        case injected(InjectedAttempt)
    }

    let request: IncomingRequest
    let admitted: AdmittedExchange
    unowned let connection: ClientConnection
    let services: LoopServices
    var machine: ExchangeMachine
    /// Nil: its trace is nobody's concern.
    let trace: ExchangeTrace?
    var gate: RouteGate
    var carrier = Carrier.none
    var reading = Reading.nothing
    /// Nil: no drill is under way, as far as this exchange knows.
    var met: MetFaults?
    /// The order that breaks off the answer of the attempt in flight.
    var cutBy: String?
    private(set) var gathered = ByteBuffer()
    /// Set while a stream is answered; kept out of unary exchanges.
    var relay: StreamRelay?
    var refusal: UpstreamRefusal?
    let startedAt: Instant
    var committedAt: Instant?
    /// The text that reached the client, for whoever has to go on from it.
    var sent = SentText()
    /// The attempts at the time that the client was told last who answers.
    var saidContinued = 0
    /// Whom the head of the stream names.
    var headDeployment: String?
    /// What attempts used that broke off after they had begun to answer.
    var deadLegs: [DeadLeg] = []
    /// The attempt that `relay` belongs to.
    private var legAttempt = 0
    var usage: TokenUsage?
    /// Status of the response head sent to the client.
    var sentStatus = 0

    /// The second run of this exchange, while it may still win.
    var hedge: Exchange?
    /// The run that the client waits for, where this is the second one. It owns this one.
    unowned var main: Exchange?
    /// The other run was faster, or is all that is left.
    var isBeaten = false
    /// It began as the second run, and answers.
    private(set) var wonAsHedge = false
    var beatenAttempts: [AttemptRecord] = []

    /// - Parameter ticket: of the name that its client gave it.
    init(_ admitted: AdmittedExchange, request: IncomingRequest, connection: ClientConnection, ticket: UInt64?) {
        self.admitted = admitted
        self.ticket = ticket
        self.request = request
        self.connection = connection
        services = connection.services
        startedAt = request.arrivedAt
        trace =
            services.shared.traces == nil
            ? nil : ExchangeTrace(request, random: &services.random, budgets: &services.traceBudgets)
        isAssembled =
            admitted.route.route.unary == .streamed && !admitted.scan.isStream
            && admitted.scan.endpoint != .embeddings
        machine = ExchangeMachine(plan: Self.plan(admitted, request, isAssembled: isAssembled, services.shared))
        gate = RouteGate(admitted, shared: services.shared)
        gate.exchange = self
    }

    /// The second run of an exchange: one attempt, at a candidate that the first run has not asked.
    init(hedging other: Exchange) {
        admitted = other.admitted
        ticket = other.ticket
        request = other.request
        connection = other.connection
        services = other.services
        startedAt = other.startedAt
        trace = other.trace
        isAssembled = other.isAssembled
        var plan = Self.plan(admitted, request, isAssembled: isAssembled, services.shared)
        plan.hedges = false
        plan.excluded = other.machine.asked
        plan.retries.sameDeployment = 0
        plan.retries.attempts = 1
        met = other.met
        let left = other.machine.deadline.nanoseconds(since: MonotonicClock.read())
        plan.clientTimeoutNanoseconds = min(plan.clientTimeoutNanoseconds ?? .max, max(left, 0))
        machine = ExchangeMachine(plan: plan)
        gate = RouteGate(admitted, shared: services.shared)
        gate.exchange = self
        main = other
    }

    private static func plan(
        _ admitted: AdmittedExchange, _ request: IncomingRequest, isAssembled: Bool, _ shared: GatewayShared
    ) -> ExchangePlan {
        let route = admitted.route
        var retries = route.route.retries
        // The client asks again by itself: a second try of ours on top of each of its own would multiply them.
        if request.headers.clientRetries > 0 { retries.sameDeployment = 0 }
        var plan = ExchangePlan(
            candidates: route.candidates.count, limits: route.limits, retries: retries,
            criticality: admitted.criticality, isStream: admitted.scan.isStream || isAssembled,
            delivery: isAssembled ? .hold : route.route.delivery,
            heartbeatNanoseconds: isAssembled ? nil : route.route.hold.heartbeatNanoseconds,
            clientTimeoutNanoseconds: admitted.clientTimeoutNanoseconds, facts: route.candidateFacts)
        plan.strategy = route.route.strategy
        plan.need = admitted.scan.need
        plan.drained = route.admission.drained
        plan.unlawful = admitted.unlawful
        plan.retired = route.retired(today: shared.today)
        plan.hedges = route.route.hedges && admitted.criticality == .critical
        return plan
    }

    /// Whoever named a request asks again after a break, and finds its answer.
    var outlivesClient: Bool { ticket != nil && !isStream }

    var wakeAt: Instant? {
        guard let later = hedge?.machine.wakeAt else { return machine.wakeAt }
        return min(machine.wakeAt ?? later, later)
    }
    var connectNanoseconds: Int64 { admitted.route.limits.connectNanoseconds }
    var isStream: Bool { admitted.scan.isStream }
    /// The client gets its answer whole; the provider is asked for a stream all the same.
    let isAssembled: Bool
    let ticket: UInt64?

    var deployment: DeploymentInForce? {
        machine.lastCandidate.map { admitted.route.candidates[$0] }
    }

    // MARK: - Events from the client and the clock

    func start(now: Instant) {
        services.shared.exchanges.add(1)
        admitted.route.facts.begin()
        if admitted.route.route.hedges { admitted.route.facts.countForHedges(now: now) }
        step(.started, now: now)
    }

    func wake(now: Instant) {
        hedge?.wake(now: now)
        if let relay, relay.sawFinish, machine.hasBegun, let due = machine.wakeAt, now >= due {
            completeUnterminated(now: now)
            return
        }
        // What the client does not read is not asked of the provider: that silence is ours, so it counts as progress.
        if machine.isCommitted, !connection.isWritable {
            step(.chunkReceived(hasToken: false), now: now)
        }
        if case .awaited(let pool) = carrier, let due = machine.wakeAt, now >= due, pool.withdraw(self) {
            carrier = .none
            fail(UpstreamFault(.localExhaustion, "no connection became free in time"), retryAfter: nil, now: now)
            return
        }
        step(.timerFired, now: now)
    }

    /// A slot of a candidate that was busy is this exchange's, or will not be.
    func slotDecided(isGranted: Bool) {
        guard !machine.isFinished else { return }
        report(isGranted ? .slotGranted : .slotRefused, now: MonotonicClock.read())
    }

    func clientGone(now: Instant) {
        hedge?.clientGone(now: now)
        hedge = nil
        step(.clientGone, now: now)
    }

    func clientWritable() {
        if case .held(let upstream) = carrier { upstream.resume() }
    }

    // MARK: - The machine

    func step(_ event: ExchangeEvent, now: Instant) {
        let step = machine.handle(event, now: now, gate: &gate, random: &services.random)
        if step.cancelsAttempt { drop() }
        switch step.action {
        case .none, .hold: break
        case .forward: forwardHeld(now: now)
        case .heartbeat: sendHeartbeat()
        case .hedge: beginHedge(now: now)
        case .sendAttempt(let candidate): send(to: candidate, now: now)
        case .finish(let end): finish(end, now: now)
        }
    }

    /// Tells the machine and moves the timer: for events that come from outside its own steps.
    func report(_ event: ExchangeEvent, now: Instant) {
        step(event, now: now)
        if !machine.isFinished { connection.arm() }
    }

    func fail(_ fault: UpstreamFault, retryAfter: Int64?, now: Instant) {
        gate.failureDetail = fault.detail
        report(.attemptFailed(fault.failure, retryAfterNanoseconds: retryAfter), now: now)
    }

    // MARK: - The attempt

    private func send(to candidate: Int, now: Instant) {
        reading = .nothing
        gathered.clear()
        buryLeg()
        if services.shared.faults.isOn, meetsFault(candidate, now: now) { return }
        sendForReal(to: candidate, now: now)
    }

    func sendForReal(to candidate: Int, now: Instant) {
        let pool = services.pool(for: admitted.route.candidates[candidate].target)
        carrier = .awaited(pool)
        if let upstream = pool.acquire(self, connectNanoseconds: connectNanoseconds, now: now) {
            upstreamReady(upstream)
        }
    }

    /// What a broken stream has used stays in the record; most providers do not say how much that was.
    func buryLeg() {
        guard let relay else { return }
        if relay.tokens > 0 {
            deadLegs.append(
                DeadLeg(startedAt: machine.attempts[legAttempt].startedAt, usage: usage, contentEvents: relay.tokens))
        }
        self.relay = nil
        usage = nil
    }

    /// Gives the attempt in flight up. Closing is how a provider hears of it.
    func drop() {
        switch carrier {
        case .none: break
        case .awaited(let pool): _ = pool.withdraw(self)
        case .held(let upstream): upstream.cancel()
        case .injected(let attempt): services.giveUp(attempt)
        }
        carrier = .none
    }

    func upstreamReady(_ upstream: UpstreamConnection) {
        carrier = .held(upstream)
        upstream.attach(self)
        writeRequest(to: upstream)
        report(.attemptConnected, now: MonotonicClock.read())
    }

    func upstreamUnavailable(_ fault: UpstreamFault) {
        guard case .awaited = carrier else { return }
        carrier = .none
        if let order = fault.injectedBy { mark(order, .refuse) }
        fail(fault, retryAfter: nil, now: MonotonicClock.read())
    }

    private func writeRequest(to upstream: UpstreamConnection) {
        guard let deployment else { return }
        let splice = SpliceRequest(
            body: request.body, scan: admitted.scan, model: deployment.model,
            includesUsage: (isStream || isAssembled) && admitted.scan.includeUsage != true,
            stream: isAssembled ? true : nil, begunAnswer: machine.continuation == .prefilled ? sent.bytes : nil)
        var buffer = deployment.head(for: admitted.scan.endpoint)
        buffer.reserveCapacity(
            minimumWritableBytes: (trace == nil ? 32 : 128) + (splice.isContiguous ? splice.contentLength : 0))
        buffer.writeDecimal(splice.contentLength)
        writeTraceparent(&buffer)
        buffer.writeStaticString("\r\n\r\n")
        if splice.isContiguous {
            splice.write(into: &buffer)
            upstream.write(buffer)
        } else {
            upstream.write(buffer)
            splice.forEachSlice(upstream.write)
        }
        services.flushWithTick(upstream)
    }

    // MARK: - The answer

    func upstreamHead(_ head: UpstreamHead) {
        if head.hasRateLimits, let candidate = machine.lastCandidate {
            let limits = RateLimitHeaders.read(head, wallClockMilliseconds: WallClock.readMilliseconds())
            gate.note(limits, candidate: candidate, now: MonotonicClock.read())
        }
        guard (200..<300).contains(head.status) else {
            reading = .refusal(head)
            return
        }
        guard !head.isEncoded else {
            drop()
            fail(
                UpstreamFault(.misconfigured, "a compressed answer, though none was asked for"), retryAfter: nil,
                now: MonotonicClock.read())
            return
        }
        if isStream || isAssembled, head.isEventStream {
            reading = .events(status: head.status)
            legAttempt = machine.attempts.count - 1
            relay = StreamRelay(
                lineBytes: admitted.inForce.snapshot.gateway.limits.sseLineBytes,
                stripsUsage: admitted.scan.includeUsage != true)
            if isAssembled {
                let limits = admitted.inForce.snapshot.gateway.limits
                relay?.assembly = AnswerAssembly(
                    endpoint: admitted.scan.endpoint, choices: admitted.scan.choices, bytes: limits.responseBytes)
            } else {
                relay?.continuable = continuableText()
            }
        } else {
            reading = .whole(status: head.status)
        }
        report(.headReceived, now: MonotonicClock.read())
    }

    /// Nil where nobody needs it: nobody could continue, or nothing that could be continued.
    private func continuableText() -> ContinuableText? {
        let route = admitted.route
        guard route.route.delivery != .stop, route.candidates.count > 1 else { return nil }
        let scan = admitted.scan
        let isPlain = scan.choices == 1 && !scan.hasJSONSchema && !scan.hasJSONObject
        return ContinuableText(isOpaque: !isPlain, continuing: machine.continuation.map { Continuation($0, of: sent) })
    }

    func upstreamBody(_ bytes: ByteBuffer) {
        if cutBy != nil, cuts(bytes) { return }
        switch reading {
        case .nothing: break
        case .events: relay?.append(bytes)
        case .whole:
            gather(bytes)
            if gathered.readableBytes > admitted.inForce.snapshot.gateway.limits.responseBytes {
                drop()
                fail(UpstreamFault(.empty, "the answer exceeds the limit"), retryAfter: nil, now: MonotonicClock.read())
            }
        case .refusal:
            if gathered.readableBytes < Self.errorBodyBytes { gather(bytes) }
        }
    }

    /// All parts of one read are here. Providers send each event as an HTTP chunk of its own; judging and forwarding
    /// what came together together is several times cheaper.
    func upstreamBodyDelivered() {
        if case .events = reading { relayAppended() }
    }

    private func gather(_ bytes: ByteBuffer) {
        if gathered.readableBytes == 0 {
            gathered = bytes
        } else {
            gathered.writeImmutableBuffer(bytes)
        }
    }

    func upstreamReadComplete() {
        guard relay != nil else { return }
        services.flushWithTick(connection)
    }

    func upstreamEnded() {
        carrier = .none
        let now = MonotonicClock.read()
        switch reading {
        case .nothing: break
        case .events: relayEnded(now: now)
        case .whole: judgeWhole(now: now)
        case .refusal(let head): judgeRefusal(head, now: now)
        }
    }

    func upstreamFailed(_ fault: UpstreamFault, isStale: Bool) {
        guard case .held = carrier else { return }
        carrier = .none
        let now = MonotonicClock.read()
        if isStale, case .nothing = reading, let candidate = machine.lastCandidate {
            let pool = services.pool(for: admitted.route.candidates[candidate].target)
            carrier = .awaited(pool)
            report(.connectionStale, now: now)
            pool.acquireFresh(self, connectNanoseconds: connectNanoseconds, now: now)
            return
        }
        if case .refusal(let head) = reading {
            // The status is known; a body that breaks off takes nothing from it.
            judgeRefusal(head, now: now)
            return
        }
        if relay?.sawFinish == true, machine.hasBegun {
            completeUnterminated(now: now)
            return
        }
        let failure = machine.hasBegun ? FailureClass.truncated : fault.failure
        fail(UpstreamFault(failure, fault.detail), retryAfter: nil, now: now)
    }

    /// The stream is complete and forwarded; the connection goes back when its framing has ended.
    func leaveUpstream() {
        if case .held(let upstream) = carrier { upstream.leave() }
        carrier = .none
    }

    func didWinAsHedge() { wonAsHedge = true }

    func reportUsage() { gate.usage = usage }

    func answerWhole(_ body: ByteBuffer) { gathered = body }

    func pauseUpstreamIfNeeded() {
        if case .held(let upstream) = carrier, !connection.isWritable { upstream.pause() }
    }

}

/// What a provider said to a request that it blames on the caller.
struct UpstreamRefusal {
    var status: Int
    /// Nil where it is no error of the dialect.
    var body: ByteBuffer?
}

/// What an attempt used that broke off after it had begun to answer.
struct DeadLeg {
    /// Of its attempt.
    var startedAt: Instant
    /// Nil: the provider had not said, which is the rule, since usage comes with the end.
    var usage: TokenUsage?
    /// About one for each token.
    var contentEvents: Int
}
