import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastControl

struct AuditExportCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the audit log to a file that can be verified anywhere.",
        discussion: """
            One line of JSON for each entry, as it was hashed, and the signed checkpoint of all of them as the last line. \
            What arrives is held against the checkpoint before the file gets its name: half a log never looks like a \
            whole one. The signature itself is checked by holdfast audit verify, with the public key and nothing else.

            EXAMPLES
              holdfast audit export audit.ndjson
              holdfast audit verify --export audit.ndjson --key signing.pub
              holdfast audit export - | gzip > audit.ndjson.gz

            EXIT CODES
              0   written
              1   what came is not what was signed
              69  the management plane does not answer
              73  the file is there already, or cannot be written
              77  no valid token, or one that may not read the audit log
            """
    )

    @Argument(help: "A file that does not exist yet; - is standard output.", completion: .file())
    var file: String

    @OptionGroup var options: ControlOptions

    /// There is no such view of the API: the file is made here.
    private struct Exported: Encodable {
        var file: String
        var entries: Int
    }

    func validate() throws {
        guard file != "-" || !options.json else {
            throw ValidationError("Standard output holds the log itself: leave out --json.")
        }
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        if file == "-" {
            _ = try await write(client) { console.write(String(decoding: $0, as: UTF8.self)) }
            return .success
        }
        let destination = try ExportFile(file)
        let size: Int
        do {
            size = try await write(client) { try destination.append($0) }
            try destination.finish()
        } catch {
            destination.abandon()
            throw error
        }
        show(Exported(file: file, entries: size), console) {
            var report = Report()
            report.line("\(Words.count(size, "entry", "entries")) and their checkpoint in ", .bold(file))
            report.line("holdfast audit verify --export \(file) --key signing.pub", indent: 2)
            return report
        }
        return .success
    }

    /// Returns how many entries there are: those of the checkpoint, however many come meanwhile.
    private func write(_ client: ControlClient, _ put: (Data) throws -> Void) async throws -> Int {
        let note = try await client.auditCheckpoint()
        guard let checkpoint = Checkpoint(unverified: note) else {
            throw ControlFailure.unreadable("the management plane answered with what is no checkpoint")
        }
        var tree = MerkleTree()
        while tree.size < checkpoint.size {
            let page = try await client.auditEntries(from: tree.size, limit: min(checkpoint.size - tree.size, 1_000))
            guard !page.items.isEmpty else { break }
            for entry in page.items.prefix(checkpoint.size - tree.size) {
                tree.append(.leaf(entry.leaf))
                try put(AuditExport.line(entry: entry))
            }
        }
        guard tree.size == checkpoint.size, tree.root == checkpoint.root else {
            throw CommandFailure(
                message: "the \(tree.size) entries that came are not the \(checkpoint.size) that were signed",
                mend: "run holdfast audit verify --data DIR where holdfast control runs, and use the same version here",
                status: .failure)
        }
        try put(AuditExport.line(checkpoint: note))
        return checkpoint.size
    }
}

/// A file that has its name once it is whole, for this user alone.
final class ExportFile {
    private let path: String
    private let part: String
    private let handle: FileHandle

    init(_ path: String) throws(CommandFailure) {
        self.path = path
        part = path + ".part"
        guard !FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure(
                message: "\(path) is there already", mend: "name another file: evidence is not written over",
                status: .cannotCreate)
        }
        guard
            FileManager.default.createFile(
                atPath: part, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: part)
        else { throw Self.failure(path) }
        self.handle = handle
    }

    func append(_ bytes: Data) throws(CommandFailure) {
        do {
            try handle.write(contentsOf: bytes)
        } catch {
            throw Self.failure(path)
        }
    }

    func finish() throws(CommandFailure) {
        do {
            try handle.synchronize()
            try handle.close()
            try FileManager.default.moveItem(atPath: part, toPath: path)
        } catch {
            throw Self.failure(path)
        }
    }

    func abandon() {
        try? handle.close()
        try? FileManager.default.removeItem(atPath: part)
    }

    static func failure(_ path: String) -> CommandFailure {
        CommandFailure(
            message: "\(path) cannot be written", mend: "check the folder, the space and the permissions",
            status: .cannotCreate)
    }
}
