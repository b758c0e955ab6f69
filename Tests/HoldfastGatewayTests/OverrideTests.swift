import HoldfastAPI
import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// What an operator lays over the document, as clients meet it.
    struct OverrideTests {
        private static func override(_ effect: OverrideEffect, _ number: Int = 1) -> Override {
            Override(
                id: "o-\(number)", effect: effect, author: "ana", reason: "a test",
                createdAtMilliseconds: Int64(number),
                expiresAtMilliseconds: 1_000)
        }

        private static func adopted(
            _ setup: Setup, _ effects: [OverrideEffect], nowMilliseconds: Int64
        ) throws -> AdoptedSnapshot {
            var overrides = OverrideSet()
            for (place, effect) in effects.enumerated() { try overrides.add(override(effect, place)) }
            let views = overrides.overrides.map {
                OverrideView(
                    id: $0.id, effect: OverrideEffectView(kind: "test"), author: $0.author, reason: $0.reason,
                    createdAt: $0.createdAtMilliseconds, expiresAt: $0.expiresAtMilliseconds)
            }
            return AdoptedSnapshot(
                try setup.load(), overrides: overrides, views: views, nowMilliseconds: nowMilliseconds, generation: 7,
                source: .control)
        }

        private func withOverrides(
            _ effects: [OverrideEffect], nowMilliseconds: Int64 = 500, tail: String = "",
            _ body: (GatewayServer, PracticeServer, PracticeServer) async throws -> Void
        ) async throws {
            try await withPractice { primary in
                try await withPractice { backup in
                    var setup = Setup(primary.port, backup.port)
                    setup.providers[0].more += ", jurisdiction: us"
                    setup.providers[1].more += ", jurisdiction: eu"
                    setup.tail = tail
                    let first = try Self.adopted(setup, effects, nowMilliseconds: nowMilliseconds)
                    try await withGateway(first) { try await body($0, primary, backup) }
                }
            }
        }

        @Test func `nothing new goes to whoever is drained`() async throws {
            try await withOverrides([.drain(.provider("primary"))]) { gateway, primary, _ in
                let reply = try await gateway.ask(chat())
                #expect(reply.deployment == "backup/practice-large" && reply.degraded == "failover")
                #expect(primary.requests().requests.isEmpty)
                let id = try #require(reply["x-request-id"])
                let receipt = try await gateway.operations("/state/exchanges/\(id)").json
                #expect(receipt?["exclusions"]?.array?.first?["reason"]?.string == "drained")
                let shown = try await gateway.state()["configuration"]?["overrides"]?.array
                #expect(shown?.map { $0["id"]?.string } == ["o-0"])
            }
        }

        @Test func `an override that has ended does nothing`() async throws {
            try await withOverrides([.drain(.provider("primary"))], nowMilliseconds: 1_000) { gateway, _, _ in
                let reply = try await gateway.ask(chat())
                let shown = try await gateway.state()["configuration"]?["overrides"]?.array
                #expect(reply.deployment == "primary/practice-large" && shown?.isEmpty == true)
            }
        }

        @Test func `where all are drained the client is told to come again`() async throws {
            try await withOverrides([.drain(.provider("primary")), .drain(.provider("backup"))]) { gateway, _, _ in
                let reply = try await gateway.ask(chat())
                #expect(reply.status == 503 && reply.code == "no_candidate_available" && reply["retry-after"] != nil)
            }
        }

        @Test func `a drained route takes nothing, and the deployments are there for others`() async throws {
            try await withOverrides([.drain(.route("assistant"))]) { gateway, primary, _ in
                let reply = try await gateway.ask(chat())
                #expect(reply.status == 503 && reply.code == "route_drained" && reply["retry-after"] == "30")
                #expect(reply["x-should-retry"] == nil)
                #expect(try await gateway.ask(chat("primary/practice-large")).status == 200)
                #expect(primary.requests().requests.count == 1)
            }
        }

        @Test(arguments: [("deferrable", 503), ("standard", 503), ("critical", 200)])
        func `what is less critical is shed`(criticality: String, status: Int) async throws {
            try await withOverrides(
                [.shed(below: .critical, route: nil)],
                tail: TestKeys.sections.replacing("criticality: deferrable", with: "criticality: critical")
            ) { gateway, _, _ in
                let headers = [TestKeys.bearer(TestKeys.narrow), "x-holdfast-criticality: \(criticality)"]
                let reply = try await gateway.ask(chat(headers: headers))
                #expect(reply.status == status && reply.code == (status == 200 ? nil : "criticality_shed"))
            }
        }

        @Test func `a restriction leaves the others, and none is 451`() async throws {
            try await withOverrides([.restrict(.jurisdiction("us"))]) { gateway, primary, _ in
                #expect(try await gateway.ask(chat()).deployment == "backup/practice-large")
                let direct = try await gateway.ask(chat("primary/practice-large"))
                #expect(direct.status == 451 && direct.code == "no_lawful_candidate")
                #expect(primary.requests().requests.isEmpty)
            }
            let both: [OverrideEffect] = [.restrict(.jurisdiction("us")), .restrict(.vendor("backup"))]
            // A restriction does not end by itself.
            try await withOverrides(both, nowMilliseconds: 1_000_000) { gateway, primary, backup in
                let reply = try await gateway.ask(chat())
                #expect(reply.status == 451 && reply["x-should-retry"] == "false" && reply.attempts == "0")
                #expect(primary.requests().requests.isEmpty && backup.requests().requests.isEmpty)
                #expect(
                    try await gateway.state()["configuration"]?["overrides"]?.array?.first?["overdue"]?.bool == true)
            }
        }

        @Test func `a pin comes first, and alone where that is said`() async throws {
            let candidate = "backup/practice-large"
            try await withOverrides([.pin(route: "assistant", candidate: candidate, only: false)]) {
                gateway, _, backup in
                let reply = try await gateway.ask(chat())
                #expect(reply.deployment == candidate && reply.degraded == nil)
                try await backup.setFault(.status(500, code: nil))
                #expect(try await gateway.ask(chat()).deployment == "primary/practice-large")
            }
            try await withOverrides([.pin(route: "assistant", candidate: candidate, only: true)]) {
                gateway, _, backup in
                try await backup.setFault(.status(500, code: nil))
                let reply = try await gateway.ask(chat())
                #expect(reply.status == 502)
            }
        }

        @Test func `a workload's requests go where it is lawful, and that is not degraded`() async throws {
            try await withOverrides(
                [],
                tail: TestKeys.sections.replacing(
                    "criticality: deferrable", with: "criticality: deferrable, jurisdictions: [eu]")
            ) { gateway, primary, backup in
                let lawful = try await gateway.ask(chat(headers: [TestKeys.bearer(TestKeys.narrow)]))
                #expect(lawful.deployment == "backup/practice-large" && lawful.degraded == nil)
                #expect(primary.requests().requests.isEmpty)
                let any = try await gateway.ask(chat(headers: [TestKeys.bearer(TestKeys.app)]))
                #expect(any.deployment == "primary/practice-large")
                try await backup.setFault(.status(503, code: nil))
                let failed = try await gateway.ask(chat(headers: [TestKeys.bearer(TestKeys.narrow)]))
                #expect(failed.status == 502 && primary.requests().requests.count == 1)
            }
        }

        @Test func `answers say that the configuration may be old`() async throws {
            try await withPair { gateway, primary, _ in
                gateway.isConfigurationStale(true)
                #expect(try await gateway.ask(chat()).degraded == "stale-config")
                #expect(try await gateway.state()["configuration"]?["stale"]?.bool == true)
                try await primary.setFault(.status(500, code: nil))
                #expect(try await gateway.ask(chat()).degraded == "failover, stale-config")
                gateway.isConfigurationStale(false)
                #expect(try await gateway.ask(chat()).degraded == "failover")
            }
        }
    }
}
