import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// What takes a deployment, a key, a provider or a region out, seen from the client and from the provider.
    struct SuspensionTests {
        private func suspension(_ gateway: GatewayServer, ofProvider id: String) async throws -> JSONValue? {
            try await gateway.state()["providers"]?.array?.first { $0["id"]?.string == id }?["suspension"]
        }

        @Test(
            arguments: [
                (401, nil, "credential"), (403, "organization_restricted", "account"),
                (429, "insufficient_quota", "quota"), (402, nil, "quota"),
                (403, "unsupported_country_region_territory", "restricted"), (451, nil, "restricted"),
            ] as [(Int, String?, String)])
        func `a provider whose key or region is refused is asked once`(
            status: Int, code: String?, failure: String
        ) async throws {
            try await withPair { gateway, primary, _ in
                try await primary.setFault(.status(status, code: code))
                for place in 0..<5 {
                    let reply = try await gateway.ask(chat(stream: place % 2 == 0))
                    #expect(reply.status == 200 && reply.deployment == "backup/practice-large")
                    #expect(reply.attempts == (place == 0 ? "2" : "1") && reply.degraded == "failover")
                }
                #expect(primary.requests().requests.count == 1)
                let seen = try #require(try await suspension(gateway, ofProvider: "primary"))
                #expect(seen["failure"]?.string == failure && seen["mend"]?.string?.isEmpty == false)
                #expect((seen["ends_in_milliseconds"] == nil) == (failure == "restricted"))
                let metrics = try await gateway.operations("/metrics").body
                #expect(metrics.contains("holdfast_suspended{provider=\"primary\",class=\"\(failure)\"} 1"))
                #expect(try await gateway.stateOfDeployment("primary/practice-large")["breaker"] == "closed")
            }
        }

        @Test(arguments: [(404, nil, "model_access"), (410, nil, "model_gone")] as [(Int, String?, String)])
        func `a model that is not there takes out its deployment alone`(
            status: Int, code: String?, failure: String
        ) async throws {
            try await withPair { gateway, primary, _ in
                try await primary.setFault(.status(status, code: code))
                for _ in 0..<3 { #expect(try await gateway.ask(chat()).deployment == "backup/practice-large") }
                #expect(primary.requests().requests.count == 1)
                let state = try await gateway.stateOfDeployment("primary/practice-large")
                #expect(state["suspension"]?["failure"]?.string == failure)
                #expect(try await suspension(gateway, ofProvider: "primary") == nil)
            }
        }

        @Test func `with every provider restricted the client is told that none is lawful`() async throws {
            try await withPair { gateway, primary, backup in
                try await primary.setFault(.status(451, code: nil))
                try await backup.setFault(.status(403, code: "unsupported_country_region_territory"))
                for place in 0..<3 {
                    let reply = try await gateway.ask(chat())
                    #expect(reply.status == 451 && reply.code == "no_lawful_candidate")
                    #expect(reply["x-should-retry"] == "false" && reply["retry-after"] == nil)
                    #expect(reply.attempts == (place == 0 ? "2" : "0"))
                }
                #expect(primary.requests().requests.count == 1 && backup.requests().requests.count == 1)
                #expect(try await gateway.operations("/readyz").status == 503)
            }
        }

        @Test func `a legal block holds for every name of the vendor in that region`() async throws {
            try await withPractice { practice in
                var setup = Setup(practice.port, practice.port, practice.port)
                setup.providers[0].more += ", vendor: acme, region: us"
                setup.providers[1].more += ", vendor: acme, region: us"
                setup.providers[2].more += ", vendor: acme, region: eu"
                try await withGateway(setup) { gateway in
                    try await practice.setFault(.status(451, code: nil))
                    #expect(try await gateway.ask(chat()).status == 451)
                    #expect(practice.requests().requests.count == 2, "the second name in the same region is not asked")
                }
            }
        }

        @Test func `a new key in the file begins without a suspension`() async throws {
            try await withPair { gateway, primary, backup in
                try await primary.setFault(.status(401, code: nil))
                #expect(try await gateway.ask(chat()).deployment == "backup/practice-large")
                await primary.clearFaults()
                var next = Setup(primary.port, backup.port)
                try gateway.adopt(try next.load())
                try await eventually("the same key is still out") {
                    let reply = try await gateway.ask(chat())
                    return reply["x-holdfast-generation"] == "2" && reply.deployment == "backup/practice-large"
                }
                next.providers[0].more += ", api_key: sk-new"
                try gateway.adopt(try next.load())
                try await eventually("the new key is used") {
                    try await gateway.ask(chat()).deployment == "primary/practice-large"
                }
            }
        }

        @Test func `a limit that one exchange ran into is respected by the next`() async throws {
            try await withPair { gateway, primary, _ in
                try await primary.setFault(.rateLimit(.seconds, delayNanoseconds: 60 * Span.second))
                for _ in 0..<4 { #expect(try await gateway.ask(chat()).deployment == "backup/practice-large") }
                #expect(primary.requests().requests.count == 1)
                #expect(
                    try await gateway.stateOfDeployment("primary/practice-large")["suspension"]?["failure"]
                        == "rate_limit")
            }
        }

        @Test func `a model that is gone is replaced by the one that the file names`() async throws {
            try await withPair {
                $0.tail = "deployments: {primary/practice-large: {replaced_by: primary/practice-small}}"
            } _: { gateway, primary, backup in
                try await primary.setFault(.status(410, code: nil), models: ["practice-large"])
                for place in 0..<3 {
                    let reply = try await gateway.ask(chat())
                    #expect(reply.deployment == "primary/practice-small" && reply.status == 200)
                    #expect(reply.attempts == (place == 0 ? "2" : "1") && reply.degraded == "failover")
                }
                #expect(backup.requests().requests.isEmpty)
            }
        }

        @Test func `a request that is too long goes to a larger context, and else is answered by its provider`()
            async throws
        {
            let facts =
                "deployments: {primary/practice-large: {context_tokens: 8192}, "
                + "backup/practice-large: {context_tokens: SIZE}}"
            for (size, deployment) in [("32768", "backup"), ("8192", "primary")] {
                try await withPair {
                    $0.tail = facts.replacing("SIZE", with: size)
                } _: { gateway, primary, backup in
                    try await primary.setFault(.status(400, code: "context_length_exceeded"))
                    let reply = try await gateway.ask(chat())
                    #expect(reply.deployment == "\(deployment)/practice-large")
                    #expect(reply.status == (deployment == "backup" ? 200 : 400))
                    if deployment == "primary" { #expect(reply.code == "context_length_exceeded") }
                    #expect(backup.requests().requests.count == (deployment == "backup" ? 1 : 0))
                }
            }
        }
    }
}
