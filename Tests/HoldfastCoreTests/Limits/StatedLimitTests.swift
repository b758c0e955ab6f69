import Testing

@testable import HoldfastCore

@Suite struct StatedLimitTests {
    private func stated(
        _ dimension: LimitDimension = .requests, limit: Int64? = 100, _ remaining: Int64, resetSeconds: Int64? = 60
    ) -> StatedLimit {
        StatedLimit(
            dimension: dimension, limit: limit, remaining: remaining,
            resetNanoseconds: resetSeconds.map { $0 * Span.second })
    }

    @Test func whatIsSentIsSubtractedUntilTheReset() {
        var limits = KnownLimits()
        limits.learns(.requests, remaining: 3, resetSeconds: 10, now: at(0))
        for _ in 0..<3 {
            #expect(limits.verdict(now: at(1)) == .open)
            limits.takes(1, now: at(1))
        }
        #expect(limits.verdict(now: at(9, 999)) == .exhausted(until: at(10)))
        #expect(limits.verdict(now: at(10)) == .open, "forgotten: nothing is known again")
        limits.takes(1_000, now: at(10))
        #expect(limits.verdict(now: at(10)) == .open)
    }

    @Test func aLimitOfUnknownSizeIsNeitherScarceNorReserved() {
        var limits = KnownLimits()
        limits.learns(.inputTokens, remaining: 100, resetSeconds: 10, now: at(0))
        let verdict = limits.verdict(need: tokens(100), isReserved: false, hasReserve: true, now: at(0))
        #expect(verdict == .open)
    }

    @Test(arguments: LimitDimension.allCases) func eachDimensionCountsItsOwn(dimension: LimitDimension) {
        var limits = KnownLimits()
        limits.learns(dimension, remaining: 30, resetSeconds: 10, now: at(0))
        _ = limits.take(tokens(7, 9), now: at(0))
        let left: Int64 =
            switch dimension {
            case .requests: 29
            case .tokens: 14
            case .inputTokens: 23
            case .outputTokens: 21
            }
        switch dimension {
        case .requests:
            limits.takes(28, tokens(1_000, 1_000), now: at(0))
            #expect(limits.verdict(now: at(0)) == .open)
            limits.takes(1, now: at(0))
            #expect(limits.verdict(now: at(0)).isExhausted)
        case .tokens:
            #expect(limits.verdict(tokens(left - 1, 1), now: at(0)) == .open)
            #expect(limits.verdict(tokens(left, 1), now: at(0)).isExhausted)
        case .inputTokens:
            #expect(limits.verdict(tokens(left, 1_000), now: at(0)) == .open)
            #expect(limits.verdict(tokens(left + 1), now: at(0)).isExhausted)
        case .outputTokens:
            #expect(limits.verdict(tokens(1_000, left), now: at(0)) == .open)
            #expect(limits.verdict(tokens(0, left + 1), now: at(0)).isExhausted)
        }
    }

    @Test func trafficShiftsBeforeTheLastTenthIsUsed() {
        var limits = KnownLimits()
        limits.learns(.tokens, limit: 1_000, remaining: 200, resetSeconds: 80, now: at(0))
        #expect(limits.verdict(tokens(100), now: at(0)) == .open)
        #expect(limits.verdict(tokens(101), now: at(0)) == .scarce(until: at(0, 100).advanced(byNanoseconds: 1)))
        #expect(limits.verdict(tokens(201), now: at(0)) == .exhausted(until: at(0, 100).advanced(byNanoseconds: 1)))
    }

    @Test func roomComesBackEvenlyUntilTheReset() {
        var limits = KnownLimits()
        limits.learns(.requests, limit: 100, remaining: 0, resetSeconds: 60, now: at(0))
        #expect(limits.verdict(now: at(0)) == .exhausted(until: at(0, 600).advanced(byNanoseconds: 1)))
        #expect(limits.verdict(now: at(0, 599)).isExhausted)
        #expect(!limits.verdict(now: at(0, 600)).isExhausted)
        limits.takes(10, now: at(6))
        #expect(limits.verdict(now: at(6, 599)).isExhausted, "what came back in six seconds is used")
        #expect(!limits.verdict(now: at(6, 600)).isExhausted)
    }

    @Test func whatWillNotFitBeforeTheResetWaitsForIt() {
        var limits = KnownLimits()
        limits.learns(.requests, limit: 100, remaining: 90, resetSeconds: 6, now: at(0))
        limits.takes(100, now: at(0))
        #expect(limits.verdict(now: at(0)) == .exhausted(until: at(6)))
    }

