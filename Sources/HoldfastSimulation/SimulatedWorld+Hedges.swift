import HoldfastCore

/// Two runs of one exchange, as a gateway drives them: the one that its client waits for, and a second one with other
/// candidates. The first to have content is the exchange from then on.
extension SimulatedWorld {
    /// Most hedges are decided a little later.
    private static let untilStallNanoseconds = 200 * Span.millisecond
    private static let untilDepartureNanoseconds = 500 * Span.millisecond

    /// The machine asks for a second run.
    mutating func beginHedge(of main: Int) {
        let (client, gateway) = (exchanges[main].client, exchanges[main].gateway)
        gateways[gateway].hedges.hedged(now: now)
        let run = exchanges.count
        exchanges.append(secondRun(of: main))
        exchanges[main].hedge = run
        exchangeChecker.see(.hedged(exchange: client, run: run), now: now)
        handle(.started, exchange: run)
        guard let candidate = exchanges[run].machine.lastCandidate, !exchanges[run].machine.isFinished else {
            // Nobody is free: it must not wait for a slot and begin when this run is long over.
            report.hedgesIdle += 1
            exchanges[main].hedge = nil
            beat(run)
            return
        }
        report.hedges += 1
        if options.stallsHedge, report.hedges == 1 { stallSoon(gateway) }
        if random.oneIn(8) {
            let after = random.below(Self.untilDepartureNanoseconds)
            queue.schedule(.clientLeaves(exchange: client), at: now.advanced(byNanoseconds: after))
        }
        handle(.hedged(candidate: candidate), exchange: main)
    }

    private mutating func stallSoon(_ gateway: Int) {
        guard now < options.healsAt else { return }
        let from = now.advanced(byNanoseconds: random.below(Self.untilStallNanoseconds))
        let until = from.advanced(byNanoseconds: Span.second / 10 + random.below(2 * Span.second))
        queue.schedule(.stalls(gateway: gateway, until: until), at: from)
        queue.schedule(.resumes(gateway: gateway, timersFirst: random.oneIn(2)), at: until)
    }

    /// One attempt, at a candidate that the first run has not asked.
    private func secondRun(of main: Int) -> Exchange {
        var run = exchanges[main]
        run.plan.hedges = false
        run.plan.excluded = run.machine.asked
        run.plan.retries.sameDeployment = 0
        run.plan.retries.attempts = 1
        let left = max(run.machine.deadline.nanoseconds(since: now), 0)
        run.plan.clientTimeoutNanoseconds = min(run.plan.clientTimeoutNanoseconds ?? .max, left)
        run.machine = ExchangeMachine(plan: run.plan)
        run.main = main
        run.stream = SimulatedStream()
        run.departure = .never
        run.attempt = 0
        run.provider = nil
        run.wasSent = false
        run.hasHead = false
        run.isProbe = false
        run.timerAt = nil
        return run
    }

    /// Content has come, whether it reaches the client at once or is held: the other run of this exchange is over.
    mutating func win(_ run: Int) {
        if let hedge = exchanges[run].hedge {
            exchanges[run].hedge = nil
            beat(hedge)
        } else if let main = exchanges[run].main {
            report.hedgesWon += 1
            exchanges[run].main = nil
            exchanges[main].hedge = nil
            beat(main)
            takeOver(run, from: main)
        }
    }

    /// The run that the client waits for has failed, and the other one is still at it.
    mutating func handOver(from main: Int, to run: Int) {
        report.hedgesInherited += 1
        exchanges[main].hedge = nil
        exchanges[main].isBeaten = true
        exchanges[run].main = nil
        takeOver(run, from: main)
    }

    private mutating func takeOver(_ run: Int, from main: Int) {
        exchanges[run].machine.takeOver(from: exchanges[main].machine)
        exchanges[exchanges[run].client].current = run
    }

    private mutating func beat(_ run: Int) {
        exchanges[run].isBeaten = true
        exchanges[run].main = nil
        handle(.clientGone, exchange: run)
    }
}
