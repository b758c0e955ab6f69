/// Which candidates of one exchange may still be asked, as sets of their indices, a bit each.
struct CandidateSets: Sendable {
    private let facts: [CandidateFacts]
    /// Every candidate of the route, stand-ins left out.
    let ordinary: UInt64
    private var tried: UInt64 = 0
    /// Stand-ins that nobody has called for.
    private var waiting: UInt64
    /// Not known to take more than what turned out too long.
    private var tooSmall: UInt64 = 0
    /// Refused by an open or a probing breaker, or suspended, when candidates were last gone through.
    private var shut: UInt64 = 0
    /// Suspended, busy, throttled or too slow when candidates were last gone through: not even a last resort.
    private var out: UInt64 = 0
    private var restricted: UInt64 = 0
    /// Said that a second try cannot help.
    private var once: UInt64 = 0
    /// Declared to go on from a begun answer, and refused to.
    private var withoutPrefill: UInt64 = 0
    /// At a provider that just said it is overloaded: asked after all others.
    private var pressed: UInt64 = 0

    init(_ plan: ExchangePlan) {
        facts = plan.facts
        tried = plan.excluded | plan.drained | plan.unlawful
        restricted = plan.unlawful
        let all = UInt64.max >> UInt64(ExchangePlan.longestCandidates - plan.candidates)
        var standIns: UInt64 = 0
        for place in facts.indices where facts[place].isStandIn { standIns |= .bit(place) }
        ordinary = all & ~standIns
        waiting = ~ordinary
    }

    // MARK: - Asking

    /// What may be asked now and was not tried, in two turns.
    var fresh: (first: UInt64, then: UInt64) { (untried & ~pressed, untried & pressed) }

    /// What may be a last resort.
    var lastResorts: UInt64 { untried & ~out }

    /// What a second run of the same exchange must not ask: every candidate that was asked, by this run or by another one,
    /// and those that are not known to take as much.
    var asked: UInt64 { tried | tooSmall }

    var hasOthers: Bool { untried & ~shut != 0 }

    private var untried: UInt64 { ~(tried | waiting | tooSmall) }

    /// Nobody is left who is allowed and not restricted.
    var noneIsLawful: Bool { ordinary & ~restricted == 0 }

    func prefills(_ candidate: Int) -> Bool {
        candidate < facts.count && facts[candidate].prefills && withoutPrefill & .bit(candidate) == 0
    }

    func mayAskAgain(_ candidate: Int) -> Bool { (tooSmall | out | once) & .bit(candidate) == 0 }

    /// The one that answers where this one's model is gone, unless it was tried, is out itself or takes too little.
    func replacement(of candidate: Int) -> Int? {
        guard candidate < facts.count, let replacement = facts[candidate].replacement,
            (tried | out | tooSmall) & .bit(replacement) == 0
        else { return nil }
        return replacement
    }

    // MARK: - What happens

    mutating func beginRound() {
        shut = 0
        out = 0
    }

    mutating func willTry(_ candidate: Int) {
        tried |= .bit(candidate)
        waiting &= ~.bit(candidate)
    }

    mutating func isShut(_ candidate: Int) { shut |= .bit(candidate) }

    /// Busy, throttled, or too slow to be in time: its breaker may well be closed, so it is no last resort either.
    mutating func isUnfit(_ candidate: Int) {
        shut |= .bit(candidate)
        out |= .bit(candidate)
    }

    mutating func isOut(_ candidate: Int, for failure: FailureClass) {
        shut |= .bit(candidate)
        out |= .bit(candidate)
        if failure == .restricted { restricted |= .bit(candidate) }
    }

    mutating func forbidSecondTry(_ candidate: Int) { once |= .bit(candidate) }

    mutating func refusesPrefill(_ candidate: Int) { withoutPrefill |= .bit(candidate) }

    /// Another run of the same exchange asked these, and was told this.
    mutating func learn(from other: CandidateSets) {
        tried |= other.tried
        tooSmall |= other.tooSmall
        restricted |= other.restricted
        once |= other.once
        pressed |= other.pressed
    }

    /// An attempt failed in a way that changes who else should be asked.
    mutating func learn(_ failure: FailureClass, of candidate: Int) {
        switch failure.policy.moveOn {
        case .toLargerContext: tooSmall |= notLarger(than: candidate)
        case .toLawful: restricted |= .bit(candidate)
        case .never, .toNext, .toReplacement: break
        }
        if failure == .capacity, candidate < facts.count {
            for place in facts.indices where facts[place].provider == facts[candidate].provider {
                pressed |= .bit(place)
            }
        }
    }

    /// Where nothing is known, nobody is known to be larger.
    private func notLarger(than candidate: Int) -> UInt64 {
        guard candidate < facts.count, let size = facts[candidate].contextTokens else { return .max }
        return facts.indices.reduce(0) { $0 | (facts[$1].contextTokens ?? 0 <= size ? .bit($1) : 0) }
    }
}

extension UInt64 {
    static func bit(_ place: Int) -> UInt64 { 1 << UInt64(place) }

    /// The places of the bits that are set, lowest first.
    struct Places: Sequence, IteratorProtocol {
        fileprivate var rest: UInt64

        mutating func next() -> Int? {
            guard rest != 0 else { return nil }
            defer { rest &= rest &- 1 }
            return rest.trailingZeroBitCount
        }
    }

    var places: Places { Places(rest: self) }
}
