package import HoldfastCore

// What a fault does at which point of an answer, as values: no socket, no clock. `FaultPlan` says what the answer is
// and where it ends; `Playback` walks it and yields one cue after the other with the wait before each. The
// connection performs cues and decides nothing.

/// How an answer differs from a good one.
package struct FaultPlan: Equatable, Sendable {
    /// What the head announces.
    package enum Opening: Equatable, Sendable {
        case answer
        /// The request is read and nothing follows.
        case never
        case reset
        case close
        case status(Int, code: String?)
        case rateLimit(RateLimitWait, delayNanoseconds: Int64?)
        case html
        case redirect(location: String?)
    }

    /// How an answer that has begun goes on.
    package enum Ending: Equatable, Sendable {
        case complete
        case withoutDone
        case stall(afterTokens: Int)
        case cut(afterTokens: Int)
        case errorEvent(afterTokens: Int)
        case malformed(afterTokens: Int)
        case empty(done: Bool)
    }

    package var opening = Opening.answer
    package var ending = Ending.complete
    /// Before the head, in place of the usual pace.
    package var headDelayNanoseconds: Int64?
    /// Between the head and the first token, in place of the usual pace.
    package var firstTokenDelayNanoseconds: Int64?
    package var gapNanoseconds: Int64?

    package static let good = FaultPlan()

    /// `reused`: the connection has carried a request before this one.
    package static func of(_ fault: Fault?, reused: Bool) -> FaultPlan {
        switch fault {
        case nil, .refuse: good
        case .reset: FaultPlan(opening: .reset)
        case .silence: FaultPlan(opening: .never)
        case .slowFirstToken(let delay): FaultPlan(headDelayNanoseconds: 0, firstTokenDelayNanoseconds: delay)
        case .slowHead(let delay): FaultPlan(headDelayNanoseconds: delay, firstTokenDelayNanoseconds: 0)
        case .slowTokens(let gap): FaultPlan(gapNanoseconds: gap)
        case .stall(let tokens): FaultPlan(ending: .stall(afterTokens: tokens))
        case .cut(let tokens): FaultPlan(ending: .cut(afterTokens: tokens))
        case .status(let status, let code): FaultPlan(opening: .status(status, code: code))
        case .rateLimit(let wait, let delay): FaultPlan(opening: .rateLimit(wait, delayNanoseconds: delay))
        case .malformed(let tokens): FaultPlan(ending: .malformed(afterTokens: tokens))
        case .html: FaultPlan(opening: .html)
        case .inBandError(let tokens): FaultPlan(ending: .errorEvent(afterTokens: tokens))
        case .empty(let done): FaultPlan(ending: .empty(done: done))
        case .noDone: FaultPlan(ending: .withoutDone)
        case .redirect(let location): FaultPlan(opening: .redirect(location: location))
        case .stale: reused ? FaultPlan(opening: .close) : good
        }
    }
}

/// The usual pace of a provider.
package struct Pacing: Equatable, Sendable {
    /// From the request to the first token.
    package var firstTokenNanoseconds: Int64
    package var tokenGapNanoseconds: Int64

    package init(firstTokenNanoseconds: Int64, tokenGapNanoseconds: Int64) {
        self.firstTokenNanoseconds = firstTokenNanoseconds
        self.tokenGapNanoseconds = tokenGapNanoseconds
    }

    package static let believable = Pacing(
        firstTokenNanoseconds: 200 * Span.millisecond, tokenGapNanoseconds: 20 * Span.millisecond)
    package static let instant = Pacing(firstTokenNanoseconds: 0, tokenGapNanoseconds: 0)

    /// Within a quarter either way: enough that two streams do not beat in step, not enough to look like a fault.
    static func jittered(_ nanoseconds: Int64, using random: inout SeededRandom) -> Int64 {
        nanoseconds - nanoseconds / 4 + random.below(nanoseconds / 2 + 1)
    }
}

/// What an answer consists of.
package enum AnswerShape: Equatable, Sendable {
    case stream(tokens: Int, role: Bool, usage: Bool)
    /// One body; `tokens` only paces it.
    case unary(tokens: Int)
}

package enum Cue: Equatable, Sendable {
    /// Head of a stream.
    case streamHead
    case role
    case token(Int)
    case finish
    case usage
    case done
    case malformedEvent
    case errorEvent
    /// The regular end of a stream's body.
    case streamEnd
    /// Head and body of a unary answer.
    case body
    /// Head and half of what it announces.
    case halfBody
    case malformedBody
    case errorBody
    case emptyBody
    case status(Int, code: String?)
    case rateLimit(RateLimitWait, delayNanoseconds: Int64?)
    case html
    case redirect(location: String?)
    /// Nothing more, and the connection stays open.
    case hang
    case close
    case reset
}

package struct Beat: Equatable, Sendable {
    /// The wait since the beat before.
    package var delayNanoseconds: Int64
    package var cue: Cue

    package init(_ cue: Cue, after delayNanoseconds: Int64 = 0) {
        self.cue = cue
        self.delayNanoseconds = delayNanoseconds
    }
}

