import Foundation
import HoldfastAPI
import Testing

@testable import HoldfastControl

@Suite("Proofs over the audit log")
struct AuditProofTests {
    private func hash(_ text: String) throws -> MerkleHash {
        let bytes = try #require(Data(base64Encoded: text))
        return try #require(MerkleHash(bytes))
    }

    @Test("Every entry of every size, and every size in every later one, is proven against the roots of the log")
    func proofs() async throws {
        let (store, log) = try await TestFolder().openLog()
        defer { store.close() }
        for number in 0..<21 {
            try await log.note(AuditEvent(.system, "test", "\(number)"), now: Int64(number))
        }
        let entries = try await log.entries(from: 0, limit: 100).entries
        let leaves = entries.map { MerkleHash.leaf($0.leaf) }
        for size in 1...21 {
            let root = MerkleTree(leaves: leaves.prefix(size)).root
            for entry in 0..<size {
                let proof = try await log.inclusion(of: entry, size: size)
                #expect(try hash(proof.root) == root)
                #expect(try hash(proof.leaf) == leaves[entry])
                #expect(
                    MerkleProof.verifiesInclusion(
                        of: leaves[entry], at: entry, size: size, proof: try proof.hashes.map(hash), root: root))
            }
            for old in 1...size {
                let proof = try await log.consistency(from: old, size: size)
                #expect(
                    MerkleProof.verifiesConsistency(
                        oldSize: old, oldRoot: try hash(proof.fromRoot), newSize: size, newRoot: root,
                        proof: try proof.hashes.map(hash)))
                #expect(try hash(proof.fromRoot) == MerkleTree(leaves: leaves.prefix(old)).root)
            }
        }
        #expect(try await log.inclusion(of: 3, size: nil).size == 21)
    }

    @Test("There is no proof of what is not there", arguments: [(5, 5), (0, 0), (0, 100)])
    func absent(entry: Int, size: Int) async throws {
        let (store, log) = try await TestFolder().openLog()
        defer { store.close() }
        for number in 0..<7 { try await log.note(AuditEvent(.system, "test", "\(number)"), now: 1) }
        let refused = await #expect(throws: ProblemView.self) { _ = try await log.inclusion(of: entry, size: size) }
        #expect(refused?.status == 404)
        let later = await #expect(throws: ProblemView.self) { _ = try await log.consistency(from: 8, size: 7) }
        #expect(later?.status == 404)
        let none = await #expect(throws: ProblemView.self) { _ = try await log.consistency(from: 0, size: 7) }
        #expect(none?.status == 422)
    }
}
