import Testing

@testable import holdfast

@Suite struct DiscoveryTests {
    private func discover(
        _ environment: [String: String] = [:], _ answers: [String: Discovery.Answer] = [:]
    ) -> Discovery {
        Discovery(
            environment: environment, answers: KnownProviders.local.map { ($0, answers[$0.id] ?? .nothing) })
    }

    @Test func nothingIsFoundWhereNothingIs() {
        let discovery = discover(["PATH": "/bin"])
        #expect(discovery.findings.isEmpty)
        #expect(discovery.usable.isEmpty)
        #expect(discovery.missing.contains("OPENAI_API_KEY"))
        #expect(discovery.missing.contains("Ollama on port 11434"))
    }

    @Test func providersComeInTheOrderOfPreferenceAndLocalOnesLast() {
        let discovery = discover(
            ["MISTRAL_API_KEY": "m", "OPENAI_API_KEY": "o"],
            ["llama-cpp": .models(["tiny"]), "ollama": .models(["qwen3:8b"])])
        let candidates = discovery.usable.compactMap(EmbeddedDocument.candidate(for:))
        #expect(candidates.map(\.provider) == ["openai", "mistral", "ollama", "llama-cpp"])
        #expect(candidates.map(\.isOwned) == [false, false, true, true])
        #expect(!discovery.missing.contains("MISTRAL_API_KEY"))
    }

    @Test func whatCannotBeUsedIsSaidAndNotUsed() {
        let discovery = discover(
            ["OPENAI_API_KEY": " ", "ANTHROPIC_API_KEY": "a"],
            ["vllm": .models([]), "llama-cpp": .holdfast, "lm-studio": .models(["text-embedding-nomic"])])
        #expect(discovery.usable.isEmpty)
        let said = discovery.findings.map(UpReport.sentence)
        #expect(said.contains("OPENAI_API_KEY: set but empty, not used"))
        #expect(said.contains { $0.hasPrefix("ANTHROPIC_API_KEY: found, not used") })
        #expect(said.contains("port 8000: vLLM answers but serves no chat model, not used"))
        #expect(said.contains("port 8080: a Holdfast gateway answers there, not used"))
        #expect(said.contains("port 1234: LM Studio answers but serves no chat model, not used"))
    }

    @Test(arguments: [
        "bad name", "a\"b", "a\nb", "a\\b", "", String(repeating: "a", count: 201), "nomic-embed-text", "bge-m3",
    ])
    func modelsThatAreNoChatModelsOrNoNamesAreSkipped(name: String) {
        let discovery = discover([:], ["ollama": .models([name, "good:7b"])])
        #expect(discovery.usable == [.local(KnownProviders.local[0], model: "good:7b")])
    }
}

@Suite struct PortPlanTests {
    private let wanted: [(name: String, usual: Int)] = [("gateway", 8_080), ("operations", 8_081)]

    @Test func freePortsAreTheUsualOnes() async throws {
        let plan = try #require(await PortPlan.choose(wanted) { _ in true })
        #expect(plan["gateway"] == 8_080 && plan["operations"] == 8_081)
        #expect(plan.moved.isEmpty)
    }

    @Test func aBusyPortMovesItsListenerAloneAndIsNamed() async throws {
        let plan = try #require(await PortPlan.choose(wanted) { $0 != 8_080 && $0 != 8_082 })
        #expect(plan["gateway"] == 8_083 && plan["operations"] == 8_081)
        #expect(plan.moved == [.init(name: "gateway", usual: 8_080, chosen: 8_083)])
    }

    @Test func theSearchIsBounded() async {
        #expect(await PortPlan.choose(wanted) { $0 >= 8_080 + PortPlan.longestSearch } == nil)
        #expect(await PortPlan.choose([("last", 65_535)]) { _ in false } == nil)
    }
}

@Suite struct EmbeddedDocumentTests {
    private let directory = DataDirectory(path: "/state")

    @Test func keysAreReferencesAndNeverValues() async throws {
        let discovery = Discovery(
            environment: ["OPENAI_API_KEY": "sk-secret"],
            answers: [(KnownProviders.local[0], .models(["qwen3:8b"]))])
        let ports = try #require(await PortPlan.choose(UpPlan.listeners(for: discovery)) { _ in true })
        let (plan, document) = UpPlan.embedded(discovery, ports: ports, directory: directory)
        #expect(!plan.isSimulated)
        #expect(plan.children.map(\.name) == ["gateway", "control"])
        #expect(!document.yaml.contains("sk-secret"))
        #expect(
            document.yaml.hasSuffix(
                """
                gateway:
                  listen: 127.0.0.1:8080
                  operations: 127.0.0.1:8081
                  access_log: "/state/access.log"

                control:
                  listen: 127.0.0.1:8090

                providers:
                  openai:
                    dialect: openai
                    base_url: https://api.openai.com/v1
                    api_key: ${OPENAI_API_KEY}
                  ollama:
                    dialect: openai
                    base_url: http://127.0.0.1:11434/v1
                    network: private
                    owned: true

                routes:
                  assistant:
                    candidates:
                      - "openai/gpt-4.1-mini"
                      - "ollama/qwen3:8b"

                """))
    }

    @Test func nothingFoundMeansThreePracticeProvidersThatOutliveTheGateway() async throws {
        let discovery = Discovery(environment: [:], answers: [])
        let ports = try #require(await PortPlan.choose(UpPlan.listeners(for: discovery)) { $0 != 8_101 })
        let (plan, document) = UpPlan.embedded(discovery, ports: ports, directory: directory)
        #expect(plan.isSimulated)
        #expect(plan.children.map(\.name) == ["primary", "secondary", "local", "gateway", "control"])
        #expect(plan.children.map(\.stage) == [.provider, .provider, .provider, .gateway, .control])
        #expect(document.candidates.map(\.baseURL).first == "http://127.0.0.1:8104/v1")
        #expect(plan.children[0].arguments.contains("127.0.0.1:8104"))
        #expect(document.candidates.map(\.isOwned) == [false, false, true])
    }

    @Test func aPathWithADollarSignNamesNoVariable() {
        let document = EmbeddedDocument(
            gatewayPort: 1, operationsPort: 2, controlPort: 3, accessLog: "/a\"${HOME}/b", candidates: [])
        #expect(document.yaml.contains(#"access_log: "/a\"$${HOME}/b""#))
    }

    @Test func theDataDirectoryFollowsTheXDGSpecification() {
        func path(_ option: String?, _ environment: [String: String]) -> String? {
            DataDirectory.path(option: option, environment: environment, workingDirectory: "/here")
        }
        #expect(path("state", [:]) == "/here/state")
        #expect(path("/state", ["XDG_STATE_HOME": "/xdg"]) == "/state")
        #expect(path(nil, ["XDG_STATE_HOME": "/xdg", "HOME": "/me"]) == "/xdg/holdfast")
        #expect(path(nil, ["XDG_STATE_HOME": "relative", "HOME": "/me"]) == "/me/.local/state/holdfast")
        #expect(path(nil, [:]) == nil)
    }
}
