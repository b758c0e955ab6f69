import Crypto
package import Foundation

/// SHA-256 of a leaf or a node of the audit log's tree.
package struct MerkleHash: Sendable, Hashable {
    package static let length = 32

    package let bytes: Data

    /// Nil unless `bytes` is as long as a hash.
    package init?(_ bytes: some Sequence<UInt8>) {
        let data = Data(bytes)
        guard data.count == Self.length else { return nil }
        self.bytes = data
    }

    fileprivate init(_ digest: SHA256.Digest) {
        bytes = Data(digest)
    }

    /// The tree of nothing.
    package static let empty = MerkleHash(SHA256.hash(data: Data()))

    /// Leaves and nodes begin with different bytes, so that a node can never be passed off as a leaf (RFC 9162, 2.1.1).
    package static func leaf(_ event: Data) -> MerkleHash {
        var hash = SHA256()
        hash.update(data: [0x00])
        hash.update(data: event)
        return MerkleHash(hash.finalize())
    }

    package static func node(_ left: MerkleHash, _ right: MerkleHash) -> MerkleHash {
        var hash = SHA256()
        hash.update(data: [0x01])
        hash.update(data: left.bytes)
        hash.update(data: right.bytes)
        return MerkleHash(hash.finalize())
    }
}

/// A growing tree of RFC 9162, kept as the roots of its complete subtrees: as many as its size has one-bits.
package struct MerkleTree: Sendable, Equatable {
    package private(set) var size = 0
    /// The largest first.
    private var roots: [MerkleHash] = []

    package init() {}

    package init(leaves: some Sequence<MerkleHash>) {
        for leaf in leaves { append(leaf) }
    }

    package mutating func append(_ leaf: MerkleHash) {
        var root = leaf
        // Each one-bit at the low end of the size is a subtree as large as what was just built.
        var rest = size
        while rest & 1 == 1, let left = roots.popLast() {
            root = .node(left, root)
            rest >>= 1
        }
        roots.append(root)
        size += 1
    }

    package var root: MerkleHash {
        guard var root = roots.last else { return .empty }
        for left in roots.dropLast().reversed() { root = .node(left, root) }
        return root
    }
}

/// Proofs over all leaves of a tree; for auditors, who ask seldom.
package enum MerkleProof {
    /// What it takes to come from leaf `index` to the root of the tree of `leaves` (RFC 9162, 2.1.3.1).
    package static func inclusion(of index: Int, in leaves: ArraySlice<MerkleHash>) -> [MerkleHash] {
        precondition(leaves.indices.contains(leaves.startIndex + index), "the leaf is one of the tree's")
        guard leaves.count > 1 else { return [] }
        let split = largestPowerOfTwo(below: leaves.count)
        let left = leaves.prefix(split)
        let right = leaves.dropFirst(split)
        return index < split
            ? inclusion(of: index, in: left) + [root(of: right)]
            : inclusion(of: index - split, in: right) + [root(of: left)]
    }

    /// What shows that the tree of the first `size` leaves is the beginning of the tree of all (RFC 9162, 2.1.4.1).
    package static func consistency(from size: Int, in leaves: ArraySlice<MerkleHash>) -> [MerkleHash] {
        precondition(1...max(leaves.count, 1) ~= size, "the older tree is a beginning of the newer one")
        return size == leaves.count ? [] : consistency(from: size, in: leaves, isWhole: true)
    }

    private static func consistency(from size: Int, in leaves: ArraySlice<MerkleHash>, isWhole: Bool) -> [MerkleHash] {
        if size == leaves.count { return isWhole ? [] : [root(of: leaves)] }
        let split = largestPowerOfTwo(below: leaves.count)
        let left = leaves.prefix(split)
        let right = leaves.dropFirst(split)
        return size <= split
            ? consistency(from: size, in: left, isWhole: isWhole) + [root(of: right)]
            : consistency(from: size - split, in: right, isWhole: false) + [root(of: left)]
    }

    package static func root(of leaves: ArraySlice<MerkleHash>) -> MerkleHash {
        MerkleTree(leaves: leaves).root
    }

    private static func largestPowerOfTwo(below count: Int) -> Int {
        1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount)
    }

    // MARK: - Verifying

    /// Whether `leaf` stands at `index` of the tree of `size` leaves whose root is `root` (RFC 9162, 2.1.3.2).
    package static func verifiesInclusion(
        of leaf: MerkleHash, at index: Int, size: Int, proof: [MerkleHash], root: MerkleHash
    ) -> Bool {
        guard 0..<size ~= index else { return false }
        var (place, last, hash) = (index, size - 1, leaf)
        for step in proof {
            guard last > 0 else { return false }
            if place & 1 == 1 || place == last {
                hash = .node(step, hash)
                while place & 1 == 0, place > 0 { (place, last) = (place >> 1, last >> 1) }
            } else {
                hash = .node(hash, step)
            }
            (place, last) = (place >> 1, last >> 1)
        }
        return last == 0 && hash == root
    }

    /// Whether the tree of `oldSize` leaves is the beginning of the tree of `newSize` leaves (RFC 9162, 2.1.4.2).
    package static func verifiesConsistency(
        oldSize: Int, oldRoot: MerkleHash, newSize: Int, newRoot: MerkleHash, proof: [MerkleHash]
    ) -> Bool {
        guard oldSize > 0, oldSize <= newSize else { return false }
        if oldSize == newSize { return proof.isEmpty && oldRoot == newRoot }
        // A complete older tree is its own first step.
        let steps = oldSize & (oldSize - 1) == 0 ? [oldRoot] + proof : proof
        guard let first = steps.first else { return false }
        var (place, last) = (oldSize - 1, newSize - 1)
        while place & 1 == 1 { (place, last) = (place >> 1, last >> 1) }
        var (old, new) = (first, first)
        for step in steps.dropFirst() {
            guard last > 0 else { return false }
            if place & 1 == 1 || place == last {
                old = .node(step, old)
                new = .node(step, new)
                while place & 1 == 0, place > 0 { (place, last) = (place >> 1, last >> 1) }
            } else {
                new = .node(new, step)
            }
            (place, last) = (place >> 1, last >> 1)
        }
        return last == 0 && old == oldRoot && new == newRoot
    }
}
