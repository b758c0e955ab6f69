/// Time of day as people and other programs read it. Which time it is, a clock in the shell says.
package enum TimeOfDay {
    /// RFC 3339 in UTC with milliseconds, such as `2027-03-31T12:00:00.000Z`. The calendar is the proleptic Gregorian
    /// one, after Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
    ///
    /// - Parameter milliseconds: since 1970, UTC; negative before it.
    package static func text(milliseconds: Int64) -> String {
        let (day, inDay) = floorDivide(milliseconds, 86_400_000)
        let (year, month, dayOfMonth) = civil(daysSince1970: day)
        let date = "\(pad(year, 4))-\(pad(month, 2))-\(pad(dayOfMonth, 2))"
        let hour = pad(inDay / 3_600_000, 2)
        let minute = pad(inDay / 60_000 % 60, 2)
        let second = pad(inDay / 1_000 % 60, 2)
        return "\(date)T\(hour):\(minute):\(second).\(pad(inDay % 1_000, 3))Z"
    }

    private static func civil(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
        // Counted from 1 March of the year 0, so that the leap day ends each year and each era of 400 years.
        let (era, dayOfEra) = floorDivide(daysSince1970 + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func pad(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
