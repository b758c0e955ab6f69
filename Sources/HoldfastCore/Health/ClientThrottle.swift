/// Keeps back attempts that one deployment would most likely turn away for overload: a refusal costs a client a round trip
/// and a provider some of what it has too little of.
///
/// After adaptive throttling in Google's "Site Reliability Engineering" (2016), chapter 21, "Handling Overload": of what
/// was asked for over two minutes a provider may turn away all but one in K; what goes beyond is dropped here, with the
/// probability `(requests − K · accepts) / (requests + 1)`. Requests are those that wanted to be sent, also where they
/// were dropped here. So about K times what is accepted is sent, which is enough to notice when more is. As there, each
/// class of criticality has counts of its own. K is 2, and 4 for critical exchanges: what the others leave to the
/// provider when they give way is theirs first, and they are dropped only where three of four of their own are refused.
///
/// What is different here, and why:
/// 1. An attempt counts as accepted from when it is sent until it is turned away. A refusal takes a round trip and an
///    answer may take minutes: with answers counted at their ends, a deployment would be throttled for being slow.
/// 2. Nothing is dropped below ten requests in the window, and one attempt a second always goes through. The formula
///    drops every second request after a single refusal; and without the attempts that go through nobody would notice
///    that a deployment is well again.
/// 3. Refusals are forgotten once five attempts were sent and none was turned away for five seconds. By the formula alone
///    a minute of overload would be paid for with another minute in which a deployment that is well is hardly asked.
///
/// What it does not know: other gateways at the same provider. Each finds its own share.
package struct ClientThrottle: Sendable {
    package static let leastRequests: Int64 = 10
    package static let sureNanoseconds = 1 * Span.second
    package static let calmNanoseconds = 5 * Span.second
    package static let calmAttempts = 5

    /// K: how many attempts are made for each that is accepted.
    package static func attemptsPerAccept(_ criticality: Criticality) -> Int64 {
        criticality == .critical ? 4 : 2
    }

    /// An attempt as it was counted. Whoever has one settles or withdraws it once.
    package struct Receipt: Sendable, Hashable {
        fileprivate var criticality: Criticality
        fileprivate var slot: Int64
    }

    /// By class.
    private var classes = InlineArray<3, AttemptWindow>(repeating: AttemptWindow())

    package init() {}

    /// Whether an attempt may be made. What may not is counted with this; what may is counted when it is sent.
    package mutating func admits(_ criticality: Criticality, now: Instant, random: inout SeededRandom) -> Bool {
        classes[criticality.place].admits(
            attemptsPerAccept: Self.attemptsPerAccept(criticality), now: now, random: &random)
    }

    package mutating func sent(_ criticality: Criticality, now: Instant) -> Receipt {
        Receipt(criticality: criticality, slot: classes[criticality.place].sent(now: now))
    }

    /// It was never sent.
    package mutating func withdraw(_ receipt: Receipt, now: Instant) {
        classes[receipt.criticality.place].take(requests: 1, accepts: 1, from: receipt.slot, now: now)
    }

    package mutating func settle(_ receipt: Receipt, _ result: AttemptResult, now: Instant) {
        switch result.acceptance {
        case .accepted: break
        case .unknown: withdraw(receipt, now: now)
        case .turnedAway: classes[receipt.criticality.place].turnedAway(receipt.slot, now: now)
        }
    }

    /// The probability that an attempt is dropped, in thousandths, as of the last attempt that was asked for.
    package func droppedMillis(_ criticality: Criticality) -> Int64 {
        classes[criticality.place].droppedMillis(attemptsPerAccept: Self.attemptsPerAccept(criticality))
    }
}

extension AttemptResult {
    fileprivate enum Acceptance {
        case accepted, turnedAway, unknown
    }

    /// Whether the provider took it, however it went on from there. Errors of other kinds are for the breaker: a provider
    /// that fails is not one that has too much to do.
    fileprivate var acceptance: Acceptance {
        if hasBegun { return .accepted }
        switch failure {
        case .capacity: return .turnedAway
        // It said when it will be well, and is suspended until then; after that it owes nothing.
        case .rateLimit: return retryAfterNanoseconds ?? 0 > 0 ? .unknown : .turnedAway
        // A client that left, a hedge that lost and a silence came before the provider's word; the last never went out.
        case .neutral, .silent, .localExhaustion: return .unknown
        default: return .accepted
        }
    }
}