/// Walks an answer. `next()` is nil once it is over.
package struct Playback: Sendable {
    private enum Position: Equatable {
        case start
        case role
        case tokens(next: Int)
        case finish
        case usage
        case done
        case streamEnd
        case streamEndAndClose
        case hang
        case close
        case over
    }

    private let plan: FaultPlan
    private let shape: AnswerShape
    private let pacing: Pacing
    private var random: SeededRandom
    private var position = Position.start

    package init(plan: FaultPlan, shape: AnswerShape, pacing: Pacing, random: SeededRandom) {
        self.plan = plan
        self.shape = shape
        self.pacing = pacing
        self.random = random
    }

    package mutating func next() -> Beat? {
        switch position {
        case .start: start()
        case .role: role()
        case .tokens(let index): token(index)
        case .finish: finish()
        case .usage: usage()
        case .done: step(.done, then: .streamEnd)
        case .streamEnd: step(.streamEnd, then: .over)
        case .streamEndAndClose: step(.streamEnd, then: .close)
        case .hang: step(.hang, then: .over)
        case .close: step(.close, then: .over)
        case .over: nil
        }
    }

    private mutating func step(_ cue: Cue, after delay: Int64 = 0, then following: Position) -> Beat {
        position = following
        return Beat(cue, after: delay)
    }

    private mutating func start() -> Beat {
        switch plan.opening {
        case .answer: break
        case .never: return step(.hang, then: .over)
        case .reset: return step(.reset, then: .over)
        case .close: return step(.close, then: .over)
        case .status(let status, let code): return step(.status(status, code: code), then: .over)
        case .rateLimit(let wait, let delay):
            return step(.rateLimit(wait, delayNanoseconds: delay), then: .over)
        case .html: return step(.html, then: .over)
        case .redirect(let location): return step(.redirect(location: location), then: .over)
        }
        switch shape {
        case .unary(let tokens): return unary(tokens: tokens)
        case .stream(_, let role, _):
            // A provider's head comes before its first token; half way is as good a guess as any.
            let delay =
                plan.headDelayNanoseconds
                ?? Pacing.jittered(pacing.firstTokenNanoseconds / 2, using: &random)
            if case .empty(let done) = plan.ending {
                return step(.streamHead, after: delay, then: done ? .done : .streamEnd)
            }
            return step(.streamHead, after: delay, then: role ? .role : .tokens(next: 0))
        }
    }

    private mutating func unary(tokens: Int) -> Beat {
        let first =
            switch (plan.headDelayNanoseconds, plan.firstTokenDelayNanoseconds) {
            case (nil, nil): Pacing.jittered(pacing.firstTokenNanoseconds, using: &random)
            case (let head, let token): (head ?? 0) + (token ?? 0)
            }
        let gap = plan.gapNanoseconds ?? pacing.tokenGapNanoseconds
        let (rest, overflow) = gap.multipliedReportingOverflow(by: Int64(max(0, tokens - 1)))
        // A day stands for "never comes" where a long gap times many tokens is beyond all bounds.
        let delay = overflow ? Span.day : first + min(rest, Span.day)
        return switch plan.ending {
        case .complete, .withoutDone: step(.body, after: delay, then: .over)
        case .stall: step(.halfBody, after: delay, then: .hang)
        case .cut: step(.halfBody, after: delay, then: .close)
        case .errorEvent: step(.errorBody, after: delay, then: .over)
        case .malformed: step(.malformedBody, after: delay, then: .over)
        case .empty: step(.emptyBody, after: delay, then: .over)
        }
    }

    private mutating func role() -> Beat {
        // With nothing good before the malformed events, the role is one of them.
        if case .malformed(afterTokens: 0) = plan.ending { return step(.malformedEvent, then: .tokens(next: 0)) }
        return step(.role, then: .tokens(next: 0))
    }

    private mutating func token(_ index: Int) -> Beat {
        guard case .stream(let tokens, _, _) = shape else {
            preconditionFailure("only a stream has single tokens, because a unary answer is one cue")
        }
        let delay = index < tokens ? delayBeforeToken(index) : 0
        switch plan.ending {
        case .stall(let limit) where index >= min(limit, tokens): return step(.hang, then: .over)
        case .cut(let limit) where index >= min(limit, tokens): return step(.close, then: .over)
        case .errorEvent(let limit) where index >= min(limit, tokens):
            return step(.errorEvent, after: delay, then: .streamEndAndClose)
        case .malformed(let limit) where index >= limit && index < tokens:
            return step(.malformedEvent, after: delay, then: .tokens(next: index + 1))
        case .malformed where index >= tokens: return step(.malformedEvent, then: .done)
        default: break
        }
        guard index < tokens else { return finish() }
        return step(.token(index), after: delay, then: .tokens(next: index + 1))
    }

    private mutating func delayBeforeToken(_ index: Int) -> Int64 {
        if index == 0 {
            return plan.firstTokenDelayNanoseconds
                ?? Pacing.jittered(pacing.firstTokenNanoseconds / 2, using: &random)
        }
        return plan.gapNanoseconds ?? Pacing.jittered(pacing.tokenGapNanoseconds, using: &random)
    }

    private mutating func finish() -> Beat {
        step(.finish, then: .usage)
    }

    private mutating func usage() -> Beat {
        let following = plan.ending == .withoutDone ? Position.streamEnd : .done
        guard case .stream(_, _, usage: true) = shape else {
            return step(following == .done ? .done : .streamEnd, then: following == .done ? .streamEnd : .over)
        }
        return step(.usage, then: following)
    }
}
