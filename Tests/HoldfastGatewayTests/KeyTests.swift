import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

/// Keys made up for these tests, with the digests that a configuration holds.
enum TestKeys {
    static let app = "hf_client_app_appappappappappappappappappappap2EMbWE"
    static let narrow = "hf_client_narrow_narrownarrownarrownarrownarrowna3ovC8u"
    /// Of the right shape, and in no configuration.
    static let other = "hf_client_other_otherotherotherotherotherotherot4MMm2L"
    /// The id of a key that exists, with another secret.
    static let guessed = "hf_client_app_ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ1sj53N"
    static let operator_ = "hf_operator_app_appappappappappappappappappappap2Va9MP"

    static let sections = """
        workloads:
          everything: {direct_models: true}
          some: {routes: [assistant], criticality: deferrable}
        keys:
          - {id: app, hash: "sha256:7e95444980639d927fa58d7c0b8f5fd6a8660732a0b99a14e9be98396f6d7237", workload: everything}
          - {id: narrow, hash: "sha256:3b50f3edce73aee60453c450c67a2264307eda29cd1270b50447ffdac014b64e", workload: some}
        """

    static func bearer(_ key: String) -> String { "authorization: Bearer \(key)" }
}

extension GatewayTests {
    struct KeyTests {
        private func withKeys(
            _ change: (inout Setup) -> Void = { _ in }, _ body: (GatewayServer, PracticeServer) async throws -> Void
        ) async throws {
            try await withPair {
                $0.tail = "  spare: {candidates: [backup/practice-large]}\n" + TestKeys.sections
                change(&$0)
            } _: { gateway, primary, _ in
                try await body(gateway, primary)
            }
        }

        @Test(arguments: [
            "authorization: Bearer \(TestKeys.app)", "Authorization: bearer \(TestKeys.app)",
            "x-api-key: \(TestKeys.app)",
            "authorization: Bearer \(TestKeys.app)\r\nx-api-key: \(TestKeys.app)",
        ])
        func `either header carries the key`(header: String) async throws {
            try await withKeys { gateway, _ in
                let reply = try await gateway.ask(chat(headers: [header]))
                #expect(reply.status == 200)
            }
        }

        @Test func `whatever is wrong with a key, the answer is the same`() async throws {
            let headers = [
                "accept: */*", "authorization:", "authorization: Basic YTpi", "authorization: Bearer",
                TestKeys.bearer(TestKeys.other), TestKeys.bearer(TestKeys.guessed),
                TestKeys.bearer(TestKeys.operator_), TestKeys.bearer(String(TestKeys.app.dropLast())),
                TestKeys.bearer(TestKeys.app.uppercased()), TestKeys.bearer(String(repeating: "k", count: 10_000)),
                "x-api-key: ' or 1=1 --", "authorization: Basic YTpi\r\nx-api-key: \(TestKeys.app)",
                TestKeys.bearer(TestKeys.app) + "\r\n" + TestKeys.bearer(TestKeys.app),
            ]
            try await withKeys { gateway, primary in
                var bodies: Set<String> = []
                for header in headers {
                    let reply = try await gateway.ask(get("/v1/models", headers: [header]))
                    #expect(reply.status == 401 && reply.code == "invalid_api_key", "\(header)")
                    #expect(reply["x-should-retry"] == "false")
                    bodies.insert(reply.body)
                }
                #expect(bodies.count == 1)
                #expect(try await gateway.ask(chat()).status == 401)
                #expect(try await gateway.ask(get("/v1/models?api_key=\(TestKeys.app)")).status == 401)
                #expect(primary.requests().requests.isEmpty)
            }
        }

        @Test func `two headers that differ contradict each other`() async throws {
            try await withKeys { gateway, _ in
                let reply = try await gateway.ask(
                    chat(headers: [TestKeys.bearer(TestKeys.app), "x-api-key: \(TestKeys.narrow)"]))
                #expect(reply.status == 400 && reply.code == "ambiguous_api_key")
            }
        }

        @Test func `guessing is slowed down, and a valid key is not`() async throws {
            try await withKeys { gateway, _ in
                var statuses: [Int] = []
                for _ in 0..<22 {
                    statuses.append(
                        try await gateway.ask(get("/v1/models", headers: [TestKeys.bearer(TestKeys.guessed)])).status)
                }
                #expect(statuses.prefix(20).allSatisfy { $0 == 401 } && statuses.last == 429)
                #expect(try await gateway.ask(chat(headers: [TestKeys.bearer(TestKeys.app)])).status == 200)
            }
        }

        @Test func `a workload may use its own routes only`() async throws {
            try await withKeys { gateway, _ in
                let narrow = [TestKeys.bearer(TestKeys.narrow)]
                let app = [TestKeys.bearer(TestKeys.app)]
                #expect(try await gateway.ask(chat("assistant", headers: narrow)).status == 200)
                let forbidden = try await gateway.ask(chat("spare", headers: narrow))
                #expect(forbidden.status == 403 && forbidden.code == "model_not_allowed")
                #expect(try await gateway.ask(chat("spare", headers: app)).status == 200)
                let unknown = try await gateway.ask(chat("nobody", headers: narrow))
                #expect(unknown.status == 404 && unknown.code == "model_not_found")
                let direct = try await gateway.ask(chat("backup/practice-large", headers: narrow))
                #expect(direct.status == 404 && direct.body == unknown.body)
                #expect(try await gateway.ask(chat("backup/practice-large", headers: app)).status == 200)
                let list = try await gateway.ask(get("/v1/models", headers: narrow))
                #expect(list.json["data"]?.array?.compactMap { $0["id"]?.string } == ["assistant"])
                #expect(try await gateway.ask(get("/v1/models/spare", headers: narrow)).status == 404)
            }
        }

        @Test func `exchanges in flight are bounded for each key`() async throws {
            try await withKeys {
                $0.limits = "in_flight_per_key: 2"
            } _: { gateway, primary in
                try await primary.setFault(.silence)
                let header = [TestKeys.bearer(TestKeys.app)]
                var holders: [RawClient] = []
                for _ in 0..<2 {
                    let client = try await RawClient.connect(gateway.port)
                    try await client.send(chat(headers: header))
                    holders.append(client)
                }
                // Begun is not enough: which fault it meets is decided a moment later.
                try await eventually("two are in flight") {
                    primary.requests().requests.count { $0.outcome == .active && $0.fault == "silence" } == 2
                }
                await primary.clearFaults()
                let refused = try await gateway.ask(chat(headers: header))
                #expect(refused.status == 429 && refused.code == "key_in_flight_limit")
                #expect(refused["retry-after"] == "1" && refused["x-holdfast-attempts"] == "0")
                #expect(try await gateway.ask(chat(headers: [TestKeys.bearer(TestKeys.narrow)])).status == 200)
                await holders[0].close()
                try await eventually("the place is free again") {
                    try await gateway.ask(chat(headers: header)).status == 200
                }
                await holders[1].close()
            }
        }

        @Test func `an unauthorized body is not waited for`() async throws {
            try await withKeys { gateway, _ in
                let client = try await RawClient.connect(gateway.port)
                try await client.send(
                    post("/v1/chat/completions", "", headers: ["expect: 100-continue"])
                        .replacing("content-length: 0", with: "content-length: 5000000"))
                let seen = try await client.untilEnd()
                #expect(Reply(seen).status == 401 && !seen.text.contains("100 Continue"))
            }
        }
    }
}
