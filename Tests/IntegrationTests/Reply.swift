import Foundation

/// An HTTP/1.1 response as far as it has come, read again from its bytes at each look.
struct Reply: Sendable {
    enum End: Sendable {
        case open
        case closed
        case reset
    }

    var status = 0
    var headers: [(name: String, value: String)] = []
    /// Without chunk framing.
    var body = ""
    var hasHead = false
    /// Whether the framing says that all of it came.
    var isComplete = false
    var end = End.open

    init(_ bytes: [UInt8], end: End) {
        self.end = end
        guard let split = Self.endOfHead(bytes) else { return }
        hasHead = true
        let lines = String(decoding: bytes[..<split], as: UTF8.self).components(separatedBy: "\r\n")
        status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        headers = lines.dropFirst().filter { !$0.isEmpty }.map { line in
            let parts = line.components(separatedBy: ": ")
            return (parts[0].lowercased(), parts.dropFirst().joined(separator: ": "))
        }
        let raw = bytes[split...]
        if self["transfer-encoding"] == "chunked" {
            (body, isComplete) = Self.dechunk(raw)
        } else if let length = self["content-length"].flatMap({ Int($0) }) {
            body = String(decoding: raw.prefix(length), as: UTF8.self)
            isComplete = raw.count >= length
        } else {
            body = String(decoding: raw, as: UTF8.self)
            isComplete = end == .closed
        }
    }

    subscript(name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    var json: JSON {
        get throws { try JSON(parsing: body) }
    }

    /// The data of the stream's events; comments left out.
    var events: [String] {
        body.components(separatedBy: "\n\n").compactMap { event in
            event.hasPrefix("data: ") ? String(event.dropFirst("data: ".count)) : nil
        }
    }

    /// A stream that ended as its dialect ends a whole answer.
    var isDone: Bool { events.last == "[DONE]" }

    /// A stream that ended by saying that it is not whole.
    var endsWithError: Bool {
        guard let last = events.last, let event = try? JSON(parsing: last) else { return false }
        return event["error"] != .null
    }

    var text: String {
        "status \(status), \(end), complete \(isComplete), headers \(headers), body: \(body.suffix(600))"
    }

    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        let blank = Array("\r\n\r\n".utf8)
        return bytes.indices.first { bytes[$0...].starts(with: blank) }.map { $0 + blank.count }
    }

    private static func dechunk(_ raw: ArraySlice<UInt8>) -> (String, Bool) {
        var rest = raw
        var out: [UInt8] = []
        while let end = rest.firstIndex(of: UInt8(ascii: "\r")),
            let size = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16)
        {
            if size == 0 { return (String(decoding: out, as: UTF8.self), true) }
            rest = rest[(end + 2)...]
            guard rest.count >= size + 2 else { break }
            out += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
        }
        return (String(decoding: out, as: UTF8.self), false)
    }
}
