import Testing

@testable import HoldfastCore

@Suite struct PullScheduleTests {
    private static let start = Instant(nanoseconds: 100 * Span.second)

    private static func waits(_ count: Int = 2_000, _ act: (inout PullSchedule, inout SeededRandom) -> Void) -> [Int64]
    {
        var random = SeededRandom(seed: 5)
        return (0..<count).map { _ in
            var schedule = PullSchedule(now: start)
            act(&schedule, &random)
            return schedule.nextAt.nanoseconds(since: start)
        }
    }

    @Test func theFirstPullIsAtOnce() {
        #expect(PullSchedule(now: Self.start).nextAt == Self.start)
    }

    @Test func itAsksEveryTwoSecondsAFifthMoreOrLess() throws {
        let waits = Self.waits { $0.succeeded(now: Self.start, random: &$1) }
        let (least, most) = (try #require(waits.min()), try #require(waits.max()))
        #expect(least >= 1_600 * Span.millisecond && least < 1_620 * Span.millisecond)
        #expect(most <= 2_400 * Span.millisecond && most > 2_380 * Span.millisecond)
    }

    @Test func whileADrillIsWatchedItAsksEverySecondATenthMoreOrLess() throws {
        let waits = Self.waits { $0.succeeded(isWatched: true, now: Self.start, random: &$1) }
        let (least, most) = (try #require(waits.min()), try #require(waits.max()))
        #expect(least >= 900 * Span.millisecond && most <= 1_100 * Span.millisecond)
        #expect(most - least > 150 * Span.millisecond)
    }

    @Test func failuresDoubleTheWindowUpToHalfAMinute() throws {
        for (failures, longest) in [(1, 4), (2, 8), (3, 16), (4, 30), (5, 30), (1_000, 30)] as [(Int, Int64)] {
            let waits = Self.waits(failures > 100 ? 50 : 2_000) { schedule, random in
                for _ in 0..<failures { schedule.failed(now: Self.start, random: &random) }
            }
            let (least, most) = (try #require(waits.min()), try #require(waits.max()))
            #expect(least >= PullSchedule.shortestBackoffNanoseconds)
            #expect(most <= longest * Span.second, "\(failures)")
            if failures <= 100 {
                #expect(most > longest * Span.second * 9 / 10 && least < longest * Span.second / 10, "full jitter")
            }
        }
    }

    @Test func oneSuccessEndsTheBackoff() {
        var random = SeededRandom(seed: 1)
        var schedule = PullSchedule(now: Self.start)
        for _ in 0..<10 { schedule.failed(now: Self.start, random: &random) }
        #expect(schedule.failures == 10)
        schedule.succeeded(now: Self.start, random: &random)
        #expect(schedule.failures == 0)
        schedule.failed(now: Self.start, random: &random)
        #expect(schedule.nextAt.nanoseconds(since: Self.start) <= 4 * Span.second)
    }

    @Test func whatIsAskedForIsObeyedAndSpreadOverASecond() throws {
        for asked in [0, 1, 20, 300] as [Int64] {
            let waits = Self.waits { schedule, random in
                for _ in 0..<5 {
                    schedule.failed(retryAfterNanoseconds: asked * Span.second, now: Self.start, random: &random)
                }
            }
            let (least, most) = (try #require(waits.min()), try #require(waits.max()))
            #expect(least >= asked * Span.second && most <= (asked + 1) * Span.second)
            #expect(most - least > 900 * Span.millisecond)
        }
    }

    @Test func whatNobodyCanMeanIsNotObeyed() {
        for (asked, longest) in [(Int64.max, 301), (3_600 * Span.second, 301), (-5 * Span.second, 1), (.min, 1)]
            as [(Int64, Int64)]
        {
            let waits = Self.waits(100) {
                $0.failed(retryAfterNanoseconds: asked, now: Self.start, random: &$1)
            }
            #expect(waits.allSatisfy { (0...longest * Span.second).contains($0) })
        }
    }

    @Test func itIsStaleThirtySecondsAfterItWasLastConfirmed() {
        var random = SeededRandom(seed: 1)
        var schedule = PullSchedule(now: Self.start)
        func after(_ seconds: Int64) -> Instant { Self.start.advanced(byNanoseconds: seconds * Span.second) }
        #expect(!schedule.isStale(now: after(29)) && schedule.isStale(now: after(30)))
        schedule.succeeded(now: after(40), random: &random)
        #expect(!schedule.isStale(now: after(69)) && schedule.isStale(now: after(70)))
        // To be refused is not to be confirmed.
        schedule.failed(retryAfterNanoseconds: 0, now: after(60), random: &random)
        #expect(schedule.isStale(now: after(70)))
    }
}

@Suite struct PullAdmissionTests {
    private static func admitted(_ admission: inout PullAdmission, _ count: Int, at milliseconds: Int64) -> Int {
        var random = SeededRandom(seed: 3)
        let now = Instant(nanoseconds: milliseconds * Span.millisecond)
        return (0..<count).count { _ in admission.arrive(now: now, random: &random) == .admit }
    }

    @Test func aBurstAndThenTheRate() {
        var admission = PullAdmission(now: .zero)
        #expect(Self.admitted(&admission, 500, at: 0) == 100)
        #expect(Self.admitted(&admission, 500, at: 2) == 0)
        #expect(Self.admitted(&admission, 500, at: 5) == 2)
        #expect(Self.admitted(&admission, 500, at: 130) == 50)
        #expect(Self.admitted(&admission, 500, at: 100_000) == 100, "what nobody asked for is not saved up")
        #expect(Self.admitted(&admission, 500, at: 1_000) == 0, "a clock that goes back fills nothing")
        #expect(Self.admitted(&admission, 500, at: 100_010) == 4)
    }

    @Test func theRefusedAreToldDifferentTimes() throws {
        var random = SeededRandom(seed: 4)
        var admission = PullAdmission(now: .zero)
        let waits = (0..<2_000).compactMap { _ in
            if case .retryAfter(let wait) = admission.arrive(now: .zero, random: &random) {
                wait
            } else {
                nil as Int64?
            }
        }
        #expect(waits.count == 1_900)
        let (least, most) = (try #require(waits.min()), try #require(waits.max()))
        #expect(least >= Span.second && most <= 5 * Span.second && most - least > 3_900 * Span.millisecond)
    }
}

/// The schedule of 500 gateways against the bucket of one management plane.
@Suite struct PullHerdTests {
    private struct Herd {
        var gateways: [PullSchedule]
        var admission = PullAdmission(now: .zero)
        var random: SeededRandom
        /// When each was first served after the management plane came back.
        var servedAt: [Instant?]
        var admittedInSecond: [Int64: Int] = [:]
        var refused = 0

        init(_ count: Int, seed: UInt64) {
            gateways = Array(repeating: PullSchedule(now: .zero), count: count)
            servedAt = Array(repeating: nil, count: count)
            random = SeededRandom(seed: seed)
        }

        /// Steps of 5 ms; control answers from `upFrom` on.
        mutating func run(from start: Int64, until end: Int64, upFrom: Int64) {
            for milliseconds in stride(from: start, to: end, by: 5) {
                let now = Instant(nanoseconds: milliseconds * Span.millisecond)
                for place in gateways.indices where gateways[place].nextAt <= now {
                    guard milliseconds >= upFrom else {
                        gateways[place].failed(now: now, random: &random)
                        continue
                    }
                    switch admission.arrive(now: now, random: &random) {
                    case .admit:
                        admittedInSecond[milliseconds / 1_000, default: 0] += 1
                        servedAt[place] = servedAt[place] ?? now
                        gateways[place].succeeded(now: now, random: &random)
                    case .retryAfter(let wait):
                        refused += 1
                        // The field has whole seconds.
                        let seconds = (wait + Span.second - 1) / Span.second
                        gateways[place].failed(
                            retryAfterNanoseconds: seconds * Span.second, now: now, random: &random)
                    }
                }
            }
        }

        var lastServed: Int64? {
            servedAt.contains(nil) ? nil : servedAt.compactMap { $0?.nanoseconds }.max().map { $0 / Span.second }
        }

        var peak: Int { admittedInSecond.values.max() ?? 0 }
    }

    private static let bound = Int(PullAdmission.Limits().perSecond + PullAdmission.Limits().burst)

    @Test(arguments: 0..<5) func fiveHundredThatStartTogetherAreServedWithinTenSeconds(seed: UInt64) throws {
        var herd = Herd(500, seed: seed)
        herd.run(from: 0, until: 60_000, upFrom: 0)
        let peak = herd.peak
        #expect(peak <= Self.bound, "\(peak)")
        let last = try #require(herd.lastServed)
        #expect(last < 10, "\(last)")
        // From then on nobody is in anybody's way.
        let before = herd.refused
        herd.run(from: 60_000, until: 120_000, upFrom: 0)
        let after = herd.refused
        #expect(after == before)
    }

    @Test(arguments: 0..<5) func afterAnOutageAllAreServedWithinFortySeconds(seed: UInt64) throws {
        var herd = Herd(500, seed: seed)
        herd.run(from: 0, until: 180_000, upFrom: 120_000)
        let peak = herd.peak
        #expect(peak <= Self.bound, "\(peak)")
        let last = try #require(herd.lastServed)
        #expect(last < 120 + 40, "\(last)")
    }

    /// Who is served asks again before some others were, so beyond its rate it is a lottery; what it is there for holds.
    @Test func ofFourTimesAsManyThePeakIsTheSame() {
        var herd = Herd(2_000, seed: 1)
        herd.run(from: 0, until: 60_000, upFrom: 0)
        let (peak, unserved) = (herd.peak, herd.servedAt.count { $0 == nil })
        #expect(peak <= Self.bound && unserved < 40, "peak \(peak), unserved \(unserved)")
    }
}
