/// A point on a monotonic clock, in nanoseconds since an origin that only its owner knows (boot in production,
/// zero in tests and in the simulator). Never a wall-clock time: it does not step.
package struct Instant: Comparable, Hashable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package static let zero = Instant(nanoseconds: 0)
    /// Later than every instant a process can live to see; stands for "no limit".
    package static let distantFuture = Instant(nanoseconds: .max)

    package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Saturates at `distantFuture` instead of trapping, so that "now + the longest timeout" is always legal.
    package func advanced(byNanoseconds span: Int64) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(span)
        return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }

    /// Nanoseconds from `earlier` to this instant; negative where `earlier` is the later one.
    package func nanoseconds(since earlier: Instant) -> Int64 {
        nanoseconds.subtractingReportingOverflow(earlier.nanoseconds).partialValue
    }
}

/// Spans are plain `Int64` nanoseconds whose names say so; these are their units.
package enum Span {
    package static let microsecond: Int64 = 1_000
    package static let millisecond: Int64 = 1_000_000
    package static let second: Int64 = 1_000_000_000
    package static let minute: Int64 = 60 * second
    package static let hour: Int64 = 60 * minute
    package static let day: Int64 = 24 * hour
}
