import HoldfastCore

/// Holds second tries at one provider to their share: over any ten seconds one for each ten first tries, and one a
/// second; over any minute the same; and never one that was not granted.
struct RetryChecker: Sendable {
    private static let window = 10 * Span.second
    private static let longWindow = Span.minute
    /// The budget counts in whole seconds.
    private static let grain = 1 * Span.second

    private let provider: Int
    private var firstTries: [Instant] = []
    private var granted: [Instant] = []
    private var secondTries: [Instant] = []
    private(set) var violations: [String] = []

    init(provider: Int) {
        self.provider = provider
    }

    mutating func sentFirstTry(now: Instant) {
        firstTries.append(now)
    }

    mutating func grantedSecondTry(now: Instant) {
        granted.append(now)
        let from = now.advanced(byNanoseconds: -Self.window + Self.grain)
        let made = Self.count(granted, after: from)
        let earned = Self.count(firstTries, after: from.advanced(byNanoseconds: -2 * Self.grain))
        if made > 10 + earned / 10 {
            violations.append("provider \(provider) was granted \(made) second tries in ten seconds")
        }
    }

    mutating func sentSecondTry(now: Instant) {
        secondTries.append(now)
        if secondTries.count > granted.count { violations.append("provider \(provider) got a second try unasked") }
        let from = now.advanced(byNanoseconds: -Self.longWindow)
        let made = Self.count(secondTries, after: from)
        // A second try is sent up to a backoff later than it is granted, and was earned up to ten seconds before.
        let earned = Self.count(firstTries, after: from.advanced(byNanoseconds: -2 * Self.window))
        if made > 80 + earned / 10 {
            violations.append("provider \(provider) was sent \(made) second tries in a minute")
        }
    }

    private static func count(_ instants: [Instant], after from: Instant) -> Int {
        instants.reversed().prefix { $0 > from }.count
    }
}
