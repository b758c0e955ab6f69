/// What shows that an entry stands in the log of a size (RFC 9162, 2.1.3.1). Hashes are in base64, as in checkpoints.
package struct InclusionProofView: Codable, Sendable, Equatable {
    package var size: Int
    /// Of the log of that size: what a checkpoint of it says.
    package var root: String
    package var entry: Int
    /// SHA-256 over a zero byte and the entry's line in an export.
    package var leaf: String
    /// From the leaf upwards.
    package var hashes: [String]

    package init(size: Int, root: String, entry: Int, leaf: String, hashes: [String]) {
        self.size = size
        self.root = root
        self.entry = entry
        self.leaf = leaf
        self.hashes = hashes
    }
}

/// What shows that the log of one size is the beginning of the log of another (RFC 9162, 2.1.4.1).
package struct ConsistencyProofView: Codable, Sendable, Equatable {
    package var size: Int
    package var root: String
    /// The smaller size.
    package var from: Int
    package var fromRoot: String
    package var hashes: [String]

    package init(size: Int, root: String, from: Int, fromRoot: String, hashes: [String]) {
        self.size = size
        self.root = root
        self.from = from
        self.fromRoot = fromRoot
        self.hashes = hashes
    }
}
