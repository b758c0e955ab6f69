/// RFC 8259 once more, slow and plain: what the scanner has to agree with.
struct JSONReference {
    private var rest: [Unicode.Scalar]
    private var at = 0

    static func accepts(_ bytes: [UInt8]) -> Bool {
        guard let text = String(validating: bytes, as: UTF8.self) else { return false }
        var reference = JSONReference(rest: Array(text.unicodeScalars))
        guard reference.value(depth: 0) else { return false }
        reference.space()
        return reference.at == reference.rest.count
    }

    private init(rest: [Unicode.Scalar]) {
        self.rest = rest
    }

    private var next: Unicode.Scalar? { at < rest.count ? rest[at] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        at += 1
        return true
    }

    private mutating func space() {
        while let next, [" ", "\t", "\n", "\r"].contains(next) { at += 1 }
    }

    private mutating func value(depth: Int) -> Bool {
        space()
        switch next {
        case "{": return depth < 64 && members(depth: depth + 1)
        case "[": return depth < 64 && elements(depth: depth + 1)
        case "\"": return string()
        case "t": return word("true")
        case "f": return word("false")
        case "n": return word("null")
        default: return number()
        }
    }

    private mutating func word(_ word: String) -> Bool {
        word.unicodeScalars.allSatisfy { take($0) }
    }

    private mutating func members(depth: Int) -> Bool {
        at += 1
        space()
        if take("}") { return true }
        repeat {
            space()
            guard string() else { return false }
            space()
            guard take(":"), value(depth: depth) else { return false }
            space()
        } while take(",")
        return take("}")
    }

    private mutating func elements(depth: Int) -> Bool {
        at += 1
        space()
        if take("]") { return true }
        repeat {
            guard value(depth: depth) else { return false }
            space()
        } while take(",")
        return take("]")
    }

    private mutating func digits() -> Int {
        let start = at
        while let next, ("0"..."9").contains(next) { at += 1 }
        return at - start
    }

    private mutating func number() -> Bool {
        _ = take("-")
        let leadsWithZero = next == "0"
        let count = digits()
        guard count > 0, !leadsWithZero || count == 1 else { return false }
        if take("."), digits() == 0 { return false }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            return digits() > 0
        }
        return true
    }

    private mutating func string() -> Bool {
        guard take("\"") else { return false }
        while let scalar = next {
            at += 1
            if scalar == "\"" { return true }
            if scalar.value < 0x20 { return false }
            if scalar == "\\", !escape() { return false }
        }
        return false
    }

    private mutating func escape() -> Bool {
        guard let letter = next else { return false }
        at += 1
        guard letter == "u" else { return "\"\\/bfnrt".unicodeScalars.contains(letter) }
        guard let unit = unit() else { return false }
        switch unit {
        case 0xD800..<0xDC00:
            guard take("\\"), take("u"), let second = self.unit() else { return false }
            return (0xDC00..<0xE000).contains(second)
        case 0xDC00..<0xE000: return false
        default: return true
        }
    }

    private mutating func unit() -> UInt32? {
        guard at + 4 <= rest.count else { return nil }
        let digits = rest[at..<at + 4]
        guard digits.allSatisfy({ $0.properties.isASCIIHexDigit }) else { return nil }
        at += 4
        return UInt32(String(String.UnicodeScalarView(digits)), radix: 16)
    }
}
