package import Crypto
import Foundation
import Glibc
package import HoldfastAPI

/// The last snapshots that this gateway took, on disk: what it starts from when nobody answers.
///
/// Five, because the newest may be the one that does harm: what was good before is still there, also where the management
/// plane is not. Whatever is there is verified again before it is used: a disk is not to be trusted with intent.
package struct SnapshotRing: Sendable {
    package static let most = 5
    private static let folderName = "snapshots"
    private static let suffix = ".json"

    private let folder: String

    /// Where an offline rollback is written down.
    var rollbackPath: String { "\(folder)/rollback" }

    /// - Parameter data: the process's own folder, which is there.
    package init(data: String) {
        folder = "\(data)/\(Self.folderName)"
    }

    /// What was read, and what was found and is of no use, with the reason.
    package struct Content: Sendable {
        package var payloads: [SnapshotPayload] = []
        package var unusable: [(file: String, reason: String)] = []
    }

    /// The newest first.
    package func read(trusting key: Curve25519.Signing.PublicKey) -> Content {
        var content = Content()
        for file in files().sorted(by: >) {
            guard let bytes = FileManager.default.contents(atPath: "\(folder)/\(file)"),
                let signed = try? APICoding.decode(SignedSnapshot.self, from: bytes)
            else {
                content.unusable.append((file, "it cannot be read"))
                continue
            }
            do throws(SignedSnapshot.Refusal) {
                content.payloads.append(try signed.verified(by: key))
            } catch {
                content.unusable.append((file, error.message))
            }
        }
        return content
    }

    /// What the files say, the newest first, verified by nobody: for choosing among them, never for acting on them.
    package func list() -> [SnapshotPayload] {
        files().sorted(by: >).compactMap { file in
            FileManager.default.contents(atPath: "\(folder)/\(file)")
                .flatMap { try? APICoding.decode(SignedSnapshot.self, from: $0) }
                .flatMap { try? APICoding.decode(SnapshotPayload.self, from: $0.payload) }
        }
    }

    /// Nil: there is none that can be read.
    package var rollback: OfflineRollback? {
        FileManager.default.contents(atPath: rollbackPath)
            .flatMap { try? APICoding.decode(OfflineRollback.self, from: $0) }
    }

    /// The gateway follows within a second where it runs, and else from its next start.
    ///
    /// - Parameter rollback: nil: back to the newest.
    package func note(_ rollback: OfflineRollback?) throws(WholeFile.Failure) {
        if let rollback { return try WholeFile.write(APICoding.encode(rollback), to: rollbackPath, mode: 0o600) }
        guard unlink(rollbackPath) == 0 || errno == ENOENT else { throw WholeFile.failure(rollbackPath) }
        try WholeFile.syncFolder(of: rollbackPath)
    }

    /// Returns when it would outlive a power loss.
    package func add(_ signed: SignedSnapshot, number: UInt64) throws(WholeFile.Failure) {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw WholeFile.Failure(
                reason: "\(folder) cannot be made: \(error.localizedDescription)",
                mend: "give this user the right to write there, or name another folder with --data")
        }
        let new = Self.name(number) + Self.suffix
        try WholeFile.write(APICoding.encode(signed), to: "\(folder)/\(new)", mode: 0o600)
        // By when they were written: those of a management plane that is trusted no more may have higher numbers.
        let others = files().filter { $0 != new }.sorted { written($0) > written($1) }
        if let newest = others.first { note(new, isWrittenAfter: newest) }
        for file in others.dropFirst(Self.most - 1) { unlink("\(folder)/\(file)") }
    }

    /// A clock that was put back must not make what came last the oldest, which goes first.
    private func note(_ file: String, isWrittenAfter other: String) {
        let earliest = written(other) + 1
        guard written(file) < earliest else { return }
        let time = timespec(tv_sec: Int(earliest / 1_000_000_000), tv_nsec: Int(earliest % 1_000_000_000))
        utimensat(AT_FDCWD, "\(folder)/\(file)", [time, time], 0)
    }

    private static func name(_ number: UInt64) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(20 - digits.count, 0)) + digits
    }

    /// Their names begin with their numbers, in as many digits as any has.
    private func files() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(Self.suffix) }
    }

    private func written(_ file: String) -> Int64 {
        var facts = stat()
        guard stat("\(folder)/\(file)", &facts) == 0 else { return 0 }
        return Int64(facts.st_mtim.tv_sec) * 1_000_000_000 + Int64(facts.st_mtim.tv_nsec)
    }
}
