/// How long things took of late: spans counted in two windows that take turns, so that a quantile is of the last minute or
/// two and never of last week.
///
/// Whatever is younger than one window counts, whatever is older than two does not; in between it depends on where the turn
/// fell. A list of samples would know better and cost memory for each of them; counts that decay never quite forget a bad
/// hour. Buckets are eight to an octave, as in an HdrHistogram, so that a quantile is off by a sixteenth of itself at most.
package struct RecentSpans: Sendable {
    package static let windowNanoseconds = Span.minute
    /// Shorter spans than eight of these are told apart by one of these: 66 µs.
    static let unitBits = 16
    /// The last one begins beyond an hour, and holds whatever took longer.
    static let buckets = 192

    /// Both windows, one behind the other; empty until something was seen, since most routes of a large file are idle.
    private var counts: [UInt32] = []
    /// Where the newer window begins in `counts`.
    private var newer = 0
    /// When the newer window began.
    private var turnedAt = Instant.zero

    package init() {}

    package mutating func observe(nanoseconds: Int64, now: Instant) {
        if counts.isEmpty {
            counts = [UInt32](repeating: 0, count: 2 * Self.buckets)
            turnedAt = now
        }
        let age = now.nanoseconds(since: turnedAt)
        if age >= Self.windowNanoseconds { turn(age: age, now: now) }
        counts[newer + Self.bucket(of: nanoseconds)] &+= 1
    }

    private mutating func turn(age: Int64, now: Instant) {
        let older = newer
        newer = Self.buckets - newer
        clear(newer)
        guard age >= 2 * Self.windowNanoseconds else {
            turnedAt = turnedAt.advanced(byNanoseconds: Self.windowNanoseconds)
            return
        }
        clear(older)
        turnedAt = now
    }

    private mutating func clear(_ window: Int) {
        for place in window..<window + Self.buckets { counts[place] = 0 }
    }

    /// The nearest rank, as the middle of its bucket; nil: nothing was seen of late, and nobody knows.
    ///
    /// - Parameter permille: 500 is the median.
    package func quantile(permille: Int, now: Instant) -> Int64? {
        precondition((1...1_000).contains(permille), "\(permille) permille are no share of anything")
        let windows = windows(now: now)
        func count(_ bucket: Int) -> Int { windows.reduce(0) { $0 + Int(counts[$1 + bucket]) } }
        let total = (0..<Self.buckets).reduce(0) { $0 + count($1) }
        guard total > 0 else { return nil }
        var left = (total * permille + 999) / 1_000
        for bucket in 0..<Self.buckets {
            left -= count(bucket)
            if left <= 0 { return Self.middleNanoseconds(of: bucket) }
        }
        preconditionFailure("\(permille) permille of \(total) lie beyond all of them")
    }

    /// Where those begin that still count.
    private func windows(now: Instant) -> [Int] {
        guard !counts.isEmpty else { return [] }
        let age = now.nanoseconds(since: turnedAt)
        if age < Self.windowNanoseconds { return [0, Self.buckets] }
        return age < 2 * Self.windowNanoseconds ? [newer] : []
    }

    static func bucket(of nanoseconds: Int64) -> Int {
        let units = max(nanoseconds, 0) >> unitBits
        guard units >= 8 else { return Int(units) }
        let octave = Int64.bitWidth - 1 - units.leadingZeroBitCount - 3
        return min((octave + 1) * 8 + Int(units >> octave) - 8, buckets - 1)
    }

    static func middleNanoseconds(of bucket: Int) -> Int64 {
        guard bucket >= 8 else { return Int64(2 * bucket + 1) << (unitBits - 1) }
        let octave = bucket / 8 - 1
        return Int64(2 * (bucket % 8 + 8) + 1) << (octave + unitBits - 1)
    }
}
