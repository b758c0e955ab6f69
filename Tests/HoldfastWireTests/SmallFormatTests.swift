import HoldfastCore
import HoldfastWire
import NIOCore
import Testing

@Suite struct RetryAfterTests {
    private func wait(_ retryAfter: String?, milliseconds: String? = nil, now: Int64 = 784_111_777) -> Int64? {
        RetryAfter.nanoseconds(milliseconds: milliseconds, retryAfter: retryAfter, wallClockSeconds: now)
    }

    @Test func seconds() {
        #expect(wait("0") == 0)
        #expect(wait("7") == 7 * Span.second)
        #expect(wait("1.5") == 1_500 * Span.millisecond)
        #expect(wait("-3") == 0)
        #expect(wait("86401") == Span.day)
        #expect(wait("99999999999999999999999") == Span.day)
        for bad in ["", " ", "soon", "1e3", "7s", "--1", ".", "0x10"] { #expect(wait(bad) == nil, "\(bad)") }
        #expect(wait(nil) == nil)
    }

    @Test func milliseconds() {
        #expect(wait("9", milliseconds: "250") == 250 * Span.millisecond)
        #expect(wait("9", milliseconds: "12.5") == 12_500 * Span.microsecond)
        #expect(wait("9", milliseconds: "x") == 9 * Span.second)
    }

    @Test func dates() {
        #expect(wait("Sun, 06 Nov 1994 08:49:47 GMT") == 10 * Span.second)
        #expect(wait("Sun, 06 Nov 1994 08:49:00 GMT") == 0)
        #expect(wait("Fri, 31 Dec 9999 23:59:59 GMT") == Span.day)
        #expect(wait("Sun, 06 Nov 1994 08:49:37 GMT", now: .min) == nil)
        #expect(HTTPDate.unixSeconds("Thu, 01 Jan 1970 00:00:00 GMT") == 0)
        #expect(HTTPDate.unixSeconds("Thu, 29 Feb 2024 12:00:00 GMT") == 1_709_208_000)
        #expect(HTTPDate.unixSeconds("Fri, 01 Mar 2024 00:00:00 GMT") == 1_709_251_200)
        for bad in [
            "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
            "Xxx, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, +6 Nov 1994 08:49:37 GMT",
        ] { #expect(HTTPDate.unixSeconds(bad) == nil, "\(bad)") }
    }

    @Test func goDurations() {
        for (text, expected) in [
            ("0", 0), ("0s", 0), ("12ms", 12 * Span.millisecond), ("6m0s", 6 * Span.minute),
            ("1h2m3.5s", Span.hour + 2 * Span.minute + 3_500 * Span.millisecond), ("59.56s", 59_560 * Span.millisecond),
            ("1\u{B5}s", Span.microsecond), ("2us3ns", 2 * Span.microsecond + 3), (".5s", 500 * Span.millisecond),
            ("99999999999999999999h", .max), ("9999999999h9999999999h", .max),
        ] as [(String, Int64)] { #expect(GoDuration.nanoseconds(text) == expected, "\(text)") }
        for bad in ["", "1", "s", "1x", "1s2", "-1s", "1 s", "1.s.", "."] {
            #expect(GoDuration.nanoseconds(bad) == nil, "\(bad)")
        }
    }
}

@Suite struct JSONTextTests {
    @Test func whatIsWrittenReadsBack() throws {
        for sample in [
            "", "plain", "q\"b\\s/", "\u{0}\u{1}\u{8}\u{C}\n\r\t\u{1F}\u{7F}", "é😀\u{2027}\u{2028}\u{2029}\u{202A}",
            "\u{2028}", "${jndi:x}{{7*7}}\u{1B}[31m", String(repeating: "long\"", count: 1_000),
        ] {
            var buffer = ByteBuffer()
            buffer.writeJSONString(sample)
            let bytes = Array(buffer.readableBytesView)
            #expect(JSONReference.accepts(bytes))
            #expect(!bytes.contains { $0 < 0x20 || $0 == 0x7F })
            try withBytes(bytes) { raw in
                var json = JSONScanner(raw)
                let string = try json.string()
                #expect(json.text(of: string) == sample)
            }
        }
    }

    @Test func errorBodiesAndEvents() {
        var buffer = ByteBuffer()
        OpenAIErrorBody.write(message: "a \"b\"", type: "t", param: nil, code: "c", into: &buffer)
        #expect(
            text(buffer) == "{\"error\":{\"message\":\"a \\\"b\\\"\",\"type\":\"t\",\"param\":null,\"code\":\"c\"}}")
        buffer.clear()
        OpenAIErrorEvent.write(message: "line\nbreak", type: "t", code: nil, into: &buffer)
        #expect(text(buffer).hasSuffix("}}\n\n"))
        let found = buffer.withUnsafeReadableBytes { raw -> ChunkFacts? in
            var scanner = SSEScanner()
            guard let event = try? scanner.nextEvent(in: raw, from: 0) else { return nil }
            #expect(event.range == 0..<raw.count)
            return ChunkFacts.read(event, in: raw)
        }
        #expect(found?.flags == .error)
        buffer.clear()
        buffer.writeJSONInteger(Int64.min)
        #expect(text(buffer) == "-9223372036854775808")
    }
}

@Suite struct HTTPChunkTests {
    @Test(arguments: [1, 9, 15, 16, 255, 256, 4_095, 65_536])
    func whatIsFramedIsReadBack(_ length: Int) throws {
        let body = String(repeating: "b", count: length)
        var buffer = ByteBuffer(string: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        let start = buffer.writerIndex
        HTTPChunk.write(ByteBuffer(string: body), into: &buffer)
        #expect(buffer.getString(at: start, length: String(length, radix: 16).count) == String(length, radix: 16))
        HTTPChunk.write(ByteBuffer(), into: &buffer)
        withBytes("!") { HTTPChunk.write($0, into: &buffer) }
        HTTPChunk.writeLast(into: &buffer)
        var parser = HTTPResponseParser()
        parser.begin()
        parser.feed(buffer)
        var found = ""
        var ended = false
        while !ended, let part = try parser.next() {
            if case .body(let slice) = part { found += text(slice) }
            if case .end(let keepAlive) = part { ended = keepAlive }
        }
        #expect(ended && found == body + "!")
    }
}
