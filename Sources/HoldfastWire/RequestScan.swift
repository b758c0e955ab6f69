/// The request bodies this scanner understands.
package enum Endpoint: Sendable, Hashable, CaseIterable {
    case chatCompletions
    case completions
    case embeddings
}

/// Bounds of one request body. The body's size itself is bounded where it is read.
package struct ScanLimits: Sendable, Equatable {
    package var json: JSONLimits
    /// Bytes of the decoded model name. Long enough for `provider/model` with a repository path in it.
    package var modelBytes: Int

    package init(depth: Int = 64, nodes: Int = 200_000, modelBytes: Int = 256) {
        json = JSONLimits(depth: depth, nodes: nodes)
        self.modelBytes = modelBytes
    }
}

/// A change to the client's bytes: `range` gives way to `text`.
package struct BodyEdit: Sendable {
    package var range: Range<Int>
    package var text: StaticString
}

/// What policy needs to know of a request body, as places in the client's own bytes. The body was judged as a whole:
/// sending it on with only the ranges below replaced sends valid JSON.
package struct RequestScan: Sendable {
    package var endpoint: Endpoint
    /// Decoded; at most `ScanLimits.modelBytes`, no control characters.
    package var model = ""
    /// The literal, with its quotes.
    package var modelLiteral = 0..<0
    /// False where absent or null.
    package var isStream = false
    /// The literal `true`, `false` or `null`; nil where the field is absent.
    package var streamLiteral: Range<Int>?
    package var maxTokens: Int?
    package var maxCompletionTokens: Int?
    /// `n`; 1 where absent.
    package var choices = 1
    /// Whether the client itself asked for usage at the end of a stream; nil where it did not say.
    package var includeUsage: Bool?
    /// What makes the provider send usage; nil where the client asked for it.
    package var usageEdit: BodyEdit?
    package var hasTools = false
    package var hasJSONSchema = false
    /// `response_format` of type `json_object`.
    package var hasJSONObject = false
    /// Offset of the `]` that closes `messages`; 0 where there are none.
    package var messagesEnd = 0
    /// Offset of the body's last `}`.
    package var closingBrace = 0
    /// Bytes of the literals that become input tokens: messages, prompt or input, and tools. An estimate's base, not
    /// a count of characters: escapes, markup and embedded images are in it.
    package var inputBytes = 0

    init(endpoint: Endpoint) {
        self.endpoint = endpoint
    }

    /// The client's own bound on output tokens, the newer field first.
    package var outputTokenBound: Int? {
        maxCompletionTokens ?? maxTokens
    }

    /// Judges the whole body in one walk.
    package static func scan(
        _ bytes: UnsafeRawBufferPointer, endpoint: Endpoint, limits: ScanLimits = ScanLimits()
    ) throws(RequestProblem) -> RequestScan {
        var walk = RequestWalk(bytes, endpoint: endpoint, limits: limits)
        let problem: RequestProblem?
        do {
            problem = try walk.run()
        } catch {
            throw .json(error, field: walk.field.name, limits: limits.json)
        }
        if let problem { throw problem }
        return walk.scan
    }
}

/// The walk over one body. Methods throw where the text is no JSON, and return a problem where its meaning is wrong.
private struct RequestWalk {
    var json: JSONScanner
    var scan: RequestScan
    /// The top-level field the walk is in.
    var field = RequestField.unknown
    private var seen = SeenKeys()
    private let limits: ScanLimits
    private var hasModel = false
    private var hasInput = false
    private var hasStreamOptions = false

    init(_ bytes: UnsafeRawBufferPointer, endpoint: Endpoint, limits: ScanLimits) {
        json = JSONScanner(bytes, limits: limits.json)
        scan = RequestScan(endpoint: endpoint)
        self.limits = limits
    }

    mutating func run() throws(JSONProblem) -> RequestProblem? {
        guard try json.kind() == .object else {
            try json.skipValue()
            try json.finish()
            return .notAnObject
        }
        try json.openObject()
        while let key = try json.nextKey() {
            let found = RequestKey.read(key, in: json)
            switch seen.insert(found.hash) {
            case .new: break
            case .duplicate: return .duplicate(plainName(key))
            case .full: return .tooManyFields(SeenKeys.bound)
            }
            field = found.field
            if !found.isExact, let name = field.name { return .wrongCase(name) }
            if let problem = try read() { return problem }
        }
        field = .unknown
        scan.closingBrace = json.offset - 1
        try json.finish()
        return conclude()
    }

