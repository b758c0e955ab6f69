import Foundation
import HoldfastCore
import HoldfastPractice
import NIOCore
import NIOPosix
import Testing

struct ControlTests {
    private let chatPath = "/v1/chat/completions"

    @Test func `a leased fault meets requests until its lease ends`() async throws {
        let time = TestClock()
        try await withServer {
            $0.clock = time.clock
        } _: { server in
            let made = try await ask(
                server.port, "POST", "/practice/faults",
                ["fault": "status", "for": "60s", "status": 503, "models": ["practice-large"]])
            #expect(made.status == 201)
            #expect(try made.json["id"] == "fault-1")
            #expect(try made.json["left_ms"] == 60_000)
            #expect(try made.json["expires"] == "Fri, 15 Jan 2027 08:01:00 GMT")
            #expect(try await ask(server.port, "POST", chatPath, chat()).status == 503)
            #expect(try await ask(server.port, "POST", chatPath, chat("practice-small")).status == 200)
            time.advance(59 * Span.second)
            let listed = try await ask(server.port, "GET", "/practice/faults").json["faults"]?.array
            #expect(listed?.first?["left_ms"] == 1_000 && listed?.first?["status"] == 503)
            #expect(try await ask(server.port, "POST", chatPath, chat()).status == 503)
            time.advance(Span.second)
            #expect(try await ask(server.port, "POST", chatPath, chat()).status == 200)
            #expect(try await ask(server.port, "GET", "/practice/faults").json["faults"] == [])
        }
    }

    @Test func `a rate limit asks to wait until its lease ends`() async throws {
        let time = TestClock()
        try await withServer {
            $0.clock = time.clock
        } _: { server in
            try await server.setFault(.rateLimit(.seconds, delayNanoseconds: nil), forNanoseconds: 30 * Span.second)
            time.advance(10 * Span.second)
            #expect(try await ask(server.port, "POST", chatPath, chat())["retry-after"] == "20")
        }
    }

    @Test func `faults end early by id and all together`() async throws {
        try await withServer { server in
            for _ in 0..<3 { try await server.setFault(.status(500, code: nil)) }
            #expect(try await ask(server.port, "DELETE", "/practice/faults/fault-2").status == 200)
            #expect(try await ask(server.port, "DELETE", "/practice/faults/fault-2").status == 404)
            #expect(try await ask(server.port, "DELETE", "/practice/faults").json["ended"] == 2)
            #expect(try await ask(server.port, "POST", chatPath, chat()).status == 200)
        }
    }

    @Test func `a model's own fault goes before a lease, and a lease meets the list of models too`() async throws {
        try await withServer { server in
            try await server.setFault(.status(500, code: nil))
            #expect(try await ask(server.port, "POST", chatPath, chat("practice-fault-status-402")).status == 402)
            #expect(try await ask(server.port, "GET", "/v1/models").status == 500)
        }
    }

