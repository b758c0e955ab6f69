/// Decides whether a deployment may be tried, from the outcomes of earlier attempts.
///
/// The intuition: five failures in a row, or half of a busy ten seconds, mean that the next attempt will most likely
/// fail too, and a client's time is better spent on the next candidate. What it does not know: why. A deployment that
/// fails for one kind of request looks like one that fails for all. The price of a wrong "open" is small, since a probe
/// comes within `longestOpenNanoseconds`; the price of a wrong "closed" is one failed attempt, which fails over.
///
/// An error-rate breaker alone was rejected: at low traffic it needs minutes to notice. A consecutive count alone was
/// rejected too: at high traffic a deployment that fails every other time never opens.
package struct Breaker: Sendable {
    package static let consecutiveFailures = 5
    package static let rateWindowNanoseconds = 10 * Span.second
    package static let rateMinimumOutcomes = 20
    package static let firstOpenNanoseconds = 1 * Span.second
    package static let longestOpenNanoseconds = 15 * Span.second
    package static let successesToClose = 2
    package static let slowStartNanoseconds = 30 * Span.second
    package static let slowStartFirstPercent: Int64 = 10
    package static let lastResortIntervalNanoseconds = 1 * Span.second
    package static let lastResortOneIn = 10
    /// A stream that was let through as a probe counts as a success once it has run this long after its first content:
    /// as long as most answers take, and short beside the 20 s within which a recovered provider is used again.
    package static let probeProofNanoseconds = 5 * Span.second
    /// A critical exchange leaves the probe to a standard one for this long, then takes it: where all traffic is
    /// critical the breaker must close too.
    package static let criticalProbeDelayNanoseconds = 1 * Span.second
    /// A probe that never reported (a lost process, a defect) must not hold the breaker half-open for ever. Longer than
    /// every total timeout in use; each honest outcome returns the lease long before.
    package static let probeLeaseNanoseconds = 15 * Span.minute

    package enum State: Sendable, Hashable {
        case closed
        case open(until: Instant)
        case halfOpen(since: Instant)
    }

    /// What an attempt carries from `admit` to `settle`. Whoever was admitted settles exactly once.
    package enum Permit: Sendable, Hashable {
        case normal(epoch: UInt32)
        case probe(lease: UInt32)
        case lastResort(epoch: UInt32)
    }

    package enum Refusal: Sendable, Hashable {
        case open(until: Instant)
        case probing
        case slowStart
    }

    package enum Decision: Sendable, Hashable {
        case admitted(Permit)
        case refused(Refusal)
    }

    package private(set) var state = State.closed
    /// Counts changes of state. An outcome of an attempt from before a change says nothing about what came after it.
    private var epoch: UInt32 = 0
    private var failuresInARow = 0
    private var window = OutcomeWindow()
    /// How often it opened without a full slow start in between: the exponent of the open time.
    private var openings = 0
    private var probe: (lease: UInt32, expires: Instant)?
    private var nextLease: UInt32 = 1
    private var probeSuccesses = 0
    private var slowStartSince: Instant?
    private var lastResortSuccesses = 0
    private var lastResortsRefused = 0
    private var lastResortAt: Instant?

    package init() {}

    /// - Parameter defersProbe: the exchange is critical and has other candidates.
    package mutating func admit(now: Instant, defersProbe: Bool, random: inout SeededRandom) -> Decision {
        switch state {
        case .closed:
            guard passesSlowStart(now: now, random: &random) else { return .refused(.slowStart) }
            return .admitted(.normal(epoch: epoch))
        case .open(let until):
            guard now >= until else { return .refused(.open(until: until)) }
            halfOpen(now: now)
            return admitProbe(since: now, now: now, defersProbe: defersProbe)
        case .halfOpen(let since):
            return admitProbe(since: since, now: now, defersProbe: defersProbe)
        }
    }

    /// For an exchange whose every candidate refused: slow start gives way when the alternative is no answer.
    package func admitDespiteSlowStart() -> Permit? {
        state == .closed ? .normal(epoch: epoch) : nil
    }

    /// Closed, and not for long enough to be trusted with everything.
    package func isInSlowStart(now: Instant) -> Bool {
        slowStartSince.map { now.nanoseconds(since: $0) < Self.slowStartNanoseconds } ?? false
    }

    /// For an exchange whose every candidate is out: at most one in ten of those or one a second, whichever is more.
    /// Of a closed one only slow start can be in the way, and that has its own measure.
    package mutating func admitLastResort(now: Instant) -> Permit? {
        guard state != .closed else { return nil }
        let isDue = lastResortAt.map { now.nanoseconds(since: $0) >= Self.lastResortIntervalNanoseconds } ?? true
        guard isDue || lastResortsRefused >= Self.lastResortOneIn - 1 else {
            lastResortsRefused += 1
            return nil
        }
        lastResortAt = now
        lastResortsRefused = 0
        return .lastResort(epoch: epoch)
    }

    /// Returns whether the state changed, for logs and metrics.
    @discardableResult
    package mutating func settle(
        _ permit: Permit, outcome: AttemptOutcome, now: Instant, random: inout SeededRandom
    ) -> Bool {
        switch (permit, state) {
        case (.normal(let admitted), .closed) where admitted == epoch:
            return settleClosed(outcome, now: now, random: &random)
        case (.probe(let lease), .halfOpen):
            guard let held = probe, held.lease == lease else { return false }
            probe = nil
            return settleProbe(outcome, now: now, random: &random)
        case (.lastResort(let admitted), .open) where admitted == epoch:
            return settleLastResort(outcome, now: now)
        case (.normal, _), (.probe, _), (.lastResort, _):
            return false
        }
    }

    /// Last resorts that are answered say what a probe would: there is nothing to wait for any more.
    private mutating func settleLastResort(_ outcome: AttemptOutcome, now: Instant) -> Bool {
        switch outcome {
        case .neutral: break
        case .fail: lastResortSuccesses = 0
        case .ok: lastResortSuccesses += 1
        }
        guard lastResortSuccesses >= Self.successesToClose else { return false }
        halfOpen(now: now)
        return true
    }

    private mutating func settleClosed(
        _ outcome: AttemptOutcome, now: Instant, random: inout SeededRandom
    ) -> Bool {
        switch outcome {
        case .neutral:
            return false
        case .ok:
            failuresInARow = 0
            window.record(failed: false, now: now)
            return false
        case .fail:
            failuresInARow += 1
            window.record(failed: true, now: now)
            guard failuresInARow >= Self.consecutiveFailures || window.isBad(now: now) else { return false }
            open(now: now, random: &random)
            return true
        }
    }

    private mutating func settleProbe(
        _ outcome: AttemptOutcome, now: Instant, random: inout SeededRandom
    ) -> Bool {
        switch outcome {
        case .neutral:
            return false
        case .ok:
            probeSuccesses += 1
            guard probeSuccesses >= Self.successesToClose else { return false }
            enter(.closed)
            failuresInARow = 0
            window = OutcomeWindow()
            slowStartSince = now
            return true
        case .fail:
            open(now: now, random: &random)
            return true
        }
    }

    private mutating func admitProbe(since: Instant, now: Instant, defersProbe: Bool) -> Decision {
        if let held = probe, held.expires > now { return .refused(.probing) }
        if defersProbe, now.nanoseconds(since: since) < Self.criticalProbeDelayNanoseconds {
            return .refused(.probing)
        }
        let lease = nextLease
        nextLease &+= 1
        probe = (lease, now.advanced(byNanoseconds: Self.probeLeaseNanoseconds))
        return .admitted(.probe(lease: lease))
    }

    private mutating func open(now: Instant, random: inout SeededRandom) {
        let exponent = min(openings, 10)
        openings += 1
        slowStartSince = nil
        let base = min(Self.firstOpenNanoseconds << Int64(exponent), Self.longestOpenNanoseconds)
        let jitter = random.below(base * 2 / 5 + 1) - base / 5
        enter(.open(until: now.advanced(byNanoseconds: base + jitter)))
        lastResortsRefused = 0
        lastResortAt = now
        lastResortSuccesses = 0
    }

    private mutating func halfOpen(now: Instant) {
        enter(.halfOpen(since: now))
        probeSuccesses = 0
    }

    private mutating func enter(_ next: State) {
        state = next
        epoch &+= 1
        probe = nil
    }

    private mutating func passesSlowStart(now: Instant, random: inout SeededRandom) -> Bool {
        guard let since = slowStartSince else { return true }
        let elapsed = now.nanoseconds(since: since)
        guard elapsed < Self.slowStartNanoseconds else {
            slowStartSince = nil
            openings = 0
            return true
        }
        let ramp = (100 - Self.slowStartFirstPercent) * elapsed / Self.slowStartNanoseconds
        return random.below(100) < Self.slowStartFirstPercent + ramp
    }
}

/// Outcomes of the last ten seconds in one-second buckets, so that old ones leave without a list.
private struct OutcomeWindow: Sendable {
    private static let bucketNanoseconds = Breaker.rateWindowNanoseconds / 10
    private var buckets = InlineArray<10, (second: Int64, ok: Int32, fail: Int32)>(repeating: (-1, 0, 0))

    mutating func record(failed: Bool, now: Instant) {
        let second = now.nanoseconds / Self.bucketNanoseconds
        let place = Int(second % 10)
        if buckets[place].second != second {
            buckets[place] = (second, 0, 0)
        }
        if failed {
            buckets[place].fail += 1
        } else {
            buckets[place].ok += 1
        }
    }

    func isBad(now: Instant) -> Bool {
        let newest = now.nanoseconds / Self.bucketNanoseconds
        var ok = 0
        var fail = 0
        for place in buckets.indices where buckets[place].second > newest - 10 {
            ok += Int(buckets[place].ok)
            fail += Int(buckets[place].fail)
        }
        return ok + fail >= Breaker.rateMinimumOutcomes && fail * 2 >= ok + fail
    }
}
