/// What was found on the usual ports and in the usual environment variables, as a value.
struct Discovery: Sendable, Hashable {
    enum Finding: Sendable, Hashable {
        case cloud(CloudProvider)
        /// The variable is there and holds nothing.
        case emptyKey(variable: String)
        /// The key is there and its dialect is not served in this version.
        case otherDialect(variable: String, name: String)
        case local(LocalRuntime, model: String)
        /// It answers and has nothing to serve.
        case withoutModel(LocalRuntime)
        /// One of our own gateways answers there: a provider that is the gateway itself would go in circles.
        case holdfast(port: Int)
    }

    /// What one port answered to `GET /v1/models`.
    enum Answer: Sendable, Hashable {
        case nothing
        case models([String])
        case holdfast
    }

    /// Providers that can be used first, in order of preference.
    let findings: [Finding]

    /// - Parameter answers: one for each of `KnownProviders.local`, in its order.
    init(environment: [String: String], answers: [(runtime: LocalRuntime, answer: Answer)]) {
        var findings: [Finding] = []
        for provider in KnownProviders.cloud {
            switch environment[provider.variable].map(Self.isBlank) {
            case .some(false): findings.append(.cloud(provider))
            case .some(true): findings.append(.emptyKey(variable: provider.variable))
            case .none: break
            }
        }
        for (variable, name) in KnownProviders.otherDialects where environment[variable].map(Self.isBlank) == false {
            findings.append(.otherDialect(variable: variable, name: name))
        }
        for (runtime, answer) in answers {
            switch answer {
            case .nothing: break
            case .holdfast: findings.append(.holdfast(port: runtime.port))
            case .models(let models):
                if let model = models.first(where: Self.isChatModel) {
                    findings.append(.local(runtime, model: model))
                } else {
                    findings.append(.withoutModel(runtime))
                }
            }
        }
        self.findings = findings
    }

    /// The candidates of the route `assistant`, in order; empty where only practice providers can serve.
    var usable: [Finding] {
        findings.filter {
            switch $0 {
            case .cloud, .local: true
            case .emptyKey, .otherDialect, .withoutModel, .holdfast: false
            }
        }
    }

    /// What was looked for and is not there.
    var missing: [String] {
        let seenVariables = findings.compactMap { finding in
            switch finding {
            case .cloud(let provider): provider.variable
            case .emptyKey(let variable): variable
            default: nil
            }
        }
        let seenPorts = findings.compactMap { finding in
            switch finding {
            case .local(let runtime, _), .withoutModel(let runtime): runtime.port
            case .holdfast(let port): port
            default: nil
            }
        }
        return KnownProviders.cloud.map(\.variable).filter { !seenVariables.contains($0) }
            + KnownProviders.local.filter { !seenPorts.contains($0.port) }.map { "\($0.name) on port \($0.port)" }
    }

    private static func isBlank(_ text: String) -> Bool {
        text.allSatisfy(\.isWhitespace)
    }

    /// Names come from whatever listens on the port, so only plain ones are written into a document. Embedding and
    /// ranking models cannot hold a conversation and give themselves away by name.
    private static func isChatModel(_ name: String) -> Bool {
        let lower = name.lowercased()
        return (1...200).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
            && !["embed", "rerank", "bge-", "whisper"].contains { lower.contains($0) }
    }
}
