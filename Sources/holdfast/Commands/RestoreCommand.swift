import ArgumentParser
import Crypto
import Foundation
import Glibc
import HoldfastAPI
import HoldfastControl
import HoldfastCore

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Bring back the management plane from a backup.",
        discussion: """
            Offline: stop holdfast control first. The backup is restored beside DIR and checked there (every file against \
            the signed manifest, the database, the audit log, the newest generation); then it takes the place of DIR in one \
            step. What was there is kept as DIR.before-restore-TIME, its backups included; remove it when nothing in it \
            is missed. It takes room for a second copy; --check takes it in TMPDIR.

            What gateways see: they keep serving, and keep trusting the same key. They take only higher generations, and \
            may have some that were made after the backup. So the next number jumps over all that can have been used (the \
            restore prints it), and the first start publishes the backup's newest configuration and overrides under it; \
            then the file given to holdfast control, if it says something else.

            What was done after the backup is undone: overrides that were cleared since are in force again until they end, \
            tokens that were revoked since are good again until they expire, and tokens made since are gone. Look at both \
            first (GET /v1/overrides, GET /v1/tokens). The audit log goes on from the backup under a new origin; its first \
            entries say what was restored, and how much of the replaced log is not in it. Checkpoints that were kept \
            elsewhere and are larger than the backup's log then show as entries that are missing, which they are.

            EXAMPLES
              holdfast restore /var/lib/holdfast-control/backups/000042 --check
              holdfast restore /mnt/backups/000042 --data /var/lib/holdfast-control
              holdfast restore /mnt/backups/000042 --data DIR --key kept/signing.pub --json

            EXIT CODES
              0   restored; with --check: it can be
              1   it cannot be: damaged, not whole, not what its manifest says, or of a newer version
              64  neither --data nor --check
              66  there is no such backup, or it cannot be read
              69  holdfast control runs on DIR
              73  DIR cannot be written, or holds something else
            """
    )

    @Argument(help: ArgumentHelp("The folder of one backup.", valueName: "BACKUP"))
    var backup: String

    @Option(help: ArgumentHelp("The data directory of holdfast control; need not exist.", valueName: "DIR"))
    var data: String?

    @Option(
        help: ArgumentHelp(
            "The public key that it must be signed with. Default: whatever its own is.", valueName: "FILE"))
    var key: String?

    @Flag(help: "Check it, and change nothing.")
    var check = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if data == nil, !check { throw ValidationError("name the data directory with --data DIR, or only --check it") }
    }

    func run() throws {
        umask(0o077)
        let key = try publicKey()
        do throws(StoreFailure) {
            let report: Restore.Report
            if let data, !check {
                report = try Restore.perform(
                    standardized(backup), into: data, key: key, now: WallClock.system.read())
            } else {
                report = try Restore.check(standardized(backup), key: key)
            }
            Terminal.write(json ? report.json.pretty + "\n" : report.text)
        } catch {
            throw CommandFailure(message: error.reason, mend: error.mend, status: status(of: error)).report()
        }
    }

    /// `backups/000042/` names the same as `backups/000042`.
    private func standardized(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }

    private func status(of failure: StoreFailure) -> ExitStatus {
        switch failure.kind {
        case .damaged, .newer: .failure
        case .absent: .noInput
        case .inUse: .unavailable
        case .unwritable: .cannotCreate
        }
    }

    private func publicKey() throws -> Curve25519.Signing.PublicKey? {
        guard let key else { return nil }
        guard let text = FileManager.default.contents(atPath: key).map({ String(decoding: $0, as: UTF8.self) }),
            let found = VerifyingKey.read(text)
        else {
            throw CommandFailure(
                message: "\(key) holds no public key", mend: "name the signing.pub of that management plane",
                status: .noInput
            ).report()
        }
        return found
    }
}

extension Restore.Report {
    fileprivate var json: JSONValue {
        [
            "restored": .bool(folder != nil), "backup": .string(manifest.id),
            "made_at": .string(TimeOfDay.text(milliseconds: manifest.madeAt)), "version": .string(manifest.version),
            "generation": .integer(Int(clamping: manifest.generation)),
            "audit_entries": .integer(manifest.auditEntries), "public_key": .string(manifest.publicKey),
            "overrides": .integer(overrides), "directory": .optional(folder),
            "kept": .optional(kept),
            "next_generation": leastGeneration.map { .integer(Int(clamping: $0)) } ?? .null,
            "lost_audit_entries": lostAuditEntries.map(JSONValue.integer) ?? .null,
            "replaces_key": .bool(replacesKey),
        ]
    }

    fileprivate var text: String {
        let what =
            "backup \(manifest.id), made \(TimeOfDay.text(milliseconds: manifest.madeAt)) by \(manifest.version): "
            + "generation \(manifest.generation), \(manifest.auditEntries) audit entries, \(overrides) overrides in force"
        guard let folder else { return "can be restored: \(what)\n  signed with \(manifest.publicKey)\n" }
        var lines = ["restored into \(folder)", "  \(what)"]
        if let kept { lines.append("  what was there is kept as \(kept)") }
        if let lostAuditEntries, lostAuditEntries > 0 {
            lines.append("  the replaced log has \(lostAuditEntries) entries that this one has not")
        }
        if let leastGeneration {
            lines.append("  the next generation is \(leastGeneration), above all that gateways have")
        }
        if replacesKey {
            lines.append(
                "  ATTENTION: the key is another than before; gateways that trust the old one refuse this plane")
        }
        lines.append("next: start holdfast control --data \(folder), then look at its overrides and tokens")
        return lines.joined(separator: "\n") + "\n"
    }
}
