import HoldfastCore

/// Who watches is told of everything, and asked at the end.
extension SimulatedWorld {
    var hasViolations: Bool {
        hasViolationOfPair || !exchangeChecker.violations.isEmpty || !deliveryChecker.violations.isEmpty
            || !snapshotChecker.violations.isEmpty
            || gateways.contains { !$0.hedges.violations.isEmpty || !$0.drillChecker.violations.isEmpty }
    }

    /// A provider cannot answer in the time that one of the last snapshots leaves, so nothing ever gets well.
    var isHopeless: Bool {
        gateways.contains { options.publication[$0.sequence.inForce].isHopeless }
    }

    var slowestRecovery: Int64? {
        let slowest = gateways.compactMap(\.recovery.slowest)
        return slowest.count == gateways.count ? slowest.max() : nil
    }

    mutating func tellCheckers(_ step: ExchangeStep, after event: ExchangeEvent, exchange: Int) {
        let gateway = exchanges[exchange].gateway
        for observation in gateways[gateway].gate.observed {
            exchangeChecker.see(observation, now: now)
            tellWatch(observation, gateway: gateway)
        }
        gateways[gateway].gate.observed.removeAll(keepingCapacity: true)
        exchangeChecker.see(.stepped(run: exchange, step, after: event), now: now)
        stormChecker.stepped(exchange: exchanges[exchange].client, step, after: event)
    }

    private mutating func tellWatch(_ observation: Observation, gateway: Int) {
        switch observation {
        case .permitGiven(let exchange, let provider, let permit):
            exchanges[exchange].isProbe = false
            if case .probe = permit {
                report.probes += 1
                exchanges[exchange].isProbe = true
            }
            if case .lastResort = permit { report.lastResorts += 1 }
            gateways[gateway].watches[provider].breaker.given(permit, now: now)
            gateways[gateway].watches[provider].suspension.given(now: now)
            gateways[gateway].watches[provider].load.given(exchange: exchange, now: now)
            gateways[gateway].watches[provider].throttle
                .given(exchange: exchange, exchanges[exchange].ask.criticality, now: now)
            noteViolations(of: provider, at: gateway)
        case .dropped(let exchange, let provider):
            report.dropped += 1
            gateways[gateway].watches[provider].throttle
                .dropped(exchange: exchange, exchanges[exchange].ask.criticality, now: now)
            noteViolations(of: provider, at: gateway)
        case .permitSettled(let exchange, let provider, let permit, let result):
            gateways[gateway].watches[provider].breaker.settled(permit, result.outcome, now: now)
            gateways[gateway].watches[provider].suspension.settled(result, now: now)
            gateways[gateway].watches[provider].load.settled()
            gateways[gateway].watches[provider].throttle.settled(exchange: exchange, result)
            if exchanges[exchange].wasSent {
                noteSpending(of: exchange, provider, at: result.startedAt)
            } else {
                gateways[gateway].watches[provider].load.neverSent(result.startedAt)
            }
            if result.failure == .restricted { restricted(provider, for: exchange, result, gateway: gateway) }
            noteViolations(of: provider, at: gateway)
        case .lastResortAsked(let provider):
            gateways[gateway].watches[provider].breaker.askedForLastResort()
        case .secondTryGranted(let provider):
            gateways[gateway].watches[provider].retry.grantedSecondTry(now: now)
            noteViolations(of: provider, at: gateway)
        case .waits(let exchange, let provider, let criticality):
            gateways[gateway].watches[provider].load.waits(exchange: exchange, criticality)
            noteViolations(of: provider, at: gateway)
        case .stoppedWaiting(let exchange, let provider):
            gateways[gateway].watches[provider].load.stopped(exchange: exchange)
        case .handedOver(let provider, let granted, let refused):
            gateways[gateway].watches[provider].load.handedOver(granted: granted, refused: refused)
            noteViolations(of: provider, at: gateway)
        case .arrived, .hedged, .stepped, .ended:
            break
        }
    }

    mutating func noteViolations(of provider: Int, at gateway: Int) {
        if gateways[gateway].watches[provider].hasViolations { hasViolationOfPair = true }
    }

    /// A legal block of one is a block of all that stand where it does.
    private mutating func restricted(_ provider: Int, for exchange: Int, _ result: AttemptResult, gateway: Int) {
        exchanges[exchanges[exchange].client].restrictedBy.insert(provider)
        for sibling in options.providers.indices
        where options.providers[sibling].group == options.providers[provider].group {
            gateways[gateway].watches[sibling].suspension.siblingWasRestricted(startedAt: result.startedAt)
        }
    }

