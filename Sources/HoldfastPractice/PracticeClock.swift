import Foundation
package import HoldfastCore

/// The two clocks that practice reads, injected so that a test ends a lease without waiting for it.
package struct PracticeClock: Sendable {
    /// Monotonic: leases and durations.
    package var monotonic: @Sendable () -> Instant
    /// Wall-clock seconds since 1970: only for what an answer shows (`created`, an HTTP date), never for a decision.
    package var wallSeconds: @Sendable () -> Int

    package init(
        monotonic: @escaping @Sendable () -> Instant,
        wallSeconds: @escaping @Sendable () -> Int
    ) {
        self.monotonic = monotonic
        self.wallSeconds = wallSeconds
    }

    package static let system = PracticeClock(
        monotonic: {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Instant(nanoseconds: Int64(time.tv_sec) * Span.second + Int64(time.tv_nsec))
        },
        wallSeconds: {
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            return time.tv_sec
        })
}

/// Durations as the command line and the control API write them: `250ms`, `2s`, `5m`, `1h`, `1d`.
package enum SpanText {
    /// Nanoseconds; nil where the text is no duration, is negative or does not fit.
    package static func parse(_ text: String) -> Int64? {
        if text == "0" { return 0 }
        let units: [(String, Int64)] = [
            ("us", Span.microsecond), ("ms", Span.millisecond), ("s", Span.second), ("m", Span.minute),
            ("h", Span.hour), ("d", Span.day),
        ]
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int64(digits), let unit = units.first(where: { $0.0 == text.dropFirst(digits.count) }) else {
            return nil
        }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit.1)
        return overflow ? nil : product
    }

    /// The shortest text that loses nothing down to a millisecond.
    package static func describe(_ nanoseconds: Int64) -> String {
        let milliseconds = nanoseconds / Span.millisecond
        return milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)s" : "\(milliseconds)ms"
    }
}

package enum HTTPDate {
    /// IMF-fixdate of RFC 9110 §5.6.7, computed from the civil calendar so that no locale can change it.
    package static func text(secondsSince1970 seconds: Int) -> String {
        var moment = time_t(seconds)
        var parts = tm()
        gmtime_r(&moment, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let date = "\(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900)"
        return
            "\(days[Int(parts.tm_wday)]), \(date) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}
