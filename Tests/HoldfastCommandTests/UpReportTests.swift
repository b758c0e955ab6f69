import Foundation
import HoldfastAPI
import HoldfastCore
import Testing

@testable import holdfast

@Suite struct UpReportTests {
    private func report(environment: [String: String] = [:], busy: Set<Int> = []) async throws -> UpReport {
        let discovery = Discovery(environment: environment, answers: [])
        let ports = try #require(
            await PortPlan.choose(UpPlan.listeners(for: discovery)) { !busy.contains($0) })
        let (plan, _) = UpPlan.embedded(discovery, ports: ports, directory: DataDirectory(path: "/state"))
        return UpReport(
            plan: plan, listen: "127.0.0.1:\(ports["gateway"])", operations: "127.0.0.1:8081",
            processes: [("gateway", ReadyFile(listen: "127.0.0.1:8080", operations: nil, pid: 7))])
    }

    @Test func simulatedAnswersAreLabelledAndAFailureIsOneCommandAway() async throws {
        let text = try await report(busy: [8_080]).text(Renderer(usesColor: false))
        #expect(text.contains("SIMULATED"))
        #expect(text.contains("export OPENAI_BASE_URL=http://127.0.0.1:8082/v1"))
        #expect(text.contains("Port 8080 is in use; the listener 'gateway' took 8082."))
        #expect(
            text.contains(
                "curl -s http://127.0.0.1:8101/practice/faults -d '{\"fault\": \"refuse\", \"for\": \"60s\"}'"))
        #expect(!text.contains("\u{1B}"))
    }

    @Test func theConsoleIsNamedAndALinkIsAskedForWhereSomebodyReads() throws {
        let text = """
            version: 1
            providers:
              local: {dialect: openai, base_url: "http://127.0.0.1:11434/v1", network: private}
            routes:
              helper: {candidates: ["local/qwen3:8b"]}
            """
        let loaded = try ConfigurationFile.compile(
            text: text, name: "holdfast.yaml", directory: "/etc", environment: [:])
        for isWatched in [false, true] {
            let plan = UpPlan.file(
                "/etc/holdfast.yaml", loaded.snapshot, directory: DataDirectory(path: "/state"), isWatched: isWatched)
            #expect(plan.children.last?.arguments.contains("--sign-in-link") == isWatched)
            let report = UpReport(
                plan: plan, listen: "127.0.0.1:80", operations: nil,
                processes: [(UpPlan.control, ReadyFile(listen: "127.0.0.1:8090", operations: nil, pid: 7))])
            #expect(report.text(Renderer(usesColor: false)).contains("http://127.0.0.1:8090/  (holdfast console"))
            #expect(report.json["console"]?.string == "http://127.0.0.1:8090/")
        }
    }

    @Test func aLoneCloudProviderIsSaidToBeAlone() async throws {
        let text = try await report(environment: ["OPENAI_API_KEY": "sk-secret"]).text(Renderer(usesColor: false))
        #expect(!text.contains("SIMULATED") && !text.contains("sk-secret"))
        #expect(text.contains("there is only one candidate"))
        #expect(text.contains("sed -i 's|https://api.openai.com/v1|https://down.invalid/v1|' /state/embedded.yaml"))
    }

    private func given(_ keys: String) throws -> UpReport {
        let text = """
            version: 1
            gateway: {drain: 1m}
            providers:
              local: {dialect: openai, base_url: "http://127.0.0.1:11434/v1", network: private}
            routes:
              helper: {candidates: ["local/qwen3:8b"]}
            workloads:
              triage: {routes: [helper]}
            \(keys)
            """
        let loaded = try ConfigurationFile.compile(
            text: text, name: "holdfast.yaml", directory: "/etc", environment: [:])
        let plan = UpPlan.file("/etc/holdfast.yaml", loaded.snapshot, directory: DataDirectory(path: "/state"))
        #expect(plan.children.map(\.drainNanoseconds) == [65 * Span.second, 5 * Span.second])
        return UpReport(plan: plan, listen: "127.0.0.1:80", operations: nil, processes: [])
    }

    @Test func aGivenConfigurationWithoutKeysIsAskedByItsFirstRoute() throws {
        let text = try given("").text(Renderer(usesColor: false))
        #expect(text.contains("\"model\": \"helper\"") && !text.contains("YOUR_KEY"))
        #expect(!text.contains("access.log"))
    }

    @Test func aGivenConfigurationWithKeysAsksForOne() throws {
        let digest = String(repeating: "ab", count: 32)
        let text = try given("keys: [{id: app, hash: \"sha256:\(digest)\", workload: triage}]")
            .text(Renderer(usesColor: false))
        #expect(text.contains("authorization: Bearer YOUR_KEY") && text.contains("YOUR_ROUTE"))
    }

    @Test func theJSONHoldsTheSameFacts() async throws {
        let json = try await report().json.pretty
        let read = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        #expect(read["base_url"] as? String == "http://127.0.0.1:8080/v1")
        #expect(read["simulated"] as? Bool == true)
        #expect((read["candidates"] as? [String])?.first == "primary/practice-large")
        #expect((read["make_primary_fail"] as? [String: String])?["command"]?.contains("/practice/faults") == true)
        #expect((read["request"] as? String)?.hasPrefix("curl -si http://127.0.0.1:8080/v1/chat/completions") == true)
    }
}

@Suite struct NewKeyTests {
    @Test func aKeyIsOneTheGatewayKnowsByItsDigest() throws {
        var random = SeededRandom(seed: 3)
        let key = try NewKey.make(id: "triage-app", workload: "triage", using: &random)
        #expect(KeyText(key.key.reveal())?.id == "triage-app")
        #expect(key.configurationLine == "- {id: triage-app, hash: \"\(key.hash)\", workload: triage}")
        #expect(!"\(key)".contains(key.key.reveal()))
    }

    @Test func theDigestIsPlainSHA256() {
        // FIPS 180-4, the message "abc".
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(ClientKeyHash.of("abc") == expected)
    }

    @Test(arguments: [
        ("", "triage"), ("UPPER", "triage"), ("a_b", "triage"), (String(repeating: "a", count: 65), "triage"),
        ("a\u{1B}[2J", "triage"), ("ok", ""), ("ok", "-x"), ("ok", "a b"), ("ok", "a}"),
    ])
    func namesThatCannotBeAreRefusedWithTheMend(id: String, workload: String) {
        var random = SeededRandom(seed: 4)
        do {
            _ = try NewKey.make(id: id, workload: workload, using: &random)
            Issue.record("made a key for '\(id)' and '\(workload)'")
        } catch {
            #expect(error.status == .usage)
            #expect(error.text.contains("mend: use ") && !error.text.contains("\u{1B}"))
        }
    }
}
