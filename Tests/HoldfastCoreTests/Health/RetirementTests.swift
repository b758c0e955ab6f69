import Testing

@testable import HoldfastCore

@Suite struct RetirementTests {
    private func daysBefore(_ days: Int64) throws -> Retirement {
        let retires = try #require(CalendarDay("2027-03-31"))
        return Retirement(retires: retires, today: retires.advanced(byDays: -days))
    }

    @Test func withoutADateNothingIsSaid() {
        let retirement = Retirement(retires: nil, today: CalendarDay(daysSince1970: 20_000))
        #expect(retirement == Retirement.none)
        #expect(retirement.severity == nil)
    }

    @Test(arguments: [
        (Int64(10_000), Retirement.none, Retirement.Severity?.none), (91, .none, nil),
        (90, .announced(daysLeft: 90), .notice), (31, .announced(daysLeft: 31), .notice),
        (30, .announced(daysLeft: 30), .warning), (8, .announced(daysLeft: 8), .warning),
        (7, .announced(daysLeft: 7), .urgent), (1, .announced(daysLeft: 1), .urgent),
        (0, .retired, .urgent), (-1, .retired, .urgent), (-1_000, .retired, .urgent),
    ])
    func itIsSaidLouderTheNearerItComes(days: Int64, expected: Retirement, severity: Retirement.Severity?) throws {
        let retirement = try daysBefore(days)
        #expect(retirement == expected)
        #expect(retirement.severity == severity)
    }

    @Test func severityNeverFallsAsTheDayComes() throws {
        let loudness = try (-5...100).reversed().map { try daysBefore($0).severity?.rawValue ?? -1 }
        #expect(loudness == loudness.sorted())
    }

    @Test func itIsAnnouncedFromTheFirstDayThatSaysSo() throws {
        let retires = try #require(CalendarDay("2027-03-31"))
        let first = Retirement.announced(from: retires)
        #expect(first.description == "2026-12-31")
        #expect(Retirement(retires: retires, today: first) == .announced(daysLeft: 90))
        #expect(Retirement(retires: retires, today: first.advanced(byDays: -1)) == Retirement.none)
    }
}
