import Crypto
package import HoldfastCore

/// How a key is written down where it may be read: `sha256:` and the digest of its whole text in lower-case hex.
package enum ClientKeyHash {
    private static let prefix = "sha256:"

    package static func of(_ text: String) -> String {
        prefix
            + SHA256.hash(data: Array(text.utf8)).map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }.joined()
    }

    /// The 32 bytes; nil where it is no such text.
    package static func digest(_ text: String) -> [UInt8]? {
        guard text.hasPrefix(prefix) else { return nil }
        let digits = text.utf8.dropFirst(prefix.utf8.count).map { byte in Character(Unicode.Scalar(byte)).hexDigitValue
        }
        guard digits.count == 2 * SHA256.byteCount else { return nil }
        return stride(from: 0, to: digits.count, by: 2).reduce(into: [UInt8]?([])) { bytes, place in
            guard let high = digits[place], let low = digits[place + 1] else { return bytes = nil }
            bytes?.append(UInt8(high << 4 | low))
        }
    }
}

/// A client key as snapshots carry it: whoever reads one cannot use the key.
package struct IssuedKeyDigest: Codable, Sendable, Equatable {
    package var id: String
    package var hash: String
    package var workload: String

    package init(id: String, hash: String, workload: String) {
        self.id = id
        self.hash = hash
        self.workload = workload
    }

    /// Nil: the digest is none.
    package var issuedKey: IssuedKey? {
        ClientKeyHash.digest(hash).map { IssuedKey(id: id, digest: $0, workload: workload) }
    }
}
