import Testing

@testable import HoldfastCore

/// The throttle among everything else that is known of a deployment, and in an exchange.
@Suite struct ThrottledDeploymentTests {
    private var health = DeploymentHealth()
    private var random = SeededRandom(seed: 3)

    private mutating func ask(_ ask: AttemptAsk = AttemptAsk(), now: Instant) -> CandidateDecision {
        health.admit(ask, defersProbe: false, now: now, random: &random)
    }

    private mutating func settle(_ permit: AttemptPermit, _ failure: FailureClass?, now: Instant) {
        let result = AttemptResult(outcome: failure?.policy.outcome ?? .ok, failure: failure, startedAt: now)
        _ = health.settle(permit, result, now: now, random: &random)
    }

    /// Asks so often and is turned away with a limit that has no end. Returns how many were sent.
    @discardableResult
    private mutating func isTurnedAway(_ count: Int, _ failure: FailureClass = .rateLimit, now: Instant) -> Int {
        var sent = 0
        for _ in 0..<count {
            guard case .admitted(let permit) = ask(now: now) else { continue }
            settle(permit, failure, now: now)
            sent += 1
        }
        return sent
    }

    @Test mutating func whoIsTurnedAwayAgainAndAgainIsAskedLess() {
        #expect(isTurnedAway(200, now: at(1)) < 40)
        #expect(ask(now: at(1)) == .refused(.throttled))
        #expect(health.load.inFlight == 0)
    }

