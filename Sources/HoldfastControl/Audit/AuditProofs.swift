import Foundation
import GRDB
import HoldfastAPI

/// Proofs over the log for whoever holds a checkpoint and not the log. Each reads all hashes up to its size: 32 bytes for
/// an entry, and auditors ask seldom.
extension AuditLog {
    /// - Parameter size: nil: as of now.
    func inclusion(of entry: Int, size: Int?) async throws -> InclusionProofView {
        let leaves = try await leaves(size)
        guard leaves.indices.contains(entry) else { throw ProblemView.notFound("entry in the log of that size") }
        return InclusionProofView(
            size: leaves.count, root: MerkleProof.root(of: leaves).text, entry: entry, leaf: leaves[entry].text,
            hashes: MerkleProof.inclusion(of: entry, in: leaves).map(\.text))
    }

    /// - Parameter size: nil: as of now.
    func consistency(from old: Int, size: Int?) async throws -> ConsistencyProofView {
        guard old > 0 else {
            throw ProblemView.invalid([
                .init(field: "from", message: "a log of nothing is the beginning of every log", mend: "use 1 or more")
            ])
        }
        let leaves = try await leaves(size)
        guard old <= leaves.count else { throw ProblemView.notFound("log of that size") }
        return ConsistencyProofView(
            size: leaves.count, root: MerkleProof.root(of: leaves).text, from: old,
            fromRoot: MerkleProof.root(of: leaves.prefix(old)).text,
            hashes: MerkleProof.consistency(from: old, in: leaves).map(\.text))
    }

    private func leaves(_ size: Int?) async throws -> ArraySlice<MerkleHash> {
        let known = self.size
        let wanted = size ?? known
        guard wanted <= known else { throw ProblemView.notFound("log of that size") }
        let rows = try await store.read {
            try Data.fetchAll($0, sql: "SELECT hash FROM audit WHERE number < ? ORDER BY number", arguments: [wanted])
        }
        return rows.compactMap { MerkleHash($0) }[...]
    }
}

extension MerkleHash {
    /// As in checkpoints.
    fileprivate var text: String { bytes.base64EncodedString() }
}
