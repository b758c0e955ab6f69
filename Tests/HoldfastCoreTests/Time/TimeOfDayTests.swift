import Foundation
import HoldfastCore
import Testing

@Suite struct TimeOfDayTests {
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_709_251_199_001, "2024-02-29T23:59:59.001Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ])
    func timesReadAsTheCalendarHasThem(milliseconds: Int64, expected: String) {
        #expect(TimeOfDay.text(milliseconds: milliseconds) == expected)
    }

    @Test func timesAgreeWithTheSystemsCalendarEveryDayForCenturies() {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        for day in stride(from: Int64(-50_000), to: 150_000, by: 37) {
            let milliseconds = day * 86_400_000 + 45_296_000
            let expected = formatter.string(from: Date(timeIntervalSince1970: Double(milliseconds) / 1_000))
            #expect(TimeOfDay.text(milliseconds: milliseconds) == expected)
        }
    }
}