    private mutating func conclude() -> RequestProblem? {
        if !hasModel { return .missing("model", "the name of a route or a model") }
        if !hasInput {
            switch scan.endpoint {
            case .chatCompletions: return .missing("messages", "a list of at least one message")
            case .completions: return .missing("prompt", "a string or a list")
            case .embeddings: return .missing("input", "a string or a list")
            }
        }
        if !hasStreamOptions {
            // The body holds at least the model by now, so a comma is always due.
            scan.usageEdit = BodyEdit(
                range: scan.closingBrace..<scan.closingBrace, text: ",\"stream_options\":{\"include_usage\":true}")
        }
        return nil
    }

    /// The key as text where it is a plain identifier; anything else is not repeated to its sender.
    private func plainName(_ key: JSONString) -> String? {
        let name = json.text(of: key, maximumBytes: 65)
        let isPlain = name.utf8.allSatisfy { ASCII.isToken($0) && $0 != UInt8(ascii: "'") }
        return isPlain && (1...64).contains(name.utf8.count) ? name : nil
    }

    private mutating func read() throws(JSONProblem) -> RequestProblem? {
        switch field {
        case .unknown: try json.skipValue()
        case .model: return try readModel()
        case .stream: return try readStream()
        case .streamOptions: return try readStreamOptions()
        case .messages, .prompt, .input: return try readInput()
        case .maxTokens: return try readPositive("max_tokens", into: \.maxTokens)
        case .maxCompletionTokens: return try readPositive("max_completion_tokens", into: \.maxCompletionTokens)
        case .choices: return try readChoices()
        case .temperature: return try readTemperature()
        case .tools, .functions: try readTools()
        case .responseFormat: return try readResponseFormat()
        case .refused(let name): return .refused(name)
        }
        return nil
    }

    /// Consumes a null, which counts as absent.
    private mutating func isNull() throws(JSONProblem) -> Bool {
        guard try json.kind() == .null else { return false }
        try json.skipValue()
        return true
    }

