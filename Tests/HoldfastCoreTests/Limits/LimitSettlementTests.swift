import Testing

@testable import HoldfastCore

@Suite struct LimitSettlementTests {
    @Test func whatWasNotUsedIsThereAgain() {
        var limits = KnownLimits(tokens: 1_000)
        let receipt = limits.take(tokens(400, 600), now: at(0))
        #expect(limits.verdict(tokens(1), now: at(5)).isExhausted)
        limits.settle(receipt, usedInputTokens: 350, usedOutputTokens: 50, now: at(5))
        #expect(limits.verdict(tokens(500), now: at(5)) == .open)
        #expect(limits.verdict(tokens(601), now: at(5)) == .exhausted(until: at(61)))
    }

    @Test func whatWasUsedBesidesCountsFromWhenItIsReported() {
        var limits = KnownLimits(tokens: 1_000)
        let receipt = limits.take(tokens(100, 100), now: at(0))
        limits.settle(receipt, usedInputTokens: 100, usedOutputTokens: 900, now: at(30))
        #expect(limits.verdict(tokens(1), now: at(30)) == .exhausted(until: at(61)))
        #expect(limits.verdict(tokens(100), now: at(61)) == .open)
        #expect(limits.verdict(tokens(201), now: at(61)) == .exhausted(until: at(91)))
    }

    @Test func oneDirectionMayMakeUpForTheOther() {
        var limits = KnownLimits(tokens: 1_000)
        let receipt = limits.take(tokens(800, 100), now: at(0))
        limits.settle(receipt, usedInputTokens: 100, usedOutputTokens: 300, now: at(1))
        #expect(limits.verdict(tokens(600), now: at(1)) == .scarce(until: at(61)))
        #expect(limits.verdict(tokens(601), now: at(1)).isExhausted)
    }

    @Test func anAttemptThatNeverLeftUsesNothingOfTheMinute() {
        func verdict(wasSent: Bool) -> CandidateDecision {
            var (health, random) = (DeploymentHealth(), SeededRandom(seed: 1))
            health.configure(DeploymentLimits(requestsPerMinute: 1, tokensPerMinute: 1_500), hasReserve: false)
            func admit() -> CandidateDecision {
                health.admit(AttemptAsk(), defersProbe: false, now: at(0), random: &random)
            }
            guard case .admitted(let permit) = admit() else { return .refused(.busy) }
            let result = AttemptResult(outcome: .fail, failure: .transient, startedAt: at(0), wasSent: wasSent)
            _ = health.settle(permit, result, now: at(0), random: &random)
            return admit()
        }
        #expect(verdict(wasSent: true) == .refused(.limited(until: at(61))))
        guard case .admitted = verdict(wasSent: false) else {
            Issue.record("the provider never heard of it")
            return
        }
    }

    @Test func unknownUsageSettlesAtTheEstimate() {
        var limits = KnownLimits(tokens: 1_000)
        let receipt = limits.take(tokens(400, 600), now: at(0))
        var (nothing, half) = (limits, limits)
        nothing.settle(receipt, usedInputTokens: nil, usedOutputTokens: nil, now: at(1))
        #expect(nothing.verdict(tokens(1), now: at(1)) == .exhausted(until: at(61)))
        half.settle(receipt, usedInputTokens: nil, usedOutputTokens: 100, now: at(1))
        #expect(!half.verdict(tokens(500), now: at(1)).isExhausted)
        #expect(half.verdict(tokens(501), now: at(1)).isExhausted)
    }

    @Test func anAttemptThatWasNeverSentLeavesNoTrace() {
        var limits = KnownLimits(requests: 1, tokens: 1_000)
        let receipt = limits.take(tokens(400, 600), now: at(0))
        #expect(limits.verdict(tokens(0), now: at(0)).isExhausted)
        limits.giveBack(receipt, now: at(0))
        #expect(limits.verdict(tokens(900), now: at(0)) == .open)
    }

    @Test func whatComesBackTwiceDoesNotMakeTheLimitLarger() {
        var limits = KnownLimits(requests: 2, tokens: 1_000)
        let receipt = limits.take(tokens(500, 500), now: at(0))
        for _ in 0..<3 { limits.giveBack(receipt, now: at(0)) }
        limits.takes(1, tokens(1_000), now: at(0))
        #expect(limits.verdict(tokens(1), now: at(0)).isExhausted)
        limits.takes(1, tokens(0), now: at(0))
        #expect(limits.verdict(tokens(0), now: at(0)).isExhausted)

        limits = KnownLimits()
        limits.learns(.requests, remaining: 1, resetSeconds: 60, now: at(0))
        let other = limits.take(tokens(1), now: at(0))
        for _ in 0..<3 { limits.giveBack(other, now: at(0)) }
        limits.takes(1, now: at(0))
        #expect(limits.verdict(now: at(0)).isExhausted)
    }

    @Test func anAnswerThatTakesMinutesGivesNothingBackTwice() {
        var limits = KnownLimits(tokens: 1_000)
        let long = limits.take(tokens(0, 900), now: at(0))
        _ = limits.take(tokens(0, 900), now: at(61))
        limits.settle(long, usedInputTokens: 0, usedOutputTokens: 0, now: at(62))
        #expect(limits.verdict(tokens(101), now: at(62)) == .exhausted(until: at(122)))
        limits.settle(long, usedInputTokens: 0, usedOutputTokens: 0, now: at(1_000))
        #expect(limits.verdict(tokens(900), now: at(1_000)) == .open)
    }

