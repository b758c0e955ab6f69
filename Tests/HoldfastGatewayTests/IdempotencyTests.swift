import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// A client that names its request gets it answered, and paid for, once.
    struct IdempotencyTests {
        private func named(_ name: String, stream: Bool = false, tokens: Int = 4) -> String {
            chat(stream: stream, tokens: tokens, headers: ["Idempotency-Key: \(name)"])
        }

        @Test func `the same request under the same name gets the same answer`() async throws {
            try await withPair { gateway, primary, _ in
                let first = try await gateway.ask(named("a"))
                let again = try await gateway.ask(named("a"))
                #expect(first.status == 200 && first["idempotent-replayed"] == nil)
                #expect(again.status == 200 && again.body == first.body && again["idempotent-replayed"] == "true")
                #expect(again.deployment == first.deployment && again["x-request-id"] != first["x-request-id"])
                #expect(primary.requests().requests.count == 1)
                _ = try await gateway.ask(named("b"))
                #expect(primary.requests().requests.count == 2, "another name is another request")
                let metrics = try await gateway.operations("/metrics").body
                #expect(metrics.contains("holdfast_repeats_total{how=\"replayed\"} 1"))
            }
        }

        @Test func `whoever asks meanwhile waits for the answer under way`() async throws {
            try await withPair { gateway, primary, _ in
                try await primary.setFault(.slowHead(delayNanoseconds: 200 * Span.millisecond))
                let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
                    for _ in 0..<4 { group.addTask { try await gateway.ask(named("a")) } }
                    return try await group.reduce(into: [Reply]()) { $0.append($1) }
                }
                #expect(replies.allSatisfy { $0.status == 200 } && Set(replies.map(\.body)).count == 1)
                #expect(replies.count { $0["idempotent-replayed"] == "true" } == 3)
                #expect(primary.requests().requests.count == 1)
            }
        }

        @Test func `a failure is shared and not kept`() async throws {
            try await withPractice { primary in
                var setup = Setup(primary.port)
                setup.timeouts = Setup.brisk
                setup.route = ", retries: {same_deployment: 0}"
                try await withGateway(setup) { gateway in
                    try await primary.setFault(.silence)
                    let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
                        for _ in 0..<3 { group.addTask { try await gateway.ask(named("a")) } }
                        return try await group.reduce(into: [Reply]()) { $0.append($1) }
                    }
                    #expect(replies.allSatisfy { $0.status == 502 && $0.code == "every_candidate_failed" })
                    #expect(primary.requests().requests.count == 1)
                    await primary.clearFaults()
                    let again = try await gateway.ask(named("a"))
                    #expect(again.status == 200 && again["idempotent-replayed"] == nil)
                }
            }
        }

        @Test func `a client that breaks off finds its answer when it comes again`() async throws {
            try await withPair { gateway, primary, _ in
                try await primary.setFault(.slowHead(delayNanoseconds: 150 * Span.millisecond))
                let client = try await RawClient.connect(gateway.port)
                try await client.send(named("a"))
                try await eventually("it is asked") { primary.requests().requests.count == 1 }
                await client.close()
                let again = try await gateway.ask(named("a"))
                #expect(again.status == 200 && again["idempotent-replayed"] == "true")
                #expect(primary.requests().requests.count == 1)
                try await eventually("nothing is left behind") {
                    try await gateway.state()["exchanges_in_flight"] == 0
                }
            }
        }

        @Test func `without a name a client that leaves takes its attempt along`() async throws {
            try await withPair { gateway, primary, _ in
                try await primary.setFault(.silence)
                let client = try await RawClient.connect(gateway.port)
                try await client.send(chat())
                try await eventually("it is asked") { primary.requests().requests.count == 1 }
                await client.close()
                try await eventually("it is given up") { try await gateway.state()["exchanges_in_flight"] == 0 }
            }
        }

        @Test func `another body under the same name is refused`() async throws {
            try await withPair { gateway, primary, _ in
                _ = try await gateway.ask(named("a"))
                let other = try await gateway.ask(named("a", tokens: 5))
                #expect(other.status == 422 && other.code == "idempotency_key_reused")
                #expect(other["x-should-retry"] == "false" && primary.requests().requests.count == 1)
            }
        }

        @Test func `a stream is neither joined nor kept`() async throws {
            try await withPair { gateway, primary, _ in
                try await primary.setFault(.slowTokens(gapNanoseconds: 20 * Span.millisecond))
                let client = try await RawClient.connect(gateway.port)
                try await client.send(named("a", stream: true, tokens: 100))
                try await eventually("it is asked") { primary.requests().requests.count == 1 }
                let meanwhile = try await gateway.ask(named("a", stream: true, tokens: 100))
                #expect(meanwhile.status == 409 && meanwhile.code == "idempotency_key_in_flight")
                #expect(meanwhile["retry-after"] == "1")
                _ = try await client.wait { Reply($0).isComplete }
                await client.close()
                let after = try await gateway.ask(named("a", stream: true, tokens: 100))
                #expect(after.status == 409 && after.code == "idempotency_key_answered")
                #expect(after["x-should-retry"] == "false")
            }
        }

        @Test(arguments: ["", String(repeating: "k", count: 256), "caf\u{e9}"])
        func `a name that is none is refused`(name: String) async throws {
            try await withPair { gateway, primary, _ in
                let reply = try await gateway.ask(named(name))
                #expect(reply.status == 400 && reply.code == "invalid_header")
                #expect(primary.requests().requests.isEmpty)
                let state = try await gateway.state()
                #expect(state["exchanges_in_flight"] == 0)
            }
        }
    }
}
