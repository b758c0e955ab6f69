import Testing

@testable import HoldfastCore

@Suite struct ConfiguredLimitTests {
    @Test func whereNothingIsKnownEverythingIsOpen() {
        var limits = KnownLimits()
        limits.takes(10_000, tokens(1_000_000, 1_000_000), now: at(5))
        #expect(limits.verdict(tokens(LimitNeed.mostTokens), now: at(5)) == .open)
    }

    @Test func requestsAreOpenThenScarceThenExhausted() {
        var limits = KnownLimits(requests: 20)
        limits.takes(17, now: at(100))
        #expect(limits.verdict(now: at(100)) == .open, "two of twenty are left after it")
        limits.takes(1, now: at(110))
        #expect(limits.verdict(now: at(110)) == .scarce(until: at(161)))
        limits.takes(2, now: at(120))
        #expect(limits.verdict(now: at(120)) == .exhausted(until: at(161)))
        #expect(limits.verdict(now: at(160, 999)).isExhausted)
        #expect(limits.verdict(now: at(161)) == .open)
    }

    @Test func whatWasTakenLateInASecondStaysAWholeMinute() {
        var limits = KnownLimits(requests: 10)
        limits.takes(10, now: at(0, 999))
        #expect(limits.verdict(now: at(60, 998)).isExhausted, "within a minute of all ten")
        #expect(limits.verdict(now: at(61)) == .open)
    }

    @Test func tokensOfBothDirectionsCountTogether() {
        var limits = KnownLimits(tokens: 1_000)
        _ = limits.take(tokens(400, 300), now: at(0))
        #expect(limits.verdict(tokens(100, 100), now: at(0)) == .open)
        #expect(limits.verdict(tokens(100, 101), now: at(0)) == .scarce(until: at(61)))
        #expect(limits.verdict(tokens(150, 151), now: at(0)) == .exhausted(until: at(61)))
        #expect(limits.verdict(tokens(0), now: at(0)) == .open)
    }

    @Test func theEndIsWhenEnoughIsGoneAndNotWhenAllIs() {
        var limits = KnownLimits(tokens: 100)
        for second in 0..<10 { _ = limits.take(tokens(10), now: at(Int64(second))) }
        #expect(limits.verdict(tokens(10), now: at(9)) == .exhausted(until: at(61)))
        #expect(limits.verdict(tokens(11), now: at(9)) == .exhausted(until: at(62)))
        #expect(limits.verdict(tokens(100), now: at(9)) == .exhausted(until: at(70)))
    }

    @Test func ofSeveralExhaustedDimensionsTheLatestEndCounts() {
        var limits = KnownLimits(requests: 2, tokens: 100)
        _ = limits.take(tokens(0), now: at(0))
        _ = limits.take(tokens(100), now: at(30))
        #expect(limits.verdict(tokens(50), now: at(31)) == .exhausted(until: at(91)), "not 61, when a request is free")
    }

    @Test func aScarceDimensionThatLastsLongerDoesNotMoveTheEndOfAnExhaustedOne() {
        var limits = KnownLimits(requests: 2, tokens: 100)
        limits.takes(2, tokens(1), now: at(0))
        let first = limits.take(tokens(0), now: at(30))
        limits.giveBack(first, now: at(30))
        limits.learns(.inputTokens, limit: 100, remaining: 5, resetSeconds: 3_000, now: at(30))
        #expect(limits.verdict(tokens(1), now: at(31)) == .exhausted(until: at(61)))
    }

