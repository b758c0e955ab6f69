import HoldfastCore

/// Drills: failures that a gateway makes by itself, at the place where it would ask a provider.
extension SimulatedWorld {
    private static let lookNanoseconds = Span.second

    mutating func scheduleDrills() {
        for place in drillPlan.deliveries.indices {
            queue.schedule(.drills(delivery: place), at: drillPlan.deliveries[place].at)
        }
    }

    mutating func deliverDrills(_ place: Int) {
        let delivery = drillPlan.deliveries[place]
        let offers = delivery.inForce.map { drillPlan.orders[$0].offer }
        gateways[delivery.gateway].adoptDrills(offers, isLive: delivery.isLive, now: now)
        if gateways[delivery.gateway].drills.isAnyUnderWay, !gateways[delivery.gateway].looksAtDrills {
            gateways[delivery.gateway].looksAtDrills = true
            queue.schedule(.looks(gateway: delivery.gateway), at: now)
        }
    }

    /// As long as something is to be seen.
    mutating func lookAtDrills(of gateway: Int) {
        gateways[gateway].lookAtDrills(now: now)
        guard gateways[gateway].drills.isAnyUnderWay else {
            gateways[gateway].looksAtDrills = false
            return
        }
        queue.schedule(.looks(gateway: gateway), at: now.advanced(byNanoseconds: Self.lookNanoseconds))
    }

    /// What an attempt meets in place of what its provider would have done; nil: nothing.
    mutating func drillScript(
        _ provider: Int, exchange: Int, real: [(delay: Int64, part: EventQueue.UpstreamPart)]
    ) -> [(delay: Int64, part: EventQueue.UpstreamPart)]? {
        let gateway = exchanges[exchange].gateway
        guard gateways[gateway].drills.isAnyUnderWay else { return nil }
        let client = exchanges[exchange].client
        var draws = exchanges[client].draws
        let hit = gateways[gateway].drills.fault(
            for: DrillPlan.deployment(provider), on: DrillPlan.route, now: now
        ) { draws.isMeant(for: $0, random: &drillRandom) }
        exchanges[client].draws = draws
        guard let hit, let script = script(of: hit.order, real: real) else { return nil }
        gateways[gateway].drillChecker.failed(by: hit.id, now: now)
        // A gateway lets the trial of what its drill suspended come at once. Here the suspension's own wait passes, and what
        // heals meanwhile is not asked before.
        if hit.order.fault == .revoke { letOff(provider, gateway: gateway, since: now) }
        exchanges[client].metOrders.append((hit.id, provider, exchanges[exchange].attemptStarted))
        report.injected += 1
        return script
    }

    private mutating func script(
        of order: FaultOrder, real: [(delay: Int64, part: EventQueue.UpstreamPart)]
    ) -> [(delay: Int64, part: EventQueue.UpstreamPart)]? {
        func failure(_ failure: FailureClass, retryAfter: Int64? = nil) -> EventQueue.UpstreamPart {
            .event(.attemptFailed(failure, retryAfterNanoseconds: retryAfter))
        }
        let connected = (delay: Int64(0), part: EventQueue.UpstreamPart.event(.attemptConnected))
        let soon = drillRandom.below(Span.millisecond)
        switch order.fault {
        case .refuse: return [(soon, failure(.transient))]
        case .silence: return [connected]
        case .slow:
            let delay = order.delayMilliseconds * Span.millisecond
            return [connected] + real.map { ($0.delay + delay, $0.part) }
        case .cut:
            guard let place = real.firstIndex(where: \.part.isText) ?? real.firstIndex(where: \.part.isHead) else {
                return nil
            }
            return real[...place] + [(real[place].delay, failure(.transient))]
        case .revoke: return [connected, (soon, failure(.credential))]
        case .status500, .status503: return [connected, (soon, failure(.transient))]
        case .status429: return [connected, (soon, failure(.rateLimit, retryAfter: Span.second))]
        case .sham: return nil
        }
    }

    /// An exchange has ended: by the run that its client waited for.
    mutating func tellDrills(_ end: ExchangeEnd, of exchange: Int) {
        let (gateway, client) = (exchanges[exchange].gateway, exchanges[exchange].client)
        guard gateways[gateway].drills.isAnyUnderWay else { return }
        let fate: DrillFate
        switch end {
        case .answered: fate = exchanges[exchange].machine.attempts.count > 1 ? .degraded : .answered
        case .clientGone, .refused(.upstreamAnswer), .refused(.noneLawful): return
        case .interrupted, .refused: fate = .lost
        }
        let met = exchanges[client].metOrders
        var seen = DrilledExchange(
            route: DrillPlan.route, criticality: exchanges[exchange].plan.criticality, fate: fate,
            startedAt: exchanges[client].arrivedAt)
        seen.attempts = exchanges[exchange].machine.attempts.map { attempt in
            let provider = exchanges[exchange].order[attempt.candidate]
            return DrilledExchange.Attempt(
                deployment: DrillPlan.deployment(provider), startedAt: attempt.startedAt,
                failedAt: attempt.failure == nil ? nil : attempt.endedAt,
                order: met.first { $0.provider == provider && $0.startedAt == attempt.startedAt }?.order)
        }
        gateways[gateway].drills.ended(seen, now: now)
        gateways[gateway].drillChecker.ended(
            DrillChecker.Ended(
                at: now, startedAt: exchanges[client].arrivedAt, criticality: seen.criticality, fate: fate,
                metOrders: seen.attempts.compactMap(\.order)))
    }

    mutating func finishDrills() {
        for gateway in gateways.indices {
            // Whatever is still under way is over by then.
            let end = now.advanced(byNanoseconds: Span.minute * 5)
            gateways[gateway].lookAtDrills(now: end)
            gateways[gateway].drillChecker.finish(gateways[gateway].drills.watches)
            report.drills += gateways[gateway].drillChecker.begun
        }
    }
}

extension EventQueue.UpstreamPart {
    fileprivate var isText: Bool {
        if case .text = self { true } else { false }
    }

    fileprivate var isHead: Bool {
        if case .event(.headReceived) = self { true } else { false }
    }
}
