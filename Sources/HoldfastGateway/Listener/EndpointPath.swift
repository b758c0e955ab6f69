import HoldfastWire

/// The paths of the client-facing contract. Exact matches only: a path that needs normalising is not one of ours.
enum ClientPath: Equatable {
    case inference(Endpoint)
    case models
    case model(id: Substring)

    /// - Parameter uri: as received; a query is ignored, and never logged.
    init?(uri: Substring) {
        let path = uri.prefix { $0 != "?" }
        switch path {
        case "/v1/chat/completions": self = .inference(.chatCompletions)
        case "/v1/completions": self = .inference(.completions)
        case "/v1/embeddings": self = .inference(.embeddings)
        case "/v1/models": self = .models
        default:
            guard path.hasPrefix("/v1/models/") else { return nil }
            self = .model(id: path.dropFirst("/v1/models/".count))
        }
    }
}

extension Endpoint {
    /// Appended to the provider's base URL.
    var upstreamPath: String {
        switch self {
        case .chatCompletions: "/chat/completions"
        case .completions: "/completions"
        case .embeddings: "/embeddings"
        }
    }

    /// The word of the telemetry conventions.
    var operation: String {
        switch self {
        case .chatCompletions: "chat"
        case .completions: "text_completion"
        case .embeddings: "embeddings"
        }
    }
}
