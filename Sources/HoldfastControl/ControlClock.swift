// Beside GRDBSQLite the compiler takes this module for the home of `timespec`.
import CDispatch
import Glibc
import HoldfastCore
import NIOCore

/// The home of the management plane's clocks. Expiries and records are in wall-clock time, since they outlive processes
/// and are held against other machines' clocks; waits are monotonic.
enum MonotonicClock {
    static func read() -> Instant {
        Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    }
}

enum WallClock {
    /// Milliseconds since 1970, UTC.
    static func readMilliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
