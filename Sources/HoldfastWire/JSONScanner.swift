/// What is wrong with a JSON text.
package enum JSONFault: UInt8, Sendable, Equatable {
    case unexpectedEnd
    case unexpectedByte
    case trailingBytes
    case invalidUTF8
    case loneSurrogate
    case controlCharacter
    case invalidEscape
    case invalidNumber
    case tooDeep
    case tooManyNodes
}

/// Where a JSON text stops being one. `offset` is in bytes from the start of the scanned text.
package struct JSONProblem: Error, Equatable, Sendable {
    package var fault: JSONFault
    package var offset: Int

    package init(_ fault: JSONFault, at offset: Int) {
        self.fault = fault
        self.offset = offset
    }
}

/// Bounds of one JSON text.
package struct JSONLimits: Sendable, Equatable {
    /// Skipping recurses once per container, so that even a generous setting must stay far from the end of the stack.
    package static let deepest = 512

    /// Containers inside one another; a scalar has depth 0.
    package var depth: Int
    /// Values of every kind, containers included; keys do not count.
    package var nodes: Int
    /// Servers that cut text between two UTF-16 units send half a pair in one event and half in the next. Clients
    /// accept that, so an observer has to; a request with it is refused.
    package var allowsLoneSurrogates: Bool

    package init(depth: Int = 64, nodes: Int = 200_000, allowsLoneSurrogates: Bool = false) {
        self.depth = min(max(depth, 0), Self.deepest)
        self.nodes = nodes
        self.allowsLoneSurrogates = allowsLoneSurrogates
    }

    /// For what a provider sends: its size is bounded by bytes, and an embedding alone may hold millions of numbers.
    package static let upstream = JSONLimits(depth: 128, nodes: .max, allowsLoneSurrogates: true)
}

package enum JSONKind: Sendable {
    case object, array, string, number, bool, null
}

/// A string's place in the text. The offsets are of its contents, without the quotes.
package struct JSONString: Sendable, Equatable {
    package var start: Int
    package var end: Int
    package var hasEscapes: Bool

    package var isEmpty: Bool { start == end }
    package var contents: Range<Int> { start..<end }
    /// With both quotes.
    package var literal: Range<Int> { (start - 1)..<(end + 1) }
}

/// A number's place in the text.
package struct JSONNumber: Sendable, Equatable {
    package var range: Range<Int>
    /// Neither a fraction nor an exponent.
    package var isInteger: Bool
}

