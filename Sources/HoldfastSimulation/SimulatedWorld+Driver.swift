import HoldfastCore

/// The driver of a gateway, and what providers send it.
extension SimulatedWorld {
    /// Timers sound late by up to this much, less than the checkers' tick.
    private static let timerLatenessNanoseconds = 5 * Span.millisecond
    /// A client that leaves at a certain moment does so at most this much later.
    private static let departureNanoseconds = 20 * Span.millisecond

    mutating func handle(_ event: ExchangeEvent, exchange: Int) {
        let gateway = exchanges[exchange].gateway
        gateways[gateway].gate.exchange = exchange
        gateways[gateway].gate.order = exchanges[exchange].order
        gateways[gateway].gate.ask = exchanges[exchange].ask
        gateways[gateway].gate.ask.ticket = UInt64(exchange)
        let step = exchanges[exchange].machine.handle(
            event, now: now, gate: &gateways[gateway].gate, random: &random)
        trace.add(Trace.Entry(now: now, exchange: exchange, event: event, step: step))
        tellCheckers(step, after: event, exchange: exchange)
        perform(step, after: event, exchange: exchange)
        for (exchange, isGranted) in gateways[gateway].gate.handovers {
            report.waits += 1
            if !isGranted { report.waitsRefused += 1 }
            // Another loop hears of it a little later.
            let delay = random.below(Span.millisecond)
            queue.schedule(.slot(exchange: exchange, isGranted: isGranted), at: now.advanced(byNanoseconds: delay))
        }
        gateways[gateway].gate.handovers.removeAll(keepingCapacity: true)
        let client = exchanges[exchange].client
        arm(client)
        exchanges[client].steps += 1
        if departs(client) {
            var at = now
            if case .at = exchanges[client].departure {
                at = now.advanced(byNanoseconds: random.below(Self.departureNanoseconds))
            }
            exchanges[client].departure = .never
            queue.schedule(.clientLeaves(exchange: client), at: at)
        }
    }

    /// The one timer of an exchange, whoever of its runs asked for it.
    mutating func wake(_ client: Int) {
        exchanges[client].timerAt = nil
        let current = exchanges[client].current
        if let hedge = exchanges[current].hedge { handle(.timerFired, exchange: hedge) }
        handle(.timerFired, exchange: current)
    }

    /// Content came that its client has not: this run has won, where there are two.
    private mutating func content(exchange: Int) {
        win(exchange)
        handle(.chunkReceived(hasToken: true), exchange: exchange)
    }

    mutating func receive(_ part: EventQueue.UpstreamPart, exchange: Int) {
        switch part {
        case .text(let range):
            receive(range, exchange: exchange)
        case .event(.attemptFailed(let failure, let retryAfter)):
            fail(failure, retryAfterNanoseconds: retryAfter, exchange: exchange)
        case .event(.upstreamEnded) where exchanges[exchange].question.isStream:
            end(exchange: exchange)
        case .event(let event):
            if event == .headReceived { exchanges[exchange].hasHead = true }
            if event == .headReceived || event == .attemptConnected { exchanges[exchange].wasSent = true }
            handle(event, exchange: exchange)
        }
    }

