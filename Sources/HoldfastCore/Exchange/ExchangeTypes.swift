/// What an exchange machine is told once, before `started`.
package struct ExchangePlan: Sendable, Hashable {
    /// 1 … `longestCandidates`.
    package var candidates: Int
    package var limits: ExchangeLimits
    package var retries: RouteRetries
    package var criticality: Criticality
    package var isStream: Bool
    /// What becomes of a stream that breaks; means nothing where it is none.
    package var delivery: Delivery
    /// How often a client that waits with an open stream hears that it does; nil: never.
    package var heartbeatNanoseconds: Int64?
    /// Nil where the client set none; may only shorten the route's total.
    package var clientTimeoutNanoseconds: Int64?
    package var strategy = RouteStrategy.ordered
    /// What the exchange is expected to use.
    package var need = TokenNeed(inputTokens: 0, outputTokens: 0)
    /// Candidates whose model is taken away today or was before, a bit each.
    package var retired: UInt64 = 0
    /// A stream whose first token is late is asked for at a second candidate too, and the first of both answers.
    package var hedges = false
    /// Candidates that another run of the same exchange asks, a bit each.
    package var excluded: UInt64 = 0
    /// Candidates that an operator lets nothing new go to, a bit each.
    package var drained: UInt64 = 0
    /// Candidates that may not answer this exchange by law or policy, a bit each.
    package var unlawful: UInt64 = 0
    /// One for each candidate; empty: nothing is known of any.
    package var facts: [CandidateFacts]

    /// One bit each in the machine's masks.
    package static let longestCandidates = 64

    package init(
        candidates: Int, limits: ExchangeLimits, retries: RouteRetries, criticality: Criticality, isStream: Bool,
        delivery: Delivery = .stop, heartbeatNanoseconds: Int64? = nil, clientTimeoutNanoseconds: Int64? = nil,
        facts: [CandidateFacts] = []
    ) {
        precondition(
            facts.isEmpty || facts.count == candidates,
            "\(facts.count) facts for \(candidates) candidates: each has its own because they are found by index")
        self.candidates = candidates
        self.limits = limits
        self.retries = retries
        self.criticality = criticality
        self.isStream = isStream
        self.delivery = delivery
        self.heartbeatNanoseconds = heartbeatNanoseconds
        self.clientTimeoutNanoseconds = clientTimeoutNanoseconds
        self.facts = facts
    }
}

/// What is fixed about a candidate in a snapshot, as far as the choice depends on it.
package struct CandidateFacts: Sendable, Hashable {
    /// The same number for the same provider.
    package var provider: Int
    /// Nil: unknown, which is never taken for large enough.
    package var contextTokens: Int?
    /// The candidate that answers where this one's model is gone.
    package var replacement: Int?
    /// Only asked as somebody's replacement.
    package var isStandIn: Bool
    /// Goes on from an answer that it is given the beginning of.
    package var prefills: Bool
    /// Its share of the traffic where the route shares it by weight.
    package var weight: Int
    package var price: Price?

    package init(
        provider: Int, contextTokens: Int? = nil, replacement: Int? = nil, isStandIn: Bool = false,
        prefills: Bool = false, weight: Int = 1, price: Price? = nil
    ) {
        self.provider = provider
        self.contextTokens = contextTokens
        self.replacement = replacement
        self.isStandIn = isStandIn
        self.prefills = prefills
        self.weight = weight
        self.price = price
    }
}

