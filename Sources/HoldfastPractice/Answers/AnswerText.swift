package import HoldfastCore

/// The words of a simulated answer. They say that they are simulated and by whom, then go on plausibly; the same
/// seed and the same request give the same words.
package enum AnswerText {
    /// Where the request names no limit.
    package static let standardTokens = 40
    /// The longest answer, so that one request cannot take unbounded memory.
    package static let tokenLimit = 32_768

    /// Each token is a word with the space before it, as tokenizers make them.
    package static func tokens(provider: String, count: Int, random: inout SeededRandom) -> [String] {
        var tokens: [String] = []
        tokens.reserveCapacity(count)
        for word in [
            "This", " is", " a", " simulated", " answer", " from", " practice", " provider", " '\(provider)'.",
        ] {
            guard tokens.count < count else { return tokens }
            tokens.append(word)
        }
        var wordsInSentence = 0
        var sentenceLength = 7
        while tokens.count < count {
            var word = words[Int(random.below(Int64(words.count)))]
            if wordsInSentence == 0 { word = word.prefix(1).uppercased() + word.dropFirst() }
            wordsInSentence += 1
            let ends = wordsInSentence >= sentenceLength || tokens.count == count - 1
            tokens.append(ends ? " \(word)." : " \(word)")
            if ends {
                wordsInSentence = 0
                sentenceLength = 6 + Int(random.below(7))
            }
        }
        return tokens
    }

    /// JSON and tool arguments arrive in pieces that respect no boundary of the JSON.
    package static func fragments(of text: String) -> [String] {
        var fragments: [String] = []
        var rest = Substring(text)
        while !rest.isEmpty {
            fragments.append(String(rest.prefix(6)))
            rest = rest.dropFirst(6)
        }
        return fragments
    }

    /// FNV-1a, 64 bit: the same on every machine, unlike `Hasher`.
    package static func fingerprint(_ text: String, seed: UInt64) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ seed
        for byte in text.utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
        }
        return hash
    }

    private static let words = [
        "the", "harbour", "keeps", "a", "steady", "light", "while", "boats", "return", "from", "open", "water", "and",
        "every", "rope", "is", "checked", "before", "night", "crews", "compare", "charts", "with", "care", "then",
        "repair", "what", "weather", "has", "worn", "since", "small", "habits", "prevent", "large", "losses", "an",
        "engineer", "writes", "down", "each", "measure", "so", "that", "others", "can", "follow", "it", "later", "when",
        "wind", "turns", "plans", "change", "early", "people", "agree", "on", "signals", "in", "advance", "calm",
        "practice", "makes", "recovery", "ordinary",
    ]
}

/// Values that fit a JSON schema, for tool arguments and structured answers. It knows the simple keywords (`type`,
/// `properties`, `items`, `enum`, `const`, `$ref`, `anyOf`, `oneOf`, `allOf`, `minItems`, `minLength`, `minimum`,
/// `maximum`, `format`) and ignores others, so an answer to a schema with `pattern` or `not` may not validate.
package struct SchemaSample {
    /// Deeper schemas are recursive more often than meant; beyond it stands null.
    private static let depthLimit = 16
    private static let itemLimit = 64

    private let root: JSONValue

    package static func value(for schema: JSONValue) -> JSONValue {
        SchemaSample(root: schema).value(schema, depth: 0)
    }

    private func value(_ schema: JSONValue, depth: Int) -> JSONValue {
        guard depth < SchemaSample.depthLimit else { return .null }
        if let fixed = schema["const"] { return fixed }
        if let first = schema["enum"]?.array?.first { return first }
        if let reference = schema["$ref"]?.string {
            return resolve(reference).map { value($0, depth: depth + 1) } ?? .null
        }
        for keyword in ["anyOf", "oneOf", "allOf"] {
            if let first = schema[keyword]?.array?.first { return value(first, depth: depth + 1) }
        }
        switch type(of: schema) {
        case "object":
            let properties = schema["properties"]?.members ?? []
            return .object(
                properties.map { JSONMember(name: $0.name, value: value($0.value, depth: depth + 1)) })
        case "array":
            let count = min(max(schema["minItems"]?.integer ?? 1, 1), SchemaSample.itemLimit)
            let item = schema["items"].map { value($0, depth: depth + 1) } ?? .string("simulated")
            return .array(Array(repeating: item, count: count))
        case "integer": return .integer(Int(number(schema).rounded(.up)))
        case "number": return .number(number(schema))
        case "boolean": return .bool(true)
        case "null": return .null
        default: return .string(text(schema))
        }
    }

    private func type(of schema: JSONValue) -> String {
        if let name = schema["type"]?.string { return name }
        if let names = schema["type"]?.array?.compactMap(\.string) { return names.first { $0 != "null" } ?? "null" }
        if schema["properties"] != nil { return "object" }
        return schema["items"] != nil ? "array" : "string"
    }

    private func number(_ schema: JSONValue) -> Double {
        let low = schema["minimum"]?.double ?? schema["exclusiveMinimum"]?.double.map { $0 + 1 }
        let high = schema["maximum"]?.double ?? schema["exclusiveMaximum"]?.double.map { $0 - 1 }
        let wanted = min(max(low ?? 1, -1e15), 1e15)
        return high.map { max(-1e15, min(wanted, $0)) } ?? wanted
    }

    private func text(_ schema: JSONValue) -> String {
        switch schema["format"]?.string {
        case "date-time": return "2026-01-01T00:00:00Z"
        case "date": return "2026-01-01"
        case "time": return "00:00:00Z"
        case "email": return "simulated@example.com"
        case "uri", "url": return "https://example.com/simulated"
        case "uuid": return "00000000-0000-4000-8000-000000000000"
        default: break
        }
        let least = min(schema["minLength"]?.integer ?? 0, 4_096)
        var text = "simulated"
        while text.count < least { text += " simulated" }
        return schema["maxLength"]?.integer.map { String(text.prefix(max(0, $0))) } ?? text
    }

    /// Only references into the same document, such as `#/$defs/Step`.
    private func resolve(_ reference: String) -> JSONValue? {
        guard reference.hasPrefix("#") else { return nil }
        var place = root
        for part in reference.dropFirst().split(separator: "/") {
            let name = String(part.replacing("~1", with: "/").replacing("~0", with: "~"))
            guard let next = place[name] else { return nil }
            place = next
        }
        return place
    }
}

/// Deterministic vectors of length one.
package enum EmbeddingVector {
    package static let standardDimensions = 256
    package static let dimensionLimit = 4_096

    package static func make(text: String, dimensions: Int, seed: UInt64) -> [Float] {
        var random = SeededRandom(seed: AnswerText.fingerprint(text, seed: seed))
        var vector = (0..<dimensions).map { _ in Double(random.below(2_000_001) - 1_000_000) / 1_000_000 }
        let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        if length == 0 {
            vector[0] = 1
            return vector.map(Float.init)
        }
        return vector.map { Float($0 / length) }
    }
}
