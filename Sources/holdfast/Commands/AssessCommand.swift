import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastCore

struct AssessCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "assess",
        abstract: "Say which single failure hurts, and what would carry it.",
        discussion: """
            Single points of failure and sets of two and three that are as good as one, fate that is shared, promises that \
            contradict each other, fallbacks that nobody has tried: each with its reason, its mend and an id, the worst first. \
            An id under map.accept of the configuration accepts a finding until a day.

            With --config, or where no management plane is named, it reads the file alone and asks nobody. A management plane \
            adds what gateways see and what drills have shown.

            With --without it says what would stop without some things, and what would carry the rest; several of them fail at \
            once.

            EXAMPLES
              holdfast assess --config holdfast.yaml
              holdfast assess --fail-on warning --markdown > assessment.md
              holdfast assess --without vendor:openai --without jurisdiction:us
              holdfast assess --json | jq -r '.findings[] | select(.severity == "critical") | .id'

            EXIT CODES
              0   nothing is open that --fail-on speaks of
              1   something is; with --without: work of that kind would stop
              65  the map does not have what --without names
              66  the file cannot be read
              69  the management plane does not answer
              77  no valid token
              78  the configuration is not valid
            """
    )

    @Option(
        help: ArgumentHelp(
            "Assess this file, and ask nobody. Default: ./holdfast.yaml where no management plane is named.",
            valueName: "FILE"),
        completion: .file())
    var config: String?

    @Option(help: ArgumentHelp("What fails, such as vendor:openai; may be repeated.", valueName: "KIND:NAME"))
    var without: [String] = []

    @Flag(help: "Print Markdown.")
    var markdown = false

    @Option(help: "What ends with 1: critical, warning or none.")
    var failOn: FailureLevel = .critical

    @OptionGroup var options: ControlOptions

    func validate() throws {
        guard !(markdown && options.json) else { throw ValidationError("--markdown and --json are two forms.") }
        guard !(markdown && !without.isEmpty) else { throw ValidationError("--without has no form in Markdown.") }
    }

    func performOffline(_ console: Console) async throws -> ExitStatus? {
        guard let path = MapSource.file(config, options, console.environment) else { return nil }
        let file = try MapFile(path: path, now: console.now())
        if without.isEmpty { return tell(AssessmentView(file.assessment), of: path, console) }
        let planner = Planner(file.assessment.map, of: file.snapshot, fallbacks: [])
        if let unknown = planner.unknown(without).first {
            throw CommandFailure(
                message: "the map has no '\(unknown.text)'" + (unknown.meant.map { "; did you mean \($0)?" } ?? ""),
                mend: unknown.meant.map { "write --without \($0)" } ?? "see holdfast map show", status: .invalid)
        }
        return tell(OutlookView(planner.without(without)), console)
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        if !without.isEmpty { return tell(try await client.assessment(without: without), console) }
        let view = try await client.assessment()
        return tell(view, of: "generation \(view.generation.map(String.init) ?? "unknown")", console)
    }

    private func tell(_ view: AssessmentView, of source: String, _ console: Console) -> ExitStatus {
        let report = AssessmentReport(view, of: source)
        if markdown {
            console.write(report.markdown)
        } else {
            show(view, console) { report.report }
        }
        let isOpen = failOn.severities.contains { severity in
            view.findings.contains { $0.isOpen && $0.severity == severity }
        }
        return isOpen ? .failure : .success
    }

    private func tell(_ view: OutlookView, _ console: Console) -> ExitStatus {
        show(view, console) { OutlookReport(view).report }
        let stops = view.lines.contains { $0.state == "stops" && failOn.criticalities.contains($0.criticality) }
        return stops ? .failure : .success
    }
}

/// What a pipeline stops for.
enum FailureLevel: String, ExpressibleByArgument, CaseIterable {
    case critical, warning, none

    var severities: [String] {
        switch self {
        case .critical: ["critical"]
        case .warning: ["critical", "warning"]
        case .none: []
        }
    }

    /// Of work that stops.
    var criticalities: [String] {
        switch self {
        case .critical: ["critical"]
        case .warning: ["critical", "standard"]
        case .none: []
        }
    }
}

/// Where a map comes from.
enum MapSource {
    /// The file to read; nil: the management plane is asked.
    static func file(_ config: String?, _ options: ControlOptions, _ environment: [String: String]) -> String? {
        if let config { return config }
        let names = [ControlOptions.addressVariable, ControlOptions.tokenVariable]
        let isNamed =
            options.address != nil || options.tokenFile != nil || names.contains { environment[$0]?.isEmpty == false }
        return isNamed ? nil : ConfigurationFile.defaultPath
    }
}

/// The map of a file. References to the environment and to files count as right: whoever assesses needs no keys.
struct MapFile {
    var snapshot: Snapshot
    var assessment: Assessment

    init(path: String, now: Int64) throws(CommandFailure) {
        do throws(ConfigurationProblems) {
            snapshot = try ConfigurationFile.compile(
                text: try ConfigurationFile.text(path: path), name: path,
                directory: ConfigurationFile.directory(of: path), environment: [:], readsReferences: false
            ).snapshot
        } catch {
            throw CommandFailure(error)
        }
        assessment = Assessment(Assessment.Input(snapshot, today: CalendarDay(unixMilliseconds: now)))
    }
}

extension CommandFailure {
    /// The first of them, and how to see the rest.
    init(_ problems: ConfigurationProblems) {
        let first = problems.problems[0]
        let place =
            (first.line > 0 ? ":\(first.line):\(first.column)" : "") + (first.path.isEmpty ? "" : ": \(first.path)")
        let more = problems.problems.count > 1 ? " (and \(problems.problems.count - 1) more: holdfast check)" : ""
        self.init(
            message: "\(problems.file)\(place): \(first.message)\(more)", mend: first.mend,
            status: problems.exitStatus)
    }
}
