import Crypto
import Foundation
import Testing

@testable import HoldfastControl

@Suite("The Merkle tree of the audit log")
struct MerkleTreeTests {
    private static func leaves(_ count: Int) -> [MerkleHash] {
        (0..<count).map { .leaf(Data("event \($0)".utf8)) }
    }

    /// Seven leaves of a published example (RFC 6962's test vectors), whose roots are known.
    @Test("Roots are those of the published vectors")
    func vectors() {
        let inputs = [
            "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
        ]
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ]
        var tree = MerkleTree()
        for (input, root) in zip(inputs, roots) {
            tree.append(.leaf(Self.bytes(input)))
            #expect(tree.root.bytes == Self.bytes(root))
        }
        #expect(
            MerkleTree().root.bytes == Self.bytes("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
    }

    @Test("Every leaf of every small tree is proven, and no other leaf is", arguments: [1, 2, 3, 7, 8, 9, 33])
    func inclusion(size: Int) {
        let leaves = Self.leaves(size)
        let root = MerkleTree(leaves: leaves).root
        for index in 0..<size {
            let proof = MerkleProof.inclusion(of: index, in: leaves[...])
            #expect(
                MerkleProof.verifiesInclusion(of: leaves[index], at: index, size: size, proof: proof, root: root))
            for other in 0..<size where other != index {
                #expect(
                    !MerkleProof.verifiesInclusion(of: leaves[other], at: index, size: size, proof: proof, root: root))
                #expect(
                    !MerkleProof.verifiesInclusion(of: leaves[index], at: other, size: size, proof: proof, root: root))
            }
        }
    }

    @Test("Every older tree is proven to be the beginning of every newer one, and an edited one is not")
    func consistency() {
        let leaves = Self.leaves(20)
        for new in 1...20 {
            let newRoot = MerkleTree(leaves: leaves.prefix(new)).root
            for old in 1...new {
                let proof = MerkleProof.consistency(from: old, in: leaves.prefix(new))
                let oldRoot = MerkleTree(leaves: leaves.prefix(old)).root
                #expect(
                    MerkleProof.verifiesConsistency(
                        oldSize: old, oldRoot: oldRoot, newSize: new, newRoot: newRoot, proof: proof))
                var edited = Array(leaves.prefix(old))
                edited[old / 2] = .leaf(Data("edited".utf8))
                #expect(
                    !MerkleProof.verifiesConsistency(
                        oldSize: old, oldRoot: MerkleTree(leaves: edited).root, newSize: new, newRoot: newRoot,
                        proof: proof))
            }
        }
    }

    private static func bytes(_ hex: String) -> Data {
        let digits = Array(hex)
        return Data(
            stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) })
    }
}