    @Test func hugeNumbersDoNotOverflow() {
        for remaining in [Int64.min, -1, 0, .max] {
            for reset in [nil, Int64.min, -1, 0, .max] {
                var limits = KnownLimits()
                for limit in [nil, Int64.min, 0, .max] {
                    limits.note(
                        StatedLimit(dimension: .tokens, limit: limit, remaining: remaining, resetNanoseconds: reset),
                        of: limits.take(tokens(.max, .max), now: at(0)), now: at(0))
                    limits.takes(3, tokens(.max, .max), now: at(1))
                    _ = limits.verdict(tokens(.max, .max), now: at(1))
                    _ = limits.verdict(tokens(1), now: .distantFuture)
                }
            }
        }
    }

    @Test func withoutAResetItIsForgottenAfterAMinute() {
        var limits = KnownLimits()
        limits.learns(.requests, remaining: 0, now: at(0))
        #expect(limits.verdict(now: at(59)) == .exhausted(until: at(60)))
        #expect(limits.verdict(now: at(60)) == .open)
    }

    @Test func aResetInThePastHoldsForASecond() {
        var limits = KnownLimits()
        limits.learns(.requests, remaining: 0, resetSeconds: -3, now: at(0))
        #expect(limits.verdict(now: at(0)) == .exhausted(until: at(1)))
        #expect(limits.verdict(now: at(1)) == .open)
    }

    @Test func aDailyLimitIsLookedAtAgainAfterAnHour() {
        var limits = KnownLimits()
        limits.learns(.requests, remaining: 0, resetSeconds: 80_000, now: at(0))
        #expect(limits.verdict(now: at(0)) == .exhausted(until: at(3_600)))
        #expect(limits.verdict(now: at(3_600)) == .open)
        limits.learns(.requests, limit: 24, remaining: 0, resetSeconds: 86_400, now: at(4_000))
        #expect(limits.verdict(now: at(7_598)).isExhausted, "it refills by its own reset, not by the hour")
    }

