package import NIOCore

/// HTTP/1.1 responses of one upstream connection, without IO: bytes in, parts out. It allocates nothing per field and
/// copies no body; NIO's codec makes a header list of strings for every response.
///
/// `begin` announces that a request was sent; then `feed` each read and take parts from `next` until it gives nil.
/// Nothing but whole responses may come, one per `begin`.
package struct HTTPResponseParser: Sendable {
    package enum Part: Sendable {
        case head(UpstreamHead)
        /// A slice of a read; never empty.
        case body(ByteBuffer)
        /// `keepAlive`: the connection may carry another request.
        case end(keepAlive: Bool)
    }

    private enum State: Sendable {
        case idle
        case head
        case fixed(remaining: Int)
        case chunkSize(value: Int, digits: Int)
        case chunkExtension(value: Int, bytes: Int)
        /// After the CR of the size line.
        case chunkSizeEnd(value: Int)
        case chunk(remaining: Int)
        case chunkEnd
        case chunkEndLine
        /// `line`: bytes of the trailer line so far; `bytes`: of all of them.
        case trailer(line: Int, bytes: Int)
        case trailerEnd(line: Int, bytes: Int)
        case untilClose
        case finished
        case failed
    }

    private let limits: HTTPResponseLimits
    private var state = State.idle
    private var input = ByteBuffer()
    /// How far the search for the head's end has come, from the input's reader index.
    private var searched = 0
    /// Where the head's line in progress begins, from the same place.
    private var lineStart = 0
    private var interimHeads = 0
    private var keepAlive = true
    /// Whether any byte came since `begin`. While false, a closed connection was stale.
    package private(set) var hasReceived = false

    package init(limits: HTTPResponseLimits = HTTPResponseLimits()) {
        self.limits = limits
    }

    /// A request is about to be sent: the next bytes are its response.
    package mutating func begin() {
        guard case .idle = state else { preconditionFailure("begin() while a response is due or has failed") }
        state = .head
        searched = 0
        lineStart = 0
        interimHeads = 0
        keepAlive = true
        hasReceived = false
    }

    /// Whether `begin` is legal: no response is due and no byte is left over.
    package var isIdle: Bool {
        if case .idle = state { input.readableBytes == 0 } else { false }
    }

    /// Whether a close of the connection would be the response's legal end.
    package var endsWithConnection: Bool {
        if case .untilClose = state { true } else { false }
    }

    package mutating func feed(_ buffer: ByteBuffer) {
        if case .failed = state { return }
        guard buffer.readableBytes > 0 else { return }
        hasReceived = true
        if input.readableBytes == 0 {
            input = buffer
        } else {
            // Only an unfinished head is kept from one read to the next, so this copy is rare and bounded.
            input.writeImmutableBuffer(buffer)
        }
    }

    /// The next part; nil until more bytes come. After an error the connection must be closed.
    package mutating func next() throws(HTTPResponseProblem) -> Part? {
        do {
            let part = try step()
            // Holds no storage between reads: an idle stream must not pin a read buffer.
            if input.readableBytes == 0 { input = ByteBuffer() }
            return part
        } catch {
            state = .failed
            input = ByteBuffer()
            throw error
        }
    }

    /// The peer sends no more. Gives the end of a response that the connection's close delimits; throws where a
    /// response is cut; nil where none was due.
    package mutating func inputClosed() throws(HTTPResponseProblem) -> Part? {
        switch state {
        case .idle, .failed:
            return nil
        case .untilClose:
            state = .idle
            return .end(keepAlive: false)
        case .finished:
            state = .idle
            return .end(keepAlive: false)
        case .head:
            state = .failed
            throw hasReceived ? .closedInHead : .closedBeforeHead
        default:
            state = .failed
            throw .closedInBody
        }
    }

    private mutating func step() throws(HTTPResponseProblem) -> Part? {
        while true {
            switch state {
            case .idle:
                guard input.readableBytes == 0 else { throw .unsolicitedBytes }
                return nil
            case .failed:
                return nil
            case .finished:
                // Bytes behind the end belong to no request of ours: whoever sent them cannot be read in step again.
                let isClean = input.readableBytes == 0
                state = isClean ? .idle : .failed
                return .end(keepAlive: keepAlive && isClean)
            case .head:
                guard let head = try readHead() else { return nil }
                return .head(head)
            case .fixed(let remaining):
                guard let slice = readBody(upTo: remaining) else { return nil }
                let left = remaining - slice.readableBytes
                state = left == 0 ? .finished : .fixed(remaining: left)
                return .body(slice)
            case .chunk(let remaining):
                guard let slice = readBody(upTo: remaining) else { return nil }
                let left = remaining - slice.readableBytes
                state = left == 0 ? .chunkEnd : .chunk(remaining: left)
                return .body(slice)
            case .untilClose:
                guard let slice = readBody(upTo: .max) else { return nil }
                return .body(slice)
            default:
                guard let byte = input.readInteger(as: UInt8.self) else { return nil }
                try readFraming(byte)
            }
        }
    }

    private mutating func readBody(upTo length: Int) -> ByteBuffer? {
        input.readableBytes == 0 ? nil : input.readSlice(length: min(length, input.readableBytes))
    }

    // MARK: Head

    private mutating func readHead() throws(HTTPResponseProblem) -> UpstreamHead? {
        while let length = try headLength() {
            guard let bytes = input.readSlice(length: length) else { return nil }
            searched = 0
            lineStart = 0
            let head = try UpstreamHeadReader.read(bytes, limits: limits)
            guard head.status >= 200 else {
                guard head.status != 101 else { throw .unexpectedUpgrade }
                interimHeads += 1
                guard interimHeads <= limits.interimHeads else { throw .tooManyInterimHeads }
                continue
            }
            keepAlive = head.keepAlive
            if head.isChunked {
                state = .chunkSize(value: 0, digits: 0)
            } else if let length = head.contentLength {
                state = length == 0 ? .finished : .fixed(remaining: length)
            } else {
                state = .untilClose
            }
            return head
        }
        return nil
    }

    /// Bytes of the head with its blank line; nil while that has not come. Looks at each byte once, however small the
    /// reads are.
    private mutating func headLength() throws(HTTPResponseProblem) -> Int? {
        var (index, line) = (searched, lineStart)
        let length = try input.withUnsafeReadableBytes { (bytes) throws(HTTPResponseProblem) -> Int? in
            // Another protocol's greeting is refused at its first bytes, not when 64 KiB of it have come.
            if index < 7, !Self.mayBeginHead(bytes) { throw .badStatusLine }
            while true {
                index = WordSearch.lineEnd(bytes, from: index)
                guard index < bytes.count else { return nil }
                guard bytes[index] == ASCII.carriageReturn else { throw .badLineEnd }
                guard index + 1 < bytes.count else { return nil }
                guard bytes[index + 1] == ASCII.lineFeed else { throw .badLineEnd }
                let isBlank = index == line
                index += 2
                line = index
                if isBlank { return index }
            }
        }
        searched = index
        lineStart = line
        guard (length ?? input.readableBytes) <= limits.headBytes else { throw .headTooLarge }
        return length
    }

    private static func mayBeginHead(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let expected: StaticString = "HTTP/1."
        return expected.withUTF8Buffer { zip($0, bytes).allSatisfy { $0 == $1 } }
    }

    // MARK: Chunk framing

    private mutating func readFraming(_ byte: UInt8) throws(HTTPResponseProblem) {
        switch state {
        case .chunkSize(let value, let digits):
            if let digit = ASCII.hexValue(byte) {
                // Fifteen digits stay below the sign bit.
                guard digits < 15 else { throw .badChunk }
                state = .chunkSize(value: value << 4 | Int(digit), digits: digits + 1)
            } else if digits == 0 {
                throw .badChunk
            } else if byte == ASCII.carriageReturn {
                state = .chunkSizeEnd(value: value)
            } else if byte == ASCII.semicolon || byte == ASCII.space || byte == ASCII.tab {
                state = .chunkExtension(value: value, bytes: 1)
            } else {
                throw byte == ASCII.lineFeed ? .badLineEnd : .badChunk
            }
        case .chunkExtension(let value, let bytes):
            guard byte != ASCII.lineFeed else { throw .badLineEnd }
            guard bytes < limits.chunkExtensionBytes else { throw .badChunk }
            state =
                byte == ASCII.carriageReturn
                ? .chunkSizeEnd(value: value) : .chunkExtension(value: value, bytes: bytes + 1)
        case .chunkSizeEnd(let value):
            guard byte == ASCII.lineFeed else { throw .badLineEnd }
            state = value == 0 ? .trailer(line: 0, bytes: 0) : .chunk(remaining: value)
        case .chunkEnd:
            guard byte == ASCII.carriageReturn else { throw .badChunk }
            state = .chunkEndLine
        case .chunkEndLine:
            guard byte == ASCII.lineFeed else { throw .badLineEnd }
            state = .chunkSize(value: 0, digits: 0)
        case .trailer(let line, let bytes):
            guard byte != ASCII.lineFeed else { throw .badLineEnd }
            guard bytes < limits.headBytes else { throw .trailersTooLarge }
            state =
                byte == ASCII.carriageReturn
                ? .trailerEnd(line: line, bytes: bytes + 1) : .trailer(line: line + 1, bytes: bytes + 1)
        case .trailerEnd(let line, let bytes):
            guard byte == ASCII.lineFeed else { throw .badLineEnd }
            state = line == 0 ? .finished : .trailer(line: 0, bytes: bytes + 1)
        default:
            preconditionFailure("no framing is read in this state")
        }
    }
}
