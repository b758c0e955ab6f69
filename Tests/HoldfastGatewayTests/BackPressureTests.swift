import HoldfastCore
import HoldfastPractice
import NIOCore
import NIOPosix
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    struct BackPressureTests {
        static let flood = 50 << 20

        private static let script: ScriptedServer.Script = { _ in
            [.send(Answers.streamHead + Answers.chunk(Answers.event(content: "first"))), .flood(bytes: flood)]
        }

        private func deafClient(_ gateway: GatewayServer, _ request: String) async throws -> RawClient {
            var options = RawClient.Options()
            options.reads = false
            options.keepsText = false
            let client = try await RawClient.connect(gateway.port, options)
            try await client.send(request)
            return client
        }

        /// What the provider got rid of once it gets rid of no more.
        private func settled(_ server: ScriptedServer) async throws -> Int {
            var last = -1
            var same = 0
            try await eventually("the provider is stopped") {
                let sent = server.log.floodedBytes
                same = sent == last && sent > 0 ? same + 1 : 0
                last = sent
                return same >= 30
            }
            return last
        }

        @Test func `a client that does not read stops the provider, and reading resumes it`() async throws {
            try await withScripted(Self.script) { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let client = try await deafClient(gateway, chat(stream: true))
                    let stopped = try await settled(server)
                    // The kernel's own buffers on both sides; the gateway adds less than a megabyte.
                    #expect(stopped < 24 << 20)
                    try await client.readFreely()
                    try await eventually("the provider goes on") { server.log.floodedBytes > stopped + (1 << 20) }
                    await client.close()
                    try await eventually("the provider's connection closes") { server.log.open == 0 }
                }
            }
        }

        @Test func `the silence of a client that does not read is not the provider's`() async throws {
            try await withScripted(Self.script) { server in
                var setup = Setup(server.port)
                setup.timeouts = "{idle: 200ms}"
                try await withGateway(setup) { gateway in
                    let client = try await deafClient(gateway, chat(stream: true))
                    _ = try await settled(server)
                    #expect(server.log.open == 1)
                    let state = try await gateway.stateOfDeployment("primary/practice-large")
                    #expect(state["attempts"]?["fail"] == 0 && state["in_flight"] == 1)
                    await client.close()
                }
            }
        }

        @Test func `a client that takes nothing at all is closed`() async throws {
            try await withScripted(Self.script) { server in
                var setup = Setup(server.port)
                setup.limits = "write_stall: 300ms"
                try await withGateway(setup) { gateway in
                    let client = try await deafClient(gateway, chat(stream: true))
                    try await eventually("the provider's connection closes") {
                        server.log.opened == 1 && server.log.open == 0
                    }
                    // The provider hears of it before the exchange has ended.
                    try await eventually("the exchange has ended") {
                        try await gateway.state()["exchanges_in_flight"] == 0
                    }
                    #expect(try await gateway.operations("/metrics").body.contains(#"{reason="write_stall"} 1"#))
                    await client.close()
                }
            }
        }

        @Test func `a client that takes its time is not stalled`() async throws {
            let body = Answers.unaryBody.replacing("hello", with: String(repeating: "y", count: 16 << 20))
            try await withScripted { _ in
                [.send(Answers.response(body: body))]
            } _: { server in
                var setup = Setup(server.port)
                // Three times as long as the kernel takes to say that a part of what it holds was read.
                setup.limits = "write_stall: 600ms"
                try await withGateway(setup) { gateway in
                    let client = try await deafClient(gateway, chat(headers: ["connection: close"]))
                    // Far slower than the stall limit for the whole, and never without progress for as long.
                    let loop = MultiThreadedEventLoopGroup.singleton.next()
                    let pace = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .microseconds(500)) { _ in
                        client.read()
                    }
                    let seen = try await client.untilEnd()
                    pace.cancel()
                    #expect(seen.count > body.utf8.count && seen.end == .closed)
                    #expect(try await !gateway.operations("/metrics").body.contains("write_stall"))
                }
            }
        }

        @Test func `a provider that does not read is waited for with the body kept whole`() async throws {
            try await withScripted { _ in
                [.send(Answers.unary)]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let filler = String(repeating: "b", count: 6 << 20)
                    let body = chatBody("assistant", stream: false, tokens: 1, #","user":"\#(filler)""#)
                    let reply = try await gateway.ask(post("/v1/chat/completions", body))
                    #expect(reply.status == 200)
                    #expect(server.log.requests.first?.body.utf8.count == body.utf8.count - 9 + 14)
                }
            }
        }
    }
}
