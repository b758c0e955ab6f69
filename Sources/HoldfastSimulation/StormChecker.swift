import HoldfastCore

/// Long after the world has healed exchanges take one attempt each: whatever storm there was is over.
struct StormChecker: Sendable {
    /// So many more are chance where few exchanges come.
    private static let spare = 3

    /// How the last attempt of each failed; nil: none did.
    private var exchanges: [Int: FailureClass?] = [:]
    private var attempts = 0
    private(set) var violations: [String] = []

    var watched: Int { exchanges.count }

    /// An exchange of the last stretch, with all the time that its route gives it.
    mutating func arrived(exchange: Int) { exchanges[exchange] = .some(nil) }

    mutating func stepped(exchange: Int, _ step: ExchangeStep, after event: ExchangeEvent) {
        guard !exchanges.isEmpty, let before = exchanges[exchange] else { return }
        var failure = before
        if case .attemptFailed(let new, _) = event { failure = new }
        exchanges[exchange] = .some(failure)
        guard case .sendAttempt = step.action else { return }
        // Who takes a long question is found out by asking; and gateways that share what a provider allows cannot know
        // what the others took of it.
        if failure != .tooLong, failure != .rateLimit { attempts += 1 }
    }

    mutating func finish() {
        if 10 * attempts > 11 * exchanges.count + 10 * Self.spare {
            violations.append("\(exchanges.count) exchanges took \(attempts) attempts long after the world healed")
        }
    }
}
