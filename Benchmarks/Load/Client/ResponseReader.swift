import NIOCore

/// Reads HTTP/1.1 responses as servers send them: a head, then a body of known length or in chunks.
struct ResponseReader {
    enum Item {
        case head(status: Int)
        case body(ByteBuffer)
        case end
    }

    enum Failure: Error {
        case malformed(String)
    }

    private enum Phase {
        case head
        case fixed(remaining: Int)
        case chunkSize
        case chunk(remaining: Int)
        case chunkEnd
        case trailers
        case ended
    }

    private var pending = ByteBuffer()
    private var phase = Phase.head

    mutating func feed(_ bytes: ByteBuffer) {
        if pending.readableBytes == 0 {
            pending = bytes
        } else {
            var bytes = bytes
            pending.writeBuffer(&bytes)
        }
    }

    /// Nil: more bytes are needed.
    mutating func next() throws(Failure) -> Item? {
        while true {
            switch phase {
            case .head:
                return try head()
            case .fixed(let remaining):
                if remaining == 0 {
                    phase = .ended
                } else {
                    guard let bytes = take(atMost: remaining) else { return nil }
                    phase = .fixed(remaining: remaining - bytes.readableBytes)
                    return .body(bytes)
                }
            case .chunkSize:
                guard let size = try chunkSize() else { return nil }
                phase = size == 0 ? .trailers : .chunk(remaining: size)
            case .chunk(let remaining):
                guard let bytes = take(atMost: remaining) else { return nil }
                let left = remaining - bytes.readableBytes
                phase = left == 0 ? .chunkEnd : .chunk(remaining: left)
                return .body(bytes)
            case .chunkEnd:
                guard pending.readableBytes >= 2 else { return nil }
                pending.moveReaderIndex(forwardBy: 2)
                phase = .chunkSize
            case .trailers:
                guard let line = pending.offset(of: "\r\n") else { return nil }
                pending.moveReaderIndex(forwardBy: line + 2)
                if line == 0 { phase = .ended }
            case .ended:
                phase = .head
                return .end
            }
        }
    }

    private mutating func take(atMost count: Int) -> ByteBuffer? {
        pending.readableBytes == 0 ? nil : pending.readSlice(length: min(count, pending.readableBytes))
    }

    private mutating func head() throws(Failure) -> Item? {
        guard let end = pending.offset(of: "\r\n\r\n") else { return nil }
        let headBytes = end + 4
        guard pending.offset(of: "HTTP/1.") == 0, let status = pending.decimal(at: 9), status >= 100 else {
            throw .malformed("no status line")
        }
        if let length = pending.contentLength(headBytes: headBytes) {
            phase = .fixed(remaining: length)
        } else if pending.getSlice(at: pending.readerIndex, length: headBytes)?.offset(of: "chunked") != nil {
            phase = .chunkSize
        } else {
            throw .malformed("neither a content length nor chunks")
        }
        pending.moveReaderIndex(forwardBy: headBytes)
        return .head(status: Int(status))
    }

    private mutating func chunkSize() throws(Failure) -> Int? {
        guard let line = pending.offset(of: "\r\n") else { return nil }
        var size = 0
        var digits = 0
        for byte in pending.readableBytesView.prefix(line) {
            let folded = byte | 0x20
            let digit: UInt8
            if byte >= 0x30, byte <= 0x39 {
                digit = byte - 0x30
            } else if folded >= 0x61, folded <= 0x66 {
                digit = folded - 0x61 + 10
            } else {
                break
            }
            size = size << 4 | Int(digit)
            digits += 1
        }
        guard digits > 0, digits <= 8 else { throw .malformed("no chunk size") }
        pending.moveReaderIndex(forwardBy: line + 2)
        return size
    }
}
