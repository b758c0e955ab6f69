import NIOCore

/// One choice of an answer, as far as its events have come.
struct AssembledChoice: Sendable {
    /// Of one choice. Models are asked for a few at a time; the bound keeps the search for a call short.
    static let maximumToolCalls = 256
    /// What a choice, and what a tool call costs before it holds anything: its bookkeeping, its index and the
    /// punctuation around it.
    static let choiceBytes = 256
    static let toolCallBytes = 128

    let index: Int
    private var text = GrowingValue()
    private var role = GrowingValue()
    private var content = GrowingValue()
    /// What the message holds beside its role, its content and its tool calls.
    private var message = GrowingObject()
    private var toolCalls: [ToolCall] = []
    /// What the choice holds beside its text or message and its end.
    private var rest = GrowingObject()
    private var finishReason = GrowingValue()
    private var hasDelta = false
    /// Some delta or message said something.
    private var hasMessage = false

    init(index: Int) {
        self.index = index
    }

    var isFinished: Bool { finishReason.saysSomething }

    /// Takes the next value of `source`, an object. True where it says something.
    mutating func take(_ source: inout AssemblySource) throws -> Bool {
        var says = false
        var wholeMessage: JSONScanner?
        try source.json.openObject()
        while let key = try source.json.nextKey() {
            let json = source.json
            if json.matches(key, "delta") {
                if try source.json.kind() == .object { hasDelta = true }
                if try takeDelta(&source) { says = true }
            } else if json.matches(key, "message") {
                wholeMessage = source.json
                try source.json.skipValue()
            } else if json.matches(key, "finish_reason") {
                try finishReason.take(&source, by: .last)
            } else if json.matches(key, "text") {
                if try text.take(&source, by: .joined) { says = true }
            } else if json.matches(key, "logprobs") {
                try rest.takeMember(key, &source, by: .joined)
            } else if !json.matches(key, "index") {
                // Judgements of the text so far, in strings and objects, are renewed and not continued; lists, such as
                // the numbers of the tokens, belong to this event alone.
                try rest.takeMember(key, &source, by: .lastOrLists)
            } else {
                try source.json.skipValue()
            }
        }
        // Beside deltas a message repeats all that was said before; alone it is how some servers send a whole answer.
        if let wholeMessage, !hasDelta {
            let end = source.json
            source.json = wholeMessage
            if try takeDelta(&source) { says = true }
            source.json = end
        }
        return says
    }

    private mutating func takeDelta(_ source: inout AssemblySource) throws -> Bool {
        guard try source.json.kind() == .object else {
            try source.json.skipValue()
            return false
        }
        var says = false
        try source.json.openObject()
        while let key = try source.json.nextKey() {
            let json = source.json
            if json.matches(key, "role") {
                try role.take(&source, by: .first)
                continue
            }
            let saysMore: Bool
            if json.matches(key, "content") {
                saysMore = try content.take(&source, by: .contentParts)
            } else if json.matches(key, "tool_calls") {
                saysMore = try takeToolCalls(&source)
            } else {
                let isOnce = GrowingObject.comesOnce(key, json)
                saysMore = try message.takeMember(key, &source, by: isOnce ? .first : .joined)
            }
            if saysMore { says = true }
        }
        if says { hasMessage = true }
        return says
    }

    // MARK: Tool calls

    private struct ToolCall {
        let index: Int
        /// As it stands between quotes; empty until it came.
        var id: [UInt8] = []
        var isNamed = false
        var fields = GrowingObject()
    }

    /// What tells which call a piece belongs to. Read before the piece is taken, since it may stand at its end.
    private struct Piece {
        var index: Int?
        var id = 0..<0
        var isNamed = false

        init(_ source: AssemblySource) throws {
            var probe = source
            try probe.json.openObject()
            while let key = try probe.json.nextKey() {
                if probe.json.matches(key, "index") {
                    index = try probe.index()
                } else if probe.json.matches(key, "id"), try probe.json.kind() == .string {
                    id = try probe.json.string().contents
                } else if probe.json.matches(key, "function"), try probe.json.kind() == .object {
                    try readFunction(&probe.json)
                } else {
                    try probe.json.skipValue()
                }
            }
        }

        private mutating func readFunction(_ json: inout JSONScanner) throws {
            try json.openObject()
            while let key = try json.nextKey() {
                if json.matches(key, "name"), try json.kind() == .string {
                    isNamed = try !json.string().isEmpty
                } else {
                    try json.skipValue()
                }
            }
        }
    }