    private mutating func readModel() throws(JSONProblem) -> RequestProblem? {
        guard try json.kind() == .string else { return .wrongType("model", "a string") }
        let literal = try json.string()
        if literal.isEmpty { return .wrongValue("model", "a name, not an empty string") }
        // Six bytes of escape may stand for one of text, so a literal beyond that is too long however it is spelled.
        guard literal.contents.count <= 6 * limits.modelBytes else { return modelTooLong }
        let model = json.text(of: literal)
        guard model.utf8.count <= limits.modelBytes else { return modelTooLong }
        guard !model.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) else {
            return .wrongValue("model", "free of control characters")
        }
        scan.model = model
        scan.modelLiteral = literal.literal
        hasModel = true
        return nil
    }

    private var modelTooLong: RequestProblem {
        RequestProblem(
            message: "The field 'model' must be at most \(limits.modelBytes) bytes long.", param: "model",
            code: "invalid_value")
    }

    private mutating func readStream() throws(JSONProblem) -> RequestProblem? {
        let kind = try json.kind()
        let start = json.offset
        if kind == .bool {
            scan.isStream = try json.bool()
        } else if try !isNull() {
            return .wrongType("stream", "true or false")
        }
        scan.streamLiteral = start..<json.offset
        return nil
    }

    private mutating func readStreamOptions() throws(JSONProblem) -> RequestProblem? {
        hasStreamOptions = true
        let kind = try json.kind()
        let start = json.offset
        if kind == .null {
            try json.skipValue()
            scan.usageEdit = BodyEdit(range: start..<json.offset, text: "{\"include_usage\":true}")
            return nil
        }
        guard kind == .object else { return .wrongType("stream_options", "an object") }
        try json.openObject()
        let inside = json.offset
        var isEmpty = true
        var wasSeen = false
        while let key = try json.nextKey() {
            isEmpty = false
            guard json.matches(key, "include_usage") else {
                try json.skipValue()
                continue
            }
            if wasSeen { return .duplicate("stream_options.include_usage") }
            wasSeen = true
            if let problem = try readIncludeUsage() { return problem }
        }
        if !wasSeen {
            let text: StaticString = isEmpty ? "\"include_usage\":true" : "\"include_usage\":true,"
            scan.usageEdit = BodyEdit(range: inside..<inside, text: text)
        }
        return nil
    }

    private mutating func readIncludeUsage() throws(JSONProblem) -> RequestProblem? {
        let kind = try json.kind()
        let start = json.offset
        if kind == .bool {
            scan.includeUsage = try json.bool()
        } else if try !isNull() {
            return .wrongType("stream_options.include_usage", "true or false")
        }
        if scan.includeUsage != true { scan.usageEdit = BodyEdit(range: start..<json.offset, text: "true") }
        return nil
    }

    private mutating func readInput() throws(JSONProblem) -> RequestProblem? {
        let name: StaticString
        switch (field, scan.endpoint) {
        case (.messages, .chatCompletions): name = "messages"
        case (.prompt, .completions): name = "prompt"
        case (.input, .embeddings): name = "input"
        default:
            // Another endpoint's field: unknown here, so it passes through.
            try json.skipValue()
            return nil
        }
        let kind = try json.kind()
        let start = json.offset
        switch kind {
        case .array:
            try json.openArray()
            guard try json.nextElement() else { return .wrongValue(name, "a list of at least one element") }
            repeat { try json.skipValue() } while try json.nextElement()
            if case .messages = field { scan.messagesEnd = json.offset - 1 }
        case .string where scan.endpoint != .chatCompletions:
            let text = try json.string()
            if text.isEmpty, scan.endpoint == .embeddings {
                return .wrongValue(name, "a string that is not empty, or a list")
            }
        default:
            return .wrongType(name, scan.endpoint == .chatCompletions ? "a list of messages" : "a string or a list")
        }
        hasInput = true
        scan.inputBytes += json.offset - start
        return nil
    }

    /// A positive integer that fits; nil and no problem where null.
    private mutating func readPositive(
        _ name: StaticString, into path: WritableKeyPath<RequestScan, Int?>
    ) throws(JSONProblem) -> RequestProblem? {
        if try isNull() { return nil }
        guard try json.kind() == .number else { return .wrongType(name, "a positive integer") }
        let number = try json.number()
        guard let value = json.integer(number), value > 0 else { return .wrongValue(name, "a positive integer") }
        scan[keyPath: path] = value
        return nil
    }

    private mutating func readChoices() throws(JSONProblem) -> RequestProblem? {
        if try isNull() { return nil }
        guard try json.kind() == .number else { return .wrongType("n", "an integer from 1 to 128") }
        let number = try json.number()
        guard let value = json.integer(number), (1...128).contains(value) else {
            return .wrongValue("n", "an integer from 1 to 128")
        }
        scan.choices = value
        return nil
    }

    private mutating func readTemperature() throws(JSONProblem) -> RequestProblem? {
        if try isNull() { return nil }
        guard try json.kind() == .number else { return .wrongType("temperature", "a number") }
        let number = try json.number()
        return json.isFinite(number) ? nil : .wrongValue("temperature", "a finite number")
    }

    private mutating func readTools() throws(JSONProblem) {
        let isList = try json.kind() == .array
        let start = json.offset
        if isList {
            try json.openArray()
            while try json.nextElement() {
                scan.hasTools = true
                try json.skipValue()
            }
        } else {
            try json.skipValue()
        }
        scan.inputBytes += json.offset - start
    }

    private mutating func readResponseFormat() throws(JSONProblem) -> RequestProblem? {
        guard try json.kind() == .object else {
            try json.skipValue()
            return nil
        }
        try json.openObject()
        var wasSeen = false
        while let key = try json.nextKey() {
            guard json.matches(key, "type") else {
                try json.skipValue()
                continue
            }
            if wasSeen { return .duplicate("response_format.type") }
            wasSeen = true
            guard try json.kind() == .string else { return .wrongType("response_format.type", "a string") }
            let type = try json.string()
            scan.hasJSONSchema = json.matches(type, "json_schema")
            scan.hasJSONObject = json.matches(type, "json_object")
        }
        return nil
    }
}
