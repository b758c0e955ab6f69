import HoldfastCore

@testable import HoldfastAPI

/// Documents the tests begin with.
enum Documents {
    static let digest = "sha256:" + String(repeating: "0a", count: 32)

    static let smallest = """
        version: 1
        providers:
          p: {base_url: https://example.com/v1}
        routes:
          r: {candidates: [p/m]}
        """

    /// The contract's own example, reduced to the dialect this version speaks.
    static let contract = """
        version: 1

        gateway:
          listen: 127.0.0.1:8080        # clients
          operations: 127.0.0.1:8081

        control:
          listen: 127.0.0.1:8090        # API and console

        providers:
          openai:
            dialect: openai
            base_url: https://api.openai.com/v1
            api_key: ${OPENAI_API_KEY}
            vendor: openai
            region: us
            jurisdiction: us
          local:
            dialect: openai
            base_url: http://127.0.0.1:11434/v1
            network: private
            owned: true

        deployments:
          openai/gpt-4.1-mini:
            price: {input: 0.40, cached_input: 0.10, output: 1.60}
            context_tokens: 1047576
            capabilities: [tools, json_schema, vision]
            limits: {requests_per_minute: 500, tokens_per_minute: 200000, concurrent: 64}
            retires: 2027-03-31
            replaced_by: openai/gpt-5-mini

        routes:
          assistant:
            candidates: [openai/gpt-4.1-mini, local/qwen3:8b]
            strategy: ordered
            timeouts: {connect: 1s, first_byte: 10s, first_token: 10s, idle: 10s, response: 60s, total: 10m}
            unary: direct
            retries: {same_deployment: 1, attempts: 4}
            delivery: splice

        workloads:
          triage:
            criticality: critical
            routes: [assistant]

        keys:
          - {id: triage-app, hash: "\(digest)", workload: triage}
        """

    static func compile(
        _ text: String, environment: [String: String] = ["OPENAI_API_KEY": "sk-secret-value"],
        directory: String = "/nowhere"
    ) throws(ConfigurationProblems) -> LoadedConfiguration {
        try ConfigurationFile.compile(text: text, name: "h.yaml", directory: directory, environment: environment)
    }

    static func problems(
        _ text: String, environment: [String: String] = ["OPENAI_API_KEY": "sk-secret-value"],
        directory: String = "/nowhere"
    ) -> [ConfigurationProblem] {
        do throws(ConfigurationProblems) {
            _ = try compile(text, environment: environment, directory: directory)
            return []
        } catch {
            return error.problems
        }
    }
}