/// What was asked of one deployment by one class within two minutes, in slots of ten seconds: the oldest leaves as a whole,
/// so the window is up to ten seconds shorter.
private struct AttemptWindow: Sendable {
    private static let slotNanoseconds = 10 * Span.second
    private static let slotCount: Int64 = 12

    struct Counts: Sendable, Hashable {
        var requests: Int64 = 0
        /// And those of which nothing is known yet.
        var accepts: Int64 = 0
    }

    /// By slot number modulo `slotCount`. What is older than the window is zero.
    private var slots = InlineArray<12, Counts>(repeating: Counts())
    private var newest: Int64 = 0
    private var sum = Counts()
    private var sentAt: Instant?
    private var turnedAwayAt = Instant.zero
    private var sentSince = 0

    func droppedMillis(attemptsPerAccept: Int64) -> Int64 {
        max(sum.requests - attemptsPerAccept * sum.accepts, 0) * 1_000 / (sum.requests + 1)
    }

    mutating func admits(attemptsPerAccept: Int64, now: Instant, random: inout SeededRandom) -> Bool {
        advance(to: now)
        let excess = sum.requests - attemptsPerAccept * sum.accepts
        guard excess > 0, sum.requests >= ClientThrottle.leastRequests, let sentAt,
            now.nanoseconds(since: sentAt) < ClientThrottle.sureNanoseconds
        else { return true }
        if isCalm(now: now) {
            forgetRefusals()
            return true
        }
        guard random.below(sum.requests + 1) < excess else { return true }
        count(Counts(requests: 1, accepts: 0))
        return false
    }

    private func isCalm(now: Instant) -> Bool {
        sentSince >= ClientThrottle.calmAttempts
            && now.nanoseconds(since: turnedAwayAt) >= ClientThrottle.calmNanoseconds
    }

    private mutating func forgetRefusals() {
        for place in slots.indices { slots[place].requests = slots[place].accepts }
        sum.requests = sum.accepts
    }

    /// Returns the slot that it is counted in.
    mutating func sent(now: Instant) -> Int64 {
        advance(to: now)
        count(Counts(requests: 1, accepts: 1))
        sentAt = now
        sentSince += 1
        return newest
    }

    mutating func turnedAway(_ slot: Int64, now: Instant) {
        take(requests: 0, accepts: 1, from: slot, now: now)
        turnedAwayAt = now
        sentSince = 0
    }

    /// As far as it is still counted.
    mutating func take(requests: Int64, accepts: Int64, from slot: Int64, now: Instant) {
        advance(to: now)
        guard newest - slot < Self.slotCount else { return }
        slots[Self.place(slot)].requests -= requests
        slots[Self.place(slot)].accepts -= accepts
        sum.requests -= requests
        sum.accepts -= accepts
    }

    private mutating func count(_ counts: Counts) {
        slots[Self.place(newest)].requests += counts.requests
        slots[Self.place(newest)].accepts += counts.accepts
        sum.requests += counts.requests
        sum.accepts += counts.accepts
    }

    /// Threads read the clock before they take the lock: an instant that is a little before the last belongs to the newest
    /// slot.
    private mutating func advance(to now: Instant) {
        let slot = now.nanoseconds / Self.slotNanoseconds
        guard slot > newest else { return }
        for passed in max(newest + 1, slot - Self.slotCount + 1)...slot {
            let place = Self.place(passed)
            sum.requests -= slots[place].requests
            sum.accepts -= slots[place].accepts
            slots[place] = Counts()
        }
        newest = slot
    }

    private static func place(_ slot: Int64) -> Int { Int(slot % slotCount) }
}

extension Criticality {
    fileprivate var place: Int {
        switch self {
        case .deferrable: 0
        case .standard: 1
        case .critical: 2
        }
    }
}
