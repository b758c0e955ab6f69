import HoldfastCore

/// Spans, times and counts as people read them.
enum Words {
    /// `7 s`, `3 min`, `2 h 5 min`, `4 d 3 h`.
    ///
    /// - Parameter milliseconds: nothing below zero is said.
    static func span(milliseconds: Int64) -> String {
        let seconds = max(milliseconds, 0) / 1_000
        switch seconds {
        case ..<1: return "\(max(milliseconds, 0)) ms"
        case ..<60: return "\(seconds) s"
        case ..<3_600: return "\(seconds / 60) min"
        case ..<86_400: return two(seconds / 3_600, "h", seconds % 3_600 / 60, "min")
        default: return two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h")
        }
    }

    private static func two(_ large: Int64, _ largeUnit: String, _ small: Int64, _ smallUnit: String) -> String {
        small == 0 ? "\(large) \(largeUnit)" : "\(large) \(largeUnit) \(small) \(smallUnit)"
    }

    /// To the second. What lies beyond the year 9999 is said as a number: whoever sent it did not mean a day.
    ///
    /// - Parameter milliseconds: since 1970.
    static func time(milliseconds: Int64) -> String {
        guard (0...253_402_300_799_999).contains(milliseconds) else { return "\(milliseconds) ms since 1970" }
        return TimeOfDay.text(milliseconds: milliseconds).prefix(19) + "Z"
    }

    /// `2027-03-31T12:00:00Z, in 2 h` or `…, 5 min ago`.
    static func time(milliseconds: Int64, now: Int64) -> String {
        let (span, overflow) = milliseconds.subtractingReportingOverflow(now)
        guard !overflow, span > .min / 2, span < .max / 2 else { return time(milliseconds: milliseconds) }
        // To the next whole second, so that what was made for 2 h does not read as 1 h 59 min at once.
        let distance =
            span < 0
            ? "\(Self.span(milliseconds: -span)) ago" : "in \(Self.span(milliseconds: (span / 1_000 + 1) * 1_000))"
        return "\(time(milliseconds: milliseconds)), \(distance)"
    }

    static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
        "\(number) \(number == 1 ? one : many ?? one + "s")"
    }
}
