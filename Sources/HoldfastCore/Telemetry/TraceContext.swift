/// The place of one span in a trace, as W3C Trace Context (https://www.w3.org/TR/trace-context/) carries it between
/// processes in `traceparent`. A value: whoever makes one brings the randomness.
package struct TraceContext: Sendable, Hashable {
    /// The two halves of the trace's 128 bits; never both zero.
    package var traceHigh: UInt64
    package var traceLow: UInt64
    /// Never zero.
    package var span: UInt64
    /// Whether whoever began the trace keeps it.
    package var isSampled: Bool

    package init(traceHigh: UInt64, traceLow: UInt64, span: UInt64, isSampled: Bool) {
        precondition(traceHigh | traceLow != 0 && span != 0, "an id of zeros only stands for none")
        (self.traceHigh, self.traceLow, self.span) = (traceHigh, traceLow, span)
        self.isSampled = isSampled
    }

    /// A trace of its own.
    package init(startedWith random: inout SeededRandom) {
        let (high, low) = (random.next(), Self.nextID(&random))
        self.init(traceHigh: high, traceLow: low, span: Self.nextID(&random), isSampled: true)
    }

    /// Another span of the same trace.
    package func child(_ random: inout SeededRandom) -> TraceContext {
        TraceContext(traceHigh: traceHigh, traceLow: traceLow, span: Self.nextID(&random), isSampled: isSampled)
    }

    private static func nextID(_ random: inout SeededRandom) -> UInt64 {
        let id = random.next()
        return id == 0 ? 1 : id
    }

    // MARK: - traceparent

    /// Characters of a `traceparent` of version 00.
    package static let length = 55
    /// A later version may have more behind what is known of it; nobody needs it to be this long.
    private static let longestText = 512

    /// Nil where it is not exactly what §3.2 of the recommendation allows: whoever sent it has no say in our trace then.
    /// A version that is not known is read by the rules of version 00 as far as that goes, as §4.3 demands.
    package init?(traceparent text: String) {
        var text = text
        let read = text.withUTF8 { bytes -> (UInt64, UInt64, UInt64, UInt8)? in
            guard bytes.count >= Self.length, bytes.count <= Self.longestText, bytes[2] == 0x2D, bytes[35] == 0x2D,
                bytes[52] == 0x2D, let version = Self.hex(bytes[0..<2]), version != 0xFF,
                bytes.count == Self.length || version > 0 && bytes[Self.length] == 0x2D,
                let high = Self.hex(bytes[3..<19]), let low = Self.hex(bytes[19..<35]),
                let span = Self.hex(bytes[36..<52]), let flags = Self.hex(bytes[53..<55])
            else { return nil }
            return (high, low, span, UInt8(flags))
        }
        guard let (high, low, span, flags) = read, high | low != 0, span != 0 else { return nil }
        // Bits other than "sampled" have no meaning in version 00 and are not passed on.
        self.init(traceHigh: high, traceLow: low, span: span, isSampled: flags & 1 == 1)
    }

    /// Lower case only: an upper-case digit is an error in this field.
    private static func hex(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> UInt64? {
        var value: UInt64 = 0
        for byte in bytes {
            guard ASCIIText.isDigit(byte) || (0x61...0x66).contains(byte), let digit = ASCIIText.hexValue(byte) else {
                return nil
            }
            value = value << 4 | UInt64(digit)
        }
        return value
    }

    /// As the field is sent, of version 00.
    package var traceparent: String {
        String(unsafeUninitializedCapacity: Self.length) { bytes in
            bytes.initialize(repeating: 0x2D)
            for place in 0..<2 { bytes[place] = 0x30 }
            Self.write(traceHigh, to: bytes, at: 3)
            Self.write(traceLow, to: bytes, at: 19)
            Self.write(span, to: bytes, at: 36)
            (bytes[53], bytes[54]) = (0x30, isSampled ? 0x31 : 0x30)
            return Self.length
        }
    }

    private static func write(_ value: UInt64, to bytes: UnsafeMutableBufferPointer<UInt8>, at start: Int) {
        for place in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * place)) & 0xF
            bytes[start + place] = digit < 10 ? 0x30 + digit : 0x61 + digit - 10
        }
    }
}

/// `tracestate`: what tracing systems along the way keep for themselves. Judged and kept, never changed.
package struct TraceState: Sendable, Hashable {
    /// §3.3.1.1 of the recommendation.
    package static let mostMembers = 32
    /// Characters that everyone has to pass on at least. A longer one is dropped whole: a part of it could mislead
    /// whoever reads it.
    package static let longestText = 512

    package let text: String

    /// Nil where nothing is in it, or where any of it is not legal.
    ///
    /// - Parameter text: the field's values, joined by commas where it came more than once.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.longestText else { return nil }
        var keys: [Substring.UTF8View] = []
        var members: [Substring] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let member = part.drop { $0 == " " || $0 == "\t" }
            // Members may be empty; they count for nothing.
            guard let end = member.lastIndex(where: { $0 != " " && $0 != "\t" }) else { continue }
            let trimmed = member[...end]
            guard let equals = trimmed.firstIndex(of: "=") else { return nil }
            let key = trimmed[..<equals].utf8
            guard Self.isKey(key), Self.isValue(trimmed[trimmed.index(after: equals)...].utf8),
                !keys.contains(where: { $0.elementsEqual(key) })
            else { return nil }
            keys.append(key)
            members.append(trimmed)
        }
        guard !members.isEmpty, members.count <= Self.mostMembers else { return nil }
        self.text = members.joined(separator: ",")
    }

    private static func isKey(_ key: Substring.UTF8View) -> Bool {
        guard let at = key.firstIndex(of: 0x40) else { return isPart(key, longest: 256, beginsWithDigit: false) }
        return isPart(key[..<at], longest: 241, beginsWithDigit: true)
            && isPart(key[key.index(after: at)...], longest: 14, beginsWithDigit: false)
    }

    private static func isPart(_ part: Substring.UTF8View, longest: Int, beginsWithDigit: Bool) -> Bool {
        guard let first = part.first, part.count <= longest,
            ASCIIText.isLowercase(first) || beginsWithDigit && ASCIIText.isDigit(first)
        else { return false }
        return part.allSatisfy { ASCIIText.isLowercase($0) || ASCIIText.isDigit($0) || "_-*/".utf8.contains($0) }
    }

    private static func isValue(_ value: Substring.UTF8View) -> Bool {
        (1...256).contains(value.count) && value.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x2C && $0 != 0x3D }
    }
}
