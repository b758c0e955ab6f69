import Foundation
import Testing

@testable import HoldfastCore

@Suite struct CalendarDayTests {
    @Test(arguments: [
        ("1970-01-01", Int64(0)), ("1969-12-31", -1), ("1970-12-31", 364), ("1971-01-01", 365), ("2000-02-29", 11_016),
        ("2000-03-01", 11_017), ("2024-12-31", 20_088), ("2025-01-01", 20_089), ("2027-03-31", 20_908),
        ("2100-02-28", 47_540), ("2100-03-01", 47_541), ("0001-01-01", -719_162), ("9999-12-31", 2_932_896),
    ])
    func daysAreCountedFrom1970(text: String, days: Int64) throws {
        let day = try #require(CalendarDay(text))
        #expect(day.daysSince1970 == days)
        #expect(day.description == text)
    }

    @Test(arguments: [
        "2023-02-29", "2100-02-29", "1900-02-29", "2024-02-30", "2024-04-31", "2024-06-31", "2024-01-32", "2024-00-10",
        "2024-13-01", "2024-01-00", "0000-01-01", "2024-1-01", "24-01-01", "2024/01/01", "2024-01-01 ", " 2024-01-01",
        "2024-01-0a", "+024-01-01", "2024-01-01T", "20240101", "", "٢٠٢٤-01-01",
    ])
    func whatIsNoDayIsRefused(text: String) {
        #expect(CalendarDay(text) == nil)
    }

    @Test func theFileAndTheCalendarAgreeOnWhatADayIs() {
        for year in [1, 4, 100, 400, 1_900, 1_970, 2_000, 2_023, 2_024, 2_100, 2_400, 9_999] {
            for month in 0...13 {
                for day in 0...32 {
                    let text = [(year, 4), (month, 2), (day, 2)].map { TimeOfDay.pad(Int64($0), $1) }
                        .joined(separator: "-")
                    #expect((CalendarDay(text) != nil) == ConfigurationUnits.isDate(text), "\(text)")
                }
            }
        }
    }

    @Test func everyDayOfFourCenturiesIsSpelledAndReadBack() throws {
        for days in Int64(-20_000)...130_000 {
            let day = CalendarDay(daysSince1970: days)
            #expect(CalendarDay(day.description) == day)
        }
    }

    @Test(arguments: [
        (Int64(0), Int64(0)), (86_399_999, 0), (86_400_000, 1), (-1, -1), (-86_400_000, -1), (-86_400_001, -2),
        (.max, 106_751_991_167), (.min, -106_751_991_168),
    ])
    func aDayLastsFromMidnightToMidnight(milliseconds: Int64, days: Int64) {
        #expect(CalendarDay(unixMilliseconds: milliseconds).daysSince1970 == days)
    }

    @Test func theSpellingsOfTheDeprecationFieldsAreThoseOfTheirStandards() throws {
        let day = try #require(CalendarDay("2027-03-31"))
        #expect(day.httpDate == "Wed, 31 Mar 2027 00:00:00 GMT")
        #expect(day.structuredDate == "@1806451200")
        #expect(CalendarDay(daysSince1970: 0).httpDate == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(CalendarDay(daysSince1970: -1).httpDate == "Wed, 31 Dec 1969 00:00:00 GMT")
        #expect(CalendarDay(daysSince1970: -1).structuredDate == "@-86400")
        #expect(CalendarDay("2000-02-29")?.httpDate == "Tue, 29 Feb 2000 00:00:00 GMT")
    }

    @Test func httpDatesAgreeWithTheSystemsCalendar() {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        for days in stride(from: Int64(-20_000), to: 150_000, by: 31) {
            let midnight = Date(timeIntervalSince1970: Double(days) * 86_400)
            #expect(CalendarDay(daysSince1970: days).httpDate == formatter.string(from: midnight))
        }
    }

    @Test func daysAreOrderedAndTheirDistanceCounts() throws {
        let day = try #require(CalendarDay("2024-02-28"))
        #expect(day.advanced(byDays: 2).description == "2024-03-01")
        #expect(day < day.advanced(byDays: 1))
        #expect(day.days(since: day.advanced(byDays: 3)) == -3)
    }
}
