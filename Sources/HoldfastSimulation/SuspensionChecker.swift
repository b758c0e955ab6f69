import HoldfastCore

/// Holds one provider's suspension to its promise from the outside: nothing at all to one that is restricted, nothing
/// before the shortest wait to one whose key or account was refused, and then one trial at a time.
struct SuspensionChecker: Sendable {
    /// The shortest wait of each failure that an operator has to mend, written down once more, by hand.
    private static let shortestWait: [FailureClass: Int64] = [
        .credential: 60 * Span.second, .modelAccess: 60 * Span.second, .quota: 300 * Span.second,
        .account: 300 * Span.second, .modelGone: 900 * Span.second,
    ]
    private static let betweenTrials = 30 * Span.second

    private let provider: Int
    private var isRestricted = false
    private var since: Instant?
    private var nothingBefore = Instant.zero
    private var limitedUntil = Instant.zero
    private var mendedAt = Instant.zero
    private(set) var violations: [String] = []

    init(provider: Int) {
        self.provider = provider
    }

    func isOut(now: Instant) -> Bool {
        isRestricted || now < nothingBefore || now < limitedUntil
    }

    mutating func given(now: Instant) {
        if isRestricted { violations.append("provider \(provider) was asked though it is restricted") }
        if now < nothingBefore { violations.append("provider \(provider) was asked though it is suspended") }
        if now < limitedUntil { violations.append("provider \(provider) was asked before its limit ended") }
        if since != nil { nothingBefore = max(nothingBefore, now.advanced(byNanoseconds: Self.betweenTrials)) }
    }

    mutating func settled(_ result: AttemptResult, now: Instant) {
        guard let failure = result.failure else {
            if result.outcome == .ok, let began = since, result.startedAt > began { clear() }
            return
        }
        guard result.startedAt >= mendedAt else { return }
        if failure == .restricted { isRestricted = true }
        if failure == .rateLimit, let wait = result.retryAfterNanoseconds {
            limitedUntil = max(limitedUntil, now.advanced(byNanoseconds: min(wait, Span.hour)))
        }
        guard let wait = Self.shortestWait[failure] else { return }
        if let began = since, result.startedAt <= began { return }
        since = now
        nothingBefore = max(nothingBefore, now.advanced(byNanoseconds: wait))
    }

    /// Another provider that stands where this one does was refused by law.
    mutating func siblingWasRestricted(startedAt: Instant) {
        if startedAt >= mendedAt { isRestricted = true }
    }

    /// A client that came at `since` was told that the law leaves nobody to ask, with this provider among the candidates.
    mutating func calledUnlawful(since arrival: Instant = .zero) {
        // What it saw before an operator came is true for it.
        if !isRestricted, mendedAt <= arrival {
            violations.append("provider \(provider) was called unlawful and is not restricted")
        }
    }

    /// Somebody has mended the cause; what was asked before shows nothing any more.
    mutating func mended(now: Instant) {
        clear()
        limitedUntil = .zero
        mendedAt = now
    }

    private mutating func clear() {
        isRestricted = false
        since = nil
        nothingBefore = .zero
    }
}
