import Glibc
import HoldfastCore

/// The monotonic clock of the command line: the one place here that reads it.
enum MonotonicClock {
    static func read() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * Span.second + Int64(time.tv_nsec))
    }
}
