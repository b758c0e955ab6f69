package import Crypto
package import Foundation
import GRDB
import HoldfastAPI

/// The audit log as it was written down: what an export holds, and what a verification reads.
package struct AuditRecord: Codable, Sendable {
    /// As they were hashed.
    package var leaves: [Data]
    /// Signed notes, by size.
    package var checkpoints: [String]

    /// From the database itself, without changing it. The process that writes it may run meanwhile.
    package static func read(database path: String) throws -> AuditRecord {
        guard FileManager.default.fileExists(atPath: path) else {
            throw StoreFailure("\(path) does not exist", mend: "name the data directory of holdfast control")
        }
        var configuration = Configuration()
        configuration.readonly = true
        do {
            return try DatabaseQueue(path: path, configuration: configuration).read { try read($0) }
        } catch let error as DatabaseError where [.SQLITE_CANTOPEN, .SQLITE_READONLY].contains(error.resultCode) {
            // SQLite reads a write-ahead log by way of a file beside it, also where nothing is changed.
            throw StoreFailure(
                "\(path) cannot be read where this user may write nothing beside it",
                mend: "copy the folder to where this user may write, and verify the copy")
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    static func read(_ database: Database) throws -> AuditRecord {
        AuditRecord(
            leaves: try Data.fetchAll(database, sql: "SELECT entry FROM audit ORDER BY number"),
            checkpoints: try String.fetchAll(database, sql: "SELECT note FROM audit_checkpoints ORDER BY size"))
    }

    /// Of all leaves, in base64 as in checkpoints.
    var root: String { MerkleTree(leaves: leaves.map { .leaf($0) }).root.bytes.base64EncodedString() }
}

/// Whether a log is what was signed. Needs the public key and nothing else.
package struct AuditVerification: Sendable {
    package enum Fault: Sendable, Equatable {
        /// The entry at this place is not one, or says another number than its place: one was taken out or put in.
        case entry(Int)
        case note(String)
        /// Signed by another key.
        case foreign(String)
        /// Entries are missing at the end.
        case truncated(size: Int, signed: Int)
        /// What stands there is not what was signed: entries up to this size were edited, or there are two logs.
        case differs(size: Int)
        /// Two checkpoints of one log say different things.
        case forked(size: Int)
    }

    package private(set) var faults: [Fault] = []
    package private(set) var size = 0
    /// Of the largest checkpoint that holds; what comes after it is not signed yet.
    package private(set) var signedSize = 0

    package var isGood: Bool { faults.isEmpty }

    /// - Parameter held: checkpoints that were kept elsewhere; only they can show that both the end of the log and its
    ///   newest checkpoints were cut off.
    package init(_ record: AuditRecord, key: Curve25519.Signing.PublicKey, held: [String] = []) {
        var roots: [MerkleHash] = [.empty]
        var tree = MerkleTree()
        for (place, leaf) in record.leaves.enumerated() {
            let entry = try? JSONDecoder().decode(AuditEntry.self, from: leaf)
            if entry?.number != place { faults.append(.entry(place)) }
            tree.append(.leaf(leaf))
            roots.append(tree.root)
        }
        size = record.leaves.count
        var signed: [String: Checkpoint] = [:]
        for text in record.checkpoints + held {
            guard let note = SignedNote(text, key: key), let checkpoint = Checkpoint(text: note.text) else {
                let line = text.split(separator: "\n").first.map(String.init) ?? ""
                faults.append(SignedNote.hasShape(text) ? .foreign(line) : .note(line))
                continue
            }
            guard note.isSigned(by: key) else {
                faults.append(.foreign(checkpoint.origin))
                continue
            }
            let name = "\(checkpoint.origin) \(checkpoint.size)"
            if let other = signed[name], other.root != checkpoint.root {
                faults.append(.forked(size: checkpoint.size))
            }
            signed[name] = checkpoint
            hold(checkpoint, against: roots)
        }
    }

    private mutating func hold(_ checkpoint: Checkpoint, against roots: [MerkleHash]) {
        if checkpoint.size > size {
            faults.append(.truncated(size: size, signed: checkpoint.size))
        } else if roots[checkpoint.size] != checkpoint.root {
            faults.append(.differs(size: checkpoint.size))
        } else {
            signedSize = max(signedSize, checkpoint.size)
        }
    }
}
