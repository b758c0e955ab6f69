/// The text of a Swift file and the same text with strings and comments blanked, so that a rule about code cannot
/// trip over prose. Line and column stay what they were.
///
/// A small lexer rather than a syntax library: that one takes longer to build than the product. It knows strings of
/// every form, interpolation and nested comments; it does not know regular expression literals, which this code base
/// has no use for.
struct SwiftText {
    let raw: String
    let code: String

    /// A text that is not Swift has no code.
    init(prose text: String) {
        raw = text
        code = ""
    }

    init(_ text: String) {
        raw = text
        code = String(decoding: Self.blank(Array(text.utf8)), as: UTF8.self)
    }

    private enum Mode {
        /// Code; `parens` counts the open parentheses where it is the code of an interpolation.
        case code(parens: Int?)
        case string(hashes: Int, isMultiline: Bool)
        case blockComment(depth: Int)
    }

    private static func blank(_ bytes: [UInt8]) -> [UInt8] {
        var out = bytes
        var modes: [Mode] = [.code(parens: nil)]
        var place = 0
        while place < bytes.count, let mode = modes.last {
            let length: Int
            switch mode {
            case .code(let parens):
                length = code(bytes, place, parens: parens, modes: &modes, out: &out)
            case .string(let hashes, let isMultiline):
                length = string(bytes, place, hashes: hashes, isMultiline: isMultiline, modes: &modes, out: &out)
            case .blockComment(let depth):
                length = comment(bytes, place, depth: depth, modes: &modes, out: &out)
            }
            place += length
        }
        return out
    }

    private static func code(
        _ bytes: [UInt8], _ place: Int, parens: Int?, modes: inout [Mode], out: inout [UInt8]
    ) -> Int {
        // Most bytes are none of these, and this test runs without optimisation.
        switch bytes[place] {
        case slash, hash, quote, openParen, closeParen: break
        default: return 1
        }
        let rest = bytes[place...]
        if rest.starts(with: "//".utf8) {
            let length = rest.firstIndex(of: newline).map { $0 - place } ?? rest.count
            erase(&out, place, length)
            return length
        }
        if rest.starts(with: "/*".utf8) {
            modes.append(.blockComment(depth: 1))
            erase(&out, place, 2)
            return 2
        }
        let hashes = rest.prefix { $0 == hash }.count
        let afterHashes = rest.dropFirst(hashes)
        if afterHashes.first == quote {
            let isMultiline = afterHashes.starts(with: "\"\"\"".utf8)
            modes.append(.string(hashes: hashes, isMultiline: isMultiline))
            let length = hashes + (isMultiline ? 3 : 1)
            erase(&out, place, length)
            return length
        }
        if let parens {
            let open = parens + (bytes[place] == openParen ? 1 : bytes[place] == closeParen ? -1 : 0)
            modes[modes.count - 1] = .code(parens: open)
            if open == 0 { modes.removeLast() }
        }
        return max(1, hashes)
    }

    private static func string(
        _ bytes: [UInt8], _ place: Int, hashes: Int, isMultiline: Bool, modes: inout [Mode], out: inout [UInt8]
    ) -> Int {
        switch bytes[place] {
        case backslash, quote, newline: break
        default:
            out[place] = space
            return 1
        }
        let rest = bytes[place...]
        let fence = Array(repeating: hash, count: hashes)
        let end = Array(repeating: quote, count: isMultiline ? 3 : 1) + fence
        let escape = [backslash] + fence
        if rest.starts(with: escape) {
            let isInterpolation = rest.dropFirst(escape.count).first == openParen
            // The escaped character itself, so that an escaped quote does not end the string.
            let length = min(escape.count + 1, rest.count)
            erase(&out, place, length)
            if isInterpolation { modes.append(.code(parens: 1)) }
            return length
        }
        // A string of one line that is not closed is a lexing mistake of ours: it must not swallow the file.
        if rest.starts(with: end) || (!isMultiline && bytes[place] == newline) {
            modes.removeLast()
            let length = bytes[place] == newline ? 1 : end.count
            erase(&out, place, length)
            return length
        }
        erase(&out, place, 1)
        return 1
    }

    private static func comment(
        _ bytes: [UInt8], _ place: Int, depth: Int, modes: inout [Mode], out: inout [UInt8]
    ) -> Int {
        guard bytes[place] == slash || bytes[place] == star else {
            erase(&out, place, 1)
            return 1
        }
        let rest = bytes[place...]
        let change = rest.starts(with: "/*".utf8) ? 1 : rest.starts(with: "*/".utf8) ? -1 : 0
        modes[modes.count - 1] = .blockComment(depth: depth + change)
        if depth + change == 0 { modes.removeLast() }
        let length = change == 0 ? 1 : 2
        erase(&out, place, length)
        return length
    }

    private static func erase(_ out: inout [UInt8], _ place: Int, _ length: Int) {
        for index in place..<(place + length) where out[index] != newline { out[index] = space }
    }

    private static let newline = UInt8(ascii: "\n")
    private static let space = UInt8(ascii: " ")
    private static let slash = UInt8(ascii: "/")
    private static let star = UInt8(ascii: "*")
    private static let hash = UInt8(ascii: "#")
    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")
    private static let openParen = UInt8(ascii: "(")
    private static let closeParen = UInt8(ascii: ")")
}