    @Test func aFifthIsKeptForCriticalExchangesWhereThereAreAny() {
        var limits = KnownLimits(requests: 10)
        limits.takes(7, now: at(0))
        #expect(limits.verdict(need: tokens(1), isReserved: false, hasReserve: true, now: at(0)) == .open)
        limits.takes(1, now: at(0))
        #expect(
            limits.verdict(need: tokens(1), isReserved: false, hasReserve: true, now: at(0))
                == .exhausted(until: at(61)))
        #expect(limits.verdict(need: tokens(1), isReserved: true, hasReserve: true, now: at(0)) == .open)
        #expect(limits.verdict(need: tokens(1), isReserved: false, hasReserve: false, now: at(0)) == .open)
        limits.takes(2, now: at(0))
        #expect(limits.verdict(need: tokens(1), isReserved: true, hasReserve: true, now: at(0)).isExhausted)
    }

    @Test(arguments: [(1, 1), (4, 4), (5, 4), (9, 8)]) func aSmallLimitKeepsNoMoreThanItsWholeFifth(
        limit: Int, admitted: Int
    ) {
        var limits = KnownLimits(requests: limit)
        for _ in 0..<admitted {
            #expect(limits.verdict(need: tokens(1), isReserved: false, hasReserve: true, now: at(0)) == .open)
            limits.takes(1, now: at(0))
        }
        #expect(limits.verdict(need: tokens(1), isReserved: false, hasReserve: true, now: at(0)).isExhausted)
    }

    @Test func aNeedAboveTheWholeLimitGoesWhenNothingElseIsCounted() {
        var limits = KnownLimits(tokens: 1_000)
        #expect(limits.verdict(tokens(50_000), now: at(0)) == .scarce(until: at(61)), "another candidate first")
        _ = limits.take(tokens(1), now: at(0))
        #expect(limits.verdict(tokens(50_000), now: at(1)) == .exhausted(until: at(61)))
        #expect(!limits.verdict(tokens(50_000), now: at(61)).isExhausted)
        _ = limits.take(tokens(50_000), now: at(61))
        #expect(limits.verdict(tokens(1), now: at(62)) == .exhausted(until: at(122)))
        #expect(limits.verdict(tokens(1), now: at(122)) == .open)
    }

    @Test func aNeedAboveAllButTheReserveIsNotRefusedForEver() {
        var limits = KnownLimits(tokens: 1_000)
        #expect(limits.verdict(need: tokens(900), isReserved: false, hasReserve: true, now: at(0)) == .open)
        _ = limits.take(tokens(1), now: at(0))
        #expect(
            limits.verdict(need: tokens(900), isReserved: false, hasReserve: true, now: at(0))
                == .exhausted(until: at(61)))
        #expect(limits.verdict(need: tokens(801), isReserved: true, hasReserve: true, now: at(0)) == .open)
    }

    @Test func otherLimitsKeepWhatWasCounted() {
        var limits = KnownLimits(requests: 10)
        limits.takes(8, tokens(100), now: at(0))
        limits.configure(DeploymentLimits(requestsPerMinute: 8, tokensPerMinute: 1_000))
        #expect(limits.verdict(now: at(1)) == .exhausted(until: at(61)))
        limits.configure(DeploymentLimits(requestsPerMinute: 100, tokensPerMinute: 800))
        #expect(limits.verdict(now: at(1)).isExhausted, "tokens were counted though nobody had limited them")
        limits.configure(DeploymentLimits(requestsPerMinute: 100))
        #expect(limits.verdict(now: at(1)) == .open)
        limits.configure(DeploymentLimits())
        #expect(limits.verdict(now: at(1)) == .open)
    }

    @Test func anAttemptFromBeforeALimitWasConfiguredTakesNothingBack() {
        var limits = KnownLimits()
        let before = limits.take(tokens(500), now: at(0))
        limits.configure(DeploymentLimits(requestsPerMinute: 1, tokensPerMinute: 1_000))
        _ = limits.take(tokens(1_000), now: at(0))
        limits.giveBack(before, now: at(0))
        #expect(limits.verdict(tokens(0), now: at(0)).isExhausted)
        limits.configure(DeploymentLimits(tokensPerMinute: 1_000))
        limits.settle(before, usedInputTokens: 0, usedOutputTokens: 0, now: at(0))
        #expect(limits.verdict(tokens(1), now: at(0)).isExhausted)
    }

    @Test(arguments: [Int64(161), 162, 200, 221, 222, 10_000_000]) func idlingClearsEverySecond(later: Int64) {
        var limits = KnownLimits(requests: 61, tokens: 6_100)
        for second in Int64(40)..<101 { _ = limits.take(tokens(100), now: at(second)) }
        #expect(limits.verdict(now: at(100)).isExhausted)
        let now = at(later)
        #expect(limits.verdict(now: now) == .open)
        // All of it can be taken again, and a part of it is not given back by an old slot a minute later.
        for second in Int64(0)..<61 {
            #expect(!limits.verdict(now: at(later + second)).isExhausted)
            _ = limits.take(tokens(100), now: at(later + second))
        }
        #expect(limits.verdict(now: at(later + 60, 999)) == .exhausted(until: at(later + 61)))
    }

    @Test func anEarlierInstantCountsInTheNewestSecond() {
        var limits = KnownLimits(requests: 2)
        _ = limits.take(tokens(1), now: at(100))
        _ = limits.take(tokens(1), now: at(98))
        #expect(limits.verdict(now: at(99)) == .exhausted(until: at(161)))
        #expect(limits.verdict(now: at(159)).isExhausted)
    }

    /// The model keeps every arrival with its time, and adds up those of the last sixty seconds.
    @Test(arguments: 1...12 as ClosedRange<UInt64>) func noMinuteEverHoldsMoreThanTheLimit(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let requestLimit = 1 + random.below(60)
        let tokenLimit = 1_000 + random.below(50_000)
        var limits = KnownLimits(requests: Int(requestLimit), tokens: Int(tokenLimit))
        var taken: [(at: Instant, tokens: Int64)] = []
        var now = Instant(nanoseconds: random.below(1_000 * Span.second))
        var refused = 0
        for _ in 0..<4_000 {
            // Mostly dense, at times idle for up to three minutes.
            now = now.advanced(byNanoseconds: random.below(random.below(200) == 0 ? 180 * Span.second : Span.second))
            let need = tokens(random.below(tokenLimit / 10), random.below(tokenLimit / 10))
            func counted(withinNanoseconds span: Int64) -> (requests: Int64, tokens: Int64) {
                taken.suffix(70).filter { now.nanoseconds(since: $0.at) <= span }
                    .reduce((0, 0)) { ($0.0 + 1, $0.1 + $1.tokens) }
            }
            if case .exhausted(let until) = limits.verdict(need, now: now) {
                refused += 1
                #expect(until > now && until <= now.advanced(byNanoseconds: 61 * Span.second))
                let most = counted(withinNanoseconds: 61 * Span.second)
                #expect(most.requests + 1 > requestLimit || most.tokens + need.tokens > tokenLimit, "refused too early")
                var (then, justBefore) = (limits, limits)
                #expect(!then.verdict(need, now: until).isExhausted, "what it names is when it fits")
                #expect(justBefore.verdict(need, now: until.advanced(byNanoseconds: -1)).isExhausted)
                continue
            }
            _ = limits.take(need, now: now)
            taken.append((now, need.tokens))
            let within = counted(withinNanoseconds: 60 * Span.second)
            #expect(within.requests <= requestLimit && within.tokens <= tokenLimit)
        }
        #expect(refused > 0)
    }
}
