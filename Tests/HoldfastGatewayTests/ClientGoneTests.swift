import HoldfastCore
import HoldfastPractice
import NIOCore
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    struct ClientGoneTests {
        /// Starts a request that hangs, leaves, and tells how long the provider's connection outlived the client's.
        private func leave(
            _ gateway: GatewayServer, _ server: ScriptedServer, stream: Bool, after text: String?
        ) async throws -> TimeAmount {
            let client = try await RawClient.connect(gateway.port)
            try await client.send(chat(stream: stream))
            if let text { try await client.wait(for: text) }
            try await eventually("the provider has the request") { server.log.requests.count == 1 }
            let left = NIODeadline.now()
            await client.close()
            try await eventually("the provider's connection closes") { server.log.closedAt[1] != nil }
            return try #require(server.log.closedAt[1]) - left
        }

        @Test(arguments: [false, true])
        func `the provider hears of it before its head`(stream: Bool) async throws {
            try await withScripted { _ in
                []
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let span = try await leave(gateway, server, stream: stream, after: nil)
                    #expect(span < .milliseconds(100))
                    // The provider hears of it before the exchange has ended.
                    try await eventually("the exchange has ended") {
                        try await gateway.state()["routes"]?.array?.first?["ends"]?["client_gone"] == 1
                    }
                    let state = try await gateway.state()
                    #expect(state["exchanges_in_flight"] == 0)
                    #expect(state["routes"]?.array?.first?["ends"]?["client_gone"] == 1)
                    #expect(state["deployments"]?.array?.first?["attempts"]?["neutral"] == 1)
                    #expect(state["deployments"]?.array?.first?["in_flight"] == 0)
                }
            }
        }

        @Test func `the provider hears of it in the middle of a stream`() async throws {
            try await withScripted { _ in
                [.send(Answers.streamHead + Answers.chunk(Answers.event(content: "first")))]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let span = try await leave(gateway, server, stream: true, after: "first")
                    #expect(span < .milliseconds(100))
                }
            }
        }

        @Test func `others keep their connections and answers`() async throws {
            try await withPair { gateway, primary, _ in
                let other = try await RawClient.connect(gateway.port)
                #expect(try await other.exchange(chat()).status == 200)
                try await primary.setFault(.slowTokens(gapNanoseconds: 10 * Span.millisecond))
                let leaver = try await RawClient.connect(gateway.port)
                try await leaver.send(chat(stream: true, tokens: 5_000))
                try await other.send(chat(stream: true, tokens: 20))
                try await leaver.wait(for: "data: ")
                await leaver.close()
                let seen = try await other.wait { $0.text.contains("[DONE]") }
                #expect(seen.end == .open)
                try await eventually("only the leaver's request was cut") {
                    primary.requests().counts[.clientLeft] == 1 && primary.requests().counts[.answered] == 2
                }
                await other.close()
            }
        }

        @Test func `leaving while an attempt waits for its retry ends the exchange`() async throws {
            try await withScripted { _ in
                [.send(Answers.response("429 Wait", headers: ["retry-after: 4"], body: "{}"))]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let client = try await RawClient.connect(gateway.port)
                    try await client.send(chat())
                    try await eventually("the first attempt is over") {
                        try await gateway.stateOfDeployment("primary/practice-large")["attempts"]?["neutral"] == 1
                    }
                    await client.close()
                    try await eventually("nothing is in flight") {
                        try await gateway.state()["exchanges_in_flight"] == 0
                    }
                    #expect(server.log.requests.count == 1)
                }
            }
        }
    }
}