/// A strict RFC 8259 cursor over bytes it does not own: one forward pass, nothing decoded unless asked, nothing
/// allocated. It judges every byte it passes, so what it accepted can be sent on byte for byte.
///
/// The caller walks what it reads (`openObject`, `nextKey`, `openArray`, `nextElement`) and skips the rest with
/// `skipValue`; after each key or element exactly one value must be consumed. `finish` refuses trailing bytes.
package struct JSONScanner {
    package let bytes: UnsafeRawBufferPointer
    package private(set) var offset = 0
    private let count: Int
    private let limits: JSONLimits
    private var depth = 0
    private var nodesLeft: Int
    /// The next member or element is the first of its container, so no comma stands before it. One flag is enough:
    /// closing a container always leaves its parent past its first.
    private var isFirst = false

    package init(_ bytes: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()) {
        self.bytes = bytes
        count = bytes.count
        self.limits = limits
        nodesLeft = limits.nodes
    }

    // MARK: Walking

    /// The kind of the next value, without consuming it.
    package mutating func kind() throws(JSONProblem) -> JSONKind {
        skipWhitespace()
        switch byte(offset) {
        case ASCII.openBrace: return .object
        case ASCII.openBracket: return .array
        case ASCII.quote: return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case ASCII.minus, ASCII.zero...ASCII.nine: return .number
        default: throw unexpected(offset)
        }
    }

    package mutating func openObject() throws(JSONProblem) {
        try open(ASCII.openBrace)
    }

    package mutating func openArray() throws(JSONProblem) {
        try open(ASCII.openBracket)
    }

    /// The next key of the object opened last, standing before its value; nil once the object is closed.
    @inline(__always)
    package mutating func nextKey() throws(JSONProblem) -> JSONString? {
        guard try advance(toward: ASCII.closeBrace) else { return nil }
        return try key()
    }

    /// Whether the array opened last has another element, standing before it; false once the array is closed.
    @inline(__always)
    package mutating func nextElement() throws(JSONProblem) -> Bool {
        try advance(toward: ASCII.closeBracket)
    }

    package mutating func string() throws(JSONProblem) -> JSONString {
        try startValue(ASCII.quote)
        return try scanString()
    }

    package mutating func number() throws(JSONProblem) -> JSONNumber {
        skipWhitespace()
        try countNode()
        return try scanNumber()
    }

    package mutating func bool() throws(JSONProblem) -> Bool {
        skipWhitespace()
        try countNode()
        if byte(offset) == UInt8(ascii: "t") {
            try word("true")
            return true
        }
        try word("false")
        return false
    }

    /// Consumes one value of any kind, judging all of it.
    package mutating func skipValue() throws(JSONProblem) {
        skipWhitespace()
        try countNode()
        switch byte(offset) {
        case ASCII.quote: _ = try scanString()
        case ASCII.openBrace: try skipObject()
        case ASCII.openBracket: try skipArray()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: _ = try scanNumber()
        }
    }

    /// Consumes one value and says where it stands, without the whitespace around it.
    package mutating func valueRange() throws(JSONProblem) -> Range<Int> {
        skipWhitespace()
        let start = offset
        try skipValue()
        return start..<offset
    }

    /// After the last value: only whitespace may follow.
    package mutating func finish() throws(JSONProblem) {
        skipWhitespace()
        guard offset == count else { throw JSONProblem(.trailingBytes, at: offset) }
    }

    // MARK: Structure

    @inline(__always)
    private mutating func startValue(_ first: UInt8) throws(JSONProblem) {
        skipWhitespace()
        guard byte(offset) == first else { throw unexpected(offset) }
        try countNode()
    }

    private mutating func open(_ bracket: UInt8) throws(JSONProblem) {
        try startValue(bracket)
        try enter()
        isFirst = true
    }

    @inline(__always)
    private mutating func enter() throws(JSONProblem) {
        depth &+= 1
        guard depth <= limits.depth else { throw JSONProblem(.tooDeep, at: offset) }
        offset &+= 1
    }

    @inline(__always)
    private mutating func leave() {
        depth &-= 1
        offset &+= 1
        isFirst = false
    }

    @inline(__always)
    private mutating func advance(toward close: UInt8) throws(JSONProblem) -> Bool {
        skipWhitespace()
        let next = byte(offset)
        if next == close {
            leave()
            return false
        }
        if isFirst {
            isFirst = false
            return true
        }
        guard next == ASCII.comma else { throw unexpected(offset) }
        offset &+= 1
        skipWhitespace()
        // A trailing comma is caught here for objects by the key's quote, and for arrays by this test.
        guard byte(offset) != close else { throw unexpected(offset) }
        return true
    }

    @inline(__always)
    private mutating func key() throws(JSONProblem) -> JSONString {
        guard byte(offset) == ASCII.quote else { throw unexpected(offset) }
        let key = try scanString()
        if byte(offset) != ASCII.colon {
            skipWhitespace()
            guard byte(offset) == ASCII.colon else { throw unexpected(offset) }
        }
        offset &+= 1
        return key
    }

    private mutating func skipObject() throws(JSONProblem) {
        try enter()
        isFirst = true
        while try advance(toward: ASCII.closeBrace) {
            _ = try key()
            try skipValue()
        }
    }

    private mutating func skipArray() throws(JSONProblem) {
        try enter()
        isFirst = true
        while try advance(toward: ASCII.closeBracket) {
            try skipValue()
        }
    }

    // MARK: Bytes

    /// The byte at `index`; 0, which no JSON text may hold outside its escapes, past the end.
    @inline(__always)
    private func byte(_ index: Int) -> UInt8 {
        index < count ? bytes[index] : 0
    }

    @inline(__always)
    private mutating func skipWhitespace() {
        while offset < count {
            switch bytes[offset] {
            case ASCII.space, ASCII.lineFeed, ASCII.carriageReturn, ASCII.tab: offset &+= 1
            default: return
            }
        }
    }

    @inline(__always)
    private mutating func countNode() throws(JSONProblem) {
        nodesLeft &-= 1
        guard nodesLeft >= 0 else { throw JSONProblem(.tooManyNodes, at: offset) }
    }

    @inline(never)
    private func unexpected(_ index: Int) -> JSONProblem {
        JSONProblem(index < count ? .unexpectedByte : .unexpectedEnd, at: min(index, count))
    }

    @inline(__always)
    private mutating func word(_ text: StaticString) throws(JSONProblem) {
        let expected = text.utf8Start
        for index in 0..<text.utf8CodeUnitCount where byte(offset &+ index) != expected[index] {
            throw unexpected(offset &+ index)
        }
        offset &+= text.utf8CodeUnitCount
    }

    @inline(__always)
    private mutating func skipDigits() throws(JSONProblem) {
        guard ASCII.isDigit(byte(offset)) else {
            throw offset < count ? JSONProblem(.invalidNumber, at: offset) : unexpected(offset)
        }
        repeat { offset &+= 1 } while ASCII.isDigit(byte(offset))
    }

    private mutating func scanNumber() throws(JSONProblem) -> JSONNumber {
        let start = offset
        if byte(offset) == ASCII.minus {
            offset &+= 1
        } else if !ASCII.isDigit(byte(offset)) {
            throw unexpected(offset)
        }
        let leading = byte(offset)
        try skipDigits()
        if leading == ASCII.zero, offset &- start > (bytes[start] == ASCII.minus ? 2 : 1) {
            throw JSONProblem(.invalidNumber, at: start)
        }
        var isInteger = true
        if byte(offset) == ASCII.dot {
            isInteger = false
            offset &+= 1
            try skipDigits()
        }
        if byte(offset) | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            offset &+= 1
            if byte(offset) == UInt8(ascii: "+") || byte(offset) == ASCII.minus { offset &+= 1 }
            try skipDigits()
        }
        return JSONNumber(range: start..<offset, isInteger: isInteger)
    }

    // MARK: Strings

    /// From the opening quote, which the caller has seen.
    @inline(__always)
    private mutating func scanString() throws(JSONProblem) -> JSONString {
        let start = offset &+ 1
        let end = WordSearch.specialInString(bytes, from: start)
        if byte(end) == ASCII.quote {
            offset = end &+ 1
            return JSONString(start: start, end: end, hasEscapes: false)
        }
        return try scanLongString(start: start, from: end)
    }

    /// The rest of a string that holds escapes or characters beyond ASCII.
    private mutating func scanLongString(start: Int, from first: Int) throws(JSONProblem) -> JSONString {
        var hasEscapes = false
        var index = first
        while true {
            index = WordSearch.specialInString(bytes, from: index)
            guard index < count else { throw JSONProblem(.unexpectedEnd, at: count) }
            let byte = bytes[index]
            switch byte {
            case ASCII.quote:
                offset = index &+ 1
                return JSONString(start: start, end: index, hasEscapes: hasEscapes)
            case ASCII.backslash:
                hasEscapes = true
                index = try escapeEnd(index)
            case 0x80...:
                index = try characterEnd(index)
            default:
                throw JSONProblem(.controlCharacter, at: index)
            }
        }
    }

    /// Past the escape that begins at `index`; a surrogate pair counts as one.
    private func escapeEnd(_ index: Int) throws(JSONProblem) -> Int {
        guard index &+ 1 < count else { throw JSONProblem(.unexpectedEnd, at: count) }
        switch bytes[index &+ 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return index &+ 2
        case UInt8(ascii: "u"):
            break
        default:
            throw JSONProblem(.invalidEscape, at: index)
        }
        let unit = try escapedUnit(index)
        guard unit & 0xF800 == 0xD800 else { return index &+ 6 }
        if unit < 0xDC00, byte(index &+ 6) == ASCII.backslash, byte(index &+ 7) == UInt8(ascii: "u") {
            let second = try escapedUnit(index &+ 6)
            if second & 0xFC00 == 0xDC00 { return index &+ 12 }
        }
        guard limits.allowsLoneSurrogates else { throw JSONProblem(.loneSurrogate, at: index) }
        return index &+ 6
    }

    /// The UTF-16 unit of the `\u` escape at `index`.
    private func escapedUnit(_ index: Int) throws(JSONProblem) -> UInt16 {
        guard index &+ 6 <= count else { throw JSONProblem(.unexpectedEnd, at: count) }
        var unit: UInt16 = 0
        for position in (index &+ 2)..<(index &+ 6) {
            guard let digit = ASCII.hexValue(bytes[position]) else { throw JSONProblem(.invalidEscape, at: index) }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    /// Past the UTF-8 sequence that begins at `index`: the table of Unicode 3-7, so neither overlong forms nor
    /// surrogates nor anything above U+10FFFF.
    private func characterEnd(_ index: Int) throws(JSONProblem) -> Int {
        let lead = bytes[index]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw JSONProblem(.invalidUTF8, at: index)
        }
        guard index &+ length <= count else { throw JSONProblem(.unexpectedEnd, at: count) }
        guard second.contains(bytes[index &+ 1]) else { throw JSONProblem(.invalidUTF8, at: index) }
        for position in (index &+ 2)..<(index &+ max(length, 2)) where bytes[position] & 0xC0 != 0x80 {
            throw JSONProblem(.invalidUTF8, at: index)
        }
        return index &+ length
    }
}
