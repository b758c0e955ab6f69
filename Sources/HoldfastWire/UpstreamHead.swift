import NIOCore

/// The head of a provider's response. Fields beyond those every exchange needs are looked up in the received bytes when
/// somebody asks.
///
/// It shares the storage of the read it came from: whoever keeps an exchange open for long drops it once it is judged.
package struct UpstreamHead: Sendable {
    package internal(set) var status: Int
    package internal(set) var isHTTP10 = false
    package internal(set) var isEventStream = false
    package internal(set) var isJSON = false
    /// The body is compressed although we asked for none: its bytes cannot be judged or continued.
    package internal(set) var isEncoded = false
    /// Some field says what remains of a limit.
    package internal(set) var hasRateLimits = false
    /// Nil where the body is chunked or ends with the connection.
    package internal(set) var contentLength: Int?
    package internal(set) var isChunked = false
    /// What the head says; `.end` says whether the connection really can be used again.
    package internal(set) var keepAlive = true
    /// The field lines, each with its CRLF.
    let fields: ByteBuffer

    /// The trimmed value of the first field of that name, which is in lower case; nil where it is absent.
    package func value(of name: StaticString) -> String? {
        fields.withUnsafeReadableBytes { bytes in
            var start = 0
            while start < bytes.count {
                let end = WordSearch.lineEnd(bytes, from: start)
                let nameEnd = start + name.utf8CodeUnitCount
                if nameEnd < end, bytes[nameEnd] == ASCII.colon, ASCII.equalsFolded(bytes, start..<nameEnd, name) {
                    let value = ASCII.trimmed(bytes, (nameEnd + 1)..<end)
                    return String(decoding: UnsafeRawBufferPointer(rebasing: bytes[value]), as: UTF8.self)
                }
                start = end + 2
            }
            return nil
        }
    }

    /// Calls `body` with every field, in order: the name as sent and the trimmed value.
    package func forEachField(_ body: (_ name: String, _ value: String) -> Void) {
        fields.withUnsafeReadableBytes { bytes in
            var start = 0
            while start < bytes.count {
                let end = WordSearch.lineEnd(bytes, from: start)
                var nameEnd = start
                while nameEnd < end, bytes[nameEnd] != ASCII.colon { nameEnd += 1 }
                if nameEnd < end {
                    let value = ASCII.trimmed(bytes, (nameEnd + 1)..<end)
                    body(
                        String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<nameEnd]), as: UTF8.self),
                        String(decoding: UnsafeRawBufferPointer(rebasing: bytes[value]), as: UTF8.self))
                }
                start = end + 2
            }
        }
    }
}

/// What a provider's bytes may get wrong. After any of these the connection is of no further use.
package enum HTTPResponseProblem: Error, Sendable, Equatable {
    case badStatusLine
    case badField
    /// A line ended by LF alone, or a CR that ends nothing. Lenient ends of lines are how two readers of one connection
    /// come to disagree about where a response ends, and no model server needs them; they are refused in heads and in
    /// chunk framing alike.
    case badLineEnd
    case foldedField
    case headTooLarge
    case tooManyFields
    case tooManyInterimHeads
    /// 101: nobody asked for another protocol.
    case unexpectedUpgrade
    case badContentLength
    case conflictingLengths
    case unsupportedTransferEncoding
    case badChunk
    case trailersTooLarge
    /// Bytes while no response was due.
    case unsolicitedBytes
    /// The connection ended before the first byte: on a reused connection it was stale, and another is worth a try.
    case closedBeforeHead
    case closedInHead
    case closedInBody
}

/// Bounds of one response's head and framing.
package struct HTTPResponseLimits: Sendable, Equatable {
    /// Status line and fields, and separately the trailers, which are dropped.
    package var headBytes = 64 << 10
    package var fields = 100
    /// Extensions of one chunk; nobody uses them.
    package var chunkExtensionBytes = 256
    package var interimHeads = 8

    package init() {}
}

