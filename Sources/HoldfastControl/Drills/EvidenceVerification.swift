package import Crypto
import Foundation
package import HoldfastAPI

/// Whether evidence is what the management plane signed, and says what its audit log said. Needs the public key and nothing
/// else.
///
/// What it shows: that the holder of the key has vouched for the drill's record, and had these entries in its log when it
/// signed the checkpoint. What it cannot: that the holder of the key never kept two logs. Checkpoints that were kept
/// elsewhere show that, by way of `holdfast audit verify`.
package struct EvidenceVerification: Sendable {
    package enum Fault: Sendable, Equatable {
        case refused(SignedEvidence.Refusal)
        /// The bundle names another key than the one that it was verified with.
        case foreignKey
        case checkpoint
        /// The entry of this number does not stand in the log.
        case entry(Int)
        /// No entry says that the drill began, or none how it ended.
        case missing(String)
        /// The log says another verdict than the record.
        case verdict(log: String)
    }

    package private(set) var faults: [Fault] = []
    /// Nil where the bundle was refused as a whole.
    package private(set) var evidence: DrillEvidence?
    /// Of the log that the proofs are for.
    package private(set) var logSize = 0

    package var isGood: Bool { faults.isEmpty }

    package init(_ bundle: SignedEvidence, key: Curve25519.Signing.PublicKey) {
        let found: DrillEvidence
        do throws(SignedEvidence.Refusal) {
            found = try bundle.verified(by: key)
        } catch {
            faults = [.refused(error)]
            return
        }
        evidence = found
        if found.key != VerifyingKey.text(of: key) { faults.append(.foreignKey) }
        guard let note = SignedNote(found.checkpoint, key: key), note.isSigned(by: key),
            let checkpoint = Checkpoint(text: note.text)
        else {
            faults.append(.checkpoint)
            return
        }
        logSize = checkpoint.size
        for item in found.audit where !Self.stands(item, in: checkpoint) { faults.append(.entry(item.entry.number)) }
        checkStory(found)
    }

    private static func stands(_ item: DrillEvidence.Entry, in checkpoint: Checkpoint) -> Bool {
        let hashes = item.proof.hashes.compactMap { Data(base64Encoded: $0).flatMap { MerkleHash($0) } }
        return item.proof.entry == item.entry.number && item.proof.size == checkpoint.size
            && hashes.count == item.proof.hashes.count
            && MerkleProof.verifiesInclusion(
                of: .leaf(item.entry.leaf), at: item.entry.number, size: checkpoint.size, proof: hashes,
                root: checkpoint.root)
    }

    /// The record is held against what the log said at the time.
    private mutating func checkStory(_ evidence: DrillEvidence) {
        let about = evidence.audit.map(\.entry).filter { $0.target == evidence.drill.id && $0.phase == .completed }
        if !about.contains(where: { $0.action == "drills.start" }) { faults.append(.missing("its start")) }
        let isTabletop = evidence.drill.order == nil
        let verdicts = about.compactMap { $0.details["verdict"] }
        if let last = verdicts.last {
            if last != evidence.drill.verdict?.rawValue { faults.append(.verdict(log: last)) }
        } else if !isTabletop {
            faults.append(.missing("its end"))
        }
    }
}

extension EvidenceVerification.Fault {
    package var message: String {
        switch self {
        case .refused(let refusal): refusal.message
        case .foreignKey: "the bundle says that it is of another management plane than the one whose key this is"
        case .checkpoint: "the checkpoint of the audit log is not signed with this key"
        case .entry(let number): "entry \(number) does not stand in the audit log that was signed"
        case .missing(let what): "no entry of the audit log says of \(what)"
        case .verdict(let log): "the audit log says \(log), and the record another verdict"
        }
    }
}
