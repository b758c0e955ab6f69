import HoldfastCore
import NIOCore
import NIOHTTP1

/// Puts answers into bytes: heads, whole bodies and the chunks of streams. Written by hand rather than by NIO's
/// encoder, because faults need broken framing and a stream's event should cost one write.
struct ResponseWriter {
    /// HTTP/1.0 knows no chunks: there the end of the connection is the end of a stream.
    var chunked = true
    var closes = false
    private var scratch = ByteBuffer()

    struct Head {
        var status: Int
        var contentType: String
        var extra: [(String, String)] = []
    }

    static let json = "application/json"

    func head(_ head: Head, contentLength: Int?, into out: inout ByteBuffer) {
        let phrase = HTTPResponseStatus(statusCode: head.status).reasonPhrase
        out.writeString("HTTP/1.1 \(head.status) \(phrase)\r\ncontent-type: \(head.contentType)\r\n")
        if let contentLength {
            out.writeString("content-length: \(contentLength)\r\n")
        } else if chunked {
            out.writeString("transfer-encoding: chunked\r\n")
        }
        for (name, value) in head.extra { out.writeString("\(name): \(value)\r\n") }
        if closes { out.writeString("connection: close\r\n") }
        out.writeString("\r\n")
    }

    /// `share` of the body is sent: 1 all of it, 0.5 half of what the head announces.
    func whole(_ head: Head, body: String, half: Bool = false, into out: inout ByteBuffer) {
        self.head(head, contentLength: body.utf8.count, into: &out)
        if half {
            out.writeBytes(body.utf8.prefix(body.utf8.count / 2))
        } else {
            out.writeString(body)
        }
    }

    mutating func event(into out: inout ByteBuffer, _ write: (inout ByteBuffer) -> Void) {
        guard chunked else { return write(&out) }
        scratch.clear()
        write(&scratch)
        out.writeString(String(scratch.readableBytes, radix: 16))
        out.writeStaticString("\r\n")
        out.writeBuffer(&scratch)
        out.writeStaticString("\r\n")
    }

    func endOfStream(into out: inout ByteBuffer) {
        if chunked { out.writeStaticString("0\r\n\r\n") }
    }
}

/// The headers that a real provider puts on its answers.
enum ProviderHeaders {
    private static let requestLimit = 10_000
    private static let tokenLimit = 2_000_000

    static func common(serial: UInt64, seed: UInt64, processingNanoseconds: Int64) -> [(String, String)] {
        var identifiers = SeededRandom(seed: ~seed ^ serial)
        return [
            ("x-request-id", "req_" + String(identifiers.next(), radix: 16)),
            ("openai-processing-ms", String(processingNanoseconds / Span.millisecond)),
            ("openai-version", "2020-10-01"),
        ]
    }

    static let limits: [(String, String)] = [
        ("x-ratelimit-limit-requests", String(requestLimit)),
        ("x-ratelimit-limit-tokens", String(tokenLimit)),
        ("x-ratelimit-remaining-requests", String(requestLimit - 1)),
        ("x-ratelimit-remaining-tokens", String(tokenLimit - 100)),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-reset-tokens", "3ms"),
    ]

    static func limited(
        _ wait: RateLimitWait, delayNanoseconds: Int64, wallSeconds: Int
    ) -> [(String, String)] {
        // Rounded up: a client that comes back when it was told to must not be early.
        let seconds = Int((delayNanoseconds + Span.second - 1) / Span.second)
        let milliseconds = (delayNanoseconds + Span.millisecond - 1) / Span.millisecond
        return switch wait {
        case .none: []
        case .seconds: [("retry-after", String(seconds))]
        case .httpDate: [("retry-after", HTTPDate.text(secondsSince1970: wallSeconds + seconds))]
        case .milliseconds: [("retry-after-ms", String(milliseconds))]
        case .resetHeaders:
            [
                ("x-ratelimit-limit-requests", String(requestLimit)),
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", goDuration(milliseconds: milliseconds)),
                ("x-ratelimit-limit-tokens", String(tokenLimit)),
                ("x-ratelimit-remaining-tokens", String(tokenLimit - 100)),
                ("x-ratelimit-reset-tokens", "3ms"),
            ]
        }
    }

    /// As Go prints a duration: `12ms`, `1.5s`, `6m0s`.
    static func goDuration(milliseconds: Int64) -> String {
        if milliseconds < 1_000 { return "\(milliseconds)ms" }
        let minutes = milliseconds / 60_000
        let rest = milliseconds % 60_000
        var fraction = String(rest % 1_000 + 1_000).dropFirst()
        while fraction.last == "0" { fraction = fraction.dropLast() }
        let seconds = "\(rest / 1_000)" + (fraction.isEmpty ? "" : "." + fraction) + "s"
        if minutes >= 60 { return "\(minutes / 60)h\(minutes % 60)m\(seconds)" }
        return minutes > 0 ? "\(minutes)m\(seconds)" : seconds
    }
}