    @Test mutating func whatIsHeldBackHereIsNoRequest() {
        health.configure(DeploymentLimits(concurrent: 1), hasReserve: false)
        guard case .admitted(let permit) = ask(now: at(1)) else {
            Issue.record("the first is admitted")
            return
        }
        for _ in 0..<1_000 { #expect(ask(now: at(1)) == .refused(.busy)) }
        settle(permit, nil, now: at(1))
        #expect(health.throttle.droppedMillis(.standard) == 0)
    }

    @Test mutating func anOpenBreakerIsForItselfAndItsProbeIsNotThrottled() {
        isTurnedAway(200, now: at(1))
        // One a second goes through, and five of these open the breaker.
        for second in 2...6 { isTurnedAway(1, .transient, now: at(Int64(second))) }
        guard case .refused(.breaker(.open(let until))) = ask(now: at(6)) else {
            Issue.record("the breaker is open, and says so")
            return
        }
        // Sent just now, so that none is due for its second.
        if let permit = health.admitLastResort(AttemptAsk(), now: until) { settle(permit, nil, now: until) }
        guard case .admitted(let probe) = ask(now: until) else {
            Issue.record("the probe is let through")
            return
        }
        guard case .probe = probe.breaker else {
            Issue.record("the attempt is a probe")
            return
        }
    }

    @Test mutating func aLastResortIsNotThrottled() {
        isTurnedAway(200, now: at(1))
        for second in 2...6 { isTurnedAway(1, .transient, now: at(Int64(second))) }
        #expect(health.admitLastResort(AttemptAsk(), now: at(7, 100)) != nil)
        #expect(health.admitLastResort(AttemptAsk(), now: at(8, 101)) != nil)
    }

    /// All whom the open breaker turned away come at once, and a share of them bounds nothing.
    @Test mutating func slowStartLetsThroughWhatItHasRoomFor() {
        isTurnedAway(5, .transient, now: at(1))
        for second in [3, 4] as [Int64] {
            if case .admitted(let probe) = ask(now: at(second)) { settle(probe, nil, now: at(second)) }
        }
        #expect(health.breaker.state == .closed)
        var permits: [AttemptPermit] = []
        while let permit = health.admitDespiteSlowStart(AttemptAsk(), now: at(5)) { permits.append(permit) }
        #expect(permits.count == SlowStartRoom.first)
        settle(permits.removeLast(), .transient, now: at(5))
        for _ in 0..<100 {
            guard case .refused(.breaker(.slowStart)) = ask(now: at(33)) else {
                Issue.record("three are in flight, and there is room for two since one failed")
                return
            }
        }
        while let permit = permits.popLast() { settle(permit, nil, now: at(33)) }
        var waits = 0
        while case .refused(.breaker(.slowStart)) = ask(now: at(33, 100)) { waits += 1 }
        #expect(waits < 10, "there is room, and the share is all but everything")
        #expect(health.admitDespiteSlowStart(AttemptAsk(), now: at(35)) != nil)
    }

    @Test mutating func whatWasGivenBackWasNeverAsked() {
        for _ in 0..<10 {
            guard case .admitted(let permit) = ask(now: at(1)) else { continue }
            _ = health.giveBack(permit, now: at(1), random: &random)
        }
        #expect(isTurnedAway(10, now: at(1)) == 10, "nothing was counted before")
        #expect(health.throttle.droppedMillis(.standard) == 10 * 1_000 / 11)
        if let permit = health.admitDespiteSlowStart(AttemptAsk(), now: at(1)) {
            _ = health.giveBackSlot(of: permit, now: at(1))
        }
        #expect(health.throttle.droppedMillis(.standard) == 10 * 1_000 / 11)
    }

    /// A benched deployment is not throttled on top once its wait is over.
    @Test mutating func aLimitWithAnEndIsPaidForByTheWait() {
        var permits: [AttemptPermit] = []
        for _ in 0..<50 { if case .admitted(let permit) = ask(now: at(1)) { permits.append(permit) } }
        for permit in permits {
            let result = AttemptResult(
                outcome: .neutral, failure: .rateLimit, retryAfterNanoseconds: Span.second, startedAt: at(1))
            _ = health.settle(permit, result, now: at(1), random: &random)
        }
        guard case .refused(.suspended) = ask(now: at(1, 500)) else {
            Issue.record("it is suspended for a second")
            return
        }
        for _ in 0..<50 {
            guard case .admitted = ask(now: at(2)) else {
                Issue.record("it is asked again after that")
                return
            }
        }
    }

    /// Half of all is answered, and a breaker would open for the other half.
    @Test mutating func overloadIsNoBusinessOfTheBreaker() {
        for place in 0..<200 {
            guard case .admitted(let permit) = ask(now: at(1)) else { continue }
            settle(permit, place % 2 == 0 ? .capacity : nil, now: at(1))
        }
        #expect(health.breaker.state == .closed)
        #expect(isTurnedAway(20, .capacity, now: at(2)) > 5)
        #expect(health.breaker.state == .closed)
    }

    // MARK: - In an exchange

    @Test func theNextCandidateAnswers() {
        var rig = ExchangeRig(candidates: 2)
        rig.gate.refusals[0] = .throttled
        #expect(rig.send(.started) == .send(1))
        #expect(rig.machine.exclusions.map(\.reason) == [.refused(.throttled)])
    }

    @Test func whereAllAreThrottledTheExchangeIsRefusedAtOnce() {
        var rig = ExchangeRig(candidates: 2)
        rig.gate.refusals = [0: .throttled, 1: .throttled]
        #expect(rig.send(.started).refuses(for: Span.second))
        #expect(rig.gate.given == 0, "a throttled candidate is no last resort")
    }

    @Test func whereTheOtherIsThrottledAnAttemptHasAllTheTimeThereIs() {
        var rig = ExchangeRig(candidates: 2)
        rig.gate.refusals[0] = .throttled
        rig.send(.started)
        rig.send(.attemptConnected)
        #expect(rig.wakeMilliseconds == 60_000)
    }

    @Test func aSecondTryIsThrottledLikeAFirst() {
        var rig = ExchangeRig(candidates: 1)
        #expect(rig.send(.started) == .send(0))
        rig.send(.attemptFailed(.capacity, retryAfterNanoseconds: nil))
        rig.gate.refusals[0] = .throttled
        guard case .finish(.refused(.noneAvailable))? = rig.wake()?.action else {
            Issue.record("it is refused, and told to come again")
            return
        }
        #expect(rig.gate.given == 1)
    }
}
