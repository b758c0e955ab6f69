import HoldfastCore
import NIOCore
import Testing

@testable import HoldfastWire

@Suite struct RateLimitHeadersTests {
    private static let now: Int64 = 1_800_000_000_000

    private func read(_ fields: String...) throws -> [StatedLimit] {
        var parser = HTTPResponseParser()
        parser.begin()
        let head = "HTTP/1.1 200 OK\r\n" + fields.map { $0 + "\r\n" }.joined() + "content-length: 0\r\n\r\n"
        parser.feed(ByteBuffer(string: head))
        guard case .head(let found)? = try parser.next() else { return [] }
        return RateLimitHeaders.read(found, wallClockMilliseconds: Self.now)
    }

    @Test func openAISpeaksOfRequestsAndTokens() throws {
        let found = try read(
            "x-ratelimit-limit-requests: 500", "X-RateLimit-Remaining-Requests: 499",
            "x-ratelimit-reset-requests: 120ms",
            "x-ratelimit-limit-tokens: 30000", "x-ratelimit-remaining-tokens: 29000", "x-ratelimit-reset-tokens: 6m0s")
        #expect(
            found == [
                StatedLimit(dimension: .requests, limit: 500, remaining: 499, resetNanoseconds: 120 * Span.millisecond),
                StatedLimit(dimension: .tokens, limit: 30_000, remaining: 29_000, resetNanoseconds: 6 * Span.minute),
            ])
    }

    @Test func anthropicGivesDates() throws {
        let found = try read(
            "anthropic-ratelimit-input-tokens-limit: 1000", "anthropic-ratelimit-input-tokens-remaining: 0",
            "anthropic-ratelimit-input-tokens-reset: 2027-01-15T08:00:30Z",
            "anthropic-ratelimit-output-tokens-remaining: 7")
        #expect(
            found == [
                StatedLimit(
                    dimension: .inputTokens, limit: 1_000, remaining: 0, resetNanoseconds: 30 * Span.second),
                StatedLimit(dimension: .outputTokens, limit: nil, remaining: 7, resetNanoseconds: nil),
            ])
    }

    @Test func whatIsNotUnderstoodSaysNothing() throws {
        #expect(try read("x-request-id: 1").isEmpty)
        #expect(try read("x-ratelimit-remaining-requests: many", "x-ratelimit-limit-requests: 5").isEmpty)
        #expect(try read("x-ratelimit-remaining-requests-day: 3", "x-ratelimit-remaining: 9").isEmpty)
        let found = try read("x-ratelimit-remaining-tokens-minute: -4", "x-ratelimit-reset-tokens-minute: soon")
        #expect(found == [StatedLimit(dimension: .tokens, limit: nil, remaining: 0, resetNanoseconds: nil)])
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2027-01-15T08:00:00Z", 1_800_000_000_000),
            ("2027-01-15t08:00:00.25z", 1_800_000_000_250), ("2027-01-15T09:30:00+01:30", 1_800_000_000_000),
            ("2027-01-15T08:00:00.123456789-00:00", 1_800_000_000_123), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ] as [(String, Int64)])
    func timesAreRead(text: String, milliseconds: Int64) {
        #expect(RFC3339.unixMilliseconds(text) == milliseconds)
    }

    @Test(arguments: [
        "", "2027-01-15", "2027-01-15T08:00:00", "2027-13-15T08:00:00Z", "2027-01-15T25:00:00Z",
        "2027-01-15T08:00:00.Z",
        "2027-01-15T08:00:00+0100", "2027-01-15 08:00:00Z", "2027-01-15T08-00-00Z", "xxxx-01-15T08:00:00Z",
    ])
    func otherTextsAreNone(text: String) {
        #expect(RFC3339.unixMilliseconds(text) == nil)
    }
}
