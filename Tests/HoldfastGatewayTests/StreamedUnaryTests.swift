import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// `unary: streamed`: the client gets a whole answer, and the provider is held to the limits of a stream.
    struct StreamedUnaryTests {
        private func withStreamed(
            _ change: (inout Setup) -> Void = { _ in },
            _ body: (GatewayServer, _ primary: PracticeServer, _ backup: PracticeServer) async throws -> Void
        ) async throws {
            try await withPair(
                {
                    $0.route = ", unary: streamed"
                    // What guards a whole answer is far away: only the limits of a stream can notice.
                    $0.timeouts = "{first_token: 300ms, idle: 300ms, response: 30s, total: 60s}"
                    change(&$0)
                }, body)
        }

        @Test func `the answer is the one that is not streamed`() async throws {
            try await withStreamed { gateway, primary, backup in
                let streamed = try await gateway.ask(chat(tokens: 12))
                var direct = Setup(primary.port, backup.port)
                direct.route = ", unary: direct"
                try gateway.adopt(try direct.load())
                let whole = try await gateway.ask(chat(tokens: 12))
                #expect(streamed.status == 200 && streamed["content-type"] == "application/json")
                let (left, right) = (try #require(streamed.json), try #require(whole.json))
                #expect(left["choices"]?.array?.first?["message"] == right["choices"]?.array?.first?["message"])
                #expect(left["usage"] == right["usage"] && left["object"] == "chat.completion")
                let asked = primary.requests().requests.map(\.stream)
                #expect(asked == [true, false])
            }
        }

        @Test(arguments: [
            Fault.silence, .slowFirstToken(delayNanoseconds: 20 * Span.second), .stall(afterTokens: 3),
            .cut(afterTokens: 3), .inBandError(afterTokens: 3), .malformed(afterTokens: 2), .empty(done: true),
        ])
        func `a provider that fails in the middle costs little`(fault: Fault) async throws {
            try await withStreamed { gateway, primary, _ in
                try await primary.setFault(fault)
                let before = MonotonicClock.read()
                let reply = try await gateway.ask(chat(tokens: 12))
                #expect(reply.status == 200 && reply.deployment == "backup/practice-large")
                #expect(reply.degraded == "failover" && reply.json?["choices"]?.array?.count == 1)
                #expect(MonotonicClock.read().nanoseconds(since: before) < 5 * Span.second)
            }
        }

        @Test func `where all fail the error is a whole one`() async throws {
            try await withStreamed { gateway, primary, backup in
                try await primary.setFault(.cut(afterTokens: 2))
                try await backup.setFault(.cut(afterTokens: 2))
                let reply = try await gateway.ask(chat(tokens: 12))
                #expect(reply.status == 502 && reply.code == "every_candidate_failed")
            }
        }

        @Test func `a provider that does not stream answers all the same`() async throws {
            try await withScripted { _ in
                [.send(Answers.unary)]
            } _: { server in
                var setup = Setup(server.port)
                setup.route = ", unary: streamed"
                try await withGateway(setup) { gateway in
                    let reply = try await gateway.ask(chat())
                    #expect(reply.status == 200 && reply.body == Answers.unaryBody)
                    #expect(server.log.requests.first?.body.contains("\"stream\":true") == true)
                }
            }
        }

        @Test(arguments: [("true", 2), ("false", 1)]) func `a provider's word on retries is followed`(
            word: String, attempts: Int
        ) async throws {
            // A conflict is the caller's fault, unless the provider says that it will pass; a 500 is tried again, unless
            // it says that it will not.
            let status = word == "true" ? "409 Conflict" : "500 Internal Server Error"
            try await withScripted { _ in
                [.send(Answers.response(status, headers: ["x-should-retry: \(word)"], body: "{}"))]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    _ = try await gateway.ask(chat())
                    #expect(server.log.requests.count == attempts)
                }
            }
        }
    }
}
