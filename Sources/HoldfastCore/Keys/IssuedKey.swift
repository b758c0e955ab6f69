/// A client key that the management plane has made, beside those that stand in the document.
package struct IssuedKey: Sendable, Hashable {
    package var id: String
    /// SHA-256 of the whole key text, 32 bytes.
    package var digest: [UInt8]
    /// By name: numbers hold for one document alone.
    package var workload: String

    package init(id: String, digest: [UInt8], workload: String) {
        self.id = id
        self.digest = digest
        self.workload = workload
    }
}
