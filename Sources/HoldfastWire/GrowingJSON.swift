import NIOCore

/// One event while it is read, and how much of its answer may still be kept.
struct AssemblySource {
    /// What a kept value costs beside its own bytes: about what its bookkeeping takes, and more than the punctuation
    /// around it. With it one bound holds for the memory and for the body, however small the values are.
    static let overheadBytes = 64

    var json: JSONScanner
    /// Bytes.
    private(set) var left: Int

    init(_ data: UnsafeRawBufferPointer, left: Int) {
        json = JSONScanner(data, limits: .upstream)
        self.left = left
    }

    mutating func charge(_ bytes: Int) throws(AssemblyProblem) {
        guard bytes <= left else { throw .tooLarge }
        left -= bytes
    }

    mutating func release(_ bytes: Int) {
        left += bytes
    }

    /// The next value where it is a place in a list; nil where it is no number, which is as good as none.
    mutating func index() throws -> Int? {
        guard try json.kind() == .number else {
            try json.skipValue()
            return nil
        }
        // The upper bound leaves room for the place after it.
        guard let index = json.integer(try json.number()), 0...Int(Int32.max) ~= index else {
            throw AssemblyProblem.malformed
        }
        return index
    }

    /// Whether the next value is an object without members. Consumes nothing.
    func isEmptyObject() throws -> Bool {
        var probe = json
        try probe.openObject()
        return try probe.nextKey() == nil
    }
}

/// How the pieces of one value that came in several events become one. A piece that says nothing (null, an empty
/// string, list or object) never replaces one that does: servers pad their events with such.
enum PieceRule {
    /// The first piece stands: what servers say once, and some repeat in every event. Zero says nothing either.
    case first
    /// The last piece stands.
    case last
    /// The last piece stands; lists are put together.
    case lastOrLists
    /// Strings and lists are put together, objects member by member; of numbers and truth values the last stands.
    case joined
    /// As `joined`; a string that meets a list becomes an element of it, as a content part of type text.
    case contentParts
}

/// A JSON value that grows from event to event. Nothing is decoded: what stands between the quotes of two string
/// literals, put together, is again the contents of a legal literal, because no event ends inside an escape or a
/// character. Half a surrogate pair at the end of one event even meets its other half.
struct GrowingValue: Sendable {
    private enum Form: UInt8 {
        case missing, null, scalar, string, list, object
        /// A whole value of any kind, which nothing is added to.
        case whole
    }

    private static let textPartStart: StaticString = "{\"type\":\"text\",\"text\":\""
    private static let textPartEnd: StaticString = "\"}"

    private var form = Form.missing
    /// The last element of the list is a text part of our making, so that the next text goes into it.
    private var endsInText = false
    /// Without the quotes of a string and the brackets of a list.
    private var bytes: [UInt8] = []
    private var object = GrowingObject()
    /// Holds something that a piece of another kind must not replace.
    private(set) var saysSomething = false

    var isMissing: Bool { form == .missing }

    /// Takes the next value of `source`. True where it is a string, list or object that holds something.
    @discardableResult
    mutating func take(_ source: inout AssemblySource, by rule: PieceRule) throws -> Bool {
        let kind = try source.json.kind()
        switch (rule, kind) {
        case (.first, _), (.last, _): return try takeWhole(&source, kind, isFirst: rule == .first)
        case (_, .array): return try takeList(&source, rule)
        case (.lastOrLists, _): return try takeWhole(&source, kind, isFirst: false)
        case (_, .string): return try takeString(&source, rule)
        case (_, .object): return try takeObject(&source)
        case (_, .number), (_, .bool), (_, .null):
            try takeScalar(&source, isNull: kind == .null)
            return false
        }
    }

    private mutating func takeWhole(_ source: inout AssemblySource, _ kind: JSONKind, isFirst: Bool) throws -> Bool {
        let range = try source.json.valueRange()
        let says: Bool
        switch kind {
        case .null: says = false
        case .bool: says = true
        case .number: says = !isFirst || !ASCII.equals(source.json.bytes, range, "0")
        case .string: says = range.count > 2
        case .array, .object: says = !Self.interior(of: range, in: source.json.bytes).isEmpty
        }
        if says ? !(isFirst && saysSomething) : form == .missing {
            clear(&source)
            form = .whole
            try append(range, &source)
            saysSomething = says
        }
        return says && kind != .bool && kind != .number
    }

