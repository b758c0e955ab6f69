package import HoldfastCore

/// The clock of a simulated run.
package struct SimulatedClock: Sendable {
    package private(set) var now = Instant.zero

    package init() {}

    package mutating func advance(to instant: Instant) {
        precondition(instant >= now, "simulated time moves forward only, because machines assume a monotonic clock")
        now = instant
    }
}
