import HoldfastCore

/// Holds one breaker to its rules from the outside: permits given and outcomes settled, nothing else. It knows that the
/// breaker must be open after five failures in a row, and may be open after half of a busy window failed.
struct BreakerChecker: Sendable {
    private let provider: Int
    private var failuresInARow = 0
    /// When normal permits became forbidden; nil while they are allowed.
    private var openedAt: Instant?
    private var probesInFlight = 0
    private var probeSuccesses = 0
    private var freshEpoch: UInt32?
    /// Counted since the breaker last closed.
    private var outcomes = 0
    private var failures = 0
    /// From here on half of a busy window may have failed, so the breaker may be open without five in a row.
    private var mayBeOpenSince: Instant?
    private var lastResorts = 0
    private var lastResortsAsked = 0
    /// Of the last resorts since it opened: answered in a row. Two are enough, whatever becomes of those that follow.
    private var lastResortsAnswered = 0
    private var lastResortEpoch: UInt32?
    private var closedAgainAt: Instant?
    private(set) var violations: [String] = []

    init(provider: Int) {
        self.provider = provider
    }

    /// An exchange was turned away untried, with this provider among its candidates.
    ///
    /// - Parameter inFlight: with the slots that were handed over and are not taken up yet.
    mutating func turnedAway(inFlight: Int = 0, now: Instant) {
        if mayBeOpenSince != nil || probesInFlight > 0 { return }
        // Whom slow start has no room for; there is always room for one.
        if openedAt == nil, let closedAgainAt, inFlight > 0,
            now.nanoseconds(since: closedAgainAt) < Breaker.slowStartNanoseconds
        {
            return
        }
        // The longest open time with its jitter: after it a probe is there for whoever has nothing else.
        guard let openedAt, now.nanoseconds(since: openedAt) < 18 * Span.second else {
            report("turned away an exchange that it could have served")
            return
        }
    }

    mutating func given(_ permit: Breaker.Permit, now: Instant) {
        switch permit {
        case .normal(let epoch):
            if openedAt != nil { report("let an ordinary attempt through while open") }
            freshEpoch = epoch
        case .probe:
            if openedAt == nil { learnOpening(now: now) }
            if probesInFlight > 0 { report("has two probes in flight") }
            if lastResortsAnswered < 2,
                let since = mayBeOpenSince ?? openedAt, now.nanoseconds(since: since) < 800 * Span.millisecond
            {
                report("probed before its open time was over")
            }
            probesInFlight += 1
        case .lastResort(let epoch):
            if openedAt == nil { learnOpening(now: now) }
            if lastResortEpoch != epoch, lastResortsAnswered < 2 { lastResortsAnswered = 0 }
            lastResortEpoch = epoch
            lastResorts += 1
            let seconds = Int(now.nanoseconds / Span.second)
            if lastResorts > 1 + seconds + lastResortsAsked / 10 { report("gave too many last resorts") }
        }
    }

    mutating func askedForLastResort() {
        lastResortsAsked += 1
    }

    mutating func settled(_ permit: Breaker.Permit, _ outcome: AttemptOutcome, now: Instant) {
        switch permit {
        case .normal(let epoch):
            guard openedAt == nil, epoch == freshEpoch, outcome != .neutral else { return }
            outcomes += 1
            failures += outcome == .fail ? 1 : 0
            failuresInARow = outcome == .fail ? failuresInARow + 1 : 0
            if outcomes >= 20, failures >= 10, mayBeOpenSince == nil { mayBeOpenSince = now }
            if failuresInARow == 5 { openedAt = now }
        case .probe:
            probesInFlight -= 1
            if outcome == .fail {
                openedAt = now
                mayBeOpenSince = nil
                probeSuccesses = 0
                lastResortsAnswered = 0
            }
            if outcome == .ok { probeSuccesses += 1 }
            if probeSuccesses == 2 { allow(now: now) }
        case .lastResort(let epoch):
            guard epoch == lastResortEpoch else { return }
            if outcome == .ok { lastResortsAnswered += 1 }
            if outcome == .fail, lastResortsAnswered < 2 { lastResortsAnswered = 0 }
        }
    }

    /// Every exchange has ended.
    mutating func finish() {
        if probesInFlight != 0 { report("is left with \(probesInFlight) probes") }
    }

    /// A probe or a last resort shows that the breaker opened without five failures in a row.
    private mutating func learnOpening(now: Instant) {
        if mayBeOpenSince == nil { report("opened without cause") }
        openedAt = mayBeOpenSince ?? now
    }

    private mutating func allow(now: Instant) {
        closedAgainAt = now
        lastResortsAnswered = 0
        openedAt = nil
        probeSuccesses = 0
        failuresInARow = 0
        freshEpoch = nil
        outcomes = 0
        failures = 0
        mayBeOpenSince = nil
    }

    private mutating func report(_ violation: String) {
        violations.append("the breaker of provider \(provider) \(violation)")
    }
}
