import HoldfastCore

/// Clients: when they come, what they ask for, when they leave, and when they come again.
extension SimulatedWorld {
    /// As often a client asks again for what was refused, as the clients of the large providers do.
    private static let mostRetries = 2
    /// They listen to a `retry-after` of up to so long, and else wait as long as they like.
    private static let longestToldNanoseconds = 60 * Span.second
    /// After the healing everybody who had left comes back.
    private static let herdNanoseconds = 2 * Span.second
    private static let herdFactor: Int64 = 10

    mutating func arrive() {
        let gateway = Int(random.below(Int64(gateways.count)))
        queue.schedule(.begins(gateway: gateway, retry: 0), at: now)
        // Bursts: a third come together with the one before.
        var gap = random.below(3) == 0 ? 0 : random.below(2 * options.meanGapNanoseconds)
        let sinceHealing = now.nanoseconds(since: options.healsAt)
        if options.hasHerd, (0..<Self.herdNanoseconds).contains(sinceHealing) { gap /= Self.herdFactor }
        let next = now.advanced(byNanoseconds: gap)
        let isOver = next >= arrivalsEndAt || next >= settledAt && gateways.allSatisfy { $0.recovery.isComplete }
        if !isOver || now >= lastStretchAt && next < lastStretchEndsAt {
            queue.schedule(.arrives, at: next)
        } else if options.hasLastStretch, now < lastStretchAt {
            queue.schedule(.arrives, at: lastStretchAt)
        }
    }

    mutating func begin(at gateway: Int, retry: Int) {
        let number = gateways[gateway].sequence.inForce
        let snapshot = options.publication[number]
        let (order, facts) = drawCandidates(snapshot)
        let isStream = random.below(3) > 0
        let clientTimeout = random.below(10) == 0 ? random.below(15 * Span.second) : nil
        var retries = snapshot.retries
        // Its client already tries again by itself.
        if retry > 0 { retries.sameDeployment = 0 }
        var plan = ExchangePlan(
            candidates: order.count,
            limits: ExchangeLimits(snapshot.timeouts, candidates: min(order.count, snapshot.candidates.count)),
            retries: retries, criticality: drawCriticality(), isStream: isStream,
            delivery: snapshot.delivery, heartbeatNanoseconds: snapshot.hold.heartbeatNanoseconds,
            clientTimeoutNanoseconds: clientTimeout, facts: facts)
        // Some ask by another route over the same providers: by price alone the dearest would never be asked.
        plan.strategy = random.below(2) == 0 ? snapshot.strategy : .ordered
        plan.need = TokenNeed(inputTokens: 100, outputTokens: 100)
        if random.below(20) == 0 { plan.retired = UInt64(random.below(4)) & (1 << UInt64(order.count) - 1) }
        plan.hedges = snapshot.hedges && plan.criticality == .critical
        let exchange = exchanges.count
        exchanges.append(
            Exchange(
                plan: plan, machine: ExchangeMachine(plan: plan), client: exchange, current: exchange,
                gateway: gateway, snapshot: number, order: order,
                question: SimulatedProvider.Question(
                    isStream: isStream, tokens: random.below(8) == 0 ? Int(random.below(5_000)) : 100,
                    answerBytes: random.below(50) == 0 ? 500 : 2 + Int(random.below(120))),
                callsToolAfterParts: random.below(8) == 0 ? Int(random.below(10)) : nil,
                ask: AttemptAsk(
                    inputBytes: 400, outputTokenBound: random.below(2) == 0 ? nil : 100, criticality: plan.criticality),
                arrivedAt: now, departure: .draw(random: &random), retry: retry))
        tellOfArrival(exchange, clientTimeout: clientTimeout)
        if random.below(20) == 0 {
            queue.schedule(
                .clientLeaves(exchange: exchange), at: now.advanced(byNanoseconds: random.below(5 * Span.second)))
        }
        if snapshot.hedges { gateways[gateway].gate.exchanged(now: now) }
        if departs(exchange) { leave(exchange) }
        handle(.started, exchange: exchange)
    }

    private mutating func drawCriticality() -> Criticality {
        options.hasHedges && random.oneIn(2) ? .critical : Criticality.allCases.draw(&random)
    }

