import HoldfastCore
import HoldfastPractice
import Testing

/// Each fault over a real socket, asked for by model name.
struct FaultTests {
    private let path = "/v1/chat/completions"

    private func ask(_ server: PracticeServer, _ fault: String, stream: Bool) async throws -> Reply {
        try await HoldfastPracticeTests.ask(
            server.port, "POST", path, chat(Fault.modelPrefix + fault, stream: stream, tokens: 6))
    }

    @Test(arguments: [true, false]) func `reset resets`(stream: Bool) async throws {
        try await withServer { server in
            let reply = try await ask(server, "reset", stream: stream)
            #expect(reply.end == .reset && reply.status == 0)
            #expect(server.requests().requests.map(\.outcome) == [.failed])
        }
    }

    @Test func `silence is silent until the client leaves, and that is seen`() async throws {
        try await withServer { server in
            let client = try await RawClient.connect(server.port)
            try await client.send(requestText("POST", path, body: chat("practice-fault-silence").line))
            try await eventually("the request arrives") { server.requests().counts[.active] == 1 }
            await client.close()
            try await eventually("the cancel arrives") { server.requests().counts[.clientLeft] == 1 }
            let record = try #require(server.requests().requests.first)
            #expect(record.clientLeftAfterMilliseconds != nil && record.fault == "silence" && record.status == nil)
        }
    }

    @Test func `a client that leaves a stream is seen`() async throws {
        try await withServer {
            $0.pacing = Pacing(firstTokenNanoseconds: 0, tokenGapNanoseconds: 10 * Span.millisecond)
        } _: { server in
            let client = try await RawClient.connect(server.port)
            try await client.send(requestText("POST", path, body: chat(stream: true, tokens: 30_000).line))
            try await client.wait { text, _ in text.contains("simulated") }
            await client.close()
            try await eventually("the cancel arrives") { server.requests().counts[.clientLeft] == 1 }
            let record = try #require(server.requests().requests.first)
            #expect(record.status == 200 && (1..<30_000).contains(record.tokensSent))
        }
    }

    @Test func `stall sends its tokens and stays open`() async throws {
        try await withServer { server in
            let client = try await RawClient.connect(server.port)
            try await client.send(
                requestText("POST", path, body: chat("practice-fault-stall-2", stream: true).line))
            let seen = try await client.wait { text, _ in text.contains("\" is\"") }
            #expect(seen.end == .open && Reply(seen).streamedText == "This is" && !Reply(seen).complete)
            #expect(server.requests().requests.map(\.outcome) == [.active])
            await client.close()
            let unary = try await RawClient.connect(server.port)
            try await unary.send(requestText("POST", path, body: chat("practice-fault-stall").line))
            let half = Reply(try await unary.wait { text, _ in text.contains("\"choices\"") })
            #expect(half.end == .open && !half.complete && half.status == 200)
            await unary.close()
        }
    }

    @Test func `cut ends in the middle`() async throws {
        try await withServer { server in
            let stream = try await ask(server, "cut-2", stream: true)
            #expect(stream.streamedText == "This is" && !stream.complete && stream.end == .closed)
            let unary = try await ask(server, "cut-2", stream: false)
            #expect(unary.status == 200 && !unary.complete && unary.end == .closed && !unary.body.isEmpty)
            #expect(server.requests().counts[.failed] == 2)
        }
    }

    @Test(arguments: StatusAnswer.known) func `each status has a body of its own`(status: Int) async throws {
        try await withServer { server in
            let reply = try await ask(server, "status-\(status)", stream: true)
            #expect(reply.status == status && reply.complete)
            let error = try #require(try reply.json["error"])
            #expect(error["message"]?.string?.isEmpty == false && error["type"]?.string?.isEmpty == false)
        }
    }

    @Test func `a code chooses the cause`() async throws {
        try await withServer { server in
            let reply = try await ask(server, "status-429-insufficient_quota", stream: false)
            #expect(try reply.json["error"]?["type"] == "insufficient_quota")
            let other = try await ask(server, "status-400-some_code", stream: false)
            #expect(try other.json["error"]?["code"] == "some_code")
        }
    }

