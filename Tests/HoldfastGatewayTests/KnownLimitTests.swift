import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// Limits are respected before they are hit, and who finds no slot waits for one, but not for long.
    struct KnownLimitTests {
        private func limits(_ text: String) -> String { "deployments: {primary/practice-large: {limits: {\(text)}}}" }

        private func answers(_ gateway: GatewayServer, _ count: Int) async throws -> [String] {
            var found: [String] = []
            for _ in 0..<count {
                let reply = try await gateway.ask(chat())
                found.append(String(reply.deployment?.prefix { $0 != "/" } ?? "\(reply.status)"))
            }
            return found
        }

        @Test func `a configured limit is not passed`() async throws {
            try await withPair {
                $0.tail = limits("requests_per_minute: 20")
            } _: { gateway, primary, backup in
                let found = try await answers(gateway, 25)
                #expect(primary.requests().requests.count <= 20 && backup.requests().requests.count >= 5)
                #expect(found.allSatisfy { $0 == "primary" || $0 == "backup" })
                #expect(found.prefix(10).allSatisfy { $0 == "primary" } && found.last == "backup")
            }
        }

        @Test func `with nobody else the client is told how long`() async throws {
            try await withPractice { primary in
                var setup = Setup(primary.port)
                setup.tail = limits("requests_per_minute: 2")
                try await withGateway(setup) { gateway in
                    #expect(
                        try await answers(gateway, 2) == ["primary", "primary"], "all of it, since nobody else is there"
                    )
                    let reply = try await gateway.ask(chat())
                    let wait = try #require(reply["retry-after"].flatMap { Int($0) })
                    #expect(reply.status == 503 && (55...73).contains(wait))
                    #expect(primary.requests().requests.count == 2)
                }
            }
        }

        @Test(arguments: [
            [
                "x-ratelimit-limit-requests: 100", "x-ratelimit-remaining-requests: 3",
                "x-ratelimit-reset-requests: 30s",
            ],
            ["x-ratelimit-limit-tokens: 50000", "x-ratelimit-remaining-tokens: 40", "x-ratelimit-reset-tokens: 6m0s"],
        ])
        func `what the provider says remains shifts traffic before the 429`(headers: [String]) async throws {
            try await withScripted { _ in
                [.send(Answers.response(headers: headers, body: Answers.unaryBody))]
            } _: { primary in
                try await withPractice { backup in
                    try await withGateway(Setup(primary.port, backup.port)) { gateway in
                        let found = try await answers(gateway, 4)
                        #expect(found == ["primary", "backup", "backup", "backup"])
                        #expect(primary.log.requests.count == 1)
                    }
                }
            }
        }

        @Test func `with nobody else what is scarce is used`() async throws {
            let headers = [
                "x-ratelimit-limit-requests: 100", "x-ratelimit-remaining-requests: 3",
                "x-ratelimit-reset-requests: 30s",
            ]
            try await withScripted { _ in
                [.send(Answers.response(headers: headers, body: Answers.unaryBody))]
            } _: { primary in
                try await withGateway(Setup(primary.port)) { gateway in
                    let found = try await answers(gateway, 3)
                    #expect(found == ["primary", "primary", "primary"])
                }
            }
        }

        // MARK: - Slots

        /// So many unary requests at once, each on a connection of its own.
        private func together(_ gateway: GatewayServer, _ count: Int) async throws -> [Reply] {
            try await withThrowingTaskGroup(of: Reply.self) { group in
                for _ in 0..<count { group.addTask { try await gateway.ask(chat()) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }

        @Test func `who finds no slot goes elsewhere`() async throws {
            try await withPair {
                $0.tail = limits("concurrent: 1")
            } _: { gateway, primary, backup in
                try await primary.setFault(.slowHead(delayNanoseconds: 2 * Span.second))
                let replies = try await together(gateway, 4)
                #expect(replies.allSatisfy { $0.status == 200 })
                #expect(primary.requests().requests.count == 1 && backup.requests().requests.count == 3)
            }
        }

        @Test func `where there is no elsewhere it waits its turn`() async throws {
            try await withPractice { primary in
                var setup = Setup(primary.port)
                setup.tail = limits("concurrent: 1")
                try await withGateway(setup) { gateway in
                    try await primary.setFault(.slowHead(delayNanoseconds: 3 * Span.millisecond))
                    let replies = try await together(gateway, 4)
                    #expect(replies.map(\.status) == [200, 200, 200, 200])
                    #expect(primary.requests().requests.count == 4)
                    let state = try await gateway.stateOfDeployment("primary/practice-large")
                    #expect(state["waiting"] == 0 && state["in_flight"] == 0 && state["concurrency_limit"] == 1)
                }
            }
        }

        @Test func `and not for long`() async throws {
            try await withPractice { primary in
                var setup = Setup(primary.port)
                setup.tail = limits("concurrent: 1")
                try await withGateway(setup) { gateway in
                    try await primary.setFault(.slowHead(delayNanoseconds: Span.second))
                    let before = MonotonicClock.read()
                    let replies = try await together(gateway, 3).sorted { $0.status < $1.status }
                    #expect(
                        replies.map(\.status) == [200, 503, 503] && ["1", "2"].contains(replies[1]["retry-after"]))
                    #expect(MonotonicClock.read().nanoseconds(since: before) < 2 * Span.second)
                    await primary.clearFaults()
                    let reply = try await gateway.ask(chat())
                    #expect(reply.status == 200, "nothing is left behind")
                    let metrics = try await gateway.operations("/metrics").body
                    #expect(metrics.contains("holdfast_waits_refused_total{deployment=\"primary/practice-large\"} 2"))
                }
            }
        }

        @Test func `a client that leaves gives its place up`() async throws {
            try await withPractice { primary in
                var setup = Setup(primary.port)
                setup.tail = limits("concurrent: 1")
                try await withGateway(setup) { gateway in
                    try await primary.setFault(.silence)
                    let first = try await RawClient.connect(gateway.port)
                    try await first.send(chat())
                    try await eventually("it has the slot") {
                        try await gateway.stateOfDeployment("primary/practice-large")["in_flight"] == 1
                    }
                    let second = try await RawClient.connect(gateway.port)
                    try await second.send(chat())
                    await second.close()
                    await first.close()
                    try await eventually("all is given back") {
                        let state = try await gateway.stateOfDeployment("primary/practice-large")
                        return state["in_flight"] == 0 && state["waiting"] == 0
                    }
                    await primary.clearFaults()
                    #expect(try await gateway.ask(chat()).status == 200)
                }
            }
        }
    }
}
