package import NIOCore

/// HTTP/1.1 chunked framing, written by hand so that a stream's event and its framing leave in one buffer.
package enum HTTPChunk {
    /// What ends a chunk's bytes.
    package static let terminator: StaticString = "\r\n"
    /// The last chunk, without trailers.
    package static let last: StaticString = "0\r\n\r\n"

    /// The line before `length` bytes of a chunk. Zero would end the body, so nothing is written for it.
    package static func writeHead(length: Int, into buffer: inout ByteBuffer) {
        precondition(length >= 0, "a chunk cannot have \(length) bytes")
        guard length > 0 else { return }
        let digits: StaticString = "0123456789abcdef"
        var shift = (UInt64.bitWidth - 1 - UInt64(length).leadingZeroBitCount) & ~3
        while shift >= 0 {
            buffer.writeInteger(digits.utf8Start[length >> shift & 15])
            shift -= 4
        }
        buffer.writeStaticString("\r\n")
    }

    /// One whole chunk; an empty `body` writes nothing.
    package static func write(_ body: ByteBuffer, into buffer: inout ByteBuffer) {
        guard body.readableBytes > 0 else { return }
        writeHead(length: body.readableBytes, into: &buffer)
        buffer.writeImmutableBuffer(body)
        buffer.writeStaticString(terminator)
    }

    /// One whole chunk of borrowed bytes; none writes nothing.
    package static func write(_ bytes: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
        guard !bytes.isEmpty else { return }
        writeHead(length: bytes.count, into: &buffer)
        buffer.writeBytes(bytes)
        buffer.writeStaticString(terminator)
    }

    package static func writeLast(into buffer: inout ByteBuffer) {
        buffer.writeStaticString(last)
    }
}