    @Test func theReserveHoldsForStatedLimitsToo() {
        var limits = KnownLimits()
        limits.learns(.requests, limit: 100, remaining: 20, resetSeconds: 80, now: at(0))
        #expect(limits.verdict(need: tokens(1), isReserved: true, hasReserve: true, now: at(0)) == .open)
        #expect(
            limits.verdict(need: tokens(1), isReserved: false, hasReserve: true, now: at(0))
                == .exhausted(until: at(1).advanced(byNanoseconds: 1)))
    }

    @Test func ofSeveralExhaustedDimensionsTheLatestEndCounts() {
        var limits = KnownLimits()
        limits.learns(.requests, remaining: 0, resetSeconds: 5, now: at(0))
        limits.learns(.inputTokens, remaining: 0, resetSeconds: 20, now: at(0))
        limits.learns(.outputTokens, remaining: 1_000, resetSeconds: 50, now: at(0))
        #expect(limits.verdict(tokens(1, 1), now: at(1)) == .exhausted(until: at(20)))
        #expect(limits.verdict(tokens(0, 1), now: at(1)) == .exhausted(until: at(5)), "it needs no input")
    }

    @Test func aShortStatementDoesNotEndALongOne() {
        var limits = KnownLimits()
        limits.learns(.requests, remaining: 1, resetSeconds: 60, now: at(0))
        limits.learns(.inputTokens, remaining: 100, resetSeconds: 5, now: at(0))
        #expect(limits.verdict(now: at(10)) == .exhausted(until: at(60)), "the second answer took the one request")
    }

    @Test func aNeedAboveTheWholeLimitGoesWhenAllIsThere() {
        var limits = KnownLimits()
        limits.learns(.tokens, limit: 1_000, remaining: 1_000, resetSeconds: 10, now: at(0))
        #expect(limits.verdict(tokens(5_000), now: at(0)) == .scarce(until: at(10)))
        limits.takes(1, tokens(1), now: at(0))
        #expect(limits.verdict(tokens(5_000), now: at(0)) == .exhausted(until: at(10)))
        #expect(limits.verdict(tokens(5_000), now: at(10)) == .open)
    }

    @Test func aStatementOfALaterAttemptReplacesTheOneInForce() {
        var limits = KnownLimits()
        let first = limits.take(tokens(1), now: at(0))
        limits.note(stated(limit: nil, 2), of: first, now: at(1))
        let second = limits.take(tokens(1), now: at(2))
        limits.note(stated(limit: nil, 50), of: second, now: at(3))
        limits.takes(49, now: at(3))
        #expect(limits.verdict(now: at(3)) == .open)
        limits.takes(1, now: at(3))
        #expect(limits.verdict(now: at(3)) == .exhausted(until: at(63)))
    }

    @Test func aStatementThatWasOvertakenOnlyLowers() {
        var limits = KnownLimits()
        let first = limits.take(tokens(1), now: at(0))
        let second = limits.take(tokens(1), now: at(0))
        limits.note(stated(limit: nil, 5), of: second, now: at(1))
        limits.note(stated(limit: nil, 50), of: first, now: at(1))
        limits.takes(4, now: at(1))
        #expect(limits.verdict(now: at(1)) == .open)
        limits.note(stated(limit: nil, 0), of: first, now: at(2))
        #expect(limits.verdict(now: at(2)) == .exhausted(until: at(61)), "the end is that of the one in force")
    }

    @Test func twoStatementsOfOneAnswerKeepTheLower() {
        var limits = KnownLimits()
        let receipt = limits.take(tokens(1), now: at(0))
        limits.note(stated(limit: nil, 0), of: receipt, now: at(1))
        limits.note(stated(limit: nil, 50), of: receipt, now: at(1))
        #expect(limits.verdict(now: at(1)).isExhausted)
    }

    @Test func whatWasSentAfterTheAnsweredAttemptIsSubtracted() {
        var limits = KnownLimits()
        let first = limits.take(tokens(10), now: at(0))
        limits.takes(3, tokens(100, 10), now: at(0))
        limits.note(stated(.tokens, limit: nil, 400), of: first, now: at(1))
        #expect(limits.verdict(tokens(70), now: at(1)) == .open)
        #expect(limits.verdict(tokens(71), now: at(1)).isExhausted)
    }

    @Test func afterItWasForgottenAnOlderStatementIsBetterThanNone() {
        var limits = KnownLimits()
        let first = limits.take(tokens(1), now: at(0))
        let second = limits.take(tokens(1), now: at(0))
        limits.note(stated(limit: nil, 5, resetSeconds: 5), of: second, now: at(1))
        limits.note(stated(limit: nil, 1, resetSeconds: 5), of: first, now: at(7))
        #expect(limits.verdict(now: at(7)) == .exhausted(until: at(12)), "the second may not be counted in it")
    }

    @Test func otherConfiguredLimitsLeaveStatementsAlone() {
        var limits = KnownLimits(requests: 10)
        limits.learns(.requests, remaining: 0, resetSeconds: 60, now: at(0))
        limits.configure(DeploymentLimits())
        #expect(limits.verdict(now: at(1)) == .exhausted(until: at(60)))
    }

    /// A provider with a bucket that refills, asked for twice as much as it gives, and answers that take up to three
    /// seconds and overtake each other: it never has to refuse, and gives nearly all that it can.
    @Test(arguments: 1...8 as ClosedRange<UInt64>) func aBucketIsUsedUpAndNotOverdrawn(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var limits = KnownLimits()
        let limit: Int64 = 600
        // In nanoseconds of refill: a request is a tenth of a second.
        let unit = 100 * Span.millisecond
        var level = limit * unit
        var answers: [(at: Instant, stated: StatedLimit, receipt: LimitReceipt)] = []
        var (now, sent, refused) = (at(0), 0, 0)
        for _ in 0..<30_000 {
            let step = random.below(40 * Span.millisecond)
            now = now.advanced(byNanoseconds: step)
            level = min(level + step, limit * unit)
            for answer in answers where answer.at <= now { limits.note(answer.stated, of: answer.receipt, now: now) }
            answers.removeAll { $0.at <= now }
            guard !limits.verdict(now: now).isExhausted else { continue }
            let receipt = limits.take(tokens(1), now: now)
            sent += 1
            if level >= unit { level -= unit } else { refused += 1 }
            let stated = StatedLimit(
                dimension: .requests, limit: limit, remaining: level / unit, resetNanoseconds: limit * unit - level)
            answers.append((now.advanced(byNanoseconds: random.below(3 * Span.second)), stated, receipt))
        }
        #expect(refused == 0)
        let given = limit + now.nanoseconds / unit
        #expect(Int64(sent) * 100 >= given * 98, "\(sent) of \(given)")
    }
}
