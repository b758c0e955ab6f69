import HoldfastCore
import HoldfastWire
import NIOCore

/// The bytes of `text` at the exact end of their allocation.
func withBytes<T>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
    try withBytes(Array(text.utf8), body)
}

func withBytes<T>(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    return try body(UnsafeRawBufferPointer(copy))
}

func text(_ buffer: ByteBuffer) -> String {
    String(buffer: buffer)
}

extension SeededRandom {
    mutating func index(below bound: Int) -> Int {
        Int(below(Int64(bound)))
    }
}

/// Small damage of the kinds that break parsers: a flipped, dropped, doubled or inserted byte, a cut, a swap.
func mutated(_ bytes: [UInt8], using random: inout SeededRandom) -> [UInt8] {
    var result = bytes
    let suspicious: [UInt8] =
        Array("{}[]\",:\\u0dD8e+-.1\r\n ;\t/*".utf8) + [0, 0x1F, 0x7F, 0x80, 0xC0, 0xED, 0xF4, 0xFF]
    for _ in 0...random.index(below: 3) {
        guard !result.isEmpty else { return suspicious }
        let at = random.index(below: result.count)
        let byte = suspicious[random.index(below: suspicious.count)]
        switch random.index(below: 6) {
        case 0: result[at] = byte
        case 1: result.remove(at: at)
        case 2: result.insert(byte, at: at)
        case 3: result.insert(result[at], at: at)
        case 4: result.removeSubrange(at...)
        default: result.swapAt(at, random.index(below: result.count))
        }
    }
    return result
}
