import HoldfastCore

/// After the world has healed a gateway must send traffic to every provider of its snapshot again, within a bound.
struct RecoveryChecker: Sendable {
    static let boundNanoseconds = 60 * Span.second
    /// What is counted by the minute, in whole seconds, is forgotten after so long.
    static let minuteNanoseconds = Span.minute + 2 * Span.second

    /// Of each provider: when the bound begins at the earliest.
    private var fairFrom: [Instant]
    private let healsAt: Instant
    /// Since when the snapshot in force has it; nil: it has not.
    private var since: [Instant?]
    private var firstAnswer: [Instant?]

    init(providers: Int, healsAt: Instant) {
        self.healsAt = healsAt
        fairFrom = Array(repeating: healsAt, count: providers)
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

    /// What the provider allows in a minute may be used up by what was asked until now and shows no recovery: nobody may
    /// send it anything else until that is forgotten.
    mutating func spentInVain(provider: Int, at instant: Instant) {
        let over = instant.advanced(byNanoseconds: Self.minuteNanoseconds)
        fairFrom[provider] = max(fairFrom[provider], over)
    }

    var violations: [String] {
        since.indices.compactMap { provider in
            guard let from = since[provider] else { return nil }
            guard let at = firstAnswer[provider] else { return "provider \(provider) never carried traffic again" }
            let took = at.nanoseconds(since: max(fairFrom[provider], from))
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
