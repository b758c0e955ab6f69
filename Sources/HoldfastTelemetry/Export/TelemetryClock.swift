import Glibc
import HoldfastCore
import NIOCore

/// The home of the exporter's clocks.
enum TelemetryClock {
    static func read() -> Instant {
        Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    }

    /// Since 1970, UTC.
    static func unixNanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * Span.second + Int64(time.tv_nsec)
    }
}
