import Foundation

/// Finds the bodies of functions, initialisers, subscripts and computed properties in blanked code.
enum FunctionLengths {
    struct Body {
        /// Of the declaration, counted from 1.
        var line: Int
        /// Lines between the braces.
        var length: Int
    }

    static func bodies(in code: String) -> [Body] {
        let bytes = Array(code.utf8)
        return declarations(in: code).compactMap { declaration in
            guard let open = bodyStart(bytes, after: declaration.end, isProperty: declaration.isProperty),
                let close = matchingBrace(bytes, open)
            else { return nil }
            let lines = bytes[open..<close].count { $0 == newline }
            return Body(line: declaration.line, length: max(0, lines - 1))
        }
    }

    private struct Declaration {
        var line: Int
        var end: Int
        var isProperty: Bool
    }

    private static func declarations(in code: String) -> [Declaration] {
        keyword.matches(in: code).map { match in
            Declaration(line: match.line, end: match.utf8End, isProperty: match.text == "var")
        }
    }

    private static let keyword = Pattern(#"(?<![\w.])(func|init|deinit|subscript|var)\b"#)

    /// The opening brace of the body; nil for a requirement of a protocol or a stored property.
    private static func bodyStart(_ bytes: [UInt8], after start: Int, isProperty: Bool) -> Int? {
        var depth = 0
        var place = start
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"):
                depth -= 1
                if depth < 0 { return nil }
            case UInt8(ascii: "{") where depth == 0: return place
            case UInt8(ascii: "}") where depth == 0, UInt8(ascii: ";") where depth == 0: return nil
            case UInt8(ascii: "=") where depth == 0 && isProperty: return nil
            case newline where depth == 0 && !continues(bytes, at: place): return nil
            default: break
            }
            place += 1
        }
        return nil
    }

    /// Whether a declaration goes on after the line break at `place`.
    private static func continues(_ bytes: [UInt8], at place: Int) -> Bool {
        let before = bytes[..<place].last { $0 != UInt8(ascii: " ") }
        if let before, ",&:>".utf8.contains(before) { return true }
        let next = bytes[place...].drop { $0 == UInt8(ascii: " ") || $0 == newline }
        return ["{", "->", "where", "async", "throws", "rethrows", "&", ","].contains { next.starts(with: $0.utf8) }
    }

    private static func matchingBrace(_ bytes: [UInt8], _ open: Int) -> Int? {
        var depth = 0
        for place in open..<bytes.count {
            if bytes[place] == UInt8(ascii: "{") { depth += 1 }
            if bytes[place] == UInt8(ascii: "}") { depth -= 1 }
            if depth == 0 { return place }
        }
        return nil
    }

    private static let newline = UInt8(ascii: "\n")
}

/// A regular expression that is known to be one, with places in UTF-8.
struct Pattern: Sendable {
    struct Match {
        var utf8End: Int
        /// Counted from 1.
        var line: Int
        var text: String
        /// The first group, where the expression has one and it took part.
        var group: String?
    }

    private let expression: NSRegularExpression

    init(_ pattern: String) {
        do {
            expression = try NSRegularExpression(pattern: pattern, options: [.anchorsMatchLines])
        } catch {
            preconditionFailure("'\(pattern)' is no regular expression: \(error)")
        }
    }

    /// In the order of the text, so that places and lines are counted once over all of it.
    func matches(in text: String) -> [Match] {
        var place = text.startIndex
        var utf8 = 0
        var line = 1
        return expression.matches(in: text, range: NSRange(text.startIndex..., in: text)).compactMap { found in
            guard let range = Range(found.range, in: text) else { return nil }
            for byte in text.utf8[place..<range.lowerBound] {
                utf8 += 1
                if byte == UInt8(ascii: "\n") { line += 1 }
            }
            place = range.lowerBound
            let group = found.numberOfRanges > 1 ? Range(found.range(at: 1), in: text) : nil
            let matched = text[range]
            return Match(
                utf8End: utf8 + matched.utf8.count, line: line, text: String(matched),
                group: group.map { String(text[$0]) })
        }
    }
}
