/// What one attempt will count for at its deployment, before anyone knows: one request, and estimates of its tokens.
package struct LimitNeed: Sendable, Hashable {
    /// No model reads or writes as much. Keeps every sum of a minute far inside 64 bits, whatever a client asks for.
    package static let mostTokens: Int64 = 1 << 32
    /// English text has about four bytes a token; other scripts and code have fewer, encoded images far more.
    package static let bytesPerToken = 4
    /// Where the client sets no bound and too few answers were seen: few chat answers are longer. Nothing at all would
    /// let the first burst run into the limit; the longest a model can write would keep a deployment out for no reason.
    /// What is reported settles it within one answer.
    package static let unknownOutputTokens = 1_024

    package let inputTokens: Int64
    package let outputTokens: Int64

    package init(inputTokens: Int64, outputTokens: Int64) {
        self.inputTokens = min(max(inputTokens, 0), Self.mostTokens)
        self.outputTokens = min(max(outputTokens, 0), Self.mostTokens)
    }

    /// An estimate, not a count: a tokenizer for every model would cost more than a wrong guess that settles.
    ///
    /// - Parameters:
    ///   - inputBytes: of the request's text.
    ///   - outputTokenBound: what the client sets as `max_tokens`; some providers count all of it when a request comes.
    ///   - learnt: `OutputEstimate.p90` of the deployment.
    package static func estimate(inputBytes: Int, outputTokenBound: Int?, learnt: Int?) -> LimitNeed {
        LimitNeed(
            inputTokens: Int64(tokens(bytes: inputBytes)),
            outputTokens: Int64(outputTokenBound ?? learnt ?? unknownOutputTokens))
    }

    /// Tokens that so many bytes of text may be, rounded up.
    package static func tokens(bytes: Int) -> Int {
        let bytes = max(bytes, 0)
        return bytes / bytesPerToken + (bytes % bytesPerToken == 0 ? 0 : 1)
    }

    var tokens: Int64 { inputTokens + outputTokens }

    func amount(_ dimension: LimitDimension) -> Int64 {
        switch dimension {
        case .requests: 1
        case .tokens: tokens
        case .inputTokens: inputTokens
        case .outputTokens: outputTokens
        }
    }
}

/// What providers put a limit on.
package enum LimitDimension: Int, Sendable, Hashable, CaseIterable {
    case requests
    /// In both directions together.
    case tokens
    case inputTokens
    case outputTokens
}

/// What was reserved for one attempt, and where. It is settled once, or given back once.
package struct LimitReceipt: Sendable, Hashable {
    package let need: LimitNeed
    /// The second of the window that it is counted in; nil: no limit was configured, so nothing was counted.
    let second: Int64?
    /// Its place in the order of sending, from 1.
    let sequence: Int64
    /// All that had been taken until then, itself included.
    let takenInput: Int64
    let takenOutput: Int64
}

/// Whether an attempt fits what is known of a deployment's limits.
package enum LimitVerdict: Sendable, Hashable {
    case open
    /// Little would remain: another candidate first, but this one where no other is left.
    case scarce(until: Instant)
    /// Not before `until`.
    case exhausted(until: Instant)

    /// Of two dimensions the worse; of two that are as bad the one that lasts longer, since both have to be over.
    func worse(_ other: LimitVerdict) -> LimitVerdict {
        switch (self, other) {
        case (.exhausted(let one), .exhausted(let two)): .exhausted(until: max(one, two))
        case (.exhausted, _): self
        case (_, .exhausted): other
        case (.scarce(let one), .scarce(let two)): .scarce(until: max(one, two))
        case (.scarce, .open): self
        case (.open, _): other
        }
    }
}

/// How much room a need asks for in one dimension.
struct LimitDemand {
    /// A fifth of each limit is kept for critical exchanges, where there are any.
    static let reservePart: Int64 = 5
    /// Traffic shifts while a tenth is left: what is under way and not yet counted finds room there.
    static let scarcePart: Int64 = 10

    /// With less it has to wait.
    let leastRoom: Int64
    /// With less another candidate is the better choice.
    let easyRoom: Int64

    /// Parts are rounded down: a limit of four keeps no reserve, and a limit of one is not always scarce.
    init(need: Int64, limit: Int64?, keepsReserve: Bool) {
        guard let limit else {
            (leastRoom, easyRoom) = (need, need)
            return
        }
        let reserve = keepsReserve ? limit / Self.reservePart : 0
        // A need above all that it could ever have would wait for ever. It goes when nothing else is counted: either the
        // estimate is too high, and only an answer can show that, or the provider says that it is too large.
        leastRoom = min(need, limit - reserve) + reserve
        easyRoom = need + limit / Self.scarcePart
    }

    /// - Parameter instant: when that much room is there.
    func verdict(room: Int64, instant: (Int64) -> Instant) -> LimitVerdict {
        if room < leastRoom { return .exhausted(until: instant(leastRoom)) }
        if room < easyRoom { return .scarce(until: instant(easyRoom)) }
        return .open
    }
}
