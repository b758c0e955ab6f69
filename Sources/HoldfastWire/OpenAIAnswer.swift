/// What a complete unary body with a 2xx status really is.
package enum OpenAIAnswer: Sendable, Equatable {
    case answer(Facts)
    /// An error under a status that says success.
    case error(UpstreamErrorText)
    /// Nothing a client could use: no JSON, a page of HTML, no choices, no embeddings.
    case empty

    package struct Facts: Sendable, Equatable {
        package var usage: TokenUsage?
        /// The `model` literal with its quotes; nil where it is missing or no string.
        package var modelLiteral: Range<Int>?
        /// The last choice's.
        package var finishReason: FinishReason?

        package init(usage: TokenUsage? = nil, modelLiteral: Range<Int>? = nil, finishReason: FinishReason? = nil) {
            self.usage = usage
            self.modelLiteral = modelLiteral
            self.finishReason = finishReason
        }
    }

    package static func inspect(_ bytes: UnsafeRawBufferPointer, endpoint: Endpoint) -> OpenAIAnswer {
        var walk = AnswerWalk(json: JSONScanner(bytes, limits: .upstream), endpoint: endpoint)
        do {
            try walk.run()
        } catch {
            return .empty
        }
        if let range = walk.error {
            let text = UpstreamErrorText.read(UnsafeRawBufferPointer(rebasing: bytes[range]))
            return .error(text ?? UpstreamErrorText())
        }
        return walk.hasOutput ? .answer(walk.facts) : .empty
    }
}

private struct AnswerWalk {
    var json: JSONScanner
    let endpoint: Endpoint
    var facts = OpenAIAnswer.Facts()
    var error: Range<Int>?
    var hasOutput = false

    init(json: JSONScanner, endpoint: Endpoint) {
        self.json = json
        self.endpoint = endpoint
    }

    mutating func run() throws(JSONProblem) {
        guard try json.kind() == .object else {
            try readErrorList()
            return
        }
        try json.openObject()
        while let key = try json.nextKey() {
            if json.matches(key, "choices"), endpoint != .embeddings {
                try readChoices()
            } else if json.matches(key, "data"), endpoint == .embeddings {
                try readData()
            } else if json.matches(key, "usage") {
                facts.usage = try TokenUsage.read(&json)
            } else if json.matches(key, "model"), try json.kind() == .string {
                facts.modelLiteral = try json.string().literal
            } else if json.matches(key, "error") {
                let isNull = try json.kind() == .null
                let range = try json.valueRange()
                if !isNull { error = range }
            } else if json.matches(key, "object"), try json.kind() == .string {
                let object = try json.string()
                if json.matches(object, "error"), error == nil { error = 0..<json.bytes.count }
            } else {
                try json.skipValue()
            }
        }
        try json.finish()
    }

    /// One vendor's compatible endpoint wraps its errors in a list.
    private mutating func readErrorList() throws(JSONProblem) {
        let isList = try json.kind() == .array
        try json.skipValue()
        try json.finish()
        if isList, UpstreamErrorText.read(json.bytes) != nil { error = 0..<json.bytes.count }
    }

    private mutating func readData() throws(JSONProblem) {
        guard try json.kind() == .array else {
            try json.skipValue()
            return
        }
        try json.openArray()
        while try json.nextElement() {
            hasOutput = true
            try json.skipValue()
        }
    }

    private mutating func readChoices() throws(JSONProblem) {
        guard try json.kind() == .array else {
            try json.skipValue()
            return
        }
        try json.openArray()
        while try json.nextElement() {
            guard try json.kind() == .object else {
                try json.skipValue()
                continue
            }
            hasOutput = true
            try json.openObject()
            while let key = try json.nextKey() {
                if json.matches(key, "finish_reason") {
                    facts.finishReason = try FinishReason.read(&json)
                } else {
                    try json.skipValue()
                }
            }
        }
    }
}