    private mutating func receive(_ range: Range<Int>, exchange: Int) {
        guard let provider = exchanges[exchange].provider else {
            handle(.chunkReceived(hasToken: true), exchange: exchange)
            return
        }
        let client = exchanges[exchange].client
        let text = SimulatedText.bytes(range, exchange: client, voice: options.voices[provider])
        let event = exchanges[exchange].stream.receive(text)
        if case .attemptFailed = event { exchanges[exchange].attempt += 1 }
        if event == .chunkReceived(hasToken: true) { win(exchange) }
        handle(event, exchange: exchange)
        if exchanges[exchange].machine.isCommitted, let parts = exchanges[exchange].callsToolAfterParts {
            exchanges[exchange].callsToolAfterParts = parts - 1
            if parts == 0 {
                deliveryChecker.becameUncontinuable(exchange: client)
                handle(.becameUncontinuable, exchange: exchange)
            }
        }
        guard exchanges[exchange].machine.isHolding else { return }
        // The bound of its own snapshot, whatever is in force by now.
        let bound = options.publication[exchanges[exchange].snapshot].hold.bytes
        if exchanges[exchange].stream.held.count > bound { handle(.holdFilled, exchange: exchange) }
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
            content(exchange: exchange)
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
            letGoOfProvider(exchange)
        }
        switch step.action {
        case .none, .hold, .heartbeat:
            if case .attemptFailed = event { letGoOfProvider(exchange) }
            // Where it is not the end of an exchange, the answer was empty.
            if event == .upstreamEnded { letGoOfProvider(exchange) }
        case .hedge:
            beginHedge(of: exchange)
        case .forward:
            letGo(exchange)
        case .sendAttempt(let candidate):
            sendAttempt(candidate, exchange: exchange)
        case .finish(let end):
            finish(end, after: event, exchange: exchange)
        }
    }

    private mutating func sendAttempt(_ candidate: Int, exchange: Int) {
        letGoOfProvider(exchange)
        let gateway = exchanges[exchange].gateway
        let client = exchanges[exchange].client
        let provider = exchanges[exchange].order[candidate]
        let standIn = options.hasStandIn ? options.ordinary : nil
        snapshotChecker.sent(exchange: client, to: provider, standIn: standIn)
        if candidate != 0, exchanges[exchange].main == nil { report.failovers += 1 }
        if exchanges[client].asked.insert(provider).inserted {
            gateways[gateway].watches[provider].retry.sentFirstTry(now: now)
        } else {
            report.retries += 1
            gateways[gateway].watches[provider].retry.sentSecondTry(now: now)
            noteViolations(of: provider, at: gateway)
        }
        exchanges[exchange].attempt += 1
        exchanges[exchange].attemptStarted = now
        exchanges[exchange].provider = provider
        exchanges[exchange].hasHead = false
        exchanges[exchange].wasSent = false
        let method = exchanges[exchange].machine.continuation
        exchanges[exchange].stream.beginAttempt(method)
        var question = exchanges[exchange].question
        if method == .prefilled { question.prefilledBytes = exchanges[exchange].stream.sent.bytes.count }
        question.isProbe = exchanges[exchange].isProbe
        let wait = allowances[provider].refusal(now: now)
        var script = options.providers[provider].script(question, waitNanoseconds: wait, now: now, random: &random)
        if let drill = drillScript(provider, exchange: exchange, real: script) { script = drill }
        for (delay, part) in script {
            queue.schedule(
                .upstream(exchange: exchange, attempt: exchanges[exchange].attempt, part),
                at: now.advanced(byNanoseconds: delay))
        }
    }

    private mutating func finish(_ end: ExchangeEnd, after event: ExchangeEvent, exchange: Int) {
        if end != .answered { letGoOfProvider(exchange) }
        checkWaits(of: exchange)
        if exchanges[exchange].isBeaten { return }
        if let main = exchanges[exchange].main {
            // The second run has failed: the first one goes on, and knows what was said.
            exchanges[main].hedge = nil
            exchanges[main].machine.learn(from: exchanges[exchange].machine)
            return
        }
        if let hedge = exchanges[exchange].hedge, case .refused = end, !end.isLastWord {
            handOver(from: exchange, to: hedge)
            return
        }
        if end.isLastWord { win(exchange) }
        let (client, gateway) = (exchanges[exchange].client, exchanges[exchange].gateway)
        exchangeChecker.see(.ended(exchange: client, end, after: event), now: now)
        tellDrills(end, of: exchange)
        switch end {
        case .answered:
            letGo(exchange)
            report.answered += 1
            if exchanges[exchange].machine.continuation != nil { report.continued += 1 }
            if let provider = exchanges[exchange].provider {
                carriedTraffic(provider, gateway: gateway, since: exchanges[exchange].attemptStarted)
            }
        case .refused(let refusal):
            report.refused += 1
            judge(refusal, after: event, of: exchange)
            mayComeAgain(client, after: refusal)
        case .interrupted: report.interrupted += 1
        case .clientGone: report.clientGone += 1
        }
        letGoOfProvider(exchange)
        deliveryChecker.ended(end, exchange: client)
        snapshotChecker.ended(exchange: client)
    }

    private mutating func letGoOfProvider(_ exchange: Int) {
        guard let provider = exchanges[exchange].provider else { return }
        if !exchanges[exchange].wasSent { allowances[provider].neverCame(exchanges[exchange].attemptStarted) }
        allowances[provider].left()
        exchanges[exchange].provider = nil
    }

    private mutating func letGo(_ exchange: Int) {
        guard let provider = exchanges[exchange].provider else { return }
        deliveryChecker.delivered(
            exchanges[exchange].stream.letGo(), by: provider, run: exchange, exchange: exchanges[exchange].client)
    }

    private mutating func arm(_ exchange: Int) {
        let current = exchanges[exchange].current
        let ofHedge = exchanges[current].hedge.flatMap { exchanges[$0].machine.wakeAt }
        guard let due = [exchanges[current].machine.wakeAt, ofHedge].compactMap({ $0 }).min() else { return }
        if let armed = exchanges[exchange].timerAt, armed <= due { return }
        exchanges[exchange].timerAt = due
        let lateness = random.below(Self.timerLatenessNanoseconds)
        queue.schedule(.timer(exchange: exchange), at: max(now, due).advanced(byNanoseconds: lateness))
    }
}
