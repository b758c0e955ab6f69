import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    struct PoolTests {
        private func connections(_ gateway: GatewayServer) async throws -> (open: JSONValue?, idle: JSONValue?) {
            let provider = try await gateway.state()["providers"]?.array?.first
            return (provider?["open_connections"], provider?["idle_connections"])
        }

        @Test func `connections are used again, by streams as well`() async throws {
            try await withPair { gateway, primary, _ in
                for stream in [false, true, false, true] {
                    #expect(try await gateway.ask(chat(stream: stream)).status == 200)
                    // A stream's client has its last event before the connection has its last chunk.
                    try await eventually("the connection is idle") {
                        let counts = try await connections(gateway)
                        return counts.open == 1 && counts.idle == 1
                    }
                }
                #expect(Set(primary.requests().requests.map(\.connection)).count == 1)
            }
        }

        @Test(arguments: [false, true])
        func `a stale connection is replaced without a failure`(stream: Bool) async throws {
            try await withScripted { request in
                let answer = stream ? Answers.stream(["a", "b"]) : Answers.unary
                return request.connection == 1 && request.number > 1 ? [.close] : [.send(answer)]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    #expect(try await gateway.ask(chat(stream: stream)).status == 200)
                    let reply = try await gateway.ask(chat(stream: stream))
                    #expect(reply.status == 200 && reply.attempts == "1" && reply.degraded == nil)
                    #expect(server.log.requests.map(\.connection) == [1, 1, 2])
                    let attempts = try await gateway.stateOfDeployment("primary/practice-large")["attempts"]
                    #expect(attempts?["ok"] == 2 && attempts?["fail"] == 0)
                }
            }
        }

        @Test func `a stale connection is replaced once`() async throws {
            try await withScripted {
                $0.number == 1 ? [.send(Answers.unary)] : [.close]
            } _: { server in
                var setup = Setup(server.port)
                setup.route = ", retries: {same_deployment: 0}"
                try await withGateway(setup) { gateway in
                    #expect(try await gateway.ask(chat()).status == 200)
                    let reply = try await gateway.ask(chat())
                    #expect(reply.status == 502 && reply.attempts == "1")
                    #expect(server.log.requests.map(\.connection) == [1, 1, 2])
                }
            }
        }

        @Test func `a connection that says close is not used again`() async throws {
            try await withScripted { _ in
                [.send(Answers.response(headers: ["connection: close"], body: Answers.unaryBody)), .close]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let replies = [try await gateway.ask(chat()), try await gateway.ask(chat())]
                    #expect(replies.map(\.status) == [200, 200])
                    #expect(server.log.requests.map(\.connection) == [1, 2])
                }
            }
        }

        @Test func `a body that ends with its connection is an answer`() async throws {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
            try await withScripted { _ in
                [.send(head + Answers.unaryBody), .close]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let reply = try await gateway.ask(chat())
                    #expect(reply.body == Answers.unaryBody)
                }
            }
        }

        @Test func `bytes that nobody asked for end an idle connection`() async throws {
            try await withScripted { request in
                request.number == 1
                    ? [.send(Answers.unary), .pause(milliseconds: 20), .send(Answers.response("408 Late", body: "{}"))]
                    : [.send(Answers.unary)]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    #expect(try await gateway.ask(chat()).status == 200)
                    try await eventually("the connection is given up") { server.log.open == 0 }
                    #expect(try await gateway.ask(chat()).body == Answers.unaryBody)
                }
            }
        }

        @Test func `the pool has a bound, and what waits is served in order`() async throws {
            try await withScripted { _ in
                [.pause(milliseconds: 40), .send(Answers.unary)]
            } _: { server in
                var setup = Setup(server.port)
                setup.providers[0].more += ", pool: {connections: 2}"
                try await withGateway(setup) { gateway in
                    let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
                        for _ in 0..<7 { group.addTask { try await gateway.ask(chat()) } }
                        return try await group.reduce(into: [Reply]()) { $0.append($1) }
                    }
                    #expect(replies.map(\.status) == Array(repeating: 200, count: 7))
                    #expect(replies.allSatisfy { $0.attempts == "1" })
                    #expect(server.log.opened == 2)
                }
            }
        }

        @Test func `waiting for a connection ends with the connect limit, and blames nobody`() async throws {
            try await withScripted { _ in
                []
            } _: { server in
                try await withPractice { backup in
                    var setup = Setup(server.port, backup.port)
                    setup.providers[0].more += ", pool: {connections: 1}"
                    setup.timeouts = "{connect: 200ms}"
                    try await withGateway(setup) { gateway in
                        let holder = try await RawClient.connect(gateway.port)
                        try await holder.send(chat())
                        try await eventually("the connection is taken") { server.log.requests.count == 1 }
                        let reply = try await gateway.ask(chat())
                        #expect(reply.status == 200 && reply.deployment == "backup/practice-large")
                        let state = try await gateway.stateOfDeployment("primary/practice-large")
                        #expect(state["attempts"]?["neutral"] == 1 && state["attempts"]?["fail"] == 0)
                        #expect(state["failures"]?["local_exhaustion"] == 1)
                        await holder.close()
                    }
                }
            }
        }

        @Test func `who waits gets the next free connection after a cancel`() async throws {
            try await withScripted {
                $0.number == 1 ? [] : [.send(Answers.unary)]
            } _: { server in
                var setup = Setup(server.port)
                setup.providers[0].more += ", pool: {connections: 1}"
                try await withGateway(setup) { gateway in
                    let holder = try await RawClient.connect(gateway.port)
                    try await holder.send(chat())
                    try await eventually("the connection is taken") { server.log.requests.count == 1 }
                    let waiter = try await RawClient.connect(gateway.port)
                    try await waiter.send(chat())
                    try await eventually("two are in flight") {
                        try await gateway.state()["exchanges_in_flight"] == 2
                    }
                    await holder.close()
                    #expect(Reply(try await waiter.wait { Reply($0).isComplete }).status == 200)
                    await waiter.close()
                }
            }
        }

        @Test func `an idle connection is closed by age`() async throws {
            try await withScripted { _ in
                [.send(Answers.unary)]
            } _: { server in
                var setup = Setup(server.port)
                setup.providers[0].more += ", pool: {idle: 1s}"
                try await withGateway(setup) { gateway in
                    #expect(try await gateway.ask(chat()).status == 200)
                    #expect(server.log.open == 1)
                    try await eventually("it is closed") { server.log.open == 0 }
                    // The other end may hear of it first.
                    try await eventually("it is not counted") {
                        let counts = try await connections(gateway)
                        return counts.open == 0 && counts.idle == 0
                    }
                    #expect(try await gateway.ask(chat()).status == 200)
                }
            }
        }

        @Test func `a stream that lingers after its terminator does not hold the client`() async throws {
            let stream = Answers.stream(["a"])
            try await withScripted { _ in
                [.send(String(stream.dropLast(Answers.lastChunk.count)))]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let reply = try await gateway.ask(chat(stream: true))
                    #expect(reply.isComplete && reply.events.last == "[DONE]")
                    try await eventually("the connection is given up after its second") { server.log.open == 0 }
                    #expect(try await gateway.stateOfDeployment("primary/practice-large")["attempts"]?["fail"] == 0)
                }
            }
        }

        @Test func `what a reload leaves behind ends quietly`() async throws {
            try await withScripted { _ in
                [.send(Answers.unary), .pause(milliseconds: 20), .close]
            } _: { server in
                var setup = Setup(server.port)
                setup.providers[0].more += ", pool: {idle: 200ms}"
                try await withGateway(setup) { gateway in
                    #expect(try await gateway.ask(chat()).status == 200)
                    try await eventually("the provider closes the idle connection") { server.log.open == 0 }
                    // The old pool is empty and goes; the timer it had armed for its idle connection must not outlive it.
                    setup.providers[0].more = ", network: private, pool: {idle: 10s}"
                    try gateway.adopt(try setup.load())
                    try await eventually("the new generation answers") {
                        try await gateway.ask(chat())["x-holdfast-generation"] == "2"
                    }
                    var looks = 0
                    try await eventually("the old pool's hour has passed") {
                        looks += 1
                        return looks > 40
                    }
                    #expect(try await gateway.ask(chat()).status == 200)
                }
            }
        }
    }
}
