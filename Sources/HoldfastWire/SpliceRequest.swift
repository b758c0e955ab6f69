package import NIOCore

/// The body for one attempt: the client's own bytes with the model's literal replaced and, where asked, usage and
/// streaming switched on. Nothing is decoded or encoded again, so fields unknown to us arrive as the client wrote them.
package struct SpliceRequest {
    /// Up to here one copy is cheaper than the three writes and the extra system-call vectors of a splice.
    package static let contiguousBytes = 16 << 10

    private struct Edit {
        var start = 0
        var end = 0
        var text = Text.model
    }

    private enum Text {
        case model
        case fixed(StaticString)
        case assistant
    }

    private let body: ByteBuffer
    private let model: ByteBuffer
    private let assistant: ByteBuffer?
    /// In order of `start`, without overlap: at most the model, the stream flag, usage and a begun answer.
    private var edits = InlineArray<4, Edit>(repeating: Edit())
    private var count = 0
    /// Bytes the body will have.
    package private(set) var contentLength: Int

    /// - Parameters:
    ///   - body: the client's bytes, as scanned: `scan`'s offsets count from its reader index.
    ///   - includesUsage: makes the provider report usage at the end of a stream. Only legal for streams; asking twice
    ///     changes nothing.
    ///   - stream: asks for a stream, or for none, against the client's own choice; nil leaves it.
    ///   - begunAnswer: UTF-8 that the provider is to go on from, as a last message of the assistant. Only for bodies with
    ///     messages.
    package init(
        body: ByteBuffer, scan: RequestScan, model: JSONLiteral, includesUsage: Bool, stream: Bool? = nil,
        begunAnswer: [UInt8]? = nil
    ) {
        self.body = body
        self.model = model.bytes
        assistant = scan.messagesEnd > 0 ? begunAnswer.map(Self.assistantMessage) : nil
        contentLength = body.readableBytes
        add(scan.modelLiteral, .model)
        let inserts = stream != nil && scan.streamLiteral == nil
        let brace = scan.closingBrace..<scan.closingBrace
        let usage = includesUsage ? scan.usageEdit : nil
        if let stream, let literal = scan.streamLiteral {
            add(literal, .fixed(stream ? "true" : "false"))
        } else if let stream, inserts {
            add(brace, .fixed(stream ? ",\"stream\":true" : ",\"stream\":false"))
        }
        if let usage { add(usage.range, .fixed(usage.text)) }
        if assistant != nil { add(scan.messagesEnd..<scan.messagesEnd, .assistant) }
    }

    private static func assistantMessage(_ begun: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeStaticString(",{\"role\":\"assistant\",\"content\":")
        buffer.writeJSONString(String(decoding: begun, as: UTF8.self))
        buffer.writeStaticString("}")
        return buffer
    }

    /// Whether `write(into:)` is the cheaper way; otherwise `forEachSlice`.
    package var isContiguous: Bool {
        contentLength <= Self.contiguousBytes
    }

    /// Appends the whole body.
    package func write(into buffer: inout ByteBuffer) {
        buffer.reserveCapacity(minimumWritableBytes: contentLength)
        body.withUnsafeReadableBytes { bytes in
            var position = 0
            for index in 0..<count {
                let edit = edits[index]
                buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[position..<edit.start]))
                switch edit.text {
                case .model: buffer.writeImmutableBuffer(model)
                case .assistant: if let assistant { buffer.writeImmutableBuffer(assistant) }
                case .fixed(let text): buffer.writeStaticString(text)
                }
                position = edit.end
            }
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[position...]))
        }
    }

    /// The body in order, the client's bytes as slices that share its storage. Never hands out an empty slice.
    package func forEachSlice(_ emit: (ByteBuffer) -> Void) {
        var rest = body
        var position = 0
        for index in 0..<count {
            let edit = edits[index]
            if let slice = rest.readSlice(length: edit.start - position), slice.readableBytes > 0 { emit(slice) }
            rest.moveReaderIndex(forwardBy: edit.end - edit.start)
            position = edit.end
            switch edit.text {
            case .model: emit(model)
            case .assistant: if let assistant { emit(assistant) }
            case .fixed(let text): emit(ByteBuffer(staticString: text))
            }
        }
        if rest.readableBytes > 0 { emit(rest) }
    }

    /// Keeps `edits` in order; one that starts where another does comes after it.
    private mutating func add(_ range: Range<Int>, _ text: Text) {
        var index = count
        while index > 0, edits[index - 1].start > range.lowerBound {
            edits[index] = edits[index - 1]
            index -= 1
        }
        edits[index] = Edit(start: range.lowerBound, end: range.upperBound, text: text)
        count += 1
        switch text {
        case .model: contentLength += model.readableBytes - range.count
        case .assistant: contentLength += assistant?.readableBytes ?? 0
        case .fixed(let text): contentLength += text.utf8CodeUnitCount - range.count
        }
    }
}
