import NIOCore

/// Complete responses as bytes, made once: the upstream's cost per answer is one reference and one write.
struct CannedAnswers {
    /// A chat completion with a body of about 0.4 KB.
    let unary: ByteBuffer
    /// A whole stream, to be written at once.
    let burst: ByteBuffer
    /// Response head, the role event and, for idle streams, nothing more than the first token after it.
    let streamStart: ByteBuffer
    let idleStart: ByteBuffer
    /// Finish reason, usage, `[DONE]` and the last chunk.
    let streamEnd: ByteBuffer
    let lengthRequired: ByteBuffer

    /// A framed token event whose stamp is rewritten in place for each sending.
    private let stampedEvent: ByteBuffer
    private let stampOffset: Int

    /// Wide enough for centuries of uptime in nanoseconds; fixed, so that an event always has the same size.
    private static let stampDigits = 19

    init(burstEvents: Int) {
        unary = Self.response(
            status: "200 OK", type: "application/json",
            body: #"{"id":"chatcmpl-bench0000000000000000000000","object":"chat.completion","created":1767225600,"#
                + #""model":"bench-unary","choices":[{"index":0,"message":{"role":"assistant","content":"The lease "#
                + #"holds until the anchor drags, and then the second one takes the strain."},"logprobs":null,"#
                + #""finish_reason":"stop"}],"usage":{"prompt_tokens":212,"completion_tokens":16,"#
                + #""total_tokens":228},"system_fingerprint":"fp_bench"}"#)
        lengthRequired = Self.response(
            status: "411 Length Required", type: "application/json",
            body: #"{"error":{"message":"content-length is required","type":"invalid_request_error","code":null}}"#)

        let role = Self.chunk(Self.event(delta: #"{"role":"assistant","content":""}"#))
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
            + "x-accel-buffering: no\r\ntransfer-encoding: chunked\r\n\r\n"
        let usage =
            #"data: {"id":"chatcmpl-bench0000000000000000000000","object":"chat.completion.chunk","#
            + #""created":1767225600,"model":"bench-stream","choices":[],"usage":{"prompt_tokens":212,"#
            + #""completion_tokens":\#(burstEvents),"total_tokens":\#(212 + burstEvents)}}"# + "\n\n"
        let end =
            Self.chunk(Self.event(delta: "{}", finishReason: #""stop""#)) + Self.chunk(usage)
            + Self.chunk("data: [DONE]\n\n") + "0\r\n\r\n"
        // No two tokens alike: a proxy may take a repeated one for a model that has lost its way.
        let tokens = (0..<max(burstEvents, 1)).map { index in
            Self.chunk(Self.event(delta: #"{"content":" strain \#(10_000 + index)"}"#))
        }

        streamStart = ByteBuffer(string: head + role)
        idleStart = ByteBuffer(string: head + role + tokens[0])
        streamEnd = ByteBuffer(string: end)
        burst = ByteBuffer(string: head + role + tokens.joined() + end)

        let blank = String(repeating: "0", count: Self.stampDigits)
        let framed = Self.chunk(Self.event(delta: #"{"content":"t=\#(blank) "}"#))
        stampedEvent = ByteBuffer(string: framed)
        stampOffset = framed.utf8.count - (framed.components(after: "t=")?.utf8.count ?? 0)
    }

    /// A token event that carries `nanoseconds` of the monotonic clock in its content.
    func stamped(_ nanoseconds: Int64) -> ByteBuffer {
        var event = stampedEvent
        var rest = nanoseconds
        for place in (0..<Self.stampDigits).reversed() {
            event.setInteger(UInt8(ascii: "0") + UInt8(rest % 10), at: event.readerIndex + stampOffset + place)
            rest /= 10
        }
        return event
    }

    /// An event of about 250 bytes with the usual fields, among them the ones nobody reads.
    private static func event(delta: String, finishReason: String = "null") -> String {
        #"data: {"id":"chatcmpl-bench0000000000000000000000","object":"chat.completion.chunk","created":1767225600,"#
            + #""model":"bench-stream","service_tier":"default","system_fingerprint":"fp_bench0000","#
            + #""choices":[{"index":0,"delta":\#(delta),"logprobs":null,"finish_reason":\#(finishReason)}]}"# + "\n\n"
    }

    /// Servers flush each event, so each is an HTTP chunk of its own.
    private static func chunk(_ text: String) -> String {
        "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
    }

    private static func response(status: String, type: String, body: String) -> ByteBuffer {
        ByteBuffer(
            string: "HTTP/1.1 \(status)\r\ncontent-type: \(type)\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")
    }
}

extension String {
    /// What follows the first occurrence of `mark`.
    fileprivate func components(after mark: String) -> Substring? {
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(mark) { return rest.dropFirst(mark.count) }
            rest = rest.dropFirst()
        }
        return nil
    }
}
