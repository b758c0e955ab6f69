/// Tokens as a provider reports them. Nil: it did not say.
package struct TokenUsage: Sendable, Equatable {
    package var prompt: Int?
    package var completion: Int?
    /// The part of `prompt` that came from the provider's cache.
    package var cached: Int?

    package init(prompt: Int? = nil, completion: Int? = nil, cached: Int? = nil) {
        self.prompt = prompt
        self.completion = completion
        self.cached = cached
    }

    /// From the value of `usage`; nil where it is no object.
    static func read(_ json: inout JSONScanner) throws(JSONProblem) -> TokenUsage? {
        guard try json.kind() == .object else {
            try json.skipValue()
            return nil
        }
        var usage = TokenUsage()
        try json.openObject()
        while let key = try json.nextKey() {
            if json.matches(key, "prompt_tokens") {
                usage.prompt = try count(&json)
            } else if json.matches(key, "completion_tokens") {
                usage.completion = try count(&json)
            } else if json.matches(key, "prompt_tokens_details"), try json.kind() == .object {
                try json.openObject()
                while let detail = try json.nextKey() {
                    if json.matches(detail, "cached_tokens") {
                        usage.cached = try count(&json)
                    } else {
                        try json.skipValue()
                    }
                }
            } else {
                try json.skipValue()
            }
        }
        return usage
    }

    private static func count(_ json: inout JSONScanner) throws(JSONProblem) -> Int? {
        guard try json.kind() == .number else {
            try json.skipValue()
            return nil
        }
        let number = try json.number()
        return json.integer(number).flatMap { $0 >= 0 ? $0 : nil }
    }
}

/// Why a choice ended.
package enum FinishReason: UInt8, Sendable, Equatable {
    case stop, length, toolCalls, contentFilter, functionCall
    /// A reason this table does not know.
    case other

    /// From the value of `finish_reason`; nil where null. The empty string counts as null, as some servers send it in
    /// every event.
    static func read(_ json: inout JSONScanner) throws(JSONProblem) -> FinishReason? {
        switch try json.kind() {
        case .null:
            try json.skipValue()
            return nil
        case .string:
            let text = try json.string()
            if json.matches(text, "stop") { return .stop }
            if json.matches(text, "length") { return .length }
            if json.matches(text, "tool_calls") { return .toolCalls }
            if json.matches(text, "content_filter") { return .contentFilter }
            if json.matches(text, "function_call") { return .functionCall }
            return text.isEmpty ? nil : .other
        default:
            try json.skipValue()
            return .other
        }
    }
}
