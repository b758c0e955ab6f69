import HoldfastCore

/// The configuration that `holdfast up` writes where it is given none.
struct EmbeddedDocument: Sendable, Hashable {
    struct Candidate: Sendable, Hashable {
        var provider: String
        var model: String
        var baseURL: String
        /// The environment variable that holds the key. The key itself is never written.
        var keyVariable: String?
        /// On this machine.
        var isLocal: Bool
        /// Runs on hardware you control.
        var isOwned: Bool
    }

    static let route = "assistant"

    var gatewayPort: Int
    var operationsPort: Int
    var controlPort: Int
    var accessLog: String
    var candidates: [Candidate]

    static func candidate(for finding: Discovery.Finding) -> Candidate? {
        switch finding {
        case .cloud(let provider):
            Candidate(
                provider: provider.id, model: provider.model, baseURL: provider.baseURL,
                keyVariable: provider.variable, isLocal: false, isOwned: false)
        case .local(let runtime, let model):
            Candidate(
                provider: runtime.id, model: model, baseURL: "http://127.0.0.1:\(runtime.port)/v1",
                keyVariable: nil, isLocal: true, isOwned: true)
        case .emptyKey, .otherDialect, .withoutModel, .holdfast: nil
        }
    }

    static func candidate(practice name: String, port: Int) -> Candidate {
        Candidate(
            provider: name, model: name == PracticeSet.local ? "practice-small" : "practice-large",
            baseURL: "http://127.0.0.1:\(port)/v1", keyVariable: nil, isLocal: true,
            isOwned: name == PracticeSet.local)
    }

    var yaml: String {
        var lines = [
            "# Written by `holdfast up` at each start without a configuration file; your changes last until the next one.",
            "# To keep it, copy it to ./holdfast.yaml, which `holdfast up` and `holdfast check` then use.",
            "version: 1",
            "",
            "gateway:",
            "  listen: 127.0.0.1:\(gatewayPort)",
            "  operations: 127.0.0.1:\(operationsPort)",
            "  access_log: \(Self.quote(accessLog))",
            "",
            "control:",
            "  listen: 127.0.0.1:\(controlPort)",
            "",
            "providers:",
        ]
        for candidate in candidates {
            lines += [
                "  \(candidate.provider):",
                "    dialect: openai",
                "    base_url: \(candidate.baseURL)",
            ]
            if let variable = candidate.keyVariable { lines.append("    api_key: ${\(variable)}") }
            if candidate.isLocal { lines.append("    network: private") }
            if candidate.isOwned { lines.append("    owned: true") }
        }
        lines += ["", "routes:", "  \(Self.route):", "    candidates:"]
        lines += candidates.map { "      - \(Self.quote("\($0.provider)/\($0.model)"))" }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A double-quoted scalar; `$${` is a dollar sign and a brace that name no variable.
    private static func quote(_ text: String) -> String {
        JSONValue.quoted(text).split(separator: "${", omittingEmptySubsequences: false).joined(separator: "$${")
    }
}

/// The simulated providers that serve where nothing real was found.
enum PracticeSet {
    static let primary = "primary"
    static let secondary = "secondary"
    static let local = "local"

    static let listeners: [(name: String, usual: Int)] = [(primary, 8_101), (secondary, 8_102), (local, 8_103)]
}
