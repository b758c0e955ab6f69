package import HoldfastCore

/// What a provider says of its limits with every answer: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` of
/// OpenAI and those who copy it, and `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-…`.
package enum RateLimitHeaders {
    private struct Statement {
        var limit: Int64?
        var remaining: Int64?
        var reset: Int64?
    }

    private enum Part {
        case limit, remaining, reset
    }

    /// - Parameter wallClockMilliseconds: now, since 1970, for a reset given as a date.
    /// - Returns: one for each dimension of which is said how much remains.
    package static func read(_ head: UpstreamHead, wallClockMilliseconds: Int64) -> [StatedLimit] {
        guard head.hasRateLimits else { return [] }
        var statements = [Statement](repeating: Statement(), count: LimitDimension.allCases.count)
        head.forEachField { name, value in
            guard let (dimension, part) = meaning(of: name.lowercased()) else { return }
            switch part {
            case .limit: statements[dimension.rawValue].limit = amount(value)
            case .remaining: statements[dimension.rawValue].remaining = amount(value)
            case .reset: statements[dimension.rawValue].reset = reset(value, wallClockMilliseconds)
            }
        }
        return LimitDimension.allCases.compactMap { dimension in
            let statement = statements[dimension.rawValue]
            return statement.remaining.map {
                StatedLimit(
                    dimension: dimension, limit: statement.limit, remaining: $0, resetNanoseconds: statement.reset)
            }
        }
    }

    /// Limits of a day are left to the 429 that ends them: they would hide those of the minute, which come and go.
    private static func meaning(of name: String) -> (LimitDimension, Part)? {
        if name.hasPrefix("x-ratelimit-") {
            let words = name.dropFirst("x-ratelimit-".count)
            guard let dash = words.firstIndex(of: "-"), let part = part(words[..<dash]) else { return nil }
            var what = words[words.index(after: dash)...]
            if what.hasSuffix("-minute") { what = what.dropLast("-minute".count) }
            return dimension(what).map { ($0, part) }
        }
        guard name.hasPrefix("anthropic-ratelimit-") else { return nil }
        let words = name.dropFirst("anthropic-ratelimit-".count)
        guard let dash = words.lastIndex(of: "-"), let part = part(words[words.index(after: dash)...]) else {
            return nil
        }
        return dimension(words[..<dash]).map { ($0, part) }
    }

    private static func part(_ word: Substring) -> Part? {
        switch word {
        case "limit": .limit
        case "remaining": .remaining
        case "reset": .reset
        default: nil
        }
    }

    private static func dimension(_ words: Substring) -> LimitDimension? {
        switch words {
        case "requests": .requests
        case "tokens": .tokens
        case "input-tokens": .inputTokens
        case "output-tokens": .outputTokens
        default: nil
        }
    }

    /// Some servers go below zero when a limit is passed.
    private static func amount(_ text: String) -> Int64? {
        Int64(text).map { max($0, 0) }
    }

    /// A Go duration, plain seconds, or a date.
    private static func reset(_ text: String, _ wallClockMilliseconds: Int64) -> Int64? {
        if let span = GoDuration.nanoseconds(text) { return span }
        if let span = RetryAfter.nanoseconds(
            milliseconds: nil, retryAfter: text, wallClockSeconds: wallClockMilliseconds / 1_000)
        {
            return span
        }
        return RFC3339.unixMilliseconds(text).map { max($0 - wallClockMilliseconds, 0) * Span.millisecond }
    }
}

/// `2027-03-31T12:00:00Z`, with or without a fraction, in UTC or with an offset.
package enum RFC3339 {
    /// Milliseconds since 1970; nil where the text is no such time.
    package static func unixMilliseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[10] | 0x20 == UInt8(ascii: "t"), bytes[13] == ASCII.colon,
            bytes[16] == ASCII.colon,
            let day = CalendarDay(String(decoding: bytes[..<10], as: UTF8.self)),
            let hour = decimal(bytes[11..<13]), let minute = decimal(bytes[14..<16]),
            let second = decimal(bytes[17..<19]),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var rest = bytes[19...]
        var milliseconds: Int64 = 0
        if rest.first == ASCII.dot {
            let digits = rest.dropFirst().prefix { ASCII.isDigit($0) }
            guard !digits.isEmpty else { return nil }
            milliseconds = decimal(Array((digits + Array(repeating: ASCII.zero, count: 3)).prefix(3))[...]) ?? 0
            rest = rest.dropFirst(1 + digits.count)
        }
        guard let offset = offsetMinutes(rest) else { return nil }
        let seconds = day.daysSince1970 * 86_400 + (hour * 60 + minute - offset) * 60 + second
        return seconds * 1_000 + milliseconds
    }

    private static func offsetMinutes(_ text: ArraySlice<UInt8>) -> Int64? {
        let bytes = Array(text)
        if bytes.count == 1, bytes[0] | 0x20 == UInt8(ascii: "z") { return 0 }
        guard bytes.count == 6, bytes[3] == ASCII.colon, let hours = decimal(bytes[1..<3]),
            let minutes = decimal(bytes[4..<6]),
            hours < 24, minutes < 60
        else { return nil }
        switch bytes[0] {
        case UInt8(ascii: "+"): return hours * 60 + minutes
        case ASCII.minus: return -(hours * 60 + minutes)
        default: return nil
        }
    }

    private static func decimal(_ digits: ArraySlice<UInt8>) -> Int64? {
        digits.allSatisfy { ASCII.isDigit($0) } ? digits.reduce(0) { $0 * 10 + Int64($1 - ASCII.zero) } : nil
    }
}