    /// Of the run that the client waited for.
    mutating func judge(_ refusal: ExchangeRefusal, after event: ExchangeEvent, of exchange: Int) {
        let gateway = exchanges[exchange].gateway
        let ordinary = exchanges[exchange].order.filter { $0 < options.ordinary }
        switch refusal {
        // Whoever waited its turn and was refused was refused for the queue, and not for what is free by then.
        case .noneAvailable where exchanges[exchanges[exchange].client].asked.isEmpty && event != .slotRefused:
            for provider in ordinary
            where !gateways[gateway].watches[provider].suspension.isOut(now: now)
                && !gateways[gateway].watches[provider].load.isFull(now: now)
                && !gateways[gateway].watches[provider].throttle.hasDropped(exchange, now: now)
            {
                gateways[gateway].watches[provider].breaker.turnedAway(
                    inFlight: gateways[gateway].watches[provider].load.inFlight, now: now)
                noteViolations(of: provider, at: gateway)
            }
        case .noneLawful:
            report.unlawful += 1
            let restricted = exchanges[exchanges[exchange].client].restrictedBy
            for provider in ordinary where !restricted.contains(provider) {
                gateways[gateway].watches[provider].suspension.calledUnlawful(since: exchanges[exchange].arrivedAt)
                noteViolations(of: provider, at: gateway)
            }
        case .noneAvailable, .upstreamAnswer, .everyCandidateFailed, .deadlinePassed:
            break
        }
    }

    /// Where several gateways share what only one may use, it is enough that one gets through.
    mutating func carriedTraffic(_ provider: Int, gateway: Int, since started: Instant) {
        for place in sharers(of: provider, gateway: gateway) {
            gateways[place].recovery.answered(provider: provider, attemptStarted: started, now: now)
        }
    }

    private func sharers(of provider: Int, gateway: Int) -> Range<Int> {
        let isShared = gateways.count > 1 && !allowances[provider].isUnlimited
        return isShared ? gateways.indices : gateway..<gateway + 1
    }

    /// Exchanges of a hopeless snapshot may use up, after the healing, all that a provider allows in a minute.
    private mutating func noteSpending(of exchange: Int, _ provider: Int, at instant: Instant) {
        let limits = options.providers[provider].limits
        guard instant >= options.healsAt, limits.requestsPerMinute != nil || limits.tokensPerMinute != nil,
            options.publication[exchanges[exchange].snapshot].isHopeless
        else { return }
        letOff(provider, gateway: exchanges[exchange].gateway, since: instant)
    }

    /// The world heals, and some providers' minute is used up by what was asked before.
    mutating func noteSpendingBeforeHealing(at gateway: Int) {
        for provider in options.providers.indices
        where gateways[gateway].watches[provider].load.isSpent(now: now) {
            letOff(provider, gateway: gateway, since: now)
        }
    }

    /// The world then goes on for as much longer, unless it stays hopeless.
    mutating func letOff(_ provider: Int, gateway: Int, since instant: Instant) {
        let publication = options.publication
        guard !publication[publication.numbers.upperBound].isHopeless else { return }
        for place in sharers(of: provider, gateway: gateway) {
            gateways[place].recovery.spentInVain(provider: provider, at: instant)
        }
        let latest = instant.advanced(
            byNanoseconds: RecoveryChecker.minuteNanoseconds + RecoveryChecker.boundNanoseconds)
        arrivalsEndAt = max(arrivalsEndAt, latest)
    }

    /// A run that is over waits for nothing.
    mutating func checkWaits(of run: Int) {
        let watches = gateways[exchanges[run].gateway].watches
        guard let provider = watches.firstIndex(where: { $0.load.hasWaiting(run) }) else { return }
        let client = exchanges[run].client
        exchangeChecker.leftBehind("exchange \(client) has a run that is over and waits for provider \(provider)")
    }

    // MARK: - The end

    mutating func finish() {
        exchangeChecker.finish()
        finishDrills()
        for exchange in exchanges.indices {
            if exchanges[exchange].machine.wakeAt != nil || !exchanges[exchange].machine.isFinished {
                exchangeChecker.leftBehind("exchange \(exchange) is left with a timer")
            }
            if let provider = exchanges[exchange].provider {
                exchangeChecker.leftBehind("exchange \(exchange) is left with an attempt at \(provider)")
            }
        }
        for gateway in gateways.indices {
            for provider in gateways[gateway].watches.indices { gateways[gateway].watches[provider].finish() }
            for leftover in gateways[gateway].gate.leftovers(now: now) {
                exchangeChecker.leftBehind("gateway \(gateway): \(leftover)")
            }
        }
        report.longAfter = stormChecker.watched
        if !isHopeless { stormChecker.finish() }
    }
}
