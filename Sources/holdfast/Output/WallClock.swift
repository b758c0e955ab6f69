import Glibc

/// The wall clock of the command line: the one place here that reads it. For people to read, never for deciding.
struct WallClock: Sendable {
    /// Milliseconds since 1970, UTC.
    let read: @Sendable () -> Int64

    static let system = WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