/// Reads a complete head, blank line included.
enum UpstreamHeadReader {
    private struct Lengths {
        var contentLength: Int?
        var isChunked = false
        var saysClose = false
        var saysKeepAlive = false
    }

    static func read(_ head: ByteBuffer, limits: HTTPResponseLimits) throws(HTTPResponseProblem) -> UpstreamHead {
        try head.withUnsafeReadableBytes { (bytes) throws(HTTPResponseProblem) -> UpstreamHead in
            let lineEnd = WordSearch.lineEnd(bytes, from: 0)
            try checkLineEnd(bytes, lineEnd)
            let status = try readStatus(bytes, lineEnd)
            let fieldsStart = lineEnd + 2
            var fields = head
            fields.moveReaderIndex(forwardBy: fieldsStart)
            var result = UpstreamHead(
                status: status,
                fields: fields.getSlice(
                    at: fields.readerIndex, length: fields.readableBytes - 2) ?? ByteBuffer())
            result.isHTTP10 = bytes[7] == ASCII.zero
            try readFields(bytes, from: fieldsStart, into: &result, limits)
            return result
        }
    }

    private static func checkLineEnd(_ bytes: UnsafeRawBufferPointer, _ end: Int) throws(HTTPResponseProblem) {
        guard end + 1 < bytes.count, bytes[end] == ASCII.carriageReturn, bytes[end + 1] == ASCII.lineFeed else {
            throw .badLineEnd
        }
    }

    /// `HTTP/1.1 200` and, where there is one, a space and a reason that nobody reads.
    private static func readStatus(_ bytes: UnsafeRawBufferPointer, _ end: Int) throws(HTTPResponseProblem) -> Int {
        guard end >= 12, ASCII.equals(bytes, 0..<7, "HTTP/1."), bytes[8] == ASCII.space,
            bytes[7] == ASCII.zero || bytes[7] == UInt8(ascii: "1"),
            let status = ASCII.decimal(bytes, 9..<12), (100...599).contains(status),
            end == 12 || bytes[12] == ASCII.space
        else { throw .badStatusLine }
        for index in 12..<end where !isFieldByte(bytes[index]) { throw .badStatusLine }
        return status
    }

    private static func isFieldByte(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != ASCII.delete || byte == ASCII.tab
    }

    /// The CR that ends the value. Bytes beyond ASCII may stand in it; nothing of ours reads them.
    @inline(__always)
    private static func valueEnd(_ bytes: UnsafeRawBufferPointer, from: Int) throws(HTTPResponseProblem) -> Int {
        var index = WordSearch.specialInField(bytes, from: from)
        while bytes[index] != ASCII.carriageReturn {
            guard isFieldByte(bytes[index]) else { throw .badField }
            index = WordSearch.specialInField(bytes, from: index &+ 1)
        }
        return index
    }

    /// The head's end was found by its blank line, with a CRLF behind every line: each loop ends before the bytes do.
    private static func readFields(
        _ bytes: UnsafeRawBufferPointer, from first: Int, into head: inout UpstreamHead, _ limits: HTTPResponseLimits
    ) throws(HTTPResponseProblem) {
        var lengths = Lengths()
        var start = first
        var count = 0
        while true {
            if bytes[start] == ASCII.carriageReturn { break }
            count += 1
            guard count <= limits.fields else { throw .tooManyFields }
            guard bytes[start] != ASCII.space, bytes[start] != ASCII.tab else { throw .foldedField }
            var nameEnd = start
            while ASCII.isToken(bytes[nameEnd]) { nameEnd &+= 1 }
            guard nameEnd > start, bytes[nameEnd] == ASCII.colon else { throw .badField }
            let end = try valueEnd(bytes, from: nameEnd &+ 1)
            let value = ASCII.trimmed(bytes, (nameEnd &+ 1)..<end)
            try readField(bytes, start..<nameEnd, value, &head, &lengths)
            start = end &+ 2
        }
        try frame(&head, lengths)
    }