    @Test(
        arguments: [
            ("{", nil, "JSON object"),
            (#"{"for":"60s"}"#, "fault", "Known: refuse, reset"),
            (#"{"fault":"bogus","for":"60s"}"#, "fault", "Known: refuse, reset"),
            (#"{"fault":"cut"}"#, "for", "ends by itself"),
            (#"{"fault":"cut","for":"2h"}"#, "for", "at most 1h"),
            (#"{"fault":"cut","for":60}"#, "for", "60s"),
            (#"{"fault":"cut","for":"60s","tokens":5}"#, "tokens", "Known: fault, for, share, models, after_tokens"),
            (#"{"fault":"cut","for":"60s","status":500}"#, "status", "It takes: after_tokens"),
            (#"{"fault":"cut","for":"60s","after_tokens":"5"}"#, "after_tokens", "how many tokens"),
            (#"{"fault":"cut","for":"60s","share":2}"#, "share", "at most 1"),
            (#"{"fault":"cut","for":"60s","models":[]}"#, "models", "leave it out"),
            (#"{"fault":"status","for":"60s","status":299}"#, "status", "one of 400"),
            (#"{"fault":"refuse","for":"60s","models":["a"]}"#, "models", "for everyone"),
        ] as [(String, String?, String)])
    func `a wrong fault is refused with its mend`(body: String, field: String?, mend: String) async throws {
        try await withServer { server in
            let client = try await RawClient.connect(server.port)
            try await client.send(requestText("POST", "/practice/faults", body: body))
            let reply = Reply(try await client.untilEnd())
            #expect(reply.status == 400)
            let error = try #require(try reply.json["error"])
            #expect(error["param"]?.string == field && error["message"]?.string?.contains(mend) == true)
            #expect(server.faults().isEmpty)
        }
    }

    @Test func `other paths and methods are refused`() async throws {
        try await withServer { server in
            #expect(try await ask(server.port, "GET", "/practice/nothing").status == 404)
            let reply = try await ask(server.port, "PUT", "/practice/faults")
            #expect(reply.status == 405 && reply["allow"] == "GET, POST, DELETE")
            #expect(try await ask(server.port, "GET", "/practice/livez").status == 200)
        }
    }

    @Test func `requests are reported as they were sent`() async throws {
        try await withServer { server in
            _ = try await ask(server.port, "POST", chatPath, chat(), headers: ["X-Odd: 1", "x-api-key: secret"])
            let report = try await ask(server.port, "GET", "/practice/requests").json
            #expect(report["counts"]?["answered"] == 1)
            let record = report["requests"]?.array?.first
            #expect(record?["path"] == "/v1/chat/completions" && record?["model"] == "practice-large")
            let headers = record?["headers"]?.array ?? []
            #expect(headers.contains(["name": "X-Odd", "value": "1"]))
            #expect(headers.contains(["name": "x-api-key", "value": "***"]))
        }
    }

    @Test func `the journal keeps the newest and counts all`() async throws {
        try await withServer { server in
            let client = try await RawClient.connect(server.port)
            for number in 1...300 {
                try await client.send(requestText("GET", "/v1/models/practice-\(number)", closes: false))
                try await client.wait { text, _ in text.contains("\"practice-\(number)\"") }
            }
            let report = server.requests()
            #expect(report.counts[.answered] == 300 && report.requests.map(\.number) == Array(45...300))
            await client.close()
        }
    }

    @Test func `refuse closes the listener, resets what is open, and ends with its lease`() async throws {
        try await withServerApart {
            $0.control = ListenAddress(host: "127.0.0.1", port: 0)
        } _: { server in
            let control = try #require(server.controlPort)
            let open = try await RawClient.connect(server.port)
            try await open.send(requestText("POST", chatPath, body: chat("practice-fault-silence").line))
            try await eventually("the request arrives") { server.requests().counts[.active] == 1 }
            let made = try await ask(control, "POST", "/practice/faults", ["fault": "refuse", "for": "8s"])
            #expect(made.status == 201)
            #expect(try await open.untilEnd().end == .reset)
            #expect(server.requests().counts[.aborted] == 1)
            await #expect(throws: (any Error).self) { try await RawClient.connect(server.port) }
            #expect(try await ask(control, "GET", "/practice/faults").json["faults"]?.array?.count == 1)
            #expect(try await ask(control, "POST", chatPath, chat()).status == 404)
            try await eventually("the listener opens again") {
                (try? await ask(server.port, "POST", chatPath, chat()).status) == 200
            }
            #expect(server.faults().isEmpty)
        }
    }

    @Test func `refuse set in process holds at once and ends at once`() async throws {
        try await withServerApart { server in
            try await server.setFault(.refuse)
            await #expect(throws: (any Error).self) { try await RawClient.connect(server.port) }
            await server.clearFaults()
            #expect(try await ask(server.port, "GET", "/v1/models").status == 200)
        }
    }

    @Test func `refuse over the only listener is answered before it closes`() async throws {
        try await withServerApart { server in
            let made = try await ask(server.port, "POST", "/practice/faults", ["fault": "refuse", "for": "300ms"])
            #expect(made.status == 201)
            try await eventually("the listener opens again") {
                (try? await ask(server.port, "GET", "/practice/livez").status) == 200
            }
        }
    }

    @Test func `stopping lets a stream finish and takes nothing new`() async throws {
        var options = PracticeOptions()
        options.listen = ListenAddress(host: "127.0.0.1", port: 0)
        options.pacing = Pacing(firstTokenNanoseconds: 0, tokenGapNanoseconds: 10 * Span.millisecond)
        let server = try await PracticeServer.start(options: options, group: MultiThreadedEventLoopGroup.singleton)
        let client = try await RawClient.connect(server.port)
        let idle = try await RawClient.connect(server.port)
        try await client.send(
            requestText("POST", chatPath, body: chat(stream: true, tokens: 20).line, closes: false))
        try await client.wait { text, _ in text.contains("\"This\"") }
        await server.stop(drainNanoseconds: 10 * Span.second)
        let reply = Reply(try await client.untilEnd())
        #expect(reply.complete && reply.events.last == "[DONE]" && reply.end == .closed)
        #expect(try await idle.untilEnd().end == .closed)
        await #expect(throws: (any Error).self) { try await RawClient.connect(server.port) }
    }

    @Test func `stopping without patience ends what runs`() async throws {
        var options = PracticeOptions()
        options.listen = ListenAddress(host: "127.0.0.1", port: 0)
        let server = try await PracticeServer.start(options: options, group: MultiThreadedEventLoopGroup.singleton)
        let client = try await RawClient.connect(server.port)
        try await client.send(requestText("POST", chatPath, body: chat("practice-fault-silence").line))
        try await eventually("the request arrives") { server.requests().counts[.active] == 1 }
        await server.stop()
        #expect(try await client.untilEnd().end == .reset)
    }

    @Test func `a port in use is an error that names it`() async throws {
        try await withServer { server in
            var options = PracticeOptions()
            options.listen = ListenAddress(host: "127.0.0.1", port: server.port)
            let error = await #expect(throws: IOError.self) {
                try await PracticeServer.start(options: options, group: MultiThreadedEventLoopGroup.singleton)
            }
            #expect(error?.errnoCode == EADDRINUSE)
        }
    }
}
