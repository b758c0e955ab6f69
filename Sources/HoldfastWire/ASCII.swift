/// Byte constants and classes of the formats this target reads. All of it works on ASCII alone, so that no locale and
/// no Unicode table can change what a header or a field name means.
package enum ASCII {
    package static let tab = UInt8(ascii: "\t")
    package static let lineFeed = UInt8(ascii: "\n")
    package static let carriageReturn = UInt8(ascii: "\r")
    package static let space = UInt8(ascii: " ")
    package static let colon = UInt8(ascii: ":")
    package static let comma = UInt8(ascii: ",")
    package static let semicolon = UInt8(ascii: ";")
    package static let minus = UInt8(ascii: "-")
    package static let dot = UInt8(ascii: ".")
    package static let zero = UInt8(ascii: "0")
    package static let nine = UInt8(ascii: "9")
    package static let quote = UInt8(ascii: "\"")
    package static let backslash = UInt8(ascii: "\\")
    package static let openBrace = UInt8(ascii: "{")
    package static let closeBrace = UInt8(ascii: "}")
    package static let openBracket = UInt8(ascii: "[")
    package static let closeBracket = UInt8(ascii: "]")
    package static let delete: UInt8 = 0x7F

    @inline(__always)
    package static func isDigit(_ byte: UInt8) -> Bool {
        byte &- zero < 10
    }

    @inline(__always)
    package static func isUpper(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "A") < 26
    }

    @inline(__always)
    package static func lowered(_ byte: UInt8) -> UInt8 {
        isUpper(byte) ? byte | 0x20 : byte
    }

    /// The value of a hexadecimal digit; nil for any other byte.
    @inline(__always)
    package static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte &- zero }
        let letter = (byte | 0x20) &- UInt8(ascii: "a")
        return letter < 6 ? letter &+ 10 : nil
    }

    /// RFC 9110 `tchar`: what a header name is made of. Two words of bits, one per ASCII code.
    @inline(__always)
    package static func isToken(_ byte: UInt8) -> Bool {
        if byte < 64 { return tokenBitsLow >> UInt64(byte) & 1 == 1 }
        return byte < 128 && tokenBitsHigh >> UInt64(byte - 64) & 1 == 1
    }

    /// ``!#$%&'*+-.0123456789`` and ``A-Z^_`a-z|~``, as literals: a lazily made table costs a check per byte.
    private static let tokenBitsLow: UInt64 = 0x03FF_6CFA_0000_0000
    private static let tokenBitsHigh: UInt64 = 0x57FF_FFFF_C7FF_FFFE

    /// Whether `range` of `bytes` equals `text`, which is in lower case, without regard to ASCII case.
    @inline(__always)
    package static func equalsFolded(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ text: StaticString) -> Bool
    {
        guard range.count == text.utf8CodeUnitCount else { return false }
        let expected = text.utf8Start
        for index in 0..<range.count where lowered(bytes[range.lowerBound &+ index]) != expected[index] {
            return false
        }
        return true
    }

    /// Whether `range` of `bytes` equals `text` exactly.
    @inline(__always)
    package static func equals(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        let expected = text.utf8Start
        for index in 0..<range.count where bytes[range.lowerBound &+ index] != expected[index] {
            return false
        }
        return true
    }

    /// `range` without the spaces and tabs at its ends.
    package static func trimmed(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, bytes[start] == space || bytes[start] == tab { start += 1 }
        while end > start, bytes[end - 1] == space || bytes[end - 1] == tab { end -= 1 }
        return start..<end
    }

    /// Strict decimal digits that fit; nil where empty, signed, spaced or too large.
    package static func decimal(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
        guard !range.isEmpty else { return nil }
        var value = 0
        for index in range {
            guard isDigit(bytes[index]) else { return nil }
            let (scaled, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = scaled.addingReportingOverflow(Int(bytes[index] &- zero))
            guard !overflowed, !carried else { return nil }
            value = sum
        }
        return value
    }
}

/// Searches eight bytes at a time, then one. Never reads past the end of the bytes.
///
/// Subtracting from each byte of a word sets its high bit where the byte was smaller; a borrow can only spoil bytes above
/// a real match, and only the lowest mark is used. (Vectors of sixteen were tried: the compiler turns the search for
/// their first set lane into scalar code that costs ten times as much.)
enum WordSearch {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    private static func load(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The first offset from `from` that `word` marks or `byte` accepts; the count where there is none.
    @inline(__always)
    private static func find(
        _ bytes: UnsafeRawBufferPointer, from: Int, word: (UInt64) -> UInt64, byte: (UInt8) -> Bool
    ) -> Int {
        var offset = from
        let count = bytes.count
        while offset &+ 8 <= count {
            let found = word(load(bytes, offset)) & highs
            if found != 0 { return offset &+ found.trailingZeroBitCount >> 3 }
            offset &+= 8
        }
        while offset < count, !byte(bytes[offset]) { offset &+= 1 }
        return offset
    }

    /// The first CR or LF in `from ..< bytes.count`; the count where there is none.
    @inline(__always)
    static func lineEnd(_ bytes: UnsafeRawBufferPointer, from: Int) -> Int {
        // Anything up to CR stops the search: one subtraction instead of four operations for each of the two, since
        // the others hardly occur.
        var offset = from
        while true {
            offset = find(bytes, from: offset) {
                ($0 &- (ones &* 0x0E)) & ~$0
            } byte: {
                $0 < 0x0E
            }
            guard offset < bytes.count, bytes[offset] != ASCII.lineFeed, bytes[offset] != ASCII.carriageReturn else {
                return offset
            }
            offset &+= 1
        }
    }

    /// The first byte in `from ..< bytes.count` that is not plain inside a JSON string: a quote, a backslash, a control
    /// character or the start of a character beyond ASCII; the count where there is none.
    @inline(__always)
    static func specialInString(_ bytes: UnsafeRawBufferPointer, from: Int) -> Int {
        find(bytes, from: from) { word in
            // Bytes with a high bit are matches themselves, so the usual masking with the complement is not needed.
            let quotes = (word ^ (ones &* UInt64(ASCII.quote))) &- ones
            let backslashes = (word ^ (ones &* UInt64(ASCII.backslash))) &- ones
            return quotes | backslashes | (word &- (ones &* 0x20)) | word
        } byte: {
            $0 == ASCII.quote || $0 == ASCII.backslash || $0 < 0x20 || $0 >= 0x80
        }
    }

    /// The first byte in `from ..< bytes.count` that is not plain inside a header value: a control character, DEL, or a
    /// byte beyond ASCII; the count where there is none.
    @inline(__always)
    static func specialInField(_ bytes: UnsafeRawBufferPointer, from: Int) -> Int {
        find(bytes, from: from) { word in
            ((word ^ (ones &* UInt64(ASCII.delete))) &- ones) | (word &- (ones &* 0x20)) | word
        } byte: {
            $0 < 0x20 || $0 >= ASCII.delete
        }
    }
}
