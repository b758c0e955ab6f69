/// A day of the proleptic Gregorian calendar in UTC. Which day it is, a clock in the shell says.
package struct CalendarDay: Comparable, Hashable, Sendable, CustomStringConvertible {
    /// Negative before 1970.
    package var daysSince1970: Int64

    package init(daysSince1970: Int64) {
        self.daysSince1970 = daysSince1970
    }

    /// - Parameter unixMilliseconds: since 1970, UTC; negative before it.
    package init(unixMilliseconds: Int64) {
        self = Self.split(unixMilliseconds: unixMilliseconds).day
    }

    /// `YYYY-MM-DD` with a year from 1 to 9999; nil where the calendar has no such day.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            let year = Self.number(bytes[0..<4]), let month = Self.number(bytes[5..<7]),
            let day = Self.number(bytes[8..<10]), year > 0, (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        self.init(year: year, month: month, day: day)
        // 30 February counts on into March; a day that is spelled back differently does not exist.
        guard civil == (year, month, day) else { return nil }
    }

    /// Months and days count from 1; a day beyond the end of its month counts on into the next.
    package init(year: Int64, month: Int64, day: Int64) {
        let yearFromMarch = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = floorDivide(yearFromMarch, 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        daysSince1970 = era * 146_097 + dayOfEra - 719_468
    }

    /// The day of a time, and how many milliseconds of it have passed.
    static func split(unixMilliseconds: Int64) -> (day: CalendarDay, milliseconds: Int64) {
        let (days, milliseconds) = floorDivide(unixMilliseconds, 86_400_000)
        return (CalendarDay(daysSince1970: days), milliseconds)
    }

    /// Months and days count from 1. This and its inverse above are after Howard Hinnant's "chrono-Compatible Low-Level
    /// Date Algorithms".
    private var civil: (year: Int64, month: Int64, day: Int64) {
        // Counted from 1 March of the year 0, so that the leap day ends each year and each era of 400 years.
        let (era, dayOfEra) = floorDivide(daysSince1970 + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    package static func < (left: CalendarDay, right: CalendarDay) -> Bool {
        left.daysSince1970 < right.daysSince1970
    }

    package func advanced(byDays days: Int64) -> CalendarDay {
        CalendarDay(daysSince1970: daysSince1970 + days)
    }

    /// Days from `earlier` to this one; negative where `earlier` is the later one.
    package func days(since earlier: CalendarDay) -> Int64 {
        daysSince1970 - earlier.daysSince1970
    }

    // MARK: - Spelling

    /// `YYYY-MM-DD`.
    package var description: String {
        let (year, month, day) = civil
        return "\(TimeOfDay.pad(year, 4))-\(TimeOfDay.pad(month, 2))-\(TimeOfDay.pad(day, 2))"
    }

    /// Its midnight as an IMF-fixdate of RFC 9110 §5.6.7, such as `Wed, 31 Mar 2027 00:00:00 GMT`: what the field
    /// `Sunset` (RFC 8594) takes.
    package var httpDate: String {
        let (year, month, day) = civil
        // 1970 began on a Thursday.
        let weekday = Self.weekdays[Int(floorDivide(daysSince1970 + 4, 7).remainder)]
        let monthName = Self.months[Int(month - 1)]
        return "\(weekday), \(TimeOfDay.pad(day, 2)) \(monthName) \(TimeOfDay.pad(year, 4)) 00:00:00 GMT"
    }

    /// Its midnight as a Date of RFC 9651 §3.3.7, such as `@1806451200`: what the field `Deprecation` (RFC 9745) takes.
    package var structuredDate: String {
        "@\(daysSince1970 * 86_400)"
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard digits.allSatisfy(ASCIIText.isDigit) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }
}

private func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}
