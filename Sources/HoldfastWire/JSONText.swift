package import NIOCore

/// A name as a JSON string, escaped once, when a snapshot is built, rather than for every exchange.
package struct JSONLiteral: Sendable, Hashable {
    /// With both quotes.
    package let bytes: ByteBuffer

    package init(_ name: String) {
        var buffer = ByteBuffer()
        buffer.writeJSONString(name)
        bytes = buffer
    }
}

/// Writing JSON by hand, straight into a buffer: what we write ourselves is small and of a known shape.
extension ByteBuffer {
    /// `text` as a JSON string with its quotes. Only what RFC 8259 demands is escaped, and U+007F, U+2028 and U+2029,
    /// which terminals and scripts may act on.
    package mutating func writeJSONString(_ text: String) {
        writeInteger(ASCII.quote)
        var text = text
        text.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            var start = 0
            var index = 0
            while index < bytes.count {
                let length = JSONEscape.length(at: index, in: bytes)
                guard length > 0 else {
                    index += 1
                    continue
                }
                writeBytes(UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
                writeEscape(of: bytes, at: index, length: length)
                index += length
                start = index
            }
            writeBytes(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        }
        writeInteger(ASCII.quote)
    }

    /// A string, or `null`.
    package mutating func writeJSONString(_ text: String?) {
        if let text { writeJSONString(text) } else { writeStaticString("null") }
    }

    /// A literal, or `null`.
    package mutating func writeJSON(_ literal: JSONLiteral?) {
        if let literal { writeImmutableBuffer(literal.bytes) } else { writeStaticString("null") }
    }

    package mutating func writeJSONInteger(_ value: some FixedWidthInteger) {
        writeString(String(value))
    }

    private mutating func writeEscape(of bytes: UnsafeRawBufferPointer, at index: Int, length: Int) {
        if length == 3 {
            writeString(bytes[index + 2] == 0xA8 ? "\\u2028" : "\\u2029")
            return
        }
        switch bytes[index] {
        case ASCII.quote: writeStaticString("\\\"")
        case ASCII.backslash: writeStaticString("\\\\")
        case ASCII.lineFeed: writeStaticString("\\n")
        case ASCII.carriageReturn: writeStaticString("\\r")
        case ASCII.tab: writeStaticString("\\t")
        case let byte:
            let digits: StaticString = "0123456789abcdef"
            writeStaticString("\\u00")
            writeInteger(digits.utf8Start[Int(byte >> 4)])
            writeInteger(digits.utf8Start[Int(byte & 15)])
        }
    }
}

private enum JSONEscape {
    /// How many bytes at `index` need an escape; 0 where the byte stands for itself.
    @inline(__always)
    static func length(at index: Int, in bytes: UnsafeRawBufferPointer) -> Int {
        let byte = bytes[index]
        if byte < 0x20 || byte == ASCII.quote || byte == ASCII.backslash || byte == ASCII.delete { return 1 }
        guard byte == 0xE2, index + 2 < bytes.count, bytes[index + 1] == 0x80 else { return 0 }
        return bytes[index + 2] & 0xFE == 0xA8 ? 3 : 0
    }
}

/// The error body of the OpenAI dialect.
package enum OpenAIErrorBody {
    package static func write(
        message: String, type: String, param: String?, code: String?, into buffer: inout ByteBuffer
    ) {
        buffer.writeStaticString("{\"error\":{\"message\":")
        buffer.writeJSONString(message)
        buffer.writeStaticString(",\"type\":")
        buffer.writeJSONString(type)
        buffer.writeStaticString(",\"param\":")
        buffer.writeJSONString(param)
        buffer.writeStaticString(",\"code\":")
        buffer.writeJSONString(code)
        buffer.writeStaticString("}}")
    }
}

/// The dialect's in-band error: what a stream that cannot be mended ends with. No `[DONE]` may follow it, because
/// clients take that for success.
package enum OpenAIErrorEvent {
    package static func write(
        message: String, type: String, param: String? = nil, code: String?, into buffer: inout ByteBuffer
    ) {
        buffer.writeStaticString("data: ")
        OpenAIErrorBody.write(message: message, type: type, param: param, code: code, into: &buffer)
        buffer.writeStaticString("\n\n")
    }
}