    /// Numbers and truth values are bookkeeping, not output: they neither replace what was said nor stand in its way.
    private mutating func takeScalar(_ source: inout AssemblySource, isNull: Bool) throws {
        let range = try source.json.valueRange()
        if isNull {
            if form == .missing { form = .null }
        } else if !saysSomething {
            clear(&source)
            form = .scalar
            try append(range, &source)
        }
    }

    private mutating func takeString(_ source: inout AssemblySource, _ rule: PieceRule) throws -> Bool {
        let text = try source.json.string()
        guard !text.isEmpty else {
            if form == .missing || form == .null { form = .string }
            return false
        }
        if rule == .contentParts, form == .list, saysSomething {
            try appendTextPart(text, &source)
        } else {
            try become(.string, &source)
            try append(text.contents, &source)
        }
        saysSomething = true
        return true
    }

    private mutating func takeList(_ source: inout AssemblySource, _ rule: PieceRule) throws -> Bool {
        let range = try source.json.valueRange()
        let elements = Self.interior(of: range, in: source.json.bytes)
        guard !elements.isEmpty else {
            if form == .missing || form == .null { form = .list }
            return false
        }
        if rule == .contentParts, form == .string, saysSomething {
            try source.charge(Self.textPartStart.utf8CodeUnitCount + Self.textPartEnd.utf8CodeUnitCount)
            bytes.insert(contentsOf: Self.bytes(of: Self.textPartStart), at: 0)
            bytes.append(contentsOf: Self.bytes(of: Self.textPartEnd))
            form = .list
        } else if rule == .lastOrLists, form == .whole {
            clear(&source)
            form = .list
        } else {
            try become(.list, &source)
        }
        if !bytes.isEmpty {
            try source.charge(1)
            bytes.append(ASCII.comma)
        }
        try append(elements, &source)
        endsInText = false
        saysSomething = true
        return true
    }

    private mutating func takeObject(_ source: inout AssemblySource) throws -> Bool {
        if form != .object {
            if try source.isEmptyObject() {
                try source.json.skipValue()
                if form == .missing || form == .null { form = .object }
                return false
            }
            try become(.object, &source)
        }
        guard try object.take(&source) else { return false }
        saysSomething = true
        return true
    }

    private mutating func appendTextPart(_ text: JSONString, _ source: inout AssemblySource) throws {
        let end = Self.textPartEnd.utf8CodeUnitCount
        if endsInText {
            bytes.removeLast(end)
            source.release(end)
        } else {
            try source.charge(1 + Self.textPartStart.utf8CodeUnitCount)
            bytes.append(ASCII.comma)
            bytes.append(contentsOf: Self.bytes(of: Self.textPartStart))
        }
        try append(text.contents, &source)
        try source.charge(end)
        bytes.append(contentsOf: Self.bytes(of: Self.textPartEnd))
        endsInText = true
    }

    private mutating func become(_ next: Form, _ source: inout AssemblySource) throws(AssemblyProblem) {
        guard form != next else { return }
        // Whichever of the two were dropped, the client would miss something the model said.
        guard !saysSomething else { throw .mixedKinds }
        clear(&source)
        form = next
    }

