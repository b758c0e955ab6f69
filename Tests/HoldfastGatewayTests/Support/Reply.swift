import Foundation
import HoldfastCore
import HoldfastPractice

/// One response, taken apart.
struct Reply: Sendable {
    var status: Int
    var headers: [(name: String, value: String)]
    /// Without chunk framing.
    var body: String
    /// Whether the framing says that all of it came.
    var isComplete: Bool
    var end: RawClient.End
    /// What stands behind the response.
    var rest = ""

    init(_ seen: RawClient.Seen) {
        let halves = seen.text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let lines = halves[0].components(separatedBy: "\r\n")
        status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        headers = lines.dropFirst().map { line in
            let parts = line.components(separatedBy: ": ")
            return (parts[0], parts.dropFirst().joined(separator: ": "))
        }
        end = seen.end
        let raw = halves.count > 1 ? String(halves[1]) : ""
        body = raw
        isComplete = false
        if let length = self["content-length"].flatMap({ Int($0) }), halves.count > 1 {
            isComplete = raw.utf8.count >= length
            body = String(decoding: raw.utf8.prefix(length), as: UTF8.self)
            rest = String(decoding: raw.utf8.dropFirst(length), as: UTF8.self)
        } else if self["transfer-encoding"] == "chunked" {
            (body, isComplete, rest) = Reply.dechunk(raw)
        }
    }

    subscript(name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    var deployment: String? { self["x-holdfast-deployment"] }
    var attempts: String? { self["x-holdfast-attempts"] }
    var degraded: String? { self["x-holdfast-degraded"] }

    var json: JSONValue? {
        try? JSONValue(parsing: Array(body.utf8))
    }

    /// `error.code` of an error body.
    var code: String? {
        json["error"]?["code"]?.string
    }

    private var blocks: [String] { body.components(separatedBy: "\n\n").filter { !$0.isEmpty } }

    /// The texts of the stream's events.
    var events: [String] { blocks.filter { !$0.hasPrefix(":") }.map { String($0.dropFirst("data: ".count)) } }

    /// What the gateway said in the stream beside the answer.
    var comments: [String] { blocks.filter { $0.hasPrefix(": holdfast: ") }.map { String($0.dropFirst(12)) } }

    /// Whether each event is whole: JSON, or the terminator.
    var hasWholeEventsOnly: Bool {
        body.hasSuffix("\n\n")
            && events.allSatisfy { $0 == "[DONE]" || (try? JSONValue(parsing: Array($0.utf8))) != nil }
    }

    var lastError: JSONValue? {
        events.last.flatMap { try? JSONValue(parsing: Array($0.utf8)) }?["error"]
    }

    /// The concatenated content of a chat stream.
    var streamedText: String {
        events.compactMap { try? JSONValue(parsing: Array($0.utf8)) }
            .compactMap { $0["choices"]?.array?.first?["delta"]?["content"]?.string }.joined()
    }

    private static func dechunk(_ raw: String) -> (String, Bool, String) {
        var rest = Array(raw.utf8)[...]
        var out: [UInt8] = []
        while let end = rest.firstIndex(of: 13),
            let size = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16)
        {
            if size == 0 {
                let tail = rest[end...]
                let isWhole = tail.starts(with: Array("\r\n\r\n".utf8))
                return (
                    String(decoding: out, as: UTF8.self), isWhole,
                    isWhole ? String(decoding: tail.dropFirst(4), as: UTF8.self) : ""
                )
            }
            rest = rest[(end + 2)...]
            guard rest.count >= size + 2 else { break }
            out += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
        }
        return (String(decoding: out, as: UTF8.self), false, "")
    }
}

extension JSONValue? {
    subscript(name: String) -> JSONValue? { self?[name] }
}
