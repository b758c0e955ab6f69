import HoldfastCore

/// How long a provider asks us to wait.
package enum RetryAfter {
    /// A server that asks for more is wrong or hostile; policy moves on long before.
    package static let longestNanoseconds = Span.day

    /// Milliseconds are the more exact statement, so they win over `retry-after`.
    ///
    /// - Parameter wallClockSeconds: now, in Unix seconds, for a wait given as a date.
    /// - Returns: nanoseconds from now in `0 ... longestNanoseconds`; nil where no header says anything readable.
    package static func nanoseconds(of head: UpstreamHead, wallClockSeconds: Int64) -> Int64? {
        nanoseconds(
            milliseconds: head.value(of: "retry-after-ms") ?? head.value(of: "x-ms-retry-after-ms"),
            retryAfter: head.value(of: "retry-after"), wallClockSeconds: wallClockSeconds)
    }

    package static func nanoseconds(
        milliseconds: String?, retryAfter: String?, wallClockSeconds: Int64
    ) -> Int64? {
        if let milliseconds, let span = clamped(milliseconds, unit: Span.millisecond) { return span }
        guard let retryAfter else { return nil }
        if let span = clamped(retryAfter, unit: Span.second) { return span }
        guard let date = HTTPDate.unixSeconds(retryAfter) else { return nil }
        let seconds = date.subtractingReportingOverflow(wallClockSeconds)
        guard !seconds.overflow else { return nil }
        return min(max(seconds.partialValue, 0), longestNanoseconds / Span.second) * Span.second
    }

    /// Digits, and a fraction as some servers send it. A negative number is no wait at all, but it is a statement.
    private static func clamped(_ text: String, unit: Int64) -> Int64? {
        let isNegative = text.hasPrefix("-")
        var digits = DecimalText(isNegative ? text.dropFirst() : text[...])
        guard let span = digits.nanoseconds(unit: unit), digits.rest.isEmpty else { return nil }
        return isNegative ? 0 : min(span, longestNanoseconds)
    }
}

/// Durations as Go prints them, which OpenAI and those who copy it use in `x-ratelimit-reset-*`: `6m0s`, `12ms`,
/// `1h2m3.5s`.
package enum GoDuration {
    /// Nanoseconds; nil where the text is no duration. Negative durations are not understood, and one too long for
    /// 64 bits saturates.
    package static func nanoseconds(_ text: String) -> Int64? {
        if text == "0" { return 0 }
        var scanner = DecimalText(text[...])
        var total: Int64 = 0
        guard !text.isEmpty else { return nil }
        while !scanner.rest.isEmpty {
            let start = scanner
            guard scanner.nanoseconds(unit: 1) != nil else { return nil }
            guard let (name, unit) = units.first(where: { scanner.rest.hasPrefix($0.name) }) else { return nil }
            let rest = scanner.rest.dropFirst(name.count)
            scanner = start
            guard let span = scanner.nanoseconds(unit: unit) else { return nil }
            scanner.rest = rest
            let (sum, overflow) = total.addingReportingOverflow(span)
            total = overflow ? .max : sum
        }
        return total
    }

    /// Longer names first, so that `ms` is not read as minutes. Micro has two code points that look alike.
    private static let units: [(name: String, unit: Int64)] = [
        ("ns", 1), ("us", Span.microsecond), ("\u{B5}s", Span.microsecond), ("\u{3BC}s", Span.microsecond),
        ("ms", Span.millisecond), ("s", Span.second), ("m", Span.minute), ("h", Span.hour),
    ]
}

/// Reads `123` or `1.25` from the front of a text, scaled by a unit, in integers.
private struct DecimalText {
    var rest: Substring

    init(_ text: Substring) {
        rest = text
    }

    /// Nil where no digit stands at the front; saturates.
    mutating func nanoseconds(unit: Int64) -> Int64? {
        var whole: Int64 = 0
        var count = 0
        var text = rest.utf8
        while let byte = text.first, ASCII.isDigit(byte) {
            let (scaled, first) = whole.multipliedReportingOverflow(by: 10)
            let (sum, second) = scaled.addingReportingOverflow(Int64(byte - ASCII.zero))
            whole = first || second ? .max : sum
            text = text.dropFirst()
            count += 1
        }
        var fraction: Int64 = 0
        if text.first == ASCII.dot {
            text = text.dropFirst()
            var weight = unit
            while let byte = text.first, ASCII.isDigit(byte) {
                weight /= 10
                fraction += weight * Int64(byte - ASCII.zero)
                text = text.dropFirst()
                count += 1
            }
        }
        guard count > 0 else { return nil }
        rest = Substring(text)
        let (scaled, first) = whole.multipliedReportingOverflow(by: unit)
        let (sum, second) = scaled.addingReportingOverflow(fraction)
        return first || second ? .max : sum
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form RFC 9110 lets a sender use.
package enum HTTPDate {
    /// Unix seconds; nil where the text is no such date.
    package static func unixSeconds(_ text: String) -> Int64? {
        var text = text
        return text.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            guard bytes.count == 29, ASCII.equals(bytes, 3..<5, ", "), ASCII.equals(bytes, 25..<29, " GMT"),
                bytes[7] == ASCII.space, bytes[11] == ASCII.space, bytes[16] == ASCII.space,
                bytes[19] == ASCII.colon, bytes[22] == ASCII.colon,
                days.contains(where: { ASCII.equals(bytes, 0..<3, $0) }),
                let month = months.firstIndex(where: { ASCII.equals(bytes, 8..<11, $0) }),
                let day = ASCII.decimal(bytes, 5..<7), let year = ASCII.decimal(bytes, 12..<16),
                let hour = ASCII.decimal(bytes, 17..<19), let minute = ASCII.decimal(bytes, 20..<22),
                let second = ASCII.decimal(bytes, 23..<25),
                (1...31).contains(day), hour < 24, minute < 60, second <= 60
            else { return nil }
            let date = CalendarDay(year: Int64(year), month: Int64(month + 1), day: Int64(day))
            return date.daysSince1970 * 86_400 + Int64(hour * 3_600 + minute * 60 + second)
        }
    }

    private static let days: [StaticString] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    private static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
