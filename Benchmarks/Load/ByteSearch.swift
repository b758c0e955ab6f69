import Glibc
import NIOCore

private let contentLengthName = Array("content-length:".utf8)

extension ByteBuffer {
    /// Offset from the reader index of the first occurrence of `pattern`. Cheap where the pattern's first byte is rare.
    func offset(of pattern: StaticString) -> Int? {
        let count = pattern.utf8CodeUnitCount
        return withUnsafeReadableBytes { bytes -> Int? in
            guard let base = bytes.baseAddress else { return nil }
            var position = 0
            while position + count <= bytes.count {
                let room = bytes.count - count + 1 - position
                guard let found = memchr(base + position, Int32(pattern.utf8Start.pointee), room) else { return nil }
                if memcmp(found, pattern.utf8Start, count) == 0 { return UnsafeRawPointer(found) - base }
                position = UnsafeRawPointer(found) - base + 1
            }
            return nil
        }
    }

    /// The decimal number that begins at `offset`; nil where there is no digit.
    func decimal(at offset: Int) -> Int64? {
        withUnsafeReadableBytes { bytes in
            var value: Int64 = 0
            var digits = 0
            // Eighteen digits always fit; a stamp has leading zeros, so the nineteenth does too.
            for byte in bytes.dropFirst(offset).prefix(19) {
                guard byte >= 0x30, byte <= 0x39 else { break }
                value = value &* 10 &+ Int64(byte - 0x30)
                digits += 1
            }
            return digits > 0 ? value : nil
        }
    }

    /// The value of a header in a raw head, as a number; names are compared without case.
    func contentLength(headBytes: Int) -> Int? {
        let name = contentLengthName
        return withUnsafeReadableBytes { bytes in
            var lineStart = 0
            while lineStart + name.count < headBytes {
                if bytes[lineStart] | 0x20 == name[0],
                    name.indices.allSatisfy({ bytes[lineStart + $0] | 0x20 == name[$0] | 0x20 })
                {
                    var value = 0
                    for byte in bytes[(lineStart + name.count)..<headBytes] where byte != 0x20 {
                        guard byte >= 0x30, byte <= 0x39 else { break }
                        value = value * 10 + Int(byte - 0x30)
                    }
                    return value
                }
                guard let base = bytes.baseAddress,
                    let newline = memchr(base + lineStart, 0x0A, headBytes - lineStart)
                else { return nil }
                lineStart = UnsafeRawPointer(newline) - base + 1
            }
            return nil
        }
    }
}
