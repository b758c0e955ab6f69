import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// After content has reached the client nothing may be repeated or mixed, and half an answer never looks whole.
    struct MidStreamTests {
        @Test(arguments: [
            Fault.cut(afterTokens: 3), .stall(afterTokens: 3), .inBandError(afterTokens: 3),
            .malformed(afterTokens: 3),
        ])
        func `a stream that cannot go on ends with an error event`(fault: Fault) async throws {
            try await withPair {
                $0.timeouts = Setup.brisk
                $0.route = ", delivery: stop"
            } _: { gateway, primary, backup in
                try await primary.setFault(fault)
                let client = try await RawClient.connect(gateway.port)
                let reply = try await client.exchange(chat(stream: true, tokens: 9))
                #expect(reply.status == 200 && reply.isComplete && reply.hasWholeEventsOnly)
                #expect(reply.streamedText.split(separator: " ").count == 3)
                #expect(reply.lastError?["code"] == "answer_interrupted")
                #expect(!reply.body.contains("[DONE]") && reply.attempts == "1")
                #expect(backup.requests().requests.isEmpty)
                // The framing is whole, so the connection carries the next request.
                await primary.clearFaults()
                #expect(try await client.exchange(chat()).status == 200)
                await client.close()
                let routes = try await gateway.state()["routes"]?.array
                #expect(routes?.first?["ends"]?["interrupted"] == 1)
            }
        }

        @Test func `half an event is not passed on`() async throws {
            let event = Answers.event(content: "whole")
            let half = String(Answers.event(content: "half").prefix(60))
            try await withScripted { _ in
                [.send(Answers.streamHead + Answers.chunk(event) + Answers.chunk(half)), .close]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let reply = try await gateway.ask(chat(stream: true))
                    #expect(reply.isComplete && reply.hasWholeEventsOnly && reply.streamedText == "whole")
                    #expect(reply.lastError?["type"] == "upstream_error" && reply.events.count == 2)
                }
            }
        }

        @Test func `an end without a finish is no end`() async throws {
            try await withScripted { _ in
                [.send(Answers.streamHead + Answers.chunk(Answers.event(content: "a")) + Answers.lastChunk)]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let reply = try await gateway.ask(chat(stream: true))
                    #expect(reply.isComplete && reply.lastError != nil && !reply.body.contains("[DONE]"))
                }
            }
        }

        @Test func `a line without end is cut at its bound`() async throws {
            let endless = Answers.chunk("data: " + String(repeating: "w", count: 20_000))
            try await withScripted { _ in
                [.send(Answers.streamHead + Answers.chunk(Answers.event(content: "a")) + endless)]
            } _: { server in
                var setup = Setup(server.port)
                setup.limits = "sse_line: 8KiB"
                try await withGateway(setup) { gateway in
                    let reply = try await gateway.ask(chat(stream: true))
                    #expect(reply.isComplete && reply.streamedText == "a" && reply.lastError != nil)
                    try await eventually("the provider's connection is closed") { server.log.open == 0 }
                }
            }
        }

        @Test func `events split anywhere arrive the same`() async throws {
            let text = Answers.event(content: "né") + ": beat\r\n\r\n" + Answers.event(content: "so")
            let bytes = (text + Answers.finish + Answers.done).unicodeScalars.map { String($0) }
            let moves: [ScriptedServer.Move] = bytes.enumerated().flatMap { place, piece in
                let chunk = ScriptedServer.Move.send(Answers.chunk(piece))
                return place % 40 == 0 ? [.pause(milliseconds: 1), chunk] : [chunk]
            }
            try await withScripted { _ in
                [.send(Answers.streamHead)] + moves + [.send(Answers.lastChunk)]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let reply = try await gateway.ask(chat(stream: true))
                    #expect(reply.body == text + Answers.finish + Answers.done && reply.isComplete)
                }
            }
        }

        @Test func `the total limit ends a stream too`() async throws {
            try await withPair {
                $0.timeouts = "{total: 300ms}"
            } _: { gateway, primary, _ in
                try await primary.setFault(.slowTokens(gapNanoseconds: 30 * Span.millisecond))
                let reply = try await gateway.ask(chat(stream: true, tokens: 1_000))
                #expect(reply.isComplete && reply.lastError != nil && !reply.streamedText.isEmpty)
                #expect(reply.hasWholeEventsOnly)
                let attempts = try await gateway.stateOfDeployment("primary/practice-large")["attempts"]
                #expect(attempts?["neutral"] == 1 && attempts?["fail"] == 0)
            }
        }
    }
}
