import Foundation
import HoldfastCore
import Testing

@testable import HoldfastAPI

@Suite struct ConfigurationFileTests {
    @Test func theContractsExampleReads() throws {
        let loaded = try Documents.compile(Documents.contract)
        let snapshot = loaded.snapshot
        #expect(snapshot.gateway.listen == ListenAddress(host: "127.0.0.1", port: 8080))
        #expect(snapshot.providers.map(\.id) == ["openai", "local"])
        #expect(snapshot.providers[0].apiKey?.reveal() == "sk-secret-value")
        #expect(snapshot.providers[0].jurisdiction == "us")
        #expect(snapshot.providers[1].baseURL == BaseURL(isTLS: false, host: "127.0.0.1", port: 11434, path: "/v1"))
        #expect(snapshot.providers[1].isPrivateNetwork && snapshot.providers[1].isOwned)
        #expect(snapshot.deployments.map(\.id) == ["openai/gpt-4.1-mini", "openai/gpt-5-mini", "local/qwen3:8b"])
        let facts = snapshot.deployments[0]
        #expect(facts.price == Price(inputMicros: 400_000, cachedInputMicros: 100_000, outputMicros: 1_600_000))
        #expect(facts.capabilities == ["tools", "json_schema", "vision"])
        #expect(facts.limits == DeploymentLimits(requestsPerMinute: 500, tokensPerMinute: 200_000, concurrent: 64))
        #expect(facts.retires?.description == "2027-03-31" && facts.replacedBy == 1)
        #expect(snapshot.routes[0].candidates == [0, 2])
        let candidates = RouteCandidates(snapshot.routes[0], in: snapshot)
        #expect(candidates.deployments == [0, 2, 1])
        #expect(
            candidates.facts == [
                CandidateFacts(provider: 0, contextTokens: 1_047_576, replacement: 2, price: facts.price),
                CandidateFacts(provider: 1),
                CandidateFacts(provider: 0, isStandIn: true),
            ])
        #expect(snapshot.routes[0].timeouts.responseNanoseconds == 60 * Span.second)
        #expect(
            snapshot.workloads == [
                Workload(id: "triage", criticality: .critical, routes: [0], allowsDirectModels: false)
            ])
        #expect(snapshot.keys.map(\.id) == ["triage-app"])
        #expect(snapshot.keys[0].digest == [UInt8](repeating: 0x0A, count: 32))
        #expect(snapshot.control.listen == ListenAddress(host: "127.0.0.1", port: 8090))
        #expect(loaded.notes.map(\.path) == ["deployments.\"openai/gpt-4.1-mini\".capabilities"])
    }

    @Test func theDefaultsAreThoseOfTheContract() throws {
        let loaded = try Documents.compile(Documents.smallest)
        let snapshot = loaded.snapshot
        let gateway = snapshot.gateway
        #expect("\(gateway.listen) \(gateway.operations)" == "127.0.0.1:8080 127.0.0.1:8081")
        #expect(gateway.tls == nil && !gateway.behindTLSProxy && gateway.eventLoops == nil)
        #expect(gateway.accessLog == .standardOutput && gateway.drainNanoseconds == 30 * Span.second)
        #expect(gateway.limits == ListenerLimits())
        let provider = snapshot.providers[0]
        #expect((provider.vendor, provider.region, provider.jurisdiction) == ("p", nil, nil))
        #expect(provider.apiKey == nil && !provider.isPrivateNetwork && !provider.isOwned)
        #expect(provider.pool == PoolLimits())
        #expect(snapshot.routes == [Route(name: "r", candidates: [0])])
        #expect(snapshot.deployments == [Deployment(id: "p/m", provider: 0, model: "m")])
        #expect(loaded.notes.isEmpty && loaded.referencedFiles.isEmpty)
    }

    @Test func aManagementPlaneThatOthersReachSaysWhoIsAnswered() throws {
        func control(_ section: String) throws -> LoadedConfiguration {
            try Documents.compile(Documents.smallest + "\ncontrol: \(section)\n")
        }
        let named = try control("{listen: \"0.0.0.0:8090\", hosts: [holdfast.example.org, 10.0.0.5, \"fd00:0::5\"]}")
        #expect(named.snapshot.control.hosts == ["holdfast.example.org", "10.0.0.5", "fd00::5"])
        #expect(named.notes.map(\.path) == ["control.listen"] && named.notes[0].message.contains("without TLS"))
        let silent = try control("{listen: \"[::]:8090\"}")
        #expect(silent.snapshot.control.hosts.isEmpty)
        #expect(silent.notes.map(\.path) == ["control.listen", "control.listen"])
        #expect(silent.notes.contains { $0.mend.contains("control.hosts") })
        #expect(try control("{listen: \"10.0.0.5:8090\"}").notes.count == 1)
        #expect(try control("{hosts: [holdfast.example.org]}").notes.isEmpty)
    }

    /// A default that is written out must mean the same as one that is left out.
    @Test func everyDefaultWrittenOutChangesNothing() throws {
        func written(_ rule: SectionRule, indent: String) -> String {
            rule.fields.compactMap { field in
                if case .defaulted(let text) = field.presence { return "\(indent)\(field.name): \(text)" }
                guard case .section(let inner) = field.kind, field.name != "tls" else { return nil }
                let lines = written(inner, indent: indent + "  ")
                return lines.isEmpty ? nil : "\(indent)\(field.name):\n\(lines)"
            }.joined(separator: "\n")
        }
        func section(_ name: String) throws -> SectionRule {
            try #require(ConfigurationTable.document.fields.first { $0.name == name }?.kind.section)
        }
        let text = """
            version: 1
            gateway:
            \(written(try section("gateway"), indent: "  "))
            providers:
              p:
                base_url: https://example.com/v1
            \(written(try section("providers"), indent: "    "))
            routes:
              r:
                candidates: [p/m]
            \(written(try section("routes"), indent: "    "))
            """
        #expect(text.contains("write_stall: 30s") && text.contains("delivery: splice"))
        #expect(try Documents.compile(text).snapshot == Documents.compile(Documents.smallest).snapshot)
    }

    @Test func everySettingReachesTheSnapshot() throws {
        let folder = try TemporaryFolder()
        try folder.write("ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        try folder.write("key.pem", "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", mode: 0o600)
        let text = """
            version: 1
            gateway:
              listen: 0.0.0.0:8443
              operations: "[::1]:0"
              tls: {certificate: file:ca.pem, key: file:key.pem}
              event_loops: 3
              access_log: logs/access.log
              drain: 5s
            providers:
              p:
                base_url: https://example.com/v1
                trust_roots: file:ca.pem
                pool: {connections: 7, idle: 8s}
            routes:
              r:
                candidates: [p/m]
                timeouts: {connect: 1s, first_byte: 2s, first_token: 3s, idle: 4s, response: 5s, total: 6s}
                retries: {same_deployment: 0, attempts: 2}
                delivery: stop
                body: 1MiB
            workloads: {w: {criticality: deferrable, direct_models: true}}
            keys: [{id: k, hash: "\(Documents.digest)", workload: w, in_flight: 9}]
            """
        let loaded = try Documents.compile(text, directory: folder.path)
        let gateway = loaded.snapshot.gateway
        #expect(gateway.tls?.certificateChainPEM.hasPrefix("-----BEGIN CERTIFICATE-----\nAAAA") == true)
        #expect(gateway.tls?.privateKeyPEM.reveal().hasPrefix("-----BEGIN EC PRIVATE KEY-----") == true)
        #expect(gateway.eventLoops == 3 && gateway.drainNanoseconds == 5 * Span.second)
        #expect(gateway.accessLog == .file(path: "\(folder.path)/logs/access.log"))
        #expect(gateway.operations == ListenAddress(host: "::1", port: 0))
        let provider = loaded.snapshot.providers[0]
        #expect(provider.pool.connections == 7 && provider.pool.idleNanoseconds == 8 * Span.second)
        #expect(provider.trustRootsPEM?.hasSuffix("-----END CERTIFICATE-----") == true)
        let route = loaded.snapshot.routes[0]
        #expect(
            route.timeouts.firstByteNanoseconds == 2 * Span.second && route.timeouts.connectNanoseconds == Span.second)
        #expect(
            route.timeouts.firstTokenNanoseconds == 3 * Span.second && route.timeouts.idleNanoseconds == 4 * Span.second
        )
        #expect(
            route.timeouts.responseNanoseconds == 5 * Span.second && route.timeouts.totalNanoseconds == 6 * Span.second)
        #expect(route.retries.sameDeployment == 0 && route.retries.attempts == 2)
        #expect(route.delivery == .stop && route.bodyBytes == 1 << 20)
        #expect(loaded.snapshot.workloads[0].allowsDirectModels && loaded.snapshot.workloads[0].routes == nil)
        #expect(loaded.snapshot.keys[0].inFlight == 9)
        #expect(loaded.referencedFiles == ["\(folder.path)/ca.pem", "\(folder.path)/key.pem"])
        #expect(loaded.notes.isEmpty)
    }

    @Test func everyLimitReachesTheSnapshot() throws {
        let limits = """
            {header_field: 1KiB, header_list: 2KiB, header_fields: 11, uri: 1KiB, body: 3MiB, json_depth: 12,
              json_nodes: 1300, sse_line: 4KiB, response: 5MiB, connections: 14, connections_per_address: 15,
              in_flight_per_key: 16, pipelined: 17, header_time: 18s, body_time: 19s, idle_time: 20s, write_stall: 21s}
            """
        let gateway = try Documents.compile("\(Documents.smallest)\ngateway:\n  limits: \(limits)").snapshot.gateway
        var expected = ListenerLimits()
        (expected.headerFieldBytes, expected.headerListBytes, expected.headerFields) = (1 << 10, 2 << 10, 11)
        (expected.uriBytes, expected.bodyBytes, expected.jsonDepth, expected.jsonNodes) = (1 << 10, 3 << 20, 12, 1300)
        (expected.sseLineBytes, expected.responseBytes, expected.connections) = (4 << 10, 5 << 20, 14)
        (expected.connectionsPerAddress, expected.inFlightPerKey, expected.pipelined) = (15, 16, 17)
        (expected.headerNanoseconds, expected.bodyNanoseconds) = (18 * Span.second, 19 * Span.second)
        (expected.idleNanoseconds, expected.writeStallNanoseconds) = (20 * Span.second, 21 * Span.second)
        #expect(gateway.limits == expected)
    }

    @Test func aKeyFileThatOthersCanReadIsNoted() throws {
        let folder = try TemporaryFolder()
        try folder.write("key", "sk-file\n", mode: 0o644)
        let text = Documents.smallest.replacing(
            "https://example.com/v1}", with: "https://example.com/v1, api_key: file:key}")
        let loaded = try Documents.compile(text, directory: folder.path)
        #expect(loaded.snapshot.providers[0].apiKey?.reveal() == "sk-file")
        #expect(loaded.notes.map(\.path) == ["providers.p.api_key"])
        #expect(loaded.notes.first?.mend == "chmod 600 the file")
        try folder.write("key", "sk-file\n", mode: 0o600)
        #expect(try Documents.compile(text, directory: folder.path).notes.isEmpty)
    }

    @Test func aFileIsReadRelativeToItsOwnFolder() throws {
        let folder = try TemporaryFolder()
        try folder.write("key", "sk-file", mode: 0o600)
        let text = Documents.smallest.replacing(
            "https://example.com/v1}", with: "https://example.com/v1, api_key: file:key}")
        try folder.write("holdfast.yaml", text)
        let loaded = try ConfigurationFile.load(path: "\(folder.path)/holdfast.yaml", environment: [:])
        #expect(loaded.snapshot.providers[0].apiKey?.reveal() == "sk-file")
    }

    @Test func aDocumentThatCannotBeReadIsSaidToBe() throws {
        let folder = try TemporaryFolder()
        try folder.write("binary", bytes: [0xFF, 0xFE, 0x00])
        try folder.write("large", String(repeating: "# x\n", count: 1_100_000))
        for (name, fragment) in [
            ("nothing.yaml", "does not exist"), ("", "not a regular file"), ("binary", "not UTF-8"),
            ("large", "larger than 4 MiB"),
        ] {
            let error = #expect(throws: ConfigurationProblems.self) {
                try ConfigurationFile.load(path: "\(folder.path)/\(name)", environment: [:])
            }
            #expect(error?.isUnreadable == true && error?.exitStatus == .noInput)
            #expect(error?.problems.map(\.line) == [0])
            #expect(error?.description.contains(fragment) == true, "\(name)")
        }
    }

    @Test func noSecretIsEverPrinted() throws {
        let secret = "sk-very-secret"
        let environment = ["SECRET": secret]
        let places = [
            "version: ${SECRET}",
            "version: 1\ngateway: {listen: \"${SECRET}\", access_log: \"${SECRET}\", drain: \"${SECRET}\"}",
            "version: 1\nproviders: {p: {base_url: \"https://u:${SECRET}@h/\", dialect: \"${SECRET}\", region: \"${SECRET}!\"}}",
            "version: 1\nproviders: {p: {base_url: \"https://h/${SECRET}//\", api_key: \"${SECRET} x\"}}",
            "version: 1\nproviders: {p: {base_url: \"https://h_${SECRET}-/\", api_key: \"literal-\(secret) x\"}}",
            "version: 1\nroutes: {r: {candidates: [\"${SECRET}/m\", \"p/${SECRET}\", \"p/${SECRET}\"]}}",
            "version: 1\nworkloads: {w: {routes: [\"${SECRET}\"], criticality: \"${SECRET}\"}}",
            "version: 1\nkeys: [{id: \"${SECRET}\", hash: \"\(secret)\", workload: \"${SECRET}\"}, {id: \"${SECRET}\"}]",
            "version: 1\ndeployments: {p/m: {price: {input: \"${SECRET}\"}, retires: \"${SECRET}\", capabilities: [\"${SECRET}\"]}}",
            "version: 1\ngateway: {tls: {certificate: \"${SECRET}\", key: \"\(secret)\"}}",
        ]
        for text in places {
            let error = #expect(throws: ConfigurationProblems.self) {
                try Documents.compile(text, environment: environment)
            }
            let report = ConfigurationReport(file: "h.yaml", .failure(try #require(error)))
            #expect(!report.text.contains(secret), "\(report.text)")
            #expect(!(try report.json()).contains(secret))
        }
        let text = Documents.smallest.replacing("/v1}", with: "/v1, api_key: \"${SECRET}\"}")
        let loaded = try Documents.compile(text, environment: environment)
        var dumped = ""
        dump(loaded, to: &dumped)
        let report = ConfigurationReport(file: "h.yaml", .success(loaded))
        #expect(!"\(loaded)\(dumped)\(report.text)\(try report.json())".contains(secret))
    }
}

/// A folder of its own for each test, gone with the test.
final class TemporaryFolder {
    let path: String

    init() throws {
        let parent = FileManager.default.temporaryDirectory
        path = parent.appendingPathComponent("holdfast-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func write(_ name: String, _ text: String, mode: Int = 0o644) throws {
        try write(name, bytes: Array(text.utf8), mode: mode)
    }

    func write(_ name: String, bytes: [UInt8], mode: Int = 0o644) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: "\(path)/\(name)")
    }
}
