import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastCore

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Publish configurations, and look at what was published.",
        discussion: """
            Every change is a generation with a number: a published document, and every override made or ended.

            EXAMPLES
              holdfast config publish holdfast.yaml --reason 'a second provider'
              holdfast config diff --file holdfast.yaml
              holdfast rollback --previous --reason 'it made things worse'
            """,
        subcommands: [
            ConfigListCommand.self, ConfigShowCommand.self, ConfigDiffCommand.self, ConfigPublishCommand.self,
        ]
    )
}

struct ConfigListCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the generations, the newest first.",
        discussion: """
            EXAMPLES
              holdfast config list
              holdfast config list --most 5 --json | jq '.items[].reason'

            EXIT CODES
              0   shown
              69  the management plane does not answer
              77  no valid token
            """
    )

    @OptionGroup var most: MostOption
    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let page = try await client.generations(most: most.most)
        show(page, console) {
            var report = Report()
            guard !page.items.isEmpty else {
                report.line("nothing has been published")
                return report
            }
            report.table(
                Table(
                    header: ["GENERATION", "MADE", "BY", "OVERRIDES", "REASON"],
                    rows: page.items.map { item in
                        [
                            .bold("\(item.number)"), "\(item.madeAt.prefix(19))Z", "\(item.author)",
                            item.overrides.isEmpty ? "" : "\(item.overrides.count)", "\(item.reason)",
                        ]
                    }))
            report.rest(of: page, most: most.most)
            return report
        }
        return .success
    }
}

struct ConfigShowCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one generation with its document.",
        discussion: """
            EXAMPLES
              holdfast config show newest
              holdfast config show 7 --document > holdfast.yaml

            EXIT CODES
              0   shown
              1   there is no such generation
              69  the management plane does not answer
              77  no valid token
            """
    )

    @Argument(help: "A number, or newest.")
    var generation: GenerationPlace = .newest

    @Flag(help: "The document alone; byte for byte, unless a terminal shows it.")
    var document = false

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let found = try await client.generation(generation)
        if document && !options.json {
            let text = found.document ?? ""
            console.write(console.isTerminal ? PlainText.visible(text, keepsLines: true) : text)
            return .success
        }
        show(found, console) {
            var report = Report()
            report.generation(found)
            if !found.overrides.isEmpty {
                report.blank()
                report.heading("Overrides in force")
                report.overrides(found.overrides, now: console.now())
            }
            report.blank()
            report.heading("Document \(found.name)")
            report.document(found.document ?? "")
            return report
        }
        return .success
    }
}

extension GenerationPlace: ExpressibleByArgument {
    package init?(argument: String) {
        self.init(argument)
    }
}

struct ConfigPublishCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Publish a configuration: one gateway takes it first, then the rest.",
        discussion: """
            The file is checked as a whole, as `holdfast check` does; what is not valid changes nothing. What the newest \
            generation says already is not published again. With --if-match nobody's change is overwritten unseen: \
            it is refused where N is not the newest generation any more. All but the very first go to one gateway first \
            (holdfast rollout --help); the command does not wait for that.

            EXAMPLES
              holdfast config publish holdfast.yaml --reason 'a second provider'
              holdfast config publish holdfast.yaml --reason 'OPS-17' --if-match 7
              render-template | holdfast config publish - --reason 'from the template'

            EXIT CODES
              0   published, or published already
              1   not done: somebody was faster, or it needs --confirm
              66  the file cannot be read
              69  the management plane does not answer
              77  no valid token
              78  the configuration is not valid
            """
    )
    static let invalidStatus = ExitStatus.configuration

    @Argument(help: "The configuration; - reads standard input.", completion: .file())
    var file: String

    @OptionGroup var why: ReasonOption

    @Flag(help: "That it is many times larger, or drops the workload of an issued key, is meant.")
    var confirm = false

    @OptionGroup var match: IfMatchOption
    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let text = try InputFile.text(of: file)
        if match.ifMatch == nil, let newest = try await newest(client), newest.document == text {
            var without = newest
            without.document = nil
            show(without, console) {
                var report = Report()
                report.line("unchanged: generation \(newest.number) says this already")
                return report
            }
            return .success
        }
        let name = file == "-" ? "standard-input" : URL(fileURLWithPath: file).lastPathComponent
        let made = try await client.publish(
            NewGenerationView(document: text, name: name, reason: why.reason, confirmed: confirm ? true : nil),
            ifMatch: match.ifMatch)
        // It is published, whatever becomes of this question.
        let rollout = options.json ? nil : (try? await client.rollout()) ?? nil
        show(made, console) {
            var report = Report()
            report.line(.green("published"), " as generation ", .bold("\(made.number)"))
            if let rollout, rollout.isOpen {
                report.line(
                    "its roll-out has begun: one gateway first, then the rest; holdfast rollout show says how far")
            }
            report.line("holdfast status says when every gateway has it")
            return report
        }
        return .success
    }

    /// Nil: nothing has been published yet, or whoever publishes may not read.
    private func newest(_ client: ControlClient) async throws(ControlFailure) -> GenerationView? {
        do throws(ControlFailure) {
            return try await client.generation(.newest)
        } catch {
            guard case .refused(let problem) = error, [403, 404].contains(problem.status) else { throw error }
            return nil
        }
    }
}

/// A file named on the command line; `-` is standard input.
enum InputFile {
    static func text(of path: String) throws(CommandFailure) -> String {
        let bytes =
            path == "-" ? FileHandle.standardInput.readDataToEndOfFile() : FileManager.default.contents(atPath: path)
        guard let bytes else {
            throw CommandFailure(
                message: "\(path) cannot be read", mend: "check the name and the permissions", status: .noInput)
        }
        guard let text = String(data: bytes, encoding: .utf8) else {
            throw CommandFailure(message: "\(path) is not UTF-8 text", mend: "save it as UTF-8", status: .noInput)
        }
        return text
    }
}

extension Report {
    mutating func generation(_ generation: GenerationView) {
        line("Generation ", .bold("\(generation.number)"))
        facts([
            ("made", "\(generation.madeAt)"), ("by", "\(generation.author)"), ("reason", "\(generation.reason)"),
        ])
    }
}
