package import HoldfastCore

package struct JSONSyntaxError: Error, Equatable {
    /// Where the text stops being JSON, in bytes from its beginning.
    package var offset: Int
}

extension JSONValue {
    package init(parsing bytes: some Sequence<UInt8>) throws(JSONSyntaxError) {
        var parser = JSONParser(bytes: Array(bytes))
        self = try parser.document()
    }
}

/// Recursive descent. The depth is bounded so that a body of brackets cannot exhaust the stack of an event loop.
private struct JSONParser {
    static let depthLimit = 64

    let bytes: [UInt8]
    var offset = 0
    var depth = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func document() throws(JSONSyntaxError) -> JSONValue {
        let value = try value()
        skipSpace()
        guard offset == bytes.count else { throw JSONSyntaxError(offset: offset) }
        return value
    }

    private mutating func value() throws(JSONSyntaxError) -> JSONValue {
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): return try nested { (parser) throws(JSONSyntaxError) in try parser.object() }
        case UInt8(ascii: "["): return try nested { (parser) throws(JSONSyntaxError) in try parser.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func nested(
        _ body: (inout JSONParser) throws(JSONSyntaxError) -> JSONValue
    ) throws(JSONSyntaxError) -> JSONValue {
        guard depth < JSONParser.depthLimit else { throw JSONSyntaxError(offset: offset) }
        depth += 1
        offset += 1
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func object() throws(JSONSyntaxError) -> JSONValue {
        var members: [JSONMember] = []
        skipSpace()
        if take("}") { return .object(members) }
        repeat {
            skipSpace()
            let name = try string()
            skipSpace()
            try expect(":")
            members.append(JSONMember(name: name, value: try value()))
            skipSpace()
        } while take(",")
        try expect("}")
        return .object(members)
    }

    private mutating func array() throws(JSONSyntaxError) -> JSONValue {
        var items: [JSONValue] = []
        skipSpace()
        if take("]") { return .array(items) }
        repeat {
            items.append(try value())
            skipSpace()
        } while take(",")
        try expect("]")
        return .array(items)
    }

    private mutating func string() throws(JSONSyntaxError) -> String {
        try expect("\"")
        var content: [UInt8] = []
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"):
                offset += 1
                try escape(into: &content)
            case 0..<0x20:
                throw JSONSyntaxError(offset: offset)
            default:
                content.append(byte)
                offset += 1
            }
        }
        throw JSONSyntaxError(offset: offset)
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSONSyntaxError) {
        guard let byte = peek else { throw JSONSyntaxError(offset: offset) }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var unit = try hexUnit()
            if (0xD800..<0xDC00).contains(unit), take("\\") {
                try expect("u")
                let low = try hexUnit()
                guard (0xDC00..<0xE000).contains(low) else { throw JSONSyntaxError(offset: offset) }
                unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(unit) else { throw JSONSyntaxError(offset: offset) }
            content.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw JSONSyntaxError(offset: offset - 1)
        }
    }

    private mutating func hexUnit() throws(JSONSyntaxError) -> UInt32 {
        guard offset + 4 <= bytes.count,
            let unit = UInt32(String(decoding: bytes[offset..<offset + 4], as: UTF8.self), radix: 16)
        else { throw JSONSyntaxError(offset: offset) }
        offset += 4
        return unit
    }

    private mutating func number() throws(JSONSyntaxError) -> JSONValue {
        let start = offset
        var whole = true
        while let byte = peek, "+-.eE0123456789".utf8.contains(byte) {
            if !"-0123456789".utf8.contains(byte) { whole = false }
            offset += 1
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if whole, let value = Int(text) { return .integer(value) }
        guard let first = text.utf8.first, first != UInt8(ascii: "+"), let value = Double(text) else {
            throw JSONSyntaxError(offset: start)
        }
        return .number(value)
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
        let wanted = word.utf8CodeUnitCount
        let matches = word.withUTF8Buffer { expected in
            offset + wanted <= bytes.count && bytes[offset..<offset + wanted].elementsEqual(expected)
        }
        guard matches else { throw JSONSyntaxError(offset: offset) }
        offset += wanted
        return value
    }

    private var peek: UInt8? {
        offset < bytes.count ? bytes[offset] : nil
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        offset += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(JSONSyntaxError) {
        guard take(character) else { throw JSONSyntaxError(offset: offset) }
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
    }
}
