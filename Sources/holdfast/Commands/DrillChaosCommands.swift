import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastCore

struct DrillExportCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a drill as an experiment of the Chaos Toolkit.",
        discussion: """
            One that was run, by its id, or a plan with the options of holdfast drill run, which needs nobody. \
            chaos run starts the same drill and comes to the same verdict: a hypothesis that deviates is a drill that has \
            not passed. The experiment runs holdfast, which has to be on the path, and reads $HOLDFAST_CONTROL, \
            $HOLDFAST_TOKEN and $HOLDFAST_OPERATIONS.

            EXAMPLES
              holdfast drill export drill-4k2m9x1c --chaostoolkit > experiment.json
              holdfast drill export --plan kill-primary --route assistant --probes 2 --chaostoolkit > experiment.json
              chaos validate experiment.json && chaos run experiment.json

            EXIT CODES
              0   written
              1   there is no such drill, or nothing failed in it
              64  the command line cannot be understood
              69  the management plane does not answer
              77  no valid token
            """
    )

    @Argument(help: "The drill's id.")
    var id: String?

    @Option(help: ArgumentHelp("Instead of one that was run: see holdfast drill plans.", valueName: "PLAN"))
    var plan: String?

    @Flag(help: "As the Chaos Toolkit has it; there is no other form.")
    var chaostoolkit = false

    @Option(
        help: ArgumentHelp(
            "Why it will be run. Default: what the drill says, or that it is an experiment.", valueName: "TEXT"))
    var reason: String?

    @OptionGroup var shape: DrillShapeOptions
    @OptionGroup var options: ControlOptions

    func validate() throws {
        guard (id == nil) != (plan == nil) else { throw ValidationError("Name either a drill or --plan.") }
        guard chaostoolkit else { throw ValidationError("Say as what: --chaostoolkit.") }
        guard let plan else { return }
        guard let known = DrillPlan(rawValue: plan), known != .tabletop else {
            throw ValidationError("There is no plan '\(plan)' in which something fails: see holdfast drill plans.")
        }
    }

    func performOffline(_ console: Console) async throws -> ExitStatus? {
        guard let plan else { return nil }
        write(try shape.view(plan: plan, reason: reason ?? "an experiment of the Chaos Toolkit"), console)
        return .success
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let drill = try await client.drill(id ?? "")
        guard var view = NewDrillView(again: drill) else {
            throw CommandFailure(
                message: "\(drill.id) is a table-top, in which nothing fails", mend: "export another one",
                status: .failure)
        }
        view.reason = reason ?? view.reason
        write(view, console)
        return .success
    }

    /// The experiment is the output, with or without `--json`.
    private func write(_ view: NewDrillView, _ console: Console) {
        let subject = view.route ?? view.name
        let title = "\(view.plan)\(subject.map { " of \($0)" } ?? ""): does the work go on?"
        console.write(PlainText.visibleJSON(ChaosExperiment(view: view, title: title).json.pretty) + "\n")
    }
}

struct DrillImportCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Read drills out of an experiment of the Chaos Toolkit.",
        discussion: """
            Shows which drills its method comes to, as commands; with --json as what the API takes. Understood are \
            holdfast drill run, requests to /v1/drills, and actions of Toxiproxy whose proxy is named as a provider. \
            Whatever else makes something fail is refused, with the place where it stands.

            EXAMPLES
              holdfast drill import experiment.json
              holdfast drill import experiment.json --json | jq '.drills[0]'

            EXIT CODES
              0   understood
              65  some of it has no counterpart here; the report says which
              66  the file cannot be read
            """
    )

    /// An experiment is written by people.
    private static let longestBytes = 1 << 20

    @Argument(help: ArgumentHelp("An experiment, as JSON.", valueName: "FILE"), completion: .file())
    var file: String

    @OptionGroup var options: ControlOptions

    private struct Imported: Encodable {
        var title: String
        var drills: [NewDrillView]
    }

    func performOffline(_ console: Console) async throws -> ExitStatus? {
        guard let bytes = FileManager.default.contents(atPath: file), bytes.count <= Self.longestBytes else {
            throw CommandFailure(
                message: "\(file) cannot be read, or is over 1 MiB", mend: "check the name and the permissions",
                status: .noInput)
        }
        let found: ChaosImport
        do throws(ChaosImport.Refusal) {
            found = try ChaosImport(bytes)
        } catch {
            throw CommandFailure(
                message: "\(file): \(error.place): \(error.message)", mend: error.mend, status: .invalid)
        }
        show(Imported(title: found.title, drills: found.drills), console) {
            var report = Report()
            report.line(.bold(found.title))
            for drill in found.drills { report.fixed("\(drill.commandLine)") }
            return report
        }
        return .success
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus { .success }
}
