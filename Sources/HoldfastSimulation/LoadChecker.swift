import HoldfastCore

/// Counts what one provider is sent and who waits for it, and holds that against what the provider allows. Knows the
/// limits and nothing of how they are kept.
struct LoadChecker: Sendable {
    /// However slow a provider is, nobody is turned away below so many attempts at once.
    private static let neverBusyBelow = 16
    private static let windowNanoseconds = Span.minute

    private let provider: Int
    private var limits: DeploymentLimits
    /// Attempts, and slots that were handed over and are not taken up yet.
    private(set) var inFlight = 0
    private var granted: Set<Int> = []
    private var sent: [Instant] = []
    /// The first of `sent` within the window.
    private var oldest = 0
    private var waiting: [Int: Criticality] = [:]
    private(set) var violations: [String] = []

    init(provider: Int, limits: DeploymentLimits) {
        self.provider = provider
        self.limits = limits
    }

    /// Other limits hold from now on.
    mutating func configured(_ limits: DeploymentLimits) {
        // Nobody counted what was sent while there was no limit to count for.
        if self.limits.requestsPerMinute == nil, self.limits.tokensPerMinute == nil { oldest = sent.count }
        self.limits = limits
    }

    mutating func given(exchange: Int, now: Instant) {
        if granted.remove(exchange) == nil { enter() }
        sent.append(now)
        forget(now: now)
        let count = sent.count - oldest
        if count > limits.requestsPerMinute ?? .max { report("was sent \(count) attempts in a minute") }
    }

    private mutating func enter() {
        inFlight += 1
        if inFlight > limits.concurrent ?? .max { report("was sent \(inFlight) attempts at once") }
    }

    mutating func settled() {
        inFlight -= 1
        if inFlight < 0 { report("has fewer than no attempts under way") }
    }

    /// The request of an attempt that was given at this instant never left.
    mutating func neverSent(_ instant: Instant) {
        guard let place = sent.lastIndex(of: instant) else { return }
        sent.remove(at: place)
        if place < oldest { oldest -= 1 }
    }

    mutating func waits(exchange: Int, _ criticality: Criticality) {
        if waiting.updateValue(criticality, forKey: exchange) != nil { report("is waited for twice by \(exchange)") }
    }

    mutating func stopped(exchange: Int) {
        waiting[exchange] = nil
        if granted.remove(exchange) != nil { inFlight -= 1 }
    }

    mutating func handedOver(granted: Int?, refused: [Int]) {
        if let granted {
            if waiting.removeValue(forKey: granted) == nil {
                report("gave a slot to \(granted), which was not waiting")
            }
            self.granted.insert(granted)
            enter()
        }
        let gone = refused.compactMap { waiting.removeValue(forKey: $0) }
        if gone.count != refused.count { report("refused an exchange that was not waiting") }
        guard let most = gone.max(), let least = waiting.values.min() else { return }
        if least < most { report("shed a \(most.rawValue) exchange and kept a \(least.rawValue) one waiting") }
    }

    func hasWaiting(_ exchange: Int) -> Bool { waiting[exchange] != nil || granted.contains(exchange) }

    /// Whether it was right to turn an exchange away for load.
    mutating func isFull(now: Instant) -> Bool {
        limits.tokensPerMinute != nil || inFlight >= Self.neverBusyBelow
            || 10 * inFlight >= 8 * (limits.concurrent ?? .max / 8) - 10 || isSpent(now: now)
    }

    /// Whether what the provider allows in a minute may be used up.
    mutating func isSpent(now: Instant) -> Bool {
        forget(now: now)
        // Whole seconds may be kept for up to two longer than they count.
        let least = sent[..<oldest].reversed().prefix {
            now.nanoseconds(since: $0) < Self.windowNanoseconds + 2 * Span.second
        }
        let count = sent.count - oldest + least.count
        // A fifth is kept for critical exchanges; a token limit depends on what nobody knows before the answer.
        return limits.tokensPerMinute != nil && count > 0
            || 10 * count >= 8 * (limits.requestsPerMinute ?? .max / 8) - 10
    }

    mutating func finish() {
        if inFlight != 0 || !waiting.isEmpty { report("is left with \(inFlight) attempts and \(waiting.count) waits") }
    }

    private mutating func forget(now: Instant) {
        while oldest < sent.count, now.nanoseconds(since: sent[oldest]) >= Self.windowNanoseconds { oldest += 1 }
    }

    private mutating func report(_ violation: String) {
        violations.append("provider \(provider) \(violation)")
    }
}
