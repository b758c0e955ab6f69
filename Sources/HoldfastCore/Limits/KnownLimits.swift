/// What is known of one deployment's limits before they are hit: those of its owner's contract, from the configuration,
/// and what the provider's answers say remains. Traffic shifts before the 429 comes.
///
/// What it does not know: who else uses the same account, how the provider counts tokens, and when. Statements know all
/// of that but come late, so what was sent since is subtracted; configured limits hold from the first request, but only
/// for what this process sends. Where neither says anything, nothing is known, which is never "exhausted".
///
/// **Answers that overtake each other.** Headers show the limit at some moment between the sending of their attempt and
/// their arrival. So statements are ordered by when their attempts were sent, not by when they came:
///   - one of a later attempt replaces the one in force, and all that was sent after that attempt is subtracted from it.
///     Some of that the provider may have counted already: twice for the length of one answer, which is the safe side;
///   - one of an earlier attempt can only lower what is in force. It may be the older news or the newer; where it is the
///     older and too low, the next answer mends it.
/// The lower of any two, whatever their order, was rejected: under load nothing would ever rise before the reset.
package struct KnownLimits: Sendable {
    private var requestsPerMinute: Int64?
    private var tokensPerMinute: Int64?
    private var window = MinuteWindow()
    /// By dimension.
    private var statements = InlineArray<4, LimitStatement?>(repeating: nil)
    /// Nothing is stated from here on.
    private var statedUntil = Instant.zero
    /// All that was ever taken, by which statements are brought up to date. What is given back stays in: that errs on
    /// the safe side, and for the length of one answer.
    private var takenRequests: Int64 = 0
    private var takenInput: Int64 = 0
    private var takenOutput: Int64 = 0

    package init(_ limits: DeploymentLimits = DeploymentLimits()) {
        configure(limits)
    }

    /// Other limits from now on; what was counted and stated stays.
    package mutating func configure(_ limits: DeploymentLimits) {
        requestsPerMinute = limits.requestsPerMinute.map { Int64($0) }
        tokensPerMinute = limits.tokensPerMinute.map { Int64($0) }
    }

    private var isConfigured: Bool { requestsPerMinute != nil || tokensPerMinute != nil }

    /// An answer's headers, before or after its attempt is settled.
    ///
    /// - Parameter receipt: of the attempt that was answered.
    package mutating func note(_ stated: StatedLimit, of receipt: LimitReceipt, now: Instant) {
        let place = stated.dimension.rawValue
        if let inForce = statements[place], now < inForce.forgottenAt, receipt.sequence <= inForce.sequence {
            statements[place]?.lower(to: stated.remaining, now: now)
            return
        }
        let statement = LimitStatement(
            stated, sequence: receipt.sequence, spent: taken(stated.dimension, since: receipt), now: now)
        statements[place] = statement
        statedUntil = max(statedUntil, statement.forgottenAt)
    }

    private func taken(_ dimension: LimitDimension, since receipt: LimitReceipt) -> Int64 {
        let input = takenInput &- receipt.takenInput
        let output = takenOutput &- receipt.takenOutput
        return switch dimension {
        case .requests: takenRequests - receipt.sequence
        case .tokens: input &+ output
        case .inputTokens: input
        case .outputTokens: output
        }
    }

    /// - Parameters:
    ///   - isReserved: the exchange is critical, and may use the reserve.
    ///   - hasReserve: there are critical exchanges, so that a reserve is kept at all.
    package mutating func verdict(
        need: LimitNeed, isReserved: Bool, hasReserve: Bool, now: Instant
    ) -> LimitVerdict {
        let keepsReserve = hasReserve && !isReserved
        var verdict = LimitVerdict.open
        if isConfigured { verdict = configuredVerdict(need, keepsReserve: keepsReserve, now: now) }
        guard now < statedUntil else { return verdict }
        for place in statements.indices {
            guard let statement = statements[place], now < statement.forgottenAt else { continue }
            verdict = verdict.worse(statement.verdict(need: need, keepsReserve: keepsReserve, now: now))
        }
        return verdict
    }

    private mutating func configuredVerdict(_ need: LimitNeed, keepsReserve: Bool, now: Instant) -> LimitVerdict {
        window.advance(to: now)
        var verdict = LimitVerdict.open
        if let limit = requestsPerMinute {
            verdict = LimitDemand(need: 1, limit: limit, keepsReserve: keepsReserve)
                .verdict(room: limit - window.sum.requests) { room in
                    window.instant(whenAtMost: limit - room, of: { $0.requests })
                }
        }
        if let limit = tokensPerMinute, need.tokens > 0 {
            let ofTokens = LimitDemand(need: need.tokens, limit: limit, keepsReserve: keepsReserve)
                .verdict(room: limit - window.sum.tokens) { room in
                    window.instant(whenAtMost: limit - room, of: { $0.tokens })
                }
            verdict = verdict.worse(ofTokens)
        }
        return verdict
    }

    /// Reserves for an attempt that is made now, whatever the verdict was: a last resort is counted like any other.
    package mutating func take(_ need: LimitNeed, now: Instant) -> LimitReceipt {
        takenRequests += 1
        takenInput &+= need.inputTokens
        takenOutput &+= need.outputTokens
        var second: Int64?
        if isConfigured {
            window.advance(to: now)
            second = window.add(requests: 1, tokens: need.tokens)
        }
        if now < statedUntil {
            for place in statements.indices {
                guard let dimension = statements[place]?.dimension else { continue }
                statements[place]?.spend(need.amount(dimension))
            }
        }
        return LimitReceipt(
            need: need, second: second, sequence: takenRequests, takenInput: takenInput, takenOutput: takenOutput)
    }

    /// Corrects what was reserved by what was reported; what is unknown settles at its estimate.
    package mutating func settle(
        _ receipt: LimitReceipt, usedInputTokens: Int?, usedOutputTokens: Int?, now: Instant
    ) {
        let used = LimitNeed(
            inputTokens: usedInputTokens.map { Int64($0) } ?? receipt.need.inputTokens,
            outputTokens: usedOutputTokens.map { Int64($0) } ?? receipt.need.outputTokens)
        // The safe side again: too high an estimate stays until the next answer, too low a one does not.
        takenInput &+= max(used.inputTokens - receipt.need.inputTokens, 0)
        takenOutput &+= max(used.outputTokens - receipt.need.outputTokens, 0)
        let excess = used.tokens - receipt.need.tokens
        if let second = receipt.second {
            window.advance(to: now)
            if excess > 0 {
                // Output counts as it is written: what nobody reckoned with came late rather than early.
                _ = window.add(requests: 0, tokens: excess)
            } else {
                window.remove(requests: 0, tokens: -excess, second: second)
            }
        }
        correct(receipt, now: now) { used.amount($0) - receipt.need.amount($0) }
    }

    /// The attempt was never sent.
    package mutating func giveBack(_ receipt: LimitReceipt, now: Instant) {
        if let second = receipt.second {
            window.advance(to: now)
            window.remove(requests: 1, tokens: receipt.need.tokens, second: second)
        }
        correct(receipt, now: now) { -receipt.need.amount($0) }
    }

    /// Only of attempts sent after the one that was answered: all others are in what the provider says remains.
    private mutating func correct(_ receipt: LimitReceipt, now: Instant, by change: (LimitDimension) -> Int64) {
        guard now < statedUntil else { return }
        for place in statements.indices {
            guard let statement = statements[place], receipt.sequence > statement.sequence else { continue }
            statements[place]?.spend(change(statement.dimension))
        }
    }
}
