import Testing

@testable import HoldfastCore

@Suite struct DrillScheduleTests {
    private static func milliseconds(_ day: String, _ hour: Int64, _ minute: Int64 = 0) -> Int64 {
        (CalendarDay(day)?.daysSince1970 ?? 0) * 86_400_000 + (hour * 60 + minute) * 60_000
    }

    private static func next(_ calendar: DrillCalendar, _ from: Int64, _ count: Int) -> [String] {
        var place = from
        return (0..<count).compactMap { _ in
            guard let at = calendar.next(after: place) else { return nil }
            place = at
            return String(TimeOfDay.text(milliseconds: at).prefix(16))
        }
    }

    @Test func weekdays() {
        #expect(CalendarDay("2026-11-30")?.weekday == 0 && CalendarDay("2026-12-06")?.weekday == 6)
        #expect(CalendarDay("1969-12-29")?.weekday == 0)
        let calendar = DrillCalendar(.weekly([0, 3], everyWeeks: 1), minuteOfDay: 600)
        #expect(
            Self.next(calendar, Self.milliseconds("2026-11-29", 12), 3) == [
                "2026-11-30T10:00", "2026-12-03T10:00", "2026-12-07T10:00",
            ])
        #expect(
            Self.next(calendar, Self.milliseconds("2026-11-30", 10), 1) == ["2026-12-03T10:00"], "after, and not at")
    }

    @Test func intervalsAreCountedFromADay() {
        let from = CalendarDay(year: 2026, month: 12, day: 2)
        let second = DrillCalendar(.weekly([1], everyWeeks: 2), minuteOfDay: 0, from: from)
        #expect(
            Self.next(second, 0, 2) == ["2026-12-15T00:00", "2026-12-29T00:00"],
            "the Tuesday of the first week has passed when it begins")
        let third = DrillCalendar(.every(days: 3), minuteOfDay: 1_439, from: from)
        #expect(Self.next(third, 0, 3) == ["2026-12-02T23:59", "2026-12-05T23:59", "2026-12-08T23:59"])
    }

    @Test func daysOfTheMonthAndDaysOff() {
        let calendar = DrillCalendar(
            .monthly([1, 31]), minuteOfDay: 60, except: [CalendarDay(year: 2027, month: 1, day: 1)])
        #expect(
            Self.next(calendar, Self.milliseconds("2026-11-02", 0), 4) == [
                "2026-12-01T01:00", "2026-12-31T01:00", "2027-01-31T01:00", "2027-02-01T01:00",
            ])
        let leap = DrillCalendar(.monthly([29]), minuteOfDay: 0, from: CalendarDay(year: 2027, month: 2, day: 1))
        #expect(Self.next(leap, 0, 1) == ["2027-03-29T00:00"])
        let never = DrillCalendar(.monthly([]), minuteOfDay: 0)
        #expect(never.next(after: 0) == nil)
    }

    private static let schedule = DrillSchedule(
        name: "weekly", request: DrillRig.request(.killPrimary, route: "chat"),
        calendar: DrillCalendar(.weekly([0], everyWeeks: 1), minuteOfDay: 600), announceMilliseconds: 86_400_000)

    @Test func itIsAnnouncedOnceStartedOnceAndMissedInsteadOfLate() {
        let due = Self.milliseconds("2026-11-30", 10)
        let week: Int64 = 7 * 86_400_000
        let handled = due - week
        func state(_ now: Int64, announced: Int64? = nil, handled: Int64 = handled) -> DrillSchedule.Due {
            Self.schedule.due(handled: handled, announced: announced, now: now)
        }
        #expect(state(due - 86_400_001) == .nothing)
        #expect(state(due - 86_400_000) == .announce(at: due))
        #expect(state(due - 1, announced: due) == .nothing)
        #expect(state(due) == .start(at: due))
        #expect(state(due + 60_000) == .start(at: due))
        #expect(state(due + 60_001) == .missed(at: due, count: 1))
        #expect(state(due + 3 * week + 60_001) == .missed(at: due + 3 * week, count: 4), "one word for all of them")
        #expect(state(due + 3 * week + 5) == .start(at: due + 3 * week), "the newest is on time")
        #expect(state(due, handled: due) == .nothing)
        // Once it is handled, the next one is announced in its time.
        #expect(state(due + week - 5, announced: due, handled: due) == .announce(at: due + week))
        var silent = Self.schedule
        silent.announceMilliseconds = nil
        #expect(silent.due(handled: handled, announced: nil, now: due - 1) == .nothing)
    }

    @Test func aClockThatWasAheadSilencesNoSchedule() throws {
        let due = Self.milliseconds("2026-11-30", 10)
        let (hour, year): (Int64, Int64) = (3_600_000, 365 * 86_400_000)
        func right(_ handled: Int64, _ announced: Int64?, now: Int64) -> (handled: Int64, announced: Int64?)? {
            Self.schedule.putRight(handled: handled, announced: announced, now: now)
        }
        // As things are, also where the clock was set back a little over the very time at which it began.
        #expect(right(due, due, now: due + 1) == nil && right(due, due, now: due - hour) == nil)
        #expect(right(due - 7 * 86_400_000, due, now: due - 86_400_000) == nil, "announced a day ahead")
        let found = try #require(right(due + year, due + year, now: due - 5))
        #expect(found.handled == due - 5 && found.announced == nil)
        #expect(Self.schedule.due(handled: found.handled, announced: nil, now: due) == .start(at: due))
        let announced = try #require(right(due - 5, due + year, now: due))
        #expect(announced.handled == due - 5 && announced.announced == nil)
        #expect(right(.max, nil, now: .max) == nil)
    }
}
