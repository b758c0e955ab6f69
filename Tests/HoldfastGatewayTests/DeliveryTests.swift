import Foundation
import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// A stream that breaks after its first token: continued word for word, or held back until it is whole.
    struct DeliveryTests {
        private static let breaks: [Fault] = [
            .cut(afterTokens: 6), .stall(afterTokens: 6), .inBandError(afterTokens: 6), .malformed(afterTokens: 6),
        ]

        private func wholeAnswer(_ gateway: GatewayServer, _ primary: PracticeServer) async throws -> String {
            await primary.clearFaults()
            return try await gateway.ask(chat(stream: true, tokens: 20)).streamedText
        }

        // MARK: - Splice

        @Test(arguments: breaks) func `a broken stream is continued by a candidate that says the same`(
            fault: Fault
        ) async throws {
            try await withPair {
                $0.timeouts = Setup.brisk
            } _: { gateway, primary, backup in
                try await primary.setFault(fault)
                let reply = try await gateway.ask(chat(stream: true, tokens: 20))
                #expect(reply.isComplete && reply.hasWholeEventsOnly && reply.events.last == "[DONE]")
                #expect(reply.comments == ["continued by backup/practice-large (repeated) after truncated"])
                #expect(reply.deployment == "primary/practice-large", "the head had left")
                #expect(backup.requests().requests.count == 1)
                let whole = try await wholeAnswer(gateway, primary)
                #expect(reply.streamedText == whole && whole.split(separator: " ").count == 20)
                let routes = try await gateway.state()["routes"]?.array
                #expect(routes?.first?["ends"]?["answered"] == 2)
                #expect(
                    try await gateway.operations("/metrics").body.contains(
                        "holdfast_continued_total{route=\"assistant\"} 1"))
            }
        }

        @Test func `a candidate that says something else is not joined to it`() async throws {
            try await withPractice { primary in
                try await withPractice {
                    $0.seed = 99
                } _: { backup in
                    var setup = Setup(primary.port, backup.port)
                    setup.timeouts = Setup.brisk
                    try await withGateway(setup) { gateway in
                        try await primary.setFault(.cut(afterTokens: 12))
                        let reply = try await gateway.ask(chat(stream: true, tokens: 20))
                        #expect(reply.isComplete && reply.hasWholeEventsOnly)
                        #expect(reply.streamedText.split(separator: " ").count == 12)
                        #expect(reply.lastError?["code"] == "answer_interrupted" && reply.comments.isEmpty)
                        let state = try await gateway.stateOfDeployment("backup/practice-large")
                        #expect(state["failures"]?["diverged"] == 1 && state["attempts"]?["fail"] == 0)
                    }
                }
            }
        }

        /// A provider that sends these texts, as written in JSON and an event each, and ends properly or breaks off.
        private func stream(_ texts: [String], ends: Bool) -> [ScriptedServer.Move] {
            let events = texts.map { Answers.chunk(Answers.event(content: $0)) }.joined()
            let end = ends ? Answers.chunk(Answers.finish + Answers.done) + Answers.lastChunk : ""
            return [.send(Answers.streamHead + events + end)] + (ends ? [] : [.close])
        }

        /// What a client gets of `first`, which breaks off, and of `second`, which is asked to go on.
        private func joined(
            _ first: [String], _ second: [String], prefill: Bool = false, delivery: String = "splice",
            request: String = chat(stream: true)
        ) async throws -> (reply: Reply, second: [ScriptedServer.Request]) {
            var result: (Reply, [ScriptedServer.Request])?
            try await withScripted { _ in
                stream(first, ends: false)
            } _: { primary in
                try await withScripted { _ in
                    stream(second, ends: true)
                } _: { backup in
                    var setup = Setup(primary.port, backup.port)
                    setup.route = ", delivery: \(delivery)"
                    if prefill { setup.tail = "deployments: {backup/practice-large: {capabilities: [prefill]}}" }
                    try await withGateway(setup) { gateway in
                        result = (try await gateway.ask(request), backup.log.requests)
                    }
                }
            }
            return try #require(result)
        }

        @Test func `the two need not be cut in the same places`() async throws {
            let (reply, _) = try await joined(["He", "llo ", "w"], ["Hel", "lo wor", "ld"])
            #expect(reply.streamedText == "Hello world" && reply.events.last == "[DONE]")
            #expect(reply.comments.count == 1)
        }

        @Test func `escapes are compared by what they mean`() async throws {
            let (reply, _) = try await joined([#"a\"b\n"#, "é"], [#"a\u0022"#, #"b\u000a\u00e9\ud83d\ude00"#, "!"])
            #expect(reply.streamedText == "a\"b\né\u{1F600}!" && reply.hasWholeEventsOnly)
        }

        @Test func `all had been said and only the end was missing`() async throws {
            let (reply, _) = try await joined(["Hello"], ["Hello"])
            #expect(reply.streamedText == "Hello" && reply.events.last == "[DONE]" && reply.isComplete)
        }

        @Test func `an answer that ends sooner is another answer`() async throws {
            let (reply, _) = try await joined(["Hello", " world"], ["Hello"])
            #expect(reply.streamedText == "Hello world" && reply.lastError?["code"] == "answer_interrupted")
        }

        @Test func `a candidate with prefill is given what was sent and goes on`() async throws {
            let (reply, requests) = try await joined(["Hello ", #"\"w"#], [#"orld\""#, "!"], prefill: true)
            #expect(reply.streamedText == "Hello \"world\"!" && reply.events.last == "[DONE]")
            #expect(reply.comments == ["continued by backup/practice-large (prefilled) after truncated"])
            let body = try JSONValue(parsing: Array(try #require(requests.first).body.utf8))
            let last = body["messages"]?.array?.last
            #expect(last?["role"] == "assistant" && last?["content"] == "Hello \"w")
        }

        @Test func `a candidate with prefill that begins again is held to what was sent`() async throws {
            let text = "The quick brown fox jumps over the lazy dog"
            let (again, _) = try await joined(
                [text], ["The quick ", String(text.dropFirst(10)) + " and", " runs"], prefill: true)
            #expect(again.streamedText == text + " and runs")
            let (other, _) = try await joined(
                [text], [String(text.prefix(36)), "something else"], prefill: true)
            #expect(other.streamedText == text && other.lastError != nil)
        }

        @Test(arguments: [
            "\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]",
            "\"reasoning_content\":\"hm\"", "\"refusal\":\"no\"",
        ])
        func `what is no plain text is never continued`(delta: String) async throws {
            let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\(delta)}}]}\n\n"
            try await withScripted { _ in
                [.send(Answers.streamHead + Answers.chunk(event)), .close]
            } _: { primary in
                try await withPractice { backup in
                    try await withGateway(Setup(primary.port, backup.port)) { gateway in
                        let reply = try await gateway.ask(chat(stream: true))
                        #expect(reply.lastError?["code"] == "answer_interrupted")
                        #expect(backup.requests().requests.isEmpty)
                    }
                }
            }
        }

        @Test(arguments: [
            "\"n\":2", "\"response_format\":{\"type\":\"json_object\"}",
            "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{}}}",
        ])
        func `JSON and several choices are never continued`(field: String) async throws {
            let request = post(
                "/v1/chat/completions",
                "{\"model\":\"assistant\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\(field)}"
            )
            let (reply, requests) = try await joined(["Hello"], ["Hello", " world"], request: request)
            #expect(reply.lastError?["code"] == "answer_interrupted" && requests.isEmpty)
        }

        @Test func `a stall after the last word is no loss`() async throws {
            let said = Answers.chunk(Answers.event(content: "all") + Answers.finish)
            try await withScripted { _ in
                [.send(Answers.streamHead + said)]
            } _: { server in
                var setup = Setup(server.port)
                setup.timeouts = Setup.brisk
                try await withGateway(setup) { gateway in
                    let reply = try await gateway.ask(chat(stream: true))
                    #expect(reply.isComplete && reply.streamedText == "all" && reply.events.last == "[DONE]")
                }
            }
        }

        @Test func `a cut after the last word is no loss`() async throws {
            let said = Answers.chunk(Answers.event(content: "all") + Answers.finish)
            for rest in ["", Answers.chunk("data: [DO")] {
                try await withScripted { _ in
                    [.send(Answers.streamHead + said + rest), .close]
                } _: { server in
                    try await withGateway(Setup(server.port)) { gateway in
                        let reply = try await gateway.ask(chat(stream: true))
                        #expect(reply.isComplete && reply.streamedText == "all" && reply.events.last == "[DONE]")
                        #expect(reply.hasWholeEventsOnly)
                    }
                }
            }
        }

        @Test func `the record keeps what the broken leg used`() async throws {
            try await withFolder { folder in
                let file = folder.appending(path: "access.log")
                try await withPair {
                    $0.timeouts = Setup.brisk
                    $0.accessLog = file.path
                    $0.tail = "deployments: {primary/practice-large: {price: {input: 1, output: 1000}}}"
                } _: { gateway, primary, _ in
                    try await primary.setFault(.cut(afterTokens: 6))
                    _ = try await gateway.ask(chat(stream: true, tokens: 20))
                    try await eventually("the line is written") { try accessLogLines(of: file).count == 1 }
                    let line = try #require(try accessLogLines(of: file).first)
                    let attempts = line["attempts"]?.array ?? []
                    #expect(attempts.first?["failure"] == "truncated")
                    #expect(attempts.first?["estimated_output_tokens"] == 6 && attempts.first?["output_tokens"] == nil)
                    let cost = attempts.first?["estimated_cost_micros"]?.integer ?? 0
                    #expect(cost > 6_000 && cost < 6_100)
                    #expect(attempts.last?["continues"] == "repeated")
                    #expect(line["output_tokens"] == 20 && line["end"] == "answered")
                }
            }
        }

        // MARK: - Hold

        @Test(arguments: breaks) func `a held answer begins anew elsewhere`(fault: Fault) async throws {
            try await withPractice { primary in
                try await withPractice {
                    $0.seed = 99
                } _: { backup in
                    var setup = Setup(primary.port, backup.port)
                    setup.timeouts = Setup.brisk
                    setup.route = ", delivery: hold"
                    try await withGateway(setup) { gateway in
                        try await primary.setFault(fault)
                        let reply = try await gateway.ask(chat(stream: true, tokens: 20))
                        #expect(reply.isComplete && reply.hasWholeEventsOnly && reply.events.last == "[DONE]")
                        #expect(reply.deployment == "backup/practice-large" && reply.degraded == "failover")
                        #expect(reply.streamedText.split(separator: " ").count == 20 && reply.comments.isEmpty)
                        let state = try await gateway.stateOfDeployment("primary/practice-large")
                        #expect(state["failures"]?["truncated"] == 1)
                    }
                }
            }
        }

        @Test func `a client of a held answer is kept awake`() async throws {
            try await withPair {
                $0.route = ", delivery: hold, hold: {heartbeat: 50ms}"
            } _: { gateway, primary, _ in
                try await primary.setFault(.slowTokens(gapNanoseconds: 30 * Span.millisecond))
                let reply = try await gateway.ask(chat(stream: true, tokens: 12))
                #expect(reply.comments.count > 1 && Set(reply.comments) == ["still waiting"])
                #expect(reply.isComplete && reply.streamedText.split(separator: " ").count == 12)
                #expect(reply.body.hasPrefix(": holdfast: still waiting\n\n"))
                let last = try #require(reply.body.range(of: ": holdfast: still waiting\n\n", options: .backwards))
                #expect(!reply.body[..<last.lowerBound].contains("data:"), "nothing of it comes before it is whole")
            }
        }

        @Test func `a client that was kept awake hears who answers in the end`() async throws {
            try await withPair {
                $0.timeouts = "{first_token: 200ms, total: 5s}"
                $0.route = ", delivery: hold, hold: {heartbeat: 50ms}"
            } _: { gateway, primary, _ in
                try await primary.setFault(.silence)
                let reply = try await gateway.ask(chat(stream: true))
                #expect(reply.deployment == "primary/practice-large", "the head left with the first heartbeat")
                #expect(reply.comments.last == "answered by backup/practice-large")
                #expect(reply.isComplete && reply.events.last == "[DONE]")
            }
        }

        @Test func `a failure after a heartbeat is told inside the stream`() async throws {
            try await withPair {
                $0.timeouts = "{first_token: 200ms, total: 5s}"
                $0.route = ", delivery: hold, hold: {heartbeat: 50ms}, retries: {attempts: 2}"
            } _: { gateway, primary, backup in
                try await primary.setFault(.silence)
                try await backup.setFault(.status(400, code: "content_filter"))
                let client = try await RawClient.connect(gateway.port)
                let reply = try await client.exchange(chat(stream: true))
                #expect(reply.status == 200 && reply.isComplete && !reply.comments.isEmpty)
                #expect(reply.lastError?["code"] == "policy" && !reply.body.contains("[DONE]"))
                await primary.clearFaults()
                #expect(try await client.exchange(chat()).status == 200)
                await client.close()
            }
        }

        @Test func `an answer beyond the bound is let go`() async throws {
            let long = String(repeating: "word ", count: 400)
            let (reply, _) = try await joined(
                [long, "and ", "then"], [long, "and then", " on"], delivery: "hold, hold: {bytes: 1KiB}")
            #expect(reply.streamedText == long + "and then on" && reply.comments.count == 1)
        }
    }
}
