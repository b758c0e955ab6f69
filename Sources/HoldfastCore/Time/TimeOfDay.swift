/// Time of day as people and other programs read it. Which time it is, a clock in the shell says.
package enum TimeOfDay {
    /// RFC 3339 in UTC with milliseconds, such as `2027-03-31T12:00:00.000Z`.
    ///
    /// - Parameter milliseconds: since 1970, UTC; negative before it.
    package static func text(milliseconds: Int64) -> String {
        let (day, inDay) = CalendarDay.split(unixMilliseconds: milliseconds)
        let hour = pad(inDay / 3_600_000, 2)
        let minute = pad(inDay / 60_000 % 60, 2)
        let second = pad(inDay / 1_000 % 60, 2)
        return "\(day)T\(hour):\(minute):\(second).\(pad(inDay % 1_000, 3))Z"
    }

    static func pad(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
