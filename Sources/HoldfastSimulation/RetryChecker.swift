import HoldfastCore

/// Holds second tries at one provider to their share: over any ten seconds one for each ten first tries, and one a
/// second.
struct RetryChecker: Sendable {
    private static let window = 10 * Span.second
    /// The budget counts in whole seconds.
    private static let grain = 1 * Span.second

    private let provider: Int
    private var firstTries: [Instant] = []
    private var granted: [Instant] = []
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
        let made = granted.reversed().prefix { $0 > from }.count
        let earned = firstTries.reversed().prefix { $0 > from.advanced(byNanoseconds: -2 * Self.grain) }.count
        if made > 10 + earned / 10 {
            violations.append("provider \(provider) was granted \(made) second tries in ten seconds")
        }
    }
}
