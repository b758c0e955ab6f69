/// The text of a key: `hf_<kind>_<id>_<secret><check>`.
///
/// The kind and id stand in clear so that a key found in a log or a repository can be traced and revoked; the check
/// (CRC-32 of all before it) lets a mistyped or made-up key be refused before any look-up. The secret is 32 base-62
/// characters, about 190 bits.
package struct KeyText: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case client, agent, viewer, operator_ = "operator", approver, auditor, admin, automation, node
    }

    package let kind: Kind
    package let id: String

    package static let secretLength = 32
    package static let checkLength = 6
    /// Ids are lower-case letters, digits and hyphens: no underscore, which separates the parts.
    package static let longestID = 64
    /// As long as the longest legal key, of the kind `automation`; a bound on what is ever hashed.
    package static let longest = 3 + 10 + 1 + longestID + 1 + secretLength + checkLength

    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// Makes a new key from `random`, which must be a cryptographic source.
    package static func make(kind: Kind, id: String, using random: inout some RandomNumberGenerator) -> String {
        precondition(isLegalID(id), "a key id holds 1 to \(longestID) of a-z, 0-9 and '-', and this is '\(id)'")
        var text = Array("hf_\(kind.rawValue)_\(id)_".utf8)
        for _ in 0..<secretLength {
            text.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
        }
        text.append(contentsOf: check(of: text[...]))
        return String(decoding: text, as: UTF8.self)
    }

    package static func isLegalID(_ id: String) -> Bool {
        (1...longestID).contains(id.utf8.count) && id.utf8.allSatisfy(isIDByte)
    }

    /// Nil where the shape or the check is wrong: such a text was never a key of ours.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8.prefix(Self.longest + 1))
        guard bytes.count <= Self.longest else { return nil }
        let parts = bytes.split(separator: UInt8(ascii: "_"), maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].elementsEqual("hf".utf8),
            let kind = Kind(rawValue: String(decoding: parts[1], as: UTF8.self)),
            (1...Self.longestID).contains(parts[2].count), parts[2].allSatisfy(Self.isIDByte),
            parts[3].count == Self.secretLength + Self.checkLength,
            bytes.suffix(Self.checkLength).elementsEqual(Self.check(of: bytes.dropLast(Self.checkLength)))
        else { return nil }
        self.kind = kind
        self.id = String(decoding: parts[2], as: UTF8.self)
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
        default: false
        }
    }

    /// CRC-32 (IEEE 802.3) in base 62, most significant digit first.
    private static func check(of bytes: ArraySlice<UInt8>) -> [UInt8] {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 {
                crc = crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1
            }
        }
        var rest = ~crc
        var digits = [UInt8](repeating: alphabet[0], count: checkLength)
        for place in stride(from: checkLength - 1, through: 0, by: -1) {
            digits[place] = alphabet[Int(rest % 62)]
            rest /= 62
        }
        return digits
    }
}
