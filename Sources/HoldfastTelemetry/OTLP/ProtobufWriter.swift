/// The four wire types of Protocol Buffers that OTLP needs (https://protobuf.dev/programming-guides/encoding/). A field
/// is always written, also where it holds its default: whoever may leave it out decides that.
struct ProtobufWriter {
    private enum WireType: UInt64 {
        case varint = 0
        case fixed64 = 1
        case lengthDelimited = 2
        case fixed32 = 5
    }

    private(set) var bytes: [UInt8] = []

    mutating func varint(_ field: UInt64, _ value: UInt64) {
        tag(field, .varint)
        Self.append(value, to: &bytes)
    }

    mutating func fixed64(_ field: UInt64, _ value: UInt64) {
        tag(field, .fixed64)
        append(littleEndian: value)
    }

    mutating func fixed32(_ field: UInt64, _ value: UInt32) {
        tag(field, .fixed32)
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func double(_ field: UInt64, _ value: Double) {
        fixed64(field, value.bitPattern)
    }

    mutating func string(_ field: UInt64, _ value: String) {
        tag(field, .lengthDelimited)
        Self.append(UInt64(value.utf8.count), to: &bytes)
        bytes.append(contentsOf: value.utf8)
    }

    /// A field of bytes that hold these words, the most significant byte first: how OTLP writes ids.
    mutating func words(_ field: UInt64, _ words: UInt64...) {
        tag(field, .lengthDelimited)
        Self.append(UInt64(words.count * 8), to: &bytes)
        for word in words { withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) } }
    }

    /// A packed repeated field of `fixed64` or `double`.
    mutating func packed(_ field: UInt64, _ values: [UInt64]) {
        guard !values.isEmpty else { return }
        tag(field, .lengthDelimited)
        Self.append(UInt64(values.count * 8), to: &bytes)
        for value in values { append(littleEndian: value) }
    }

    /// Its length is known only when it is written. Most fit into the one byte that is kept free for it; what is longer is
    /// moved once.
    mutating func message(_ field: UInt64, _ write: (inout ProtobufWriter) -> Void) {
        tag(field, .lengthDelimited)
        let place = bytes.count
        bytes.append(0)
        write(&self)
        var length = UInt64(bytes.count - place - 1)
        let more = Self.size(length) - 1
        if more > 0 { bytes.insert(contentsOf: repeatElement(0, count: more), at: place) }
        for offset in 0...more {
            bytes[place + offset] = UInt8(truncatingIfNeeded: length) & 0x7F | (offset < more ? 0x80 : 0)
            length >>= 7
        }
    }

    /// Bytes of a varint.
    private static func size(_ value: UInt64) -> Int {
        max((70 - value.leadingZeroBitCount) / 7, 1)
    }

    private mutating func tag(_ field: UInt64, _ type: WireType) {
        Self.append(field << 3 | type.rawValue, to: &bytes)
    }

    private mutating func append(littleEndian value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest > 0x7F {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}

/// Reads what a collector answers, as far as anybody looks at it.
struct ProtobufReader {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
    }

    enum Value {
        case number(UInt64)
        case bytes(ArraySlice<UInt8>)
    }

    /// Nil at the end, and where the rest is no message.
    mutating func next() -> (field: UInt64, value: Value)? {
        guard let tag = varint() else { return nil }
        switch tag & 7 {
        case 0: return varint().map { (tag >> 3, .number($0)) }
        case 1: return take(8).map { (tag >> 3, .bytes($0)) }
        case 2:
            guard let count = varint(), count <= UInt64(bytes.count) else { return nil }
            return take(Int(count)).map { (tag >> 3, .bytes($0)) }
        case 5: return take(4).map { (tag >> 3, .bytes($0)) }
        default: return nil
        }
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = bytes.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count <= bytes.count else { return nil }
        defer { bytes = bytes.dropFirst(count) }
        return bytes.prefix(count)
    }
}
