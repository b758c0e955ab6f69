@testable import HoldfastCore

func at(_ seconds: Int64, _ milliseconds: Int64 = 0) -> Instant {
    Instant(nanoseconds: seconds * Span.second + milliseconds * Span.millisecond)
}

func tokens(_ input: Int64, _ output: Int64 = 0) -> LimitNeed {
    LimitNeed(inputTokens: input, outputTokens: output)
}

extension KnownLimits {
    init(requests: Int? = nil, tokens: Int? = nil) {
        self.init(DeploymentLimits(requestsPerMinute: requests, tokensPerMinute: tokens))
    }

    /// Of an exchange where no reserve is kept.
    mutating func verdict(_ need: LimitNeed = tokens(1), now: Instant) -> LimitVerdict {
        verdict(need: need, isReserved: false, hasReserve: false, now: now)
    }

    mutating func takes(_ count: Int, _ need: LimitNeed = tokens(1), now: Instant) {
        for _ in 0..<count { _ = take(need, now: now) }
    }

    /// Sends an attempt that takes no tokens, and reads this in its answer.
    mutating func learns(
        _ dimension: LimitDimension, limit: Int64? = nil, remaining: Int64, resetSeconds: Int64? = nil, now: Instant
    ) {
        note(
            StatedLimit(
                dimension: dimension, limit: limit, remaining: remaining,
                resetNanoseconds: resetSeconds.map { $0 * Span.second }),
            of: take(tokens(0), now: now), now: now)
    }
}

extension LimitVerdict {
    var isExhausted: Bool {
        if case .exhausted = self { true } else { false }
    }
}
