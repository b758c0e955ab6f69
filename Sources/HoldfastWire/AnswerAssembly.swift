package import NIOCore

/// Why the events of a stream make no whole answer.
package enum AssemblyProblem: Error, Sendable, Equatable {
    /// No JSON, or of a shape this dialect does not have.
    case malformed
    /// The provider reported an error in the stream; `ChunkFacts` says where its text stands.
    case upstreamError
    /// More bytes than the answer may have.
    case tooLarge
    case tooManyChoices
    case tooManyToolCalls
    /// Of one object.
    case tooManyMembers
    /// Pieces of one member that cannot be put together, such as a text and an object.
    case mixedKinds
    /// The stream ended before every choice did.
    case unfinished
}

/// Puts the unary answer together from the events of a stream, for a client that asked for no stream and a route that
/// asks for one all the same, so that the limits of streams guard the request.
///
/// What the dialect's documents name is put where they say; the rest follows one rule, because a gateway must not lose
/// what it does not know: inside a delta texts and lists are continued, objects joined, and the last of anything else
/// stands; beside it, where events repeat rather than continue, the last that says something stands.
///
/// What it does not do: repair. It holds no opinion on what a model should have said, and it does not join the elements
/// of two lists (parts of a thought, annotations): more elements say the same, and a wrong join says something else.
package struct AnswerAssembly: Sendable {
    /// Providers offer at most 128 choices.
    package static let maximumChoices = 128
    package static let maximumToolCalls = AssembledChoice.maximumToolCalls
    package static let maximumMembers = GrowingObject.maximumMembers
    /// What the punctuation and the names of the body itself take.
    private static let envelopeBytes = 128

    /// Some event said something, by the same measure as `ChunkFacts.Flags.token`.
    package private(set) var hasToken = false
    /// The terminator came. What follows it is not read, as no client reads it.
    package private(set) var isDone = false

    private let endpoint: Endpoint
    private let expectedChoices: Int
    private let limit: Int
    private var left: Int
    private var problem: AssemblyProblem?
    private var choices: [AssembledChoice] = []
    private var usageLiteral = GrowingValue()
    /// The other members of the top level.
    private var head = GrowingObject()

    /// - Parameters:
    ///   - choices: how many the request asks for; 1 where that is not known.
    ///   - bytes: bound of the body, and of the bytes kept until then. A small charge for each member is part of it.
    package init(endpoint: Endpoint, choices: Int = 1, bytes: Int) {
        precondition(endpoint != .embeddings, "embeddings have no stream to put together")
        self.endpoint = endpoint
        expectedChoices = choices
        limit = bytes
        left = bytes - Self.envelopeBytes
    }

    /// Every choice seen so far has ended. More may follow: another choice, the usage, the terminator.
    package var isFinished: Bool { !choices.isEmpty && choices.allSatisfy(\.isFinished) }

    /// Whether what came would be a whole answer if the stream ended here. The terminator is not needed, as several
    /// servers send none, unless choices are missing that the request asked for: they may come one after the other.
    package var isComplete: Bool {
        problem == nil && isFinished && (isDone || choices.count >= expectedChoices)
    }

    package var usage: TokenUsage? {
        guard usageLiteral.saysSomething else { return nil }
        return usageLiteral.withBytes { bytes in
            var json = JSONScanner(bytes, limits: .upstream)
            return try? TokenUsage.read(&json)
        }
    }

    /// Takes an event found by `SSEScanner` in the same `bytes`. After the first problem every call repeats it.
    package mutating func take(_ event: SSEEvent, in bytes: UnsafeRawBufferPointer) throws(AssemblyProblem) {
        switch event.dataLines {
        case 0:
            if let problem { throw problem }
        case 1:
            try take(data: UnsafeRawBufferPointer(rebasing: bytes[event.data]), isError: event.isNamedError)
        default:
            let joined = SSEScanner.joinedData(of: event, in: bytes)
            joined.withUnsafeBytes { data in
                // The problem is kept, and thrown below: the closure cannot throw it by its type.
                try? take(data: data, isError: event.isNamedError)
            }
            if let problem { throw problem }
        }
    }

    /// Takes the data of one event. `isError`: the event's name says that it is an error, whatever its data.
    package mutating func take(data: UnsafeRawBufferPointer, isError: Bool = false) throws(AssemblyProblem) {
        if let problem { throw problem }
        guard !isDone else { return }
        if data.first != ASCII.openBrace {
            let text = ASCII.trimmed(data, 0..<data.count)
            if text.isEmpty { return }
            if ASCII.equals(data, text, "[DONE]") {
                isDone = true
                return
            }
        }
        var source = AssemblySource(data, left: left)
        do {
            if isError { throw AssemblyProblem.upstreamError }
            try takeChunk(&source)
        } catch {
            let found = error as? AssemblyProblem ?? .malformed
            problem = found
            throw found
        }
        left = source.left
    }

    private mutating func takeChunk(_ source: inout AssemblySource) throws {
        try source.json.openObject()
        while let key = try source.json.nextKey() {
            let json = source.json
            if json.matches(key, "choices") {
                try takeChoices(&source)
            } else if json.matches(key, "usage") {
                if try source.json.kind() == .object {
                    try usageLiteral.take(&source, by: .last)
                } else {
                    try source.json.skipValue()
                }
            } else if json.matches(key, "error") {
                guard try source.json.kind() == .null else { throw AssemblyProblem.upstreamError }
                try source.json.skipValue()
            } else if json.matches(key, "object") {
                try readObject(&source)
            } else if json.matches(key, "obfuscation") {
                // Padding that hides the length of an event. A whole answer has none.
                try source.json.skipValue()
            } else {
                try head.takeMember(key, &source, by: Self.identifies(key, json) ? .first : .last)
            }
        }
        try source.json.finish()
    }

    /// What stays the same from event to event. The first counts, so that a server that makes up an id per event still
    /// gives the one that a client of the stream would have seen first; some leading events hold empty ones.
    private static func identifies(_ key: JSONString, _ json: JSONScanner) -> Bool {
        json.matches(key, "id") || json.matches(key, "created") || json.matches(key, "model")
    }

    /// Ours says what the body is. Older vLLM: the error's fields stand at the top, beside `"object":"error"`.
    private func readObject(_ source: inout AssemblySource) throws {
        guard try source.json.kind() == .string else {
            try source.json.skipValue()
            return
        }
        let object = try source.json.string()
        if source.json.matches(object, "error") { throw AssemblyProblem.upstreamError }
    }

    private mutating func takeChoices(_ source: inout AssemblySource) throws {
        guard try source.json.kind() == .array else {
            try source.json.skipValue()
            return
        }
        var place = 0
        try source.json.openArray()
        while try source.json.nextElement() {
            if try source.json.kind() == .object {
                let at = try position(of: Self.index(of: source) ?? place, &source)
                if try choices[at].take(&source) { hasToken = true }
            } else {
                try source.json.skipValue()
            }
            place += 1
        }
    }

    /// The index of the choice that stands next. Read before the choice is taken, since it may stand at its end.
    private static func index(of source: AssemblySource) throws -> Int? {
        var probe = source
        try probe.json.openObject()
        while let key = try probe.json.nextKey() {
            if probe.json.matches(key, "index") { return try probe.index() }
            try probe.json.skipValue()
        }
        return nil
    }

    private mutating func position(of index: Int, _ source: inout AssemblySource) throws(AssemblyProblem) -> Int {
        if let at = choices.firstIndex(where: { $0.index == index }) { return at }
        guard choices.count < Self.maximumChoices else { throw .tooManyChoices }
        try source.charge(AssembledChoice.choiceBytes)
        choices.append(AssembledChoice(index: index))
        return choices.count - 1
    }

    /// Writes the body; nothing where it throws.
    package func write(into buffer: inout ByteBuffer) throws(AssemblyProblem) {
        if let problem { throw problem }
        guard isComplete else { throw .unfinished }
        buffer.reserveCapacity(minimumWritableBytes: limit - left)
        switch endpoint {
        case .chatCompletions: buffer.writeStaticString("{\"object\":\"chat.completion\"")
        case .completions: buffer.writeStaticString("{\"object\":\"text_completion\"")
        case .embeddings: preconditionFailure("embeddings were refused at the start")
        }
        head.writeMembers(into: &buffer, isFirst: false)
        buffer.writeStaticString(",\"choices\":[")
        for (place, choice) in choices.sorted(by: { $0.index < $1.index }).enumerated() {
            if place > 0 { buffer.writeInteger(ASCII.comma) }
            choice.write(into: &buffer, endpoint: endpoint)
        }
        buffer.writeInteger(ASCII.closeBracket)
        if usageLiteral.saysSomething {
            buffer.writeStaticString(",\"usage\":")
            usageLiteral.write(into: &buffer)
        }
        buffer.writeInteger(ASCII.closeBrace)
    }
}