    @Test func aSecondOfTheNextRoundIsNotTakenForTheOldOne() {
        var limits = KnownLimits(tokens: 1_000)
        let old = limits.take(tokens(1_000), now: at(3))
        _ = limits.take(tokens(1_000), now: at(64))
        limits.giveBack(old, now: at(64))
        #expect(limits.verdict(tokens(1), now: at(64)).isExhausted)
    }

    @Test func receiptsOfManyAttemptsAreSettledInAnyOrder() {
        var limits = KnownLimits(requests: 100, tokens: 10_000)
        var receipts = (0..<10).map { limits.take(tokens(500, 500), now: at(Int64($0))) }
        #expect(Set(receipts).count == 10)
        #expect(limits.verdict(tokens(1), now: at(10)).isExhausted)
        receipts.reverse()
        for receipt in receipts { limits.settle(receipt, usedInputTokens: 250, usedOutputTokens: 250, now: at(10)) }
        #expect(limits.verdict(tokens(4_000), now: at(10)) == .open)
        #expect(limits.verdict(tokens(5_001), now: at(10)) == .exhausted(until: at(61)))
    }

    @Test func aSettlementCorrectsWhatIsStatedBothWays() {
        var limits = KnownLimits()
        limits.learns(.tokens, remaining: 1_000, resetSeconds: 60, now: at(0))
        let (long, short) = (limits.take(tokens(100, 300), now: at(1)), limits.take(tokens(100, 300), now: at(1)))
        #expect(limits.verdict(tokens(201), now: at(1)).isExhausted)
        limits.settle(short, usedInputTokens: 80, usedOutputTokens: 20, now: at(2))
        #expect(limits.verdict(tokens(500), now: at(2)) == .open)
        #expect(limits.verdict(tokens(501), now: at(2)).isExhausted)
        limits.settle(long, usedInputTokens: 100, usedOutputTokens: 800, now: at(2))
        #expect(limits.verdict(tokens(1), now: at(2)).isExhausted)
    }

    @Test func whatTheProviderHadCountedIsNotCorrected() {
        var limits = KnownLimits()
        let before = limits.take(tokens(500, 500), now: at(0))
        let answered = limits.take(tokens(0), now: at(0))
        let stated = StatedLimit(dimension: .tokens, limit: nil, remaining: 100, resetNanoseconds: 60 * Span.second)
        limits.takes(1, tokens(50), now: at(0))
        limits.note(stated, of: answered, now: at(1))
        limits.settle(before, usedInputTokens: 0, usedOutputTokens: 0, now: at(2))
        limits.giveBack(before, now: at(2))
        #expect(limits.verdict(tokens(51), now: at(2)).isExhausted, "it says what remains after them")
        #expect(limits.verdict(tokens(50), now: at(2)) == .open)
    }

    @Test func anAttemptThatWasNeverSentIsAddedToWhatIsStated() {
        var limits = KnownLimits()
        limits.learns(.requests, remaining: 1, resetSeconds: 60, now: at(0))
        let receipt = limits.take(tokens(5), now: at(1))
        #expect(limits.verdict(now: at(1)).isExhausted)
        limits.giveBack(receipt, now: at(1))
        #expect(limits.verdict(now: at(1)) == .open)
    }

    @Test func moreThanEstimatedCountsInAStatementThatComesAfterwards() {
        var limits = KnownLimits()
        let answered = limits.take(tokens(0), now: at(0))
        let other = limits.take(tokens(10, 10), now: at(0))
        limits.settle(other, usedInputTokens: 10, usedOutputTokens: 90, now: at(1))
        let stated = StatedLimit(dimension: .tokens, limit: nil, remaining: 150, resetNanoseconds: 60 * Span.second)
        limits.note(stated, of: answered, now: at(2))
        #expect(limits.verdict(tokens(50), now: at(2)) == .open)
        #expect(limits.verdict(tokens(51), now: at(2)).isExhausted)
    }

    /// Whatever is reported, in whatever order and however late, no sum goes below zero: the limit is never more than
    /// itself, and all of it is there after a minute.
    @Test(arguments: 1...12 as ClosedRange<UInt64>) func noSettlementMakesTheLimitLarger(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var limits = KnownLimits(requests: 50, tokens: 10_000)
        var open: [LimitReceipt] = []
        var now = at(0)
        for _ in 0..<3_000 {
            now = now.advanced(byNanoseconds: random.below(2 * Span.second))
            if random.below(3) > 0 { open.append(limits.take(tokens(random.below(400), random.below(400)), now: now)) }
            if random.below(3) > 0, !open.isEmpty {
                let receipt = open.remove(at: Int(random.below(Int64(open.count))))
                // At times twice over, which nobody should do and nothing should mind.
                for _ in 0...random.below(2) {
                    if random.below(4) == 0 {
                        limits.giveBack(receipt, now: now)
                    } else {
                        limits.settle(
                            receipt, usedInputTokens: Int(random.below(500)), usedOutputTokens: Int(random.below(500)),
                            now: now)
                    }
                }
            }
            if random.below(10) == 0 {
                limits.learns(.tokens, limit: 10_000, remaining: random.below(10_001), resetSeconds: 60, now: now)
            }
            var emptied = limits
            _ = emptied.take(tokens(9_990), now: now)
            #expect(emptied.verdict(tokens(11), now: now).isExhausted, "the limit and one more were taken")
        }
        let later = now.advanced(byNanoseconds: 62 * Span.second)
        #expect(limits.verdict(tokens(9_000), now: later) == .open)
        #expect(limits.verdict(tokens(10_000), now: later) == .scarce(until: later.wholeSecond(after: 61)))
    }
}

extension Instant {
    fileprivate func wholeSecond(after seconds: Int64) -> Instant {
        Instant(nanoseconds: (nanoseconds / Span.second + seconds) * Span.second)
    }
}
