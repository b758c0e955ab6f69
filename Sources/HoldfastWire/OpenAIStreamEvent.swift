/// What one event of an OpenAI stream means for the exchange. Copied without counting references; the text of an error
/// is read on demand from `errorRange`.
package struct ChunkFacts: Sendable, Equatable {
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt16

        package init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        /// Some choice says something: a delta with a value in any field other than its role. Empty strings, lists and
        /// objects say nothing.
        package static let token = Flags(rawValue: 1 << 0)
        /// Some choice has ended.
        package static let finish = Flags(rawValue: 1 << 1)
        /// The dialect's terminator.
        package static let done = Flags(rawValue: 1 << 2)
        /// An in-band error.
        package static let error = Flags(rawValue: 1 << 3)
        /// No choices and a usage: the event that `include_usage` adds.
        package static let usageOnly = Flags(rawValue: 1 << 4)
        /// Part of a tool call or of the older function call.
        package static let toolCall = Flags(rawValue: 1 << 5)
        package static let reasoning = Flags(rawValue: 1 << 6)
        /// No data: a heartbeat or an empty event.
        package static let comment = Flags(rawValue: 1 << 7)
        /// Data that is no JSON object. No other flag is set beside it.
        package static let malformed = Flags(rawValue: 1 << 8)
        /// Says something that is not the plain text of one choice, or not in one place: what came of it can only be
        /// repeated by whoever said it.
        package static let opaque = Flags(rawValue: 1 << 9)

        // Unions that are asked for with every event. Written as `[.token, .finish]` each would be built by generic code
        // that is not specialised across modules, which cost more than reading the event.
        package static let tokenOrFinish = Flags(rawValue: token.rawValue | finish.rawValue)
        package static let finishOrDone = Flags(rawValue: finish.rawValue | done.rawValue)
        package static let opaqueOrFinish = Flags(rawValue: opaque.rawValue | finish.rawValue)

        @inline(__always)
        package func meets(_ other: Flags) -> Bool { rawValue & other.rawValue != 0 }
    }

    package var flags: Flags
    package var finishReason: FinishReason?
    package var usage: TokenUsage?
    /// Where the error stands in the data, for `UpstreamErrorText`; empty without `.error`.
    package var errorRange: Range<Int>
    /// Where the text that it says stands; empty where it says none, or where that is opaque.
    package var text = JSONString(start: 0, end: 0, hasEscapes: false)

    package init(
        flags: Flags = [], finishReason: FinishReason? = nil, usage: TokenUsage? = nil, errorRange: Range<Int> = 0..<0
    ) {
        self.flags = flags
        self.finishReason = finishReason
        self.usage = usage
        self.errorRange = errorRange
    }

    /// Judges an event found by `SSEScanner` in the same `bytes`. `errorRange` and `text` count from the start of `bytes`;
    /// where the event has several data lines `errorRange` does from that of `SSEScanner.joinedData`, and its text is
    /// opaque.
    package static func read(_ event: SSEEvent, in bytes: UnsafeRawBufferPointer) -> ChunkFacts {
        switch event.dataLines {
        case 0:
            return ChunkFacts(flags: .comment)
        case 1:
            var facts = read(data: UnsafeRawBufferPointer(rebasing: bytes[event.data]), isError: event.isNamedError)
            let base = event.data.lowerBound
            facts.text.start &+= base
            facts.text.end &+= base
            if facts.flags.contains(.error) {
                facts.errorRange = (facts.errorRange.lowerBound + base)..<(facts.errorRange.upperBound + base)
            }
            return facts
        default:
            var facts = SSEScanner.joinedData(of: event, in: bytes).withUnsafeBytes {
                read(data: $0, isError: event.isNamedError)
            }
            facts.text = JSONString(start: 0, end: 0, hasEscapes: false)
            if facts.flags.contains(.token) { facts.flags.insert(.opaque) }
            return facts
        }
    }

    /// Judges the data of one event. `isError`: the event's name says that it is an error, whatever its data.
    package static func read(data: UnsafeRawBufferPointer, isError: Bool = false) -> ChunkFacts {
        var walk = ChunkWalk(data)
        if let first = data.first, first != ASCII.openBrace {
            let text = ASCII.trimmed(data, 0..<data.count)
            if text.isEmpty { return ChunkFacts(flags: .comment) }
            if ASCII.equals(data, text, "[DONE]") { return ChunkFacts(flags: .done) }
        } else if data.isEmpty {
            return ChunkFacts(flags: .comment)
        }
        do {
            try walk.run()
        } catch {
            // A named error need not be JSON: some servers send a plain sentence.
            return isError
                ? ChunkFacts(flags: .error, errorRange: 0..<data.count) : ChunkFacts(flags: .malformed)
        }
        if isError, !walk.facts.flags.contains(.error) {
            walk.facts.flags.insert(.error)
            walk.facts.errorRange = 0..<data.count
        }
        return walk.facts
    }
}

