import Glibc

/// The clock of both ends. It is the same for every process of one machine, so the upstream's stamps and the client's
/// readings can be subtracted from each other.
enum MonotonicClock {
    static func nanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
