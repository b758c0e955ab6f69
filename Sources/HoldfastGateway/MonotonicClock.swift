import Foundation
import HoldfastCore
import NIOCore

/// The home of the clocks: the one place of the data plane that reads them. Everything else is handed an instant.
enum MonotonicClock {
    static func read() -> Instant {
        Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    }

    /// Blocks this thread, never one of an event loop. False: the time was over first.
    static func wait(for semaphore: DispatchSemaphore, nanoseconds: Int64) -> Bool {
        semaphore.wait(timeout: .now() + .nanoseconds(Int(nanoseconds))) == .success
    }
}

/// Time of day: for logs and for what a provider says about it, never for a timeout.
enum WallClock {
    /// Milliseconds since 1970, UTC.
    static func readMilliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// RFC 3339 in UTC with milliseconds. The civil date is computed as in Howard Hinnant's "chrono-Compatible
    /// Low-Level Date Algorithms".
    static func text(milliseconds: Int64) -> String {
        let seconds = milliseconds / 1_000
        let days = seconds / 86_400
        let ofDay = seconds % 86_400
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthPart = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthPart + 2) / 5 + 1
        let month = monthPart < 10 ? monthPart + 3 : monthPart - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func padded(_ value: Int64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(width - digits.count, 0)) + digits
        }
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        let time = "\(padded(ofDay / 3_600, 2)):\(padded(ofDay / 60 % 60, 2)):\(padded(ofDay % 60, 2))"
        return "\(date)T\(time).\(padded(milliseconds % 1_000, 3))Z"
    }
}

extension Instant {
    var deadline: NIODeadline {
        NIODeadline.uptimeNanoseconds(UInt64(clamping: nanoseconds))
    }
}