/// What `choices` of an event hold.
private struct ChunkWalk {
    var json: JSONScanner
    var facts = ChunkFacts()
    private var hasEmptyChoices = false

    init(_ data: UnsafeRawBufferPointer) {
        json = JSONScanner(data, limits: .upstream)
    }

    mutating func run() throws(JSONProblem) {
        try json.openObject()
        while let key = try json.nextKey() {
            if json.matches(key, "choices") {
                try readChoices()
            } else if json.matches(key, "usage") {
                facts.usage = try TokenUsage.read(&json)
            } else if json.matches(key, "error") {
                try readError()
            } else if json.matches(key, "object"), try json.kind() == .string {
                // Older vLLM: the error's fields stand at the top, beside `"object":"error"`.
                let object = try json.string()
                if json.matches(object, "error"), !facts.flags.contains(.error) {
                    facts.flags.insert(.error)
                    facts.errorRange = 0..<json.bytes.count
                }
            } else {
                try json.skipValue()
            }
        }
        try json.finish()
        if hasEmptyChoices, facts.usage != nil { facts.flags.insert(.usageOnly) }
    }

    private mutating func readError() throws(JSONProblem) {
        let isNull = try json.kind() == .null
        let range = try json.valueRange()
        guard !isNull else { return }
        facts.flags.insert(.error)
        facts.errorRange = range
    }

    private mutating func readChoices() throws(JSONProblem) {
        guard try json.kind() == .array else {
            try json.skipValue()
            return
        }
        try json.openArray()
        hasEmptyChoices = true
        while try json.nextElement() {
            hasEmptyChoices = false
            if try json.kind() == .object {
                try readChoice()
            } else {
                try json.skipValue()
            }
        }
    }

    private mutating func readChoice() throws(JSONProblem) {
        try json.openObject()
        while let key = try json.nextKey() {
            if json.matches(key, "delta") || json.matches(key, "message") {
                try readDelta()
            } else if json.matches(key, "finish_reason") {
                if let reason = try FinishReason.read(&json) {
                    facts.flags.insert(.finish)
                    facts.finishReason = reason
                }
            } else if json.matches(key, "text") {
                try readText()
            } else {
                try json.skipValue()
            }
        }
    }

    private mutating func readDelta() throws(JSONProblem) {
        guard try json.kind() == .object else {
            try json.skipValue()
            return
        }
        try json.openObject()
        while let key = try json.nextKey() {
            if json.matches(key, "content") {
                try readText()
                continue
            }
            guard try skipsValue(), !json.matches(key, "role") else { continue }
            facts.flags.formUnion([.token, .opaque])
            if json.matches(key, "tool_calls") || json.matches(key, "function_call") {
                facts.flags.insert(.toolCall)
            } else if json.matches(key, "reasoning_content") || json.matches(key, "reasoning")
                || json.matches(key, "reasoning_details")
            {
                facts.flags.insert(.reasoning)
            }
        }
    }

    private mutating func readText() throws(JSONProblem) {
        guard try json.kind() == .string else {
            if try skipsValue() { facts.flags.formUnion([.token, .opaque]) }
            return
        }
        let text = try json.string()
        guard !text.isEmpty else { return }
        if facts.flags.contains(.token) { facts.flags.insert(.opaque) }
        facts.flags.insert(.token)
        facts.text = text
    }

    /// Skips a value; true where it is a string, list or object that holds something. Numbers and truth values are
    /// bookkeeping, not output.
    @inline(__always)
    private mutating func skipsValue() throws(JSONProblem) -> Bool {
        switch try json.kind() {
        case .string:
            return try !json.string().isEmpty
        case .array:
            var isEmpty = true
            try json.openArray()
            while try json.nextElement() {
                isEmpty = false
                try json.skipValue()
            }
            return !isEmpty
        case .object:
            var isEmpty = true
            try json.openObject()
            while try json.nextKey() != nil {
                isEmpty = false
                try json.skipValue()
            }
            return !isEmpty
        case .number, .bool, .null:
            try json.skipValue()
            return false
        }
    }
}
