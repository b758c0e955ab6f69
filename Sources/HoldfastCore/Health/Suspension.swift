/// Takes a deployment or a provider out for a failure that trying again does not mend: a refused key, an empty account,
/// a model that is gone, a legal block, a limit that ends at a known time.
///
/// A breaker is the wrong tool for these. It asks again every few seconds, and each refused key counts against its
/// owner at the provider; and as a last resort it would ask where only a person can help. A suspension waits for as
/// long as the failure class usually lasts, longer each time; then one exchange at a time goes through to see, and the
/// first answer ends it. What is suspended is never a last resort.
///
/// What it does not know: whether somebody has mended the cause. A new key in the configuration is a new provider, and
/// begins without one; an account that was topped up is found by the next trial.
package struct Suspension: Sendable {
    /// The one exchange that sees whether the cause is gone has this long; then the next may.
    package static let trialNanoseconds = 30 * Span.second
    /// Whatever a provider asks for, a limit is looked at again after an hour.
    package static let longestAskedNanoseconds = 1 * Span.hour

    package struct Facts: Sendable, Hashable {
        package var failure: FailureClass
        package var since: Instant
        /// Nil: until a person clears it.
        package var until: Instant?

        package init(failure: FailureClass, since: Instant, until: Instant?) {
            self.failure = failure
            self.since = since
            self.until = until
        }
    }

    package private(set) var facts: Facts?
    /// How often it was suspended since it last answered: the exponent of the wait.
    private var times: Int64 = 0
    /// When a person last cleared it: what attempts from before that bring back is known and mended.
    private var clearedAt = Instant.zero

    package init() {}

    /// Why an attempt may not be made now; nil where it may.
    package func refusal(now: Instant) -> Facts? {
        guard let facts else { return nil }
        return facts.until.map { now >= $0 } == true ? nil : facts
    }

    /// What is out at all. A limit ends with its wait, also where nobody has asked since; every other cause is there until
    /// an answer shows that it is gone.
    package func inEffect(now: Instant) -> Facts? {
        guard let facts, case .asAsked = facts.failure.policy.hold else { return facts }
        return refusal(now: now)
    }

    /// Like `refusal`, for an attempt that is made at once if it may be: where the wait is over it becomes the trial,
    /// and everyone else waits for what it shows.
    package mutating func admit(now: Instant) -> Facts? {
        if let refusal = refusal(now: now) { return refusal }
        switch facts?.failure.policy.hold {
        case .growing?: facts?.until = now.advanced(byNanoseconds: Self.trialNanoseconds)
        case .asAsked?: facts = nil
        case .untilCleared?, FailurePolicy.Hold.none?, nil: break
        }
        return nil
    }

    /// An attempt that began at `startedAt` failed in this way. Returns whether this suspends, for logs and alerts.
    ///
    /// - Parameter retryAfterNanoseconds: what the provider asked for; a floor where the class has a wait of its own.
    @discardableResult
    package mutating func failed(
        _ failure: FailureClass, retryAfterNanoseconds: Int64?, startedAt: Instant, now: Instant
    ) -> Bool {
        // Until a person clears it, nothing else matters.
        if let facts, facts.until == nil { return false }
        guard startedAt >= clearedAt else { return false }
        let asked = min(max(retryAfterNanoseconds ?? 0, 0), Self.longestAskedNanoseconds)
        switch failure.policy.hold {
        case .none:
            return false
        case .asAsked:
            guard asked > 0 else { return false }
            return hold(failure, until: now.advanced(byNanoseconds: asked), now: now)
        case .growing(let first, let longest):
            // What was under way when the suspension began shows nothing new; of a limit that began meanwhile it does.
            if let facts, facts.failure.policy.hold != .asAsked, startedAt <= facts.since { return false }
            let wait = max(min(first << min(times, 20), longest), asked)
            times += 1
            return hold(failure, until: now.advanced(byNanoseconds: wait), now: now)
        case .untilCleared:
            facts = Facts(failure: failure, since: now, until: nil)
            return true
        }
    }

    /// The end only ever moves later, and a limit that comes on top of a worse cause does not hide it.
    private mutating func hold(_ failure: FailureClass, until: Instant, now: Instant) -> Bool {
        guard let old = facts, let oldEnd = old.until else {
            facts = Facts(failure: failure, since: now, until: until)
            return true
        }
        if case .asAsked = failure.policy.hold, until <= oldEnd || old.failure != failure {
            facts?.until = max(oldEnd, until)
            return false
        }
        facts = Facts(failure: failure, since: now, until: max(oldEnd, until))
        return true
    }

    /// An attempt that began at `startedAt` was answered. Returns whether this ends a suspension.
    @discardableResult
    package mutating func answered(startedAt: Instant) -> Bool {
        guard let facts else {
            times = 0
            return false
        }
        // An answer from before the suspension is no sign, and a legal block is not lifted by one. What began at the same
        // instant began before: nothing is let through once it is suspended.
        guard facts.until != nil, startedAt > facts.since else { return false }
        self.facts = nil
        times = 0
        return true
    }

    /// A check has found nothing of the cause any more: the next exchange is the trial, and need not wait for it. Where that
    /// fails the wait is twice as long, so a check that is always content does no harm.
    package mutating func mayBeMended(now: Instant) {
        guard let facts, let until = facts.until, case .growing = facts.failure.policy.hold else { return }
        self.facts?.until = min(until, now)
    }

    /// A person has mended the cause, or vouches that it is gone.
    package mutating func clear(now: Instant) {
        facts = nil
        times = 0
        clearedAt = now
    }
}