package enum ExchangeEvent: Sendable, Hashable {
    case started
    /// The attempt has a connection and its request is written.
    case attemptConnected
    /// The reused connection turned out to be closed before any byte of a head: the same attempt goes on over a new one.
    case connectionStale
    /// A head with a success status.
    case headReceived
    /// Part of a stream. `hasToken`: content that a client would show or act on, or the proper end of the answer.
    case chunkReceived(hasToken: Bool)
    /// Part of an attempt that is to continue an answer, and nothing yet that the client does not have.
    case chunkRepeated
    /// Something reached the client that no other candidate can be held to: a tool call, reasoning, too much text.
    case becameUncontinuable
    /// More of an answer is held than may be.
    case holdFilled
    /// A slot of the candidate that was waited for is this exchange's.
    case slotGranted
    /// It waited for too long, or for less than others.
    case slotRefused
    /// The hedge asks this candidate.
    case hedged(candidate: Int)
    /// The answer is complete and in order: the whole unary body, or the stream's own end.
    case upstreamEnded
    /// The provider says that asking it again cannot help; comes before the failure.
    case secondTryForbidden
    /// `retryAfterNanoseconds`: what the provider asked for.
    case attemptFailed(FailureClass, retryAfterNanoseconds: Int64?)
    case timerFired
    case clientGone
}

/// What the driver does next. `cancelsAttempt` comes first: the attempt in flight is given up and its connection closed.
package struct ExchangeStep: Sendable, Hashable {
    package enum Action: Sendable, Hashable {
        /// Nothing to do until the next event.
        case none
        /// Send the request to this candidate.
        case sendAttempt(candidate: Int)
        /// Keep what was received; nothing reaches the client yet.
        case hold
        /// Send what was received to the client, and whatever was held before it.
        case forward
        /// Ask for the same a second time, by a run of its own that excludes the candidates in `asked`.
        case hedge
        /// Tell the client that its answer is still being waited for.
        case heartbeat
        case finish(ExchangeEnd)
    }

    package var cancelsAttempt: Bool
    package var action: Action

    package init(cancelsAttempt: Bool = false, _ action: Action) {
        self.cancelsAttempt = cancelsAttempt
        self.action = action
    }
}

/// How an exchange ended: exactly one of these, once.
package enum ExchangeEnd: Sendable, Hashable {
    case answered
    case clientGone
    /// Before any of an answer reached the client: it gets an error of its dialect.
    case refused(ExchangeRefusal)
    /// After content reached the client: it gets an in-band error event, and never the dialect's normal end.
    case interrupted(FailureClass)
}

extension ExchangeEnd {
    /// Nothing is left to wait for, although another run of the exchange may be at it: content has come, or the provider
    /// that was asked first blames the request or declines its content, and that is passed on at once.
    package var isLastWord: Bool {
        switch self {
        case .answered, .interrupted: true
        case .refused(.upstreamAnswer(let failure)): failure.policy.moveOn == .never
        case .refused, .clientGone: false
        }
    }
}

package enum ExchangeRefusal: Sendable, Hashable {
    /// The provider's own answer is passed on: the request itself is at fault, or the content was declined.
    case upstreamAnswer(FailureClass)
    /// Every candidate was tried and failed; the class of the last.
    case everyCandidateFailed(FailureClass)
    /// No candidate may be used now.
    case noneAvailable(retryAfterNanoseconds: Int64)
    /// Every candidate is refused by law or policy, and only a person can change that.
    case noneLawful
    case deadlinePassed
}

/// One try of an exchange at one deployment, for the record.
package struct AttemptRecord: Sendable, Hashable {
    package var candidate: Int
    package var startedAt: Instant
    package var endedAt: Instant?
    package var firstTokenAt: Instant?
    /// How it was asked to continue an answer that had broken off; nil: it was asked from the beginning.
    package var continuation: Continuation.Method?
    /// Nil while it runs, and for the attempt that answered.
    package var failure: FailureClass?

    package init(candidate: Int, startedAt: Instant) {
        self.candidate = candidate
        self.startedAt = startedAt
    }
}

/// A candidate that was passed over, for the record.
package struct CandidateExclusion: Sendable, Hashable {
    package enum Reason: Sendable, Hashable {
        case refused(CandidateRefusal)
        /// Would hardly have answered in time.
        case tooSlow
        /// Its model is taken away: whoever replaces it came first.
        case retired
        /// An operator lets nothing new go there.
        case drained
        /// By law or policy.
        case unlawful
    }

    package var candidate: Int
    package var reason: Reason
    package var at: Instant
}
