/// Decoding, only where asked. Every range given here was judged by the scanner before, so nothing can fail.
extension JSONScanner {
    /// Whether the string's decoded text is `text`.
    @inline(__always)
    package func matches(_ string: JSONString, _ text: StaticString) -> Bool {
        if string.hasEscapes { return matchesEscaped(string, text) }
        return ASCII.equals(bytes, string.contents, text)
    }

    private func matchesEscaped(_ string: JSONString, _ text: StaticString) -> Bool {
        let decoded = unescaped(string, maximumBytes: .max)
        return text.withUTF8Buffer { $0.elementsEqual(decoded) }
    }

    /// The decoded text. Where it is longer than `maximumBytes`, it ends early, between two
    /// characters (an escaped one that straddles the bound is kept whole).
    package func text(of string: JSONString, maximumBytes: Int = .max) -> String {
        if string.hasEscapes {
            return String(decoding: unescaped(string, maximumBytes: maximumBytes), as: UTF8.self)
        }
        var end = string.end
        if end - string.start > maximumBytes {
            end = string.start + maximumBytes
            while end > string.start, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        }
        return String(decoding: UnsafeRawBufferPointer(rebasing: bytes[string.start..<end]), as: UTF8.self)
    }

    /// Appends the decoded text of `string`, a place in `bytes`, as UTF-8; half a surrogate pair becomes U+FFFD.
    package static func appendUTF8(
        of string: JSONString, in bytes: UnsafeRawBufferPointer, to text: inout [UInt8]
    ) {
        if string.hasEscapes {
            text += JSONScanner(bytes).unescaped(string, maximumBytes: .max)
        } else {
            text.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[string.contents]))
        }
    }

    /// The value of an integer; nil where it has a fraction or an exponent, or does not fit.
    package func integer(_ number: JSONNumber) -> Int? {
        guard number.isInteger else { return nil }
        guard bytes[number.range.lowerBound] == ASCII.minus else { return ASCII.decimal(bytes, number.range) }
        return ASCII.decimal(bytes, (number.range.lowerBound + 1)..<number.range.upperBound).map { -$0 }
    }

    /// Whether the number is finite as an IEEE double, which is what providers read it as.
    package func isFinite(_ number: JSONNumber) -> Bool {
        // Without an exponent it takes more than 300 digits to leave the range of a double.
        let hasExponent = bytes[number.range].contains { $0 | 0x20 == UInt8(ascii: "e") }
        if number.range.count < 300, !hasExponent { return true }
        let text = String(decoding: UnsafeRawBufferPointer(rebasing: bytes[number.range]), as: UTF8.self)
        return Double(text)?.isFinite ?? false
    }

    private func unescaped(_ string: JSONString, maximumBytes: Int) -> [UInt8] {
        var result: [UInt8] = []
        var index = string.start
        while index < string.end {
            let byte = bytes[index]
            if result.count >= maximumBytes, byte & 0xC0 != 0x80 { break }
            guard byte == ASCII.backslash else {
                result.append(byte)
                index += 1
                continue
            }
            let letter = bytes[index + 1]
            index += 2
            switch letter {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "n"): result.append(ASCII.lineFeed)
            case UInt8(ascii: "r"): result.append(ASCII.carriageReturn)
            case UInt8(ascii: "t"): result.append(ASCII.tab)
            case UInt8(ascii: "u"):
                result.append(contentsOf: String(scalar(after: &index, before: string.end)).utf8)
            default: result.append(letter)
            }
        }
        return result
    }

    /// The scalar whose first four digits stand at `index`; half a surrogate pair becomes U+FFFD.
    private func scalar(after index: inout Int, before end: Int) -> Character {
        let unit = unit(at: index)
        index += 4
        if unit & 0xFC00 == 0xD800, index + 6 <= end, bytes[index] == ASCII.backslash,
            bytes[index + 1] == UInt8(ascii: "u")
        {
            let second = self.unit(at: index + 2)
            if second & 0xFC00 == 0xDC00 {
                index += 6
                let value = 0x10000 + (UInt32(unit & 0x3FF) << 10 | UInt32(second & 0x3FF))
                return Character(Unicode.Scalar(value) ?? "\u{FFFD}")
            }
        }
        return Character(Unicode.Scalar(unit) ?? "\u{FFFD}")
    }

    private func unit(at index: Int) -> UInt16 {
        (index..<index + 4).reduce(0) { $0 << 4 | UInt16(ASCII.hexValue(bytes[$1]) ?? 0) }
    }
}
