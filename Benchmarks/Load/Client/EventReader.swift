import NIOCore

/// Splits a body into server-sent events and reads the upstream's stamp, where an event has one.
struct EventReader {
    enum Event {
        /// A chunk object; `sentNanoseconds` is the upstream's clock when it was written.
        case chunk(sentNanoseconds: Int64?)
        case done
        /// An in-band error: the stream failed although its status was 200.
        case failure
    }

    private var pending = ByteBuffer()

    mutating func feed(_ bytes: ByteBuffer) {
        var bytes = bytes
        if pending.readableBytes == 0 { pending.clear() }
        pending.writeBuffer(&bytes)
    }

    mutating func next() -> Event? {
        while let end = pending.offset(of: "\n\n"), let text = pending.readSlice(length: end + 2) {
            // Comments are not events.
            guard text.offset(of: "data:") == 0 else { continue }
            if text.offset(of: "[DONE]") != nil { return .done }
            if text.offset(of: "{\"error\":") != nil { return .failure }
            // Nothing else in the upstream's events holds an equals sign.
            let stamp = text.offset(of: "=").flatMap { text.decimal(at: $0 + 1) }
            return .chunk(sentNanoseconds: stamp)
        }
        return nil
    }
}