    private mutating func drawCandidates(_ snapshot: SimulatedSnapshot) -> ([Int], [CandidateFacts]) {
        // As if there were a route for each of them to come first.
        let count = snapshot.candidates.count
        let first = Int(random.below(Int64(count)))
        let standIn = options.hasStandIn ? options.ordinary : nil
        let order = (0..<count).map { snapshot.candidates[(first + $0) % count] } + (standIn.map { [$0] } ?? [])
        let facts = order.map { provider in
            CandidateFacts(
                provider: provider, contextTokens: options.contexts[provider],
                replacement: provider == 0 && standIn != nil ? count : nil, isStandIn: provider == standIn,
                prefills: options.prefills[provider], weight: options.providers[provider].weight,
                price: options.providers[provider].price)
        }
        return (order, facts)
    }

    /// The checkers are told of what the gateway's newest snapshot promises, whatever the gateway makes of it.
    private mutating func tellOfArrival(_ exchange: Int, clientTimeout: Int64?) {
        let (gateway, question) = (exchanges[exchange].gateway, exchanges[exchange].question)
        let promise = snapshotChecker.arrived(exchange: exchange, gateway: gateway)
        let total = min(promise.timeouts.totalNanoseconds, clientTimeout ?? .max)
        let order = exchanges[exchange].order
        let known = ExchangeFacts(
            providers: order, contexts: order.map { options.contexts[$0] }, isStream: question.isStream,
            mayHedge: promise.hedges && exchanges[exchange].ask.criticality == .critical,
            delivery: promise.delivery, attemptsAllowed: promise.retries.attempts,
            triesOfOne: 1 + (exchanges[exchange].retry > 0 ? 0 : promise.retries.sameDeployment), gateway: gateway,
            endsBy: now.advanced(byNanoseconds: total))
        exchangeChecker.see(.arrived(exchange: exchange, known), now: now)
        if promise.hedges { gateways[gateway].hedges.exchanged(now: now) }
        if question.isStream {
            deliveryChecker.began(
                exchange: exchange,
                DeliveryChecker.Facts(
                    delivery: promise.delivery, holdBytes: promise.hold.bytes, bytes: question.answerBytes,
                    voices: options.voices, prefills: options.prefills))
        }
        if now >= lastStretchAt, clientTimeout == nil { stormChecker.arrived(exchange: exchange) }
    }

    // MARK: - Leaving

    /// What the exchange is at; nil once it has ended.
    private func moment(of client: Int) -> DepartureMoment? {
        let exchange = exchanges[client].current
        if exchanges[exchange].machine.isFinished { return nil }
        if exchanges[client].steps == 0 { return .beforeStart }
        if exchanges[exchange].hedge != nil { return .hedged }
        let watches = gateways[exchanges[exchange].gateway].watches
        if watches.contains(where: { $0.load.hasWaiting(exchange) }) { return .queued }
        guard exchanges[exchange].provider != nil else { return .waiting }
        if exchanges[exchange].machine.isCommitted { return .committed }
        if exchanges[exchange].machine.continuation != nil { return .continuing }
        if exchanges[exchange].machine.hasBegun { return .holding }
        return exchanges[exchange].hasHead ? .receiving : .connecting
    }

    /// Whether its client leaves at this step.
    func departs(_ exchange: Int) -> Bool {
        switch exchanges[exchange].departure {
        case .never: false
        case .afterSteps(let steps): exchanges[exchange].steps == steps
        case .at(let moment): self.moment(of: exchange) == moment
        }
    }

    mutating func leave(_ exchange: Int) {
        if let moment = moment(of: exchange) {
            report.departures[moment.rawValue] += 1
            report.departureSteps[min(exchanges[exchange].steps, Departure.mostSteps)] += 1
        }
        let current = exchanges[exchange].current
        if let hedge = exchanges[current].hedge { handle(.clientGone, exchange: hedge) }
        handle(.clientGone, exchange: current)
    }

    // MARK: - Coming again

    /// What was refused is asked for again, when the client was told to or as soon as it likes.
    mutating func mayComeAgain(_ exchange: Int, after refusal: ExchangeRefusal) {
        guard options.clientsRetry, exchanges[exchange].retry < Self.mostRetries else { return }
        var wait: Int64
        switch refusal {
        case .upstreamAnswer, .noneLawful: return
        case .noneAvailable(let told) where told > 0 && told <= Self.longestToldNanoseconds: wait = told
        case .noneAvailable, .everyCandidateFailed, .deadlinePassed:
            wait = Span.second / 2 << Int64(exchanges[exchange].retry)
            wait -= random.below(wait / 4)
        }
        report.comingsAgain += 1
        let gateway = Int(random.below(Int64(gateways.count)))
        queue.schedule(
            .begins(gateway: gateway, retry: exchanges[exchange].retry + 1), at: now.advanced(byNanoseconds: wait))
    }
}
