import Testing

@testable import HoldfastCore

@Suite struct BackupScheduleTests {
    private static let wall: Int64 = 1_800_000_000_000
    private static let day: Int64 = 86_400_000
    private static let start = Instant(nanoseconds: 5 * Span.hour)

    private func wait(lastVerified: Int64?) -> Int64 {
        BackupSchedule(lastVerifiedMilliseconds: lastVerified, nowMilliseconds: Self.wall, now: Self.start)
            .nextAt.nanoseconds(since: Self.start)
    }

    @Test func oneIsDueSoonWhereNoneIsKnownToBeGoodOrItIsOld() {
        let soon = BackupSchedule.soonNanoseconds
        #expect(wait(lastVerified: nil) == soon)
        #expect(wait(lastVerified: Self.wall - Self.day) == soon)
        #expect(wait(lastVerified: Self.wall - 100 * Self.day) == soon)
        #expect(wait(lastVerified: Self.wall - Self.day + 1) == soon, "never sooner than soon")
        #expect(wait(lastVerified: .min) == soon && wait(lastVerified: 0) == soon)
    }

    @Test func aClockThatWasAheadSaysNothing() {
        for future in [Self.wall + 1, Self.wall + 1_000 * Self.day, .max] {
            #expect(wait(lastVerified: future) == BackupSchedule.soonNanoseconds)
        }
    }

    @Test func theRestOfTheDayIsWaitedAfterARestart() {
        #expect(wait(lastVerified: Self.wall) == Span.day)
        #expect(wait(lastVerified: Self.wall - Self.day / 4) == 18 * Span.hour)
    }

    @Test func itIsDueOnceADayAndAfterAFailureSoonerAndEverMoreSeldom() {
        var schedule = BackupSchedule(lastVerifiedMilliseconds: nil, nowMilliseconds: Self.wall, now: Self.start)
        var now = Self.start
        #expect(!schedule.isDue(now: now))
        now = schedule.nextAt
        #expect(schedule.isDue(now: now))
        var waits: [Int64] = []
        for _ in 0..<100 {
            schedule.failed(now: now)
            waits.append(schedule.nextAt.nanoseconds(since: now) / Span.minute)
            now = schedule.nextAt
        }
        #expect(waits.prefix(7) == [10, 20, 40, 80, 160, 320, 360])
        #expect(waits.dropFirst(6).allSatisfy { $0 == 360 })
        schedule.succeeded(now: now)
        #expect(schedule.nextAt.nanoseconds(since: now) == Span.day)
        schedule.failed(now: now)
        #expect(schedule.nextAt.nanoseconds(since: now) == 10 * Span.minute, "a success ends the row of failures")
    }

    // MARK: - What is kept

    @Test(arguments: 0...20)
    func theNewestStayAndTheLastVerifiedAlways(count: Int) {
        let ids = (0..<count).map { "\(100 - $0)" }
        let unknown = BackupRetention.surplus(of: ids, lastVerified: nil)
        #expect(Set(unknown).isDisjoint(with: ids.prefix(7)) && Set(unknown).isDisjoint(with: ids.suffix(7)))
        #expect(ids.count - unknown.count == min(ids.count, 14))
        #expect(BackupRetention.surplus(of: ids, lastVerified: "elsewhere") == unknown)
        for last in ids {
            let gone = BackupRetention.surplus(of: ids, lastVerified: last)
            #expect(!gone.contains(last))
            #expect(Set(gone).isDisjoint(with: ids.prefix(BackupRetention.most)))
            #expect(ids.count - gone.count <= BackupRetention.most + 1, "bounded")
            #expect(gone == gone.sorted(by: { (Int($0) ?? 0) < (Int($1) ?? 0) }), "the oldest first")
        }
    }

    @Test func aTrialSaysSomethingForAMonthAndAnAgeIsNeverNegative() {
        let fresh = BackupRetention.freshMilliseconds
        #expect(BackupRetention.isFresh(checkedMilliseconds: Self.wall - fresh, nowMilliseconds: Self.wall))
        #expect(!BackupRetention.isFresh(checkedMilliseconds: Self.wall - fresh - 1, nowMilliseconds: Self.wall))
        #expect(BackupRetention.age(of: Self.wall + 7, nowMilliseconds: Self.wall) == 0)
        #expect(BackupRetention.age(of: .min, nowMilliseconds: Self.wall) == .max)
        #expect(BackupRetention.age(of: .max, nowMilliseconds: -2) == 0)
    }
}
