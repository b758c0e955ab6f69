import HoldfastCore
import Testing

@testable import HoldfastSimulation

/// The checkers of load, snapshots and the long run, shown what they are to see; the others: `CheckerTests`.
@Suite struct LoadAndSnapshotCheckerTests {
    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * Span.second) }

    // MARK: - Load

    private func load(_ limits: DeploymentLimits) -> LoadChecker {
        LoadChecker(provider: 0, limits: limits)
    }

    @Test func tooManyAttemptsAreSeen() {
        var checker = load(DeploymentLimits(concurrent: 2))
        for exchange in 0..<3 { checker.given(exchange: exchange, now: .zero) }
        #expect(checker.violations == ["provider 0 was sent 3 attempts at once"])
        checker = load(DeploymentLimits(requestsPerMinute: 2))
        for exchange in 0..<3 { checker.given(exchange: exchange, now: at(0)) }
        #expect(checker.violations == ["provider 0 was sent 3 attempts in a minute"])
        checker = load(DeploymentLimits(requestsPerMinute: 2))
        for exchange in 0..<3 { checker.given(exchange: exchange, now: at(30 * Int64(exchange))) }
        #expect(checker.violations == [])
    }

    @Test func limitsHoldFromTheSnapshotOnThatBringsThem() {
        var checker = load(DeploymentLimits())
        for exchange in 0..<5 { checker.given(exchange: exchange, now: .zero) }
        checker.configured(DeploymentLimits(requestsPerMinute: 1, concurrent: 5))
        for _ in 0..<5 { checker.settled() }
        checker.given(exchange: 5, now: at(1))
        #expect(checker.violations == [], "nobody counted before")
        checker.configured(DeploymentLimits(requestsPerMinute: 1, concurrent: 1))
        checker.given(exchange: 6, now: at(2))
        #expect(
            checker.violations == [
                "provider 0 was sent 2 attempts at once", "provider 0 was sent 2 attempts in a minute",
            ])
    }

    @Test func onlyWhatWasSentCountsAgainstTheMinute() {
        var checker = load(DeploymentLimits(requestsPerMinute: 2))
        for second in 0..<3 as Range<Int64> {
            checker.given(exchange: Int(second), now: at(second))
            if second == 1 { checker.neverSent(at(1)) }
        }
        #expect(checker.violations == [])
        checker.given(exchange: 3, now: at(3))
        #expect(checker.violations == ["provider 0 was sent 3 attempts in a minute"])
        var allowance = ProviderAllowance(DeploymentLimits(requestsPerMinute: 1), gateways: 1)
        #expect(allowance.refusal(now: at(0)) == nil && allowance.refusal(now: at(1)) == 59 * Span.second)
        allowance.neverCame(at(0))
        #expect(allowance.refusal(now: at(2)) == nil)
    }

    @Test func aMinuteThatIsSpentIsKnown() {
        var requests = load(DeploymentLimits(requestsPerMinute: 10))
        for exchange in 0..<6 { requests.given(exchange: exchange, now: at(0)) }
        #expect(requests.isSpent(now: at(0)) == false)
        requests.given(exchange: 6, now: at(0))
        #expect(requests.isSpent(now: at(61)) == true)
        #expect(requests.isSpent(now: at(62)) == false)
        var tokens = load(DeploymentLimits(tokensPerMinute: 1_000))
        #expect(tokens.isSpent(now: at(0)) == false)
        tokens.given(exchange: 0, now: at(0))
        #expect(tokens.isSpent(now: at(61)) == true, "what it used is not known")
        var neither = load(DeploymentLimits(concurrent: 1))
        neither.given(exchange: 0, now: at(0))
        #expect(neither.isSpent(now: at(0)) == false)
    }

    @Test func slotsThatGoAstrayAreSeen() {
        var checker = load(DeploymentLimits(concurrent: 1))
        checker.waits(exchange: 7, .critical)
        checker.waits(exchange: 8, .deferrable)
        #expect(checker.hasWaiting(7))
        checker.handedOver(granted: 7, refused: [])
        // Taking up what was granted takes nothing more.
        checker.given(exchange: 7, now: .zero)
        #expect(checker.violations == [])
        checker.handedOver(granted: 9, refused: [])
        #expect(checker.violations.first == "provider 0 gave a slot to 9, which was not waiting")
        checker = load(DeploymentLimits())
        checker.waits(exchange: 1, .critical)
        checker.waits(exchange: 1, .critical)
        #expect(checker.violations == ["provider 0 is waited for twice by 1"])
        checker.finish()
        #expect(checker.violations.last == "provider 0 is left with 0 attempts and 1 waits")
        checker.settled()
        #expect(checker.violations.last == "provider 0 has fewer than no attempts under way")
    }

    @Test func sheddingTheCriticalBeforeTheDeferrableIsSeen() {
        var checker = load(DeploymentLimits())
        checker.waits(exchange: 0, .critical)
        checker.waits(exchange: 1, .deferrable)
        checker.handedOver(granted: nil, refused: [0])
        #expect(checker.violations == ["provider 0 shed a critical exchange and kept a deferrable one waiting"])
        checker.handedOver(granted: nil, refused: [4])
        #expect(checker.violations.last == "provider 0 refused an exchange that was not waiting")
    }

    // MARK: - Snapshots

    private func publication() -> Publication {
        var random = SeededRandom(seed: 1)
        // The first of these seeds whose second snapshot leaves somebody out.
        while true {
            let publication = Publication(
                gateways: 2, ordinary: 3, limits: Array(repeating: DeploymentLimits(), count: 3), healsAt: at(10),
                silliness: [.oneCandidate], random: &random)
            if publication.numbers.count > 1, publication[1].candidates != publication[2].candidates {
                return publication
            }
        }
    }

    @Test func aGatewayThatGoesBackIsSeen() {
        var checker = SnapshotChecker(publication(), gateways: 2)
        checker.delivered(2, to: 0, inForce: 2)
        checker.delivered(1, to: 0, inForce: 2)
        checker.delivered(1, to: 1, inForce: 1)
        #expect(checker.violations == [])
        checker.delivered(1, to: 0, inForce: 1)
        #expect(checker.violations == ["gateway 0 has snapshot 1 in force, and 2 reached it"])
    }

    @Test func anExchangeThatSeesAnotherSnapshotIsSeen() {
        let publication = publication()
        var checker = SnapshotChecker(publication, gateways: 2)
        let (old, new) = (publication[1].candidates, publication[2].candidates)
        let only = old.first { !new.contains($0) } ?? -1
        let promise = checker.arrived(exchange: 0, gateway: 0)
        #expect(promise.candidates == old)
        checker.delivered(2, to: 0, inForce: 2)
        checker.sent(exchange: 0, to: only, standIn: nil)
        #expect(checker.violations == [], "it keeps the one it came under")
        let next = checker.arrived(exchange: 1, gateway: 0)
        #expect(next.candidates == new)
        checker.sent(exchange: 1, to: only, standIn: only)
        #expect(checker.violations == [])
        checker.sent(exchange: 1, to: only, standIn: nil)
        #expect(checker.violations == ["exchange 1 saw snapshot 2, and \(only) is not in it"])
    }

    // MARK: - The long run

    @Test func aStormThatRemainsIsSeen() {
        func storm(_ failure: FailureClass) -> [String] {
            var checker = StormChecker()
            for exchange in 0..<20 {
                checker.arrived(exchange: exchange)
                checker.stepped(exchange: exchange, ExchangeStep(.sendAttempt(candidate: 0)), after: .started)
            }
            for exchange in 0..<6 {
                checker.stepped(
                    exchange: exchange, ExchangeStep(.none), after: .attemptFailed(failure, retryAfterNanoseconds: nil))
                checker.stepped(exchange: exchange, ExchangeStep(.sendAttempt(candidate: 0)), after: .timerFired)
            }
            // Nobody watches these.
            checker.stepped(exchange: 99, ExchangeStep(.sendAttempt(candidate: 0)), after: .started)
            checker.finish()
            return checker.violations
        }
        #expect(storm(.transient) == ["20 exchanges took 26 attempts long after the world healed"])
        #expect(storm(.tooLong) == [] && storm(.rateLimit) == [])
    }

    @Test func aStallExcusesOnlyWhatItDelays() {
        func end(at end: Instant, stall: (from: Instant, until: Instant), gateway: Int = 0) -> [String] {
            var checker = ExchangeChecker()
            let facts = ExchangeFacts(
                providers: [0], contexts: [nil], isStream: false, attemptsAllowed: 1, gateway: 0, endsBy: at(10))
            checker.see(.arrived(exchange: 0, facts), now: .zero)
            checker.stalled(gateway: gateway, from: stall.from, until: stall.until)
            let step = ExchangeStep(.finish(.refused(.deadlinePassed)))
            checker.see(.stepped(run: 0, step, after: .timerFired), now: end)
            return checker.violations
        }
        let late = ["exchange 0 outlived its deadline"]
        #expect(end(at: at(15), stall: (at(9), at(15))) == [])
        #expect(end(at: at(16), stall: (at(9), at(15))) == late)
        #expect(end(at: at(15), stall: (at(9), at(15)), gateway: 1) == late)
        #expect(end(at: at(15), stall: (at(11), at(15))) == late)
        #expect(end(at: at(15), stall: (at(3), at(4))) == late)
    }

    @Test func aSecondTryThatTheRouteForbidsIsSeen() {
        var checker = ExchangeChecker()
        let facts = ExchangeFacts(
            providers: [0], contexts: [nil], isStream: false, attemptsAllowed: 4, triesOfOne: 1, endsBy: .distantFuture)
        checker.see(.arrived(exchange: 0, facts), now: .zero)
        for _ in 0..<2 {
            checker.see(
                .stepped(run: 0, ExchangeStep(.sendAttempt(candidate: 0)), after: .started), now: .zero)
        }
        #expect(checker.violations == ["exchange 0 tried candidate 0 too often"])
    }

    @Test func whatAGatewayIsLeftWithIsSeen() {
        var (gate, random) = (SimulatedGate(groups: [0]), SeededRandom(seed: 1))
        gate.order = [0]
        let decision = gate.admit(candidate: 0, defersProbe: false, mayUseScarce: true, now: .zero, random: &random)
        guard case .admitted(let permit) = decision else {
            Issue.record("nothing keeps it out: \(decision)")
            return
        }
        #expect(gate.leftovers(now: .zero) == ["provider 0 is left with 1 slots and 0 waits"])
        func settle(_ permit: AttemptPermit, _ outcome: AttemptOutcome) {
            gate.settle(
                candidate: 0, permit: permit,
                result: AttemptResult(outcome: outcome, failure: .transient, startedAt: .zero),
                now: .zero, random: &random)
        }
        settle(permit, .fail)
        #expect(gate.leftovers(now: .zero) == [])
    }
}
