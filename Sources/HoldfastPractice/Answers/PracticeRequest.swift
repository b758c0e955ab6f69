package import HoldfastCore

/// What a client asked a practice provider for, read from the body as a real provider reads it.
package struct PracticeRequest: Equatable, Sendable {
    package enum Endpoint: Equatable, Sendable {
        case chat
        case completions
        case embeddings
    }

    package enum Output: Equatable, Sendable {
        case text
        case json(schema: JSONValue?)
        case tool(name: String, parameters: JSONValue?)
    }

    package var endpoint: Endpoint
    package var model: String
    package var stream = false
    package var includeUsage = false
    package var tokenLimit: Int?
    package var output = Output.text
    /// Everything the model would read; seeds the answer.
    package var promptText = ""
    package var promptTokens = 0
    package var inputs: [String] = []
    package var dimensions = EmbeddingVector.standardDimensions
    package var base64 = false
}

extension PracticeRequest {
    /// The most texts in one embeddings request, as real providers bound it.
    package static let inputLimit = 2_048

    package static func read(_ body: JSONValue, endpoint: Endpoint) throws(StatusAnswer) -> PracticeRequest {
        guard case .object = body else { throw invalid("The body must be a JSON object.", nil) }
        guard let model = body["model"]?.string, !model.isEmpty else {
            throw StatusAnswer(
                status: 400, type: "invalid_request_error", code: nil, message: "you must provide a model parameter",
                param: "model")
        }
        var request = PracticeRequest(endpoint: endpoint, model: model)
        switch endpoint {
        case .chat:
            try request.readGeneration(body)
            try request.readMessages(body)
        case .completions:
            try request.readGeneration(body)
            request.promptText = try texts(body["prompt"], name: "prompt").joined(separator: "\n")
        case .embeddings:
            try request.readEmbeddings(body)
        }
        request.promptTokens = max(1, (request.promptText.utf8.count + 3) / 4)
        return request
    }

    private mutating func readGeneration(_ body: JSONValue) throws(StatusAnswer) {
        if let flag = body["stream"], !flag.isNull {
            guard let flag = flag.bool else {
                throw PracticeRequest.invalid("'stream' must be true or false.", "stream")
            }
            stream = flag
        }
        if let streaming = body["stream_options"], !streaming.isNull {
            guard stream else {
                throw PracticeRequest.invalid(
                    "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
            }
            includeUsage = streaming["include_usage"]?.bool ?? false
        }
        if let count = body["n"], !count.isNull, count.integer != 1 {
            throw PracticeRequest.invalid("A practice provider gives one choice: leave out 'n' or set it to 1.", "n")
        }
        for name in ["max_completion_tokens", "max_tokens"] {
            guard let value = body[name], !value.isNull else { continue }
            guard let limit = value.integer, limit >= 1 else {
                throw PracticeRequest.invalid("'\(name)' must be an integer of at least 1.", name)
            }
            tokenLimit = tokenLimit ?? min(limit, AnswerText.tokenLimit)
        }
    }

    private mutating func readMessages(_ body: JSONValue) throws(StatusAnswer) {
        guard let messages = body["messages"]?.array else {
            throw StatusAnswer(
                status: 400, type: "invalid_request_error", code: "missing_required_parameter",
                message: "Missing required parameter: 'messages'.", param: "messages")
        }
        guard !messages.isEmpty, messages.allSatisfy({ $0["role"]?.string != nil }) else {
            throw PracticeRequest.invalid("'messages' must hold at least one message, each with a 'role'.", "messages")
        }
        promptText = messages.map(PracticeRequest.text(of:)).joined(separator: "\n")
        if let tool = try tool(body, lastMessage: messages[messages.count - 1]) {
            output = tool
        } else if let format = body["response_format"], !format.isNull {
            output = try PracticeRequest.output(format: format)
        }
    }

    private static func output(format: JSONValue) throws(StatusAnswer) -> Output {
        switch format["type"]?.string {
        case "text": return .text
        case "json_object": return .json(schema: nil)
        case "json_schema":
            guard let schema = format["json_schema"]?["schema"] else {
                throw invalid("Missing required parameter: 'response_format.json_schema'.", "response_format")
            }
            return .json(schema: schema)
        default: throw invalid("'response_format.type' must be text, json_object or json_schema.", "response_format")
        }
    }

    private func tool(_ body: JSONValue, lastMessage: JSONValue) throws(StatusAnswer) -> Output? {
        let functions = (body["tools"]?.array ?? []).compactMap { $0["function"] }
        guard let first = functions.first else { return nil }
        let choice = body["tool_choice"]
        if let name = choice?["function"]?["name"]?.string {
            guard let named = functions.first(where: { $0["name"]?.string == name }) else {
                throw PracticeRequest.invalid("Tool choice '\(name)' is not among 'tools'.", "tool_choice")
            }
            return .tool(name: name, parameters: named["parameters"])
        }
        let asked =
            lastMessage["role"]?.string == "user"
            && PracticeRequest.text(of: lastMessage).lowercased().contains("use the tool")
        guard choice?.string == "required" || (asked && choice?.string != "none") else { return nil }
        return .tool(name: first["name"]?.string ?? "function", parameters: first["parameters"])
    }

    private mutating func readEmbeddings(_ body: JSONValue) throws(StatusAnswer) {
        inputs = try PracticeRequest.texts(body["input"], name: "input")
        promptText = inputs.joined(separator: "\n")
        if let wanted = body["dimensions"], !wanted.isNull {
            guard let count = wanted.integer, (1...EmbeddingVector.dimensionLimit).contains(count) else {
                throw PracticeRequest.invalid(
                    "'dimensions' must be an integer from 1 to \(EmbeddingVector.dimensionLimit).", "dimensions")
            }
            dimensions = count
        }
        switch body["encoding_format"] {
        case nil, .null, .string("float"): base64 = false
        case .string("base64"): base64 = true
        default: throw PracticeRequest.invalid("'encoding_format' must be float or base64.", "encoding_format")
        }
    }

    /// A prompt or an input: a text, token numbers, or a list of either.
    private static func texts(_ value: JSONValue?, name: String) throws(StatusAnswer) -> [String] {
        guard let value, !value.isNull else {
            throw StatusAnswer(
                status: 400, type: "invalid_request_error", code: "missing_required_parameter",
                message: "Missing required parameter: '\(name)'.", param: name)
        }
        if let text = value.string { return [text] }
        guard let items = value.array, !items.isEmpty, items.count <= inputLimit || items[0].integer != nil else {
            throw invalid("'\(name)' must be a text or a list of 1 to \(inputLimit) texts or token lists.", name)
        }
        if items[0].integer != nil { return [value.line] }
        guard items.allSatisfy({ $0.string != nil || $0.array != nil }) else {
            throw invalid("'\(name)' must hold texts or token lists only.", name)
        }
        return items.map { $0.string ?? $0.line }
    }

    private static func text(of message: JSONValue) -> String {
        switch message["content"] {
        case .string(let text): text
        case .array(let parts): parts.compactMap { $0["text"]?.string }.joined(separator: "\n")
        default: ""
        }
    }

    private static func invalid(_ message: String, _ param: String?) -> StatusAnswer {
        StatusAnswer(status: 400, type: "invalid_request_error", code: nil, message: message, param: param)
    }
}
