import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastControl
import HoldfastCore

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Read the audit log, keep it, and show that it is what was signed.",
        discussion: """
            EXAMPLES
              holdfast audit tail --follow
              holdfast audit export audit.ndjson
              holdfast audit verify --export audit.ndjson --key signing.pub
            """,
        subcommands: [AuditTailCommand.self, AuditExportCommand.self, AuditVerifyCommand.self]
    )
}

struct AuditVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check the audit log against its signed checkpoints.",
        discussion: """
            Reads the files alone, offline, also while holdfast control runs. Edited, swapped, missing and cut-off \
            entries are found, and two logs that go by one name. That both the end of the log and its newest checkpoints \
            were cut off shows only by a checkpoint that was kept elsewhere: name it with --checkpoint.

            EXAMPLES
              holdfast audit verify --data /var/lib/holdfast-control
              holdfast audit verify --data DIR --key signing.pub --checkpoint kept-in-march.txt --json
              holdfast audit verify --export audit.ndjson --key signing.pub

            EXIT CODES
              0   as signed
              1   not as signed; the report says where
              66  a file cannot be read
            """
    )

    @Option(help: ArgumentHelp("The data directory of holdfast control.", valueName: "DIR"))
    var data: String?

    @Option(help: ArgumentHelp("A file that holdfast audit export has written, instead.", valueName: "FILE"))
    var export: String?

    @Option(help: ArgumentHelp("The public key. Default: signing.pub in the data directory.", valueName: "FILE"))
    var key: String?

    @Option(name: .customLong("checkpoint"), help: ArgumentHelp("A checkpoint kept elsewhere.", valueName: "FILE"))
    var checkpoints: [String] = []

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard (data == nil) != (export == nil) else { throw ValidationError("Name either --data or --export.") }
        guard export == nil || key != nil else {
            throw ValidationError("With --export name the public key: --key FILE.")
        }
    }

    func run() throws {
        let keyPath = key ?? "\(data ?? ".")/\(SigningKey.publicFileName)"
        guard let publicKey = VerifyingKey.read(try text(of: keyPath)) else {
            throw CommandFailure(
                message: "\(keyPath) holds no public key", mend: "name the signing.pub of that management plane",
                status: .noInput
            ).report()
        }
        let held = try checkpoints.map { try text(of: $0) }
        let record = try record()
        let verification = AuditVerification(record, key: publicKey, held: held)
        Terminal.write(json ? verification.json.pretty + "\n" : PlainText.visible(verification.text, keepsLines: true))
        if !verification.isGood { throw ExitCode(ExitStatus.failure.rawValue) }
    }

    private func record() throws -> AuditRecord {
        if let export { return AuditExport.record(try bytes(of: export)) }
        do {
            return try AuditRecord.read(database: "\(data ?? ".")/\(ControlStore.fileName)")
        } catch let failure as StoreFailure {
            throw CommandFailure(message: failure.reason, mend: failure.mend, status: .noInput).report()
        }
    }

    private func text(of path: String) throws -> String {
        String(decoding: try bytes(of: path), as: UTF8.self)
    }

    private func bytes(of path: String) throws -> Data {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw CommandFailure(
                message: "\(path) cannot be read", mend: "check the name and the permissions", status: .noInput
            ).report()
        }
        return bytes
    }
}

extension AuditVerification {
    fileprivate var json: JSONValue {
        [
            "good": .bool(isGood), "entries": .integer(size), "signed_entries": .integer(signedSize),
            "faults": .strings(faults.map(\.description)),
        ]
    }

    fileprivate var text: String {
        let unsigned = size - signedSize
        let summary =
            isGood
            ? "as signed: \(size) entries\(unsigned > 0 ? ", the last \(unsigned) not signed yet" : "")"
            : "NOT as signed: \(size) entries"
        return ([summary] + faults.map { "  \($0.description)" }).joined(separator: "\n") + "\n"
    }
}

extension AuditVerification.Fault {
    fileprivate var description: String {
        switch self {
        case .entry(let place): "entry \(place) is not what stands at this place: one was taken out, put in or swapped"
        case .note(let line): "a checkpoint cannot be read: \(line)"
        case .foreign(let origin): "a checkpoint is signed with another key: \(origin)"
        case .truncated(let size, let signed):
            "entries are missing at the end: there are \(size), and \(signed) were signed"
        case .differs(let size): "the first \(size) entries are not those that were signed"
        case .forked(let size): "two checkpoints of size \(size) say different things: there are two logs"
        }
    }
}
