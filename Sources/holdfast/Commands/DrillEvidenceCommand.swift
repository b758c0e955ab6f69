import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastControl
import HoldfastCore

struct DrillEvidenceCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "evidence",
        abstract: "Write down what a drill was and what it came to.",
        discussion: """
            markdown is for people, json for programs, and bundle is what is signed: holdfast drill verify checks that \
            anywhere, with the public key and nothing else. All three are made from the bundle.

            EXAMPLES
              holdfast drill evidence drill-4k2m9x1c
              holdfast drill evidence drill-4k2m9x1c --format bundle -o evidence.json
              holdfast drill verify evidence.json --key signing.pub

            EXIT CODES
              0   written
              1   there is no such drill, or it is not over
              69  the management plane does not answer
              73  the file is there already, or cannot be written
              77  no valid token, or one that may not read evidence
            """
    )

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case json, markdown, bundle
    }

    @Argument(help: "The drill's id.")
    var id: String

    @Option(help: "As what.")
    var format = Format.markdown

    @Option(
        name: [.short, .customLong("output")],
        help: ArgumentHelp("A file that does not exist yet. Default: standard output.", valueName: "FILE"),
        completion: .file())
    var output: String?

    @OptionGroup var options: ControlOptions

    /// There is no such view of the API: the file is made here.
    private struct Written: Encodable {
        var file: String
        var drill: String
        var format: String
    }

    func validate() throws {
        guard output != nil || !options.json else {
            throw ValidationError("Standard output holds the evidence itself: say --format json.")
        }
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let bundle = try await client.drillEvidence(id)
        guard let evidence = bundle.unverified else {
            throw ControlFailure.unreadable("the management plane answered with evidence that this version cannot read")
        }
        let text =
            switch format {
            case .bundle: String(decoding: APICoding.pretty(bundle), as: UTF8.self) + "\n"
            case .json: PlainText.visibleJSON(String(decoding: APICoding.pretty(evidence), as: UTF8.self)) + "\n"
            case .markdown: EvidenceMarkdown(evidence).text
            }
        guard let output else {
            console.write(text)
            return .success
        }
        let file = try ExportFile(output)
        do {
            try file.append(Data(text.utf8))
            try file.finish()
        } catch {
            file.abandon()
            throw error
        }
        show(Written(file: output, drill: id, format: format.rawValue), console) {
            var report = Report()
            report.line("the evidence of ", .bold(id), " in \(output)")
            if format == .bundle { report.line("holdfast drill verify \(output) --key signing.pub", indent: 2) }
            return report
        }
        return .success
    }
}

struct DrillVerifyCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check the evidence of a drill, offline.",
        discussion: """
            Needs the bundle and the public key: that the bundle is signed, that its entries stand in the audit log whose \
            checkpoint it holds, and that the log said at the time what the record says now.

            EXAMPLES
              holdfast drill evidence drill-4k2m9x1c --format bundle -o evidence.json
              holdfast drill verify evidence.json --key signing.pub

            EXIT CODES
              0   as signed, whatever the verdict was
              1   not as signed; the report says what
              66  a file cannot be read, or holds something else
            """
    )

    @Argument(help: "A bundle of holdfast drill evidence.", completion: .file())
    var file: String

    @Option(help: ArgumentHelp("The public key: signing.pub of the management plane.", valueName: "FILE"))
    var key: String

    @OptionGroup var options: ControlOptions

    private struct Verified: Encodable {
        var good: Bool
        var drill: String?
        var verdict: String?
        var entries: Int
        var logSize: Int
        var faults: [String]
    }

    func performOffline(_ console: Console) async throws -> ExitStatus? {
        guard let publicKey = VerifyingKey.read(String(decoding: try bytes(of: key), as: UTF8.self)) else {
            throw CommandFailure(
                message: "\(key) holds no public key", mend: "name the signing.pub of that management plane",
                status: .noInput)
        }
        guard let bundle = try? APICoding.decode(SignedEvidence.self, from: try bytes(of: file)) else {
            throw CommandFailure(
                message: "\(file) holds no evidence",
                mend: "make one: holdfast drill evidence ID --format bundle -o FILE", status: .noInput)
        }
        let verification = EvidenceVerification(bundle, key: publicKey)
        let drill = verification.evidence?.drill
        let view = Verified(
            good: verification.isGood, drill: drill?.id, verdict: drill?.verdict?.rawValue,
            entries: verification.evidence?.audit.count ?? 0, logSize: verification.logSize,
            faults: verification.faults.map(\.message))
        show(view, console) {
            var report = Report()
            guard verification.isGood, let drill else {
                report.line(.red("NOT as signed"))
                for fault in view.faults { report.line("\(fault)", indent: 2) }
                return report
            }
            report.line(.green("as signed"), ": ", .bold(drill.id), "  \(drill.title): ", drill.state)
            report.line(
                "\(Words.count(view.entries, "entry", "entries")) of an audit log of \(view.logSize), made \(verification.evidence?.madeAt.prefix(19) ?? "")Z",
                indent: 2)
            return report
        }
        return verification.isGood ? .success : .failure
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus { .success }

    private func bytes(of path: String) throws(CommandFailure) -> Data {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw CommandFailure(
                message: "\(path) cannot be read", mend: "check the name and the permissions", status: .noInput)
        }
        return bytes
    }
}