    private mutating func append(_ range: Range<Int>, _ source: inout AssemblySource) throws(AssemblyProblem) {
        try source.charge(range.count)
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: source.json.bytes[range]))
    }

    private mutating func clear(_ source: inout AssemblySource) {
        source.release(bytes.count)
        bytes.removeAll(keepingCapacity: true)
    }

    private static func bytes(of text: StaticString) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// What stands between the brackets of a list or an object, without the whitespace around it.
    private static func interior(of range: Range<Int>, in bytes: UnsafeRawBufferPointer) -> Range<Int> {
        var start = range.lowerBound + 1
        var end = range.upperBound - 1
        while start < end, bytes[start] <= ASCII.space { start += 1 }
        while end > start, bytes[end - 1] <= ASCII.space { end -= 1 }
        return start..<end
    }

    func write(into buffer: inout ByteBuffer) {
        switch form {
        case .missing, .null:
            buffer.writeStaticString("null")
        case .scalar, .whole:
            buffer.writeBytes(bytes)
        case .string:
            buffer.writeInteger(ASCII.quote)
            buffer.writeBytes(bytes)
            buffer.writeInteger(ASCII.quote)
        case .list:
            buffer.writeInteger(ASCII.openBracket)
            buffer.writeBytes(bytes)
            buffer.writeInteger(ASCII.closeBracket)
        case .object:
            buffer.writeInteger(ASCII.openBrace)
            object.writeMembers(into: &buffer, isFirst: true)
            buffer.writeInteger(ASCII.closeBrace)
        }
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeBytes(body)
    }
}

/// Members in the order in which they first came.
struct GrowingObject: Sendable {
    /// Of one object. The search for a member is linear, and no dialect has a tenth as many; without a bound one event
    /// with a hundred thousand names would hold up an event loop.
    static let maximumMembers = 256

    private struct Member {
        /// As it stands between quotes.
        let name: [UInt8]
        var value = GrowingValue()
    }

    private var members: [Member] = []
    /// Where the next name is looked for first: events repeat their members in the same order.
    private var expected = 0

    /// Takes the next value of `source`, an object, all of it by `joined`, save what servers say once. False where it
    /// is empty.
    mutating func take(_ source: inout AssemblySource) throws -> Bool {
        var isEmpty = true
        try source.json.openObject()
        while let key = try source.json.nextKey() {
            isEmpty = false
            try takeMember(key, &source, by: Self.comesOnce(key, source.json) ? .first : .joined)
        }
        return !isEmpty
    }

    /// Takes the value after `key`.
    @discardableResult
    mutating func takeMember(_ key: JSONString, _ source: inout AssemblySource, by rule: PieceRule) throws -> Bool {
        let at = try position(of: key, &source)
        return try members[at].value.take(&source, by: rule)
    }

    /// Strings that name something rather than being part of a text. Several servers repeat them in every event.
    static func comesOnce(_ key: JSONString, _ json: JSONScanner) -> Bool {
        json.matches(key, "id") || json.matches(key, "type") || json.matches(key, "name") || json.matches(key, "role")
            || json.matches(key, "index") || json.matches(key, "object") || json.matches(key, "format")
    }

    private mutating func position(of key: JSONString, _ source: inout AssemblySource) throws -> Int {
        guard key.hasEscapes else {
            return try position(of: UnsafeRawBufferPointer(rebasing: source.json.bytes[key.contents]), &source)
        }
        // Two spellings of one name are one member.
        var plain = ByteBuffer()
        plain.writeJSONString(source.json.text(of: key))
        return try plain.withUnsafeReadableBytes {
            try position(of: UnsafeRawBufferPointer(rebasing: $0.dropFirst().dropLast()), &source)
        }
    }

    private mutating func position(
        of name: UnsafeRawBufferPointer, _ source: inout AssemblySource
    ) throws(AssemblyProblem) -> Int {
        let count = members.count
        for step in 0..<count {
            let at = expected + step < count ? expected + step : expected + step - count
            if members[at].name.elementsEqual(name) {
                expected = at + 1
                return at
            }
        }
        guard count < Self.maximumMembers else { throw .tooManyMembers }
        try source.charge(name.count + AssemblySource.overheadBytes)
        members.append(Member(name: Array(name)))
        expected = count + 1
        return count
    }

    /// The members alone; a comma stands before each but the first of the object.
    func writeMembers(into buffer: inout ByteBuffer, isFirst: Bool) {
        var isFirst = isFirst
        for member in members {
            if !isFirst { buffer.writeInteger(ASCII.comma) }
            isFirst = false
            buffer.writeInteger(ASCII.quote)
            buffer.writeBytes(member.name)
            buffer.writeStaticString("\":")
            member.value.write(into: &buffer)
        }
    }
}