    /// True where the list holds something. An empty list, which some servers send beside text, is as good as none.
    private mutating func takeToolCalls(_ source: inout AssemblySource) throws -> Bool {
        guard try source.json.kind() != .null else {
            try source.json.skipValue()
            return false
        }
        var isEmpty = true
        try source.json.openArray()
        while try source.json.nextElement() {
            isEmpty = false
            let piece = try Piece(source)
            let at = try position(of: piece, &source)
            if piece.isNamed { toolCalls[at].isNamed = true }
            if toolCalls[at].id.isEmpty { toolCalls[at].id = Array(source.json.bytes[piece.id]) }
            try source.json.openObject()
            while let key = try source.json.nextKey() {
                // The index orders the pieces; in a whole answer the list itself does.
                if source.json.matches(key, "index") {
                    try source.json.skipValue()
                } else {
                    let isOnce = GrowingObject.comesOnce(key, source.json)
                    try toolCalls[at].fields.takeMember(key, &source, by: isOnce ? .first : .joined)
                }
            }
        }
        return !isEmpty
    }

    private mutating func position(of piece: Piece, _ source: inout AssemblySource) throws(AssemblyProblem) -> Int {
        if let at = known(piece, source.json.bytes) { return at }
        guard toolCalls.count < Self.maximumToolCalls else { throw .tooManyToolCalls }
        try source.charge(Self.toolCallBytes + piece.id.count)
        let next = toolCalls.reduce(0) { max($0, $1.index + 1) }
        toolCalls.append(ToolCall(index: piece.index ?? next))
        return toolCalls.count - 1
    }

    /// The index decides, because some servers make up a new id for every piece. Two kinds of server need more:
    ///
    /// - Several give parallel calls, each sent whole, the same index. An id and a name, both given again and the id
    ///   not the same, begin another call; servers that make up ids name a call once.
    /// - Some omit the index. Then the id decides; without a known id a name begins a call, since calls without an
    ///   index come whole, and a piece without a name continues the last.
    private func known(_ piece: Piece, _ bytes: UnsafeRawBufferPointer) -> Int? {
        let id = UnsafeRawBufferPointer(rebasing: bytes[piece.id])
        guard let index = piece.index else {
            let same = id.isEmpty ? nil : toolCalls.lastIndex { $0.id.elementsEqual(id) }
            return same ?? (piece.isNamed ? nil : toolCalls.indices.last)
        }
        guard let at = toolCalls.lastIndex(where: { $0.index == index }) else { return nil }
        let call = toolCalls[at]
        let isRenamed = piece.isNamed && call.isNamed && !id.isEmpty && !call.id.isEmpty
        return isRenamed && !call.id.elementsEqual(id) ? nil : at
    }

    // MARK: Writing

    func write(into buffer: inout ByteBuffer, endpoint: Endpoint) {
        buffer.writeStaticString("{\"index\":")
        buffer.writeJSONInteger(index)
        if endpoint == .completions || !text.isMissing {
            buffer.writeStaticString(",\"text\":")
            if text.saysSomething { text.write(into: &buffer) } else { buffer.writeStaticString("\"\"") }
        }
        if endpoint == .chatCompletions || hasMessage {
            buffer.writeStaticString(",\"message\":")
            writeMessage(into: &buffer)
        }
        rest.writeMembers(into: &buffer, isFirst: false)
        buffer.writeStaticString(",\"finish_reason\":")
        finishReason.write(into: &buffer)
        buffer.writeInteger(ASCII.closeBrace)
    }

    private func writeMessage(into buffer: inout ByteBuffer) {
        buffer.writeStaticString("{\"role\":")
        if role.saysSomething { role.write(into: &buffer) } else { buffer.writeStaticString("\"assistant\"") }
        buffer.writeStaticString(",\"content\":")
        content.write(into: &buffer)
        message.writeMembers(into: &buffer, isFirst: false)
        if !toolCalls.isEmpty {
            buffer.writeStaticString(",\"tool_calls\":[")
            let order = toolCalls.indices.sorted { (toolCalls[$0].index, $0) < (toolCalls[$1].index, $1) }
            for (place, at) in order.enumerated() {
                if place > 0 { buffer.writeInteger(ASCII.comma) }
                buffer.writeInteger(ASCII.openBrace)
                toolCalls[at].fields.writeMembers(into: &buffer, isFirst: true)
                buffer.writeInteger(ASCII.closeBrace)
            }
            buffer.writeInteger(ASCII.closeBracket)
        }
        buffer.writeInteger(ASCII.closeBrace)
    }
}