    @Test(
        arguments: [
            ("none-5s", [:]),
            ("seconds-5s", ["retry-after": "5"]),
            ("seconds-1500ms", ["retry-after": "2"]),
            ("http_date-5s", ["retry-after": "Fri, 15 Jan 2027 08:00:05 GMT"]),
            ("ms-250ms", ["retry-after-ms": "250"]),
            ("reset_headers-90s", ["x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"]),
            ("reset_headers-1500ms", ["x-ratelimit-reset-requests": "1.5s"]),
            ("reset_headers-12ms", ["x-ratelimit-reset-requests": "12ms"]),
            ("reset_headers-1h", ["x-ratelimit-reset-requests": "1h0m0s"]),
        ] as [(String, [String: String])])
    func `each wait of a 429 has its headers`(argument: String, headers: [String: String]) async throws {
        let time = TestClock()
        try await withServer {
            $0.clock = time.clock
        } _: { server in
            let reply = try await ask(server, "rate_limit-\(argument)", stream: true)
            #expect(reply.status == 429)
            #expect(try reply.json["error"]?["code"] == "rate_limit_exceeded")
            for (name, value) in headers { #expect(reply[name] == value) }
            let waits = ["retry-after", "retry-after-ms", "x-ratelimit-reset-requests"].filter { reply[$0] != nil }
            #expect(waits.count == (headers.isEmpty ? 0 : 1))
        }
    }

    @Test func `malformed is not JSON`() async throws {
        try await withServer { server in
            let stream = try await ask(server, "malformed-1", stream: true)
            #expect(stream.streamedText == "This" && stream.events.last == "[DONE]" && stream.events.count > 4)
            let bad = stream.events.dropFirst(2).dropLast()
            #expect(bad.allSatisfy { (try? JSONValue(parsing: Array($0.utf8))) == nil })
            let unary = try await ask(server, "malformed", stream: false)
            #expect(unary.status == 200 && unary.complete)
            #expect(throws: JSONSyntaxError.self) { try unary.json }
        }
    }

    @Test func `html is a page`() async throws {
        try await withServer { server in
            let reply = try await ask(server, "html", stream: true)
            #expect(reply.status == 200 && reply["content-type"]?.hasPrefix("text/html") == true && reply.complete)
        }
    }

    @Test func `an in-band error ends the stream without DONE`() async throws {
        try await withServer { server in
            let stream = try await ask(server, "in_band_error-2", stream: true)
            #expect(stream.streamedText == "This is" && stream.complete)
            let last = try JSONValue(parsing: Array((stream.events.last ?? "").utf8))
            #expect(last["error"]?["type"] == "server_error" && !stream.body.contains("[DONE]"))
            let unary = try await ask(server, "in_band_error", stream: false)
            #expect(unary.status == 200)
            #expect(try unary.json["error"]?["code"] == "server_error")
        }
    }

    @Test func `empty holds nothing`() async throws {
        try await withServer { server in
            #expect(try await ask(server, "empty", stream: true).events == ["[DONE]"])
            let nothing = try await ask(server, "empty-nothing", stream: true)
            #expect(nothing.body.isEmpty && nothing.complete && nothing.status == 200)
            #expect(try await ask(server, "empty", stream: false).json["choices"] == [])
        }
    }

    @Test func `no_done is a good answer`() async throws {
        try await withServer { server in
            let reply = try await ask(server, "no_done", stream: true)
            #expect(
                reply.complete && !reply.body.contains("[DONE]") && reply.body.contains("\"finish_reason\":\"length\""))
            #expect(server.requests().counts[.answered] == 1)
        }
    }

    @Test func `redirect points elsewhere`() async throws {
        try await withServer { server in
            let reply = try await ask(server, "redirect", stream: false)
            #expect(reply.status == 307 && reply["location"] == "http://elsewhere.invalid/v1/chat/completions")
        }
    }

    @Test func `a stale connection closes when its second request arrives`() async throws {
        try await withServer { server in
            let client = try await RawClient.connect(server.port)
            let body = chat("practice-fault-stale").line
            try await client.send(requestText("POST", path, body: body, closes: false))
            let first = try await client.wait { text, _ in text.hasSuffix("}") }
            #expect(first.end == .open && Reply(first).complete)
            try await client.send(requestText("POST", path, body: body, closes: false))
            let second = try await client.untilEnd()
            #expect(second.text == first.text)
            #expect(server.requests().requests.map(\.outcome) == [.answered, .failed])
        }
    }

    @Test(arguments: ["slow_head-60ms", "slow_first_token-60ms", "slow_tokens-12ms"], [true, false])
    func `slow faults take their time and end well`(fault: String, stream: Bool) async throws {
        try await withServer { server in
            let reply = try await ask(server, fault, stream: stream)
            #expect(reply.status == 200 && reply.complete)
            let record = try #require(server.requests().requests.first)
            #expect(try #require(record.durationNanoseconds) >= 60 * Span.millisecond)
            #expect(record.outcome == .answered)
        }
    }

    @Test func `a slow first token comes after its head and role`() async throws {
        try await withServer { server in
            let client = try await RawClient.connect(server.port)
            let body = chat("practice-fault-slow_first_token-1h", stream: true).line
            try await client.send(requestText("POST", path, body: body))
            let seen = try await client.wait { text, _ in text.contains("assistant") }
            #expect(Reply(seen).events.count == 1 && seen.end == .open)
            await client.close()
        }
    }
}
