import Testing

@testable import HoldfastCore

@Suite struct ErrorGateTests {
    private static func counts(_ requests: Int64, _ errors: Int64) throws -> RequestCounts {
        try #require(RequestCounts(requests: requests, errors: errors))
    }

    @Test func onlyWhatCanBeTrueIsACount() {
        #expect(RequestCounts(requests: 0, errors: 0) != nil && RequestCounts(requests: 3, errors: 3) != nil)
        #expect(RequestCounts(requests: RequestCounts.most, errors: 0) != nil)
        for (requests, errors) in [(-1, 0), (1, -1), (1, 2), (RequestCounts.most + 1, 0), (.max, .max), (0, 1)]
            as [(Int64, Int64)]
        {
            #expect(RequestCounts(requests: requests, errors: errors) == nil)
        }
    }

    /// Reference values: the score interval for z = 1.645, computed apart and rounded.
    @Test(arguments: [
        (10 as Int64, 5 as Int64, 0.269_256), (100, 5, 0.024_546), (1_000, 10, 0.005_987), (30, 4, 0.061_293),
        (5, 5, 0.648_843), (100, 0, 0), (0, 0, 0),
    ]) func theLowerBoundIsWilsons(requests: Int64, errors: Int64, bound: Double) throws {
        let found = try Self.counts(requests, errors).errorRateLowerBound
        #expect(abs(found - bound) < 1e-6, "\(found)")
    }

    @Test(arguments: [
        // requests, errors, requests before, errors before
        (1_000 as Int64, 0 as Int64, 10_000 as Int64, 0 as Int64, ErrorGate.Verdict.ok),
        (30, 0, 10_000, 0, .ok), (29, 0, 10_000, 0, .unknown), (0, 0, 0, 0, .unknown),
        // Five errors, or it may be chance.
        (30, 4, 10_000, 0, .unknown), (30, 5, 10_000, 0, .bad), (4, 4, 10_000, 0, .unknown), (5, 5, 10_000, 0, .bad),
        // As before, and a little more.
        (1_000, 20, 10_000, 200, .ok), (1_000, 40, 10_000, 200, .ok), (1_000, 60, 10_000, 200, .bad),
        // Where nothing was known before, errors are no habit.
        (1_000, 60, 0, 0, .bad), (1_000, 60, 29, 29, .bad),
    ]) func aRateIsHeldAgainstTheOneBefore(
        requests: Int64, errors: Int64, requestsBefore: Int64, errorsBefore: Int64, verdict: ErrorGate.Verdict
    ) throws {
        let found = ErrorGate.judge(
            try Self.counts(requests, errors), against: [try Self.counts(requestsBefore, errorsBefore)])
        #expect(found == verdict)
    }

    @Test func theWorseOfTwoComparisonsCounts() throws {
        let (good, failing) = (try Self.counts(1_000, 1), try Self.counts(1_000, 300))
        let trial = try Self.counts(200, 60)
        #expect(ErrorGate.judge(trial, against: [good, failing]) == .ok)
        #expect(ErrorGate.judge(trial, against: [failing, good]) == .ok)
        #expect(ErrorGate.judge(trial, against: [good, good]) == .bad)
    }

    /// What it is looked at for: about 300 looks at a canary that is as good as the rest.
    @Test func aCanaryThatIsWellIsSeldomTakenForBad() throws {
        var random = SeededRandom(seed: 11)
        var alarms = 0
        for _ in 0..<1_000 {
            var (requests, errors): (Int64, Int64) = (0, 0)
            for _ in 0..<60 {
                requests += 10
                for _ in 0..<10 where random.below(100) < 2 { errors += 1 }
                if ErrorGate.judge(try Self.counts(requests, errors), against: [try Self.counts(50_000, 1_000)]) == .bad
                {
                    alarms += 1
                    break
                }
            }
        }
        #expect(alarms < 30, "\(alarms) of 1000")
    }

    @Test func totalsAreKeptOverARestartAndNeverOverflow() throws {
        var tally = GatewayTally()
        tally.note(try Self.counts(100, 5))
        tally.note(try Self.counts(100, 5))
        #expect(tally.counts == (try Self.counts(100, 5)), "a report that comes twice")
        tally.note(try Self.counts(10, 1))
        tally.note(try Self.counts(20, 1))
        #expect(tally.counts == (try Self.counts(120, 6)))
        for _ in 0..<100 {
            tally.note(try Self.counts(RequestCounts.most, RequestCounts.most))
            tally.note(.none)
        }
        #expect(tally.counts.requests <= 2 * RequestCounts.most)
    }
}
