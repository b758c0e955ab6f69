@testable import HoldfastCore

/// Documents with a map, for tests that begin with what an operator writes.
enum MapDocument {
    typealias Entries = [(String, ConfigurationNode)]

    /// openai and anthropic in the us, mistral in the eu, and a local model.
    static let providers: Entries = [
        ("openai", provider("https://api.openai.com/v1", ("region", "us"), ("jurisdiction", "us"))),
        (
            "azure",
            provider("https://eu.openai.azure.com", ("vendor", "openai"), ("region", "eu"), ("jurisdiction", "us"))
        ),
        ("mistral", provider("https://api.mistral.ai/v1", ("region", "eu"), ("jurisdiction", "eu"))),
        ("bare", provider("https://bare.example/v1")),
        ("local", provider("http://127.0.0.1:11434/v1", ("network", "private"), ("owned", "true"))),
    ]

    static func provider(_ url: String, _ facts: (String, String)...) -> ConfigurationNode {
        .map([("base_url", .text(url))] + facts.map { ($0.0, .text($0.1)) })
    }

    static func route(_ candidates: String..., more: Entries = []) -> ConfigurationNode {
        .map([("candidates", .list(candidates))] + more)
    }

    static func compile(
        routes: Entries, workloads: Entries = [], map: Entries = [], more: Entries = []
    ) -> ConfigurationOutcome {
        let sections: Entries = [
            ("version", .text("1")), ("providers", .map(providers)), ("routes", .map(routes)),
            ("workloads", .map(workloads)),
        ]
        let references = ConfigurationReferences(
            environment: { _ in nil }, file: { _ in .failed(reason: "is not there", mend: "none") })
        return ConfigurationCompiler.compile(
            .map(sections + (map.isEmpty ? [] : [("map", .map(map))]) + more), references: references)
    }

    static let critical = ConfigurationNode.map([("criticality", .text("critical")), ("routes", .list(["assistant"]))])

    static func fields(_ fields: (String, ConfigurationNode)...) -> ConfigurationNode { .map(fields) }
}
