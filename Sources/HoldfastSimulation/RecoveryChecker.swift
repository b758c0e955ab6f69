import HoldfastCore

/// After the world has healed every provider must carry traffic again, within a bound.
struct RecoveryChecker: Sendable {
    static let boundNanoseconds = 60 * Span.second

    private let healsAt: Instant
    private var firstAnswer: [Instant?]

    init(providers: Int, healsAt: Instant) {
        self.healsAt = healsAt
        firstAnswer = Array(repeating: nil, count: providers)
    }

    mutating func answered(provider: Int, attemptStarted: Instant, now: Instant) {
        if attemptStarted >= healsAt, firstAnswer[provider] == nil { firstAnswer[provider] = now }
    }

    var violations: [String] {
        firstAnswer.enumerated().compactMap { provider, at in
            guard let at else { return "provider \(provider) never carried traffic again" }
            let took = at.nanoseconds(since: healsAt)
            return took <= Self.boundNanoseconds
                ? nil : "provider \(provider) carried traffic again only after \(took / Span.millisecond) ms"
        }
    }

    /// The slowest provider's, in nanoseconds; nil where one never came back.
    var slowest: Int64? {
        let took = firstAnswer.compactMap { $0?.nanoseconds(since: healsAt) }
        return took.count == firstAnswer.count ? took.max() : nil
    }
}
