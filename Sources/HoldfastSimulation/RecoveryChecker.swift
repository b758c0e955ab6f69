import HoldfastCore

/// After the world has healed a gateway must send traffic to every provider of its snapshot again, within a bound.
struct RecoveryChecker: Sendable {
    static let boundNanoseconds = 60 * Span.second

    private let healsAt: Instant
    /// Since when the snapshot in force has it; nil: it has not.
    private var since: [Instant?]
    private var firstAnswer: [Instant?]

    init(providers: Int, healsAt: Instant) {
        self.healsAt = healsAt
        since = Array(repeating: nil, count: providers)
        firstAnswer = Array(repeating: nil, count: providers)
    }

    mutating func adopted(candidates: [Int], now: Instant) {
        for provider in since.indices {
            since[provider] = candidates.contains(provider) ? since[provider] ?? now : nil
        }
    }

    mutating func answered(provider: Int, attemptStarted: Instant, now: Instant) {
        if attemptStarted >= healsAt, firstAnswer[provider] == nil { firstAnswer[provider] = now }
    }

    var violations: [String] {
        since.indices.compactMap { provider in
            guard let from = since[provider] else { return nil }
            guard let at = firstAnswer[provider] else { return "provider \(provider) never carried traffic again" }
            let took = at.nanoseconds(since: max(healsAt, from))
            return took <= Self.boundNanoseconds
                ? nil : "provider \(provider) carried traffic again only after \(took / Span.millisecond) ms"
        }
    }

    /// Every provider that is to carry traffic again does.
    var isComplete: Bool {
        since.indices.allSatisfy { since[$0] == nil || firstAnswer[$0] != nil }
    }

    /// The slowest provider's, in nanoseconds; nil where one never came back.
    var slowest: Int64? {
        guard isComplete else { return nil }
        return since.indices.compactMap { provider in
            since[provider].flatMap { firstAnswer[provider]?.nanoseconds(since: max(healsAt, $0)) }
        }.max() ?? 0
    }
}
