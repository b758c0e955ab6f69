package import Foundation
package import HoldfastAPI

/// The audit log as a file that can be kept, sent and verified anywhere: one line of JSON for each entry, byte for byte as
/// it was hashed, and after them one for each checkpoint, `{"checkpoint":"…"}`.
package enum AuditExport {
    private struct CheckpointLine: Codable {
        var checkpoint: String
    }

    private static let end = UInt8(ascii: "\n")

    package static func line(entry: AuditEntry) -> Data {
        entry.leaf + [end]
    }

    package static func line(checkpoint note: String) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        guard let line = try? encoder.encode(CheckpointLine(checkpoint: note)) else {
            preconditionFailure("a text always encodes")
        }
        return line + [end]
    }

    /// What is neither an entry nor a checkpoint counts as an entry, so that the verification names its place.
    package static func record(_ bytes: Data) -> AuditRecord {
        var record = AuditRecord(leaves: [], checkpoints: [])
        for line in bytes.split(separator: end) {
            if let found = try? JSONDecoder().decode(CheckpointLine.self, from: line) {
                record.checkpoints.append(found.checkpoint)
            } else {
                record.leaves.append(Data(line))
            }
        }
        return record
    }
}

extension Checkpoint {
    /// What a signed note says, whoever signed it: for those who have not the key at hand.
    package init?(unverified note: String) {
        guard let end = note.range(of: "\n\n", options: .backwards) else { return nil }
        self.init(text: note[..<end.lowerBound] + "\n")
    }
}
