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
}

extension Instant {
    var deadline: NIODeadline {
        NIODeadline.uptimeNanoseconds(UInt64(clamping: nanoseconds))
    }
}