    @inline(__always)
    private static func readField(
        _ bytes: UnsafeRawBufferPointer, _ name: Range<Int>, _ value: Range<Int>, _ head: inout UpstreamHead,
        _ lengths: inout Lengths
    ) throws(HTTPResponseProblem) {
        switch name.count {
        case 10 where ASCII.equalsFolded(bytes, name, "connection"):
            forEachElement(bytes, value) { element in
                if ASCII.equalsFolded(bytes, element, "close") { lengths.saysClose = true }
                if ASCII.equalsFolded(bytes, element, "keep-alive") { lengths.saysKeepAlive = true }
            }
        case 12 where ASCII.equalsFolded(bytes, name, "content-type"):
            readContentType(bytes, value, &head)
        case 14 where ASCII.equalsFolded(bytes, name, "content-length"):
            guard let length = ASCII.decimal(bytes, value) else { throw .badContentLength }
            if let earlier = lengths.contentLength, earlier != length { throw .conflictingLengths }
            lengths.contentLength = length
        case 16 where ASCII.equalsFolded(bytes, name, "content-encoding"):
            if !value.isEmpty, !ASCII.equalsFolded(bytes, value, "identity") { head.isEncoded = true }
        case 17 where ASCII.equalsFolded(bytes, name, "transfer-encoding"):
            guard ASCII.equalsFolded(bytes, value, "chunked"), !lengths.isChunked else {
                throw .unsupportedTransferEncoding
            }
            lengths.isChunked = true
        case 20...:
            let start = name.lowerBound
            if ASCII.equalsFolded(bytes, start..<start + 12, "x-ratelimit-")
                || ASCII.equalsFolded(bytes, start..<start + 20, "anthropic-ratelimit-")
            {
                head.hasRateLimits = true
            }
        default:
            break
        }
    }

    /// The media type without its parameters.
    private static func readContentType(
        _ bytes: UnsafeRawBufferPointer, _ value: Range<Int>, _ head: inout UpstreamHead
    ) {
        var end = value.lowerBound
        while end < value.upperBound, bytes[end] != ASCII.semicolon { end += 1 }
        let type = ASCII.trimmed(bytes, value.lowerBound..<end)
        head.isEventStream = ASCII.equalsFolded(bytes, type, "text/event-stream")
        let hasSuffix = type.count > 5 && ASCII.equalsFolded(bytes, (type.upperBound - 5)..<type.upperBound, "+json")
        head.isJSON = hasSuffix || ASCII.equalsFolded(bytes, type, "application/json")
    }

    private static func forEachElement(
        _ bytes: UnsafeRawBufferPointer, _ value: Range<Int>, _ body: (Range<Int>) -> Void
    ) {
        var start = value.lowerBound
        while start < value.upperBound {
            var end = start
            while end < value.upperBound, bytes[end] != ASCII.comma { end += 1 }
            body(ASCII.trimmed(bytes, start..<end))
            start = end + 1
        }
    }

    /// RFC 9112 §6.3, without its leniency: a response that gives two lengths is not trusted with either.
    private static func frame(_ head: inout UpstreamHead, _ lengths: Lengths) throws(HTTPResponseProblem) {
        if lengths.isChunked {
            guard !head.isHTTP10 else { throw .unsupportedTransferEncoding }
            guard lengths.contentLength == nil else { throw .conflictingLengths }
        }
        head.isChunked = lengths.isChunked
        head.contentLength = lengths.contentLength
        head.keepAlive = !lengths.saysClose && (!head.isHTTP10 || lengths.saysKeepAlive)
        let hasBody = head.status != 204 && head.status != 304
        if !hasBody {
            head.contentLength = 0
            head.isChunked = false
        } else if !head.isChunked, head.contentLength == nil {
            head.keepAlive = false
        }
    }
}
