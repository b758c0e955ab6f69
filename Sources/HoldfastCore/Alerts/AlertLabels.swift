/// How Prometheus and an Alertmanager know a set of labels again.
package enum AlertLabels {
    /// FNV-1a of 64 bits over names and values, each ended by the byte 255, as `LabelSet.Fingerprint` of
    /// prometheus/common has it.
    ///
    /// - Parameter labels: by name.
    package static func fingerprint(_ labels: [(name: String, value: String)]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        for (name, value) in labels.sorted(by: { $0.name < $1.name }) {
            name.utf8.forEach(add)
            add(0xFF)
            value.utf8.forEach(add)
            add(0xFF)
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
