import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastCore

struct MapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "map",
        abstract: "Look at what depends on what, and take over what a catalogue knows.",
        discussion: """
            Most of the map follows from the configuration; the section map adds what only you know. \
            holdfast assess says what it means.

            EXAMPLES
              holdfast map show --config holdfast.yaml
              holdfast map show --mermaid
              holdfast map import catalog-info.yaml
            """,
        subcommands: [MapShowCommand.self, MapImportCommand.self]
    )
}

struct MapShowCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the components with what they need and what they share.",
        discussion: """
            FROM says where a component is known from: declared under map, implied by the rest of the configuration, or \
            observed by gateways. What stops a service, a workload or a route alone is marked with !; drawings show it in red.

            EXAMPLES
              holdfast map show
              holdfast map show --config holdfast.yaml --dot | dot -Tsvg > map.svg
              holdfast map show --json | jq '.cut_sets[] | select(.component == "workload:triage")'

            EXIT CODES
              0   shown
              66  the file cannot be read
              69  the management plane does not answer
              77  no valid token
              78  the configuration is not valid
            """
    )

    @Option(
        help: ArgumentHelp(
            "Show the map of this file, and ask nobody. Default: ./holdfast.yaml where no management plane is named.",
            valueName: "FILE"),
        completion: .file())
    var config: String?

    @Flag(help: "Print a graph for Graphviz.")
    var dot = false

    @Flag(help: "Print a graph for Mermaid.")
    var mermaid = false

    @OptionGroup var options: ControlOptions

    func validate() throws {
        guard [dot, mermaid, options.json].count(where: \.self) <= 1 else {
            throw ValidationError("--dot, --mermaid and --json are three forms.")
        }
    }

    func performOffline(_ console: Console) async throws -> ExitStatus? {
        guard let path = MapSource.file(config, options, console.environment) else { return nil }
        return tell(MapView(try MapFile(path: path, now: console.now()).assessment), console)
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        tell(try await client.map(), console)
    }

    private func tell(_ map: MapView, _ console: Console) -> ExitStatus {
        if dot {
            console.write(PlainText.visible(MapDrawing.dot(map), keepsLines: true))
        } else if mermaid {
            console.write(PlainText.visible(MapDrawing.mermaid(map), keepsLines: true))
        } else {
            show(map, console) { Self.report(map) }
        }
        return .success
    }

    private static func report(_ map: MapView) -> Report {
        let single = MapDrawing.singles(map)
        var report = Report()
        report.table(
            Table(
                header: ["COMPONENT", "CRITICALITY", "OWNER", "FROM", "NEEDS", "SHARES"],
                rows: map.components.map { component in
                    let isSingle = single.contains(component.id)
                    return [
                        Piece(component.id + (isSingle ? " !" : ""), isSingle ? .red : .bold),
                        "\(component.criticality)", "\(component.owner ?? "")",
                        "\(component.sources.map(\.rawValue).joined(separator: ", "))",
                        "\(component.needs.map(words).joined(separator: ", "))",
                        "\(component.domains.joined(separator: ", "))",
                    ]
                }))
        return report
    }

    private static func words(_ need: MapView.Need) -> String {
        guard need.of.count > 1 else { return need.of.first ?? "" }
        return "\(need.least) of (\(need.of.joined(separator: ", ")))"
    }
}

struct MapImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Turn a catalogue of Backstage into the section map.",
        discussion: """
            Reads catalog-info.yaml with any number of entities and prints the section; what is left out is said on standard \
            error, with its line. Components and systems become services, resources what their type says, owners \
            teams. Annotations say the rest: holdfast.dev/id, /criticality, /recovery-target, /latency-tolerance, \
            /cost-per-minute, /backs-up, and /vendor, /region and the other failure domains.

            EXAMPLES
              holdfast map import catalog-info.yaml > map.yaml
              cat */catalog-info.yaml | holdfast map import -

            EXIT CODES
              0   printed; standard error says what is left out
              65  it is not YAML, or has too many entities
              66  the file cannot be read
            """
    )

    @Argument(help: "The catalogue; - reads standard input.", completion: .file())
    var file: String

    func run() async throws {
        let status = execute(in: .system())
        if status != .success { throw ExitCode(status.rawValue) }
    }

    func execute(in console: Console) -> HoldfastAPI.ExitStatus {
        do throws(CommandFailure) {
            let found = try read()
            for note in found.notes {
                console.writeError(PlainText.visible("\(file):\(note.line): \(note.message)") + "\n")
            }
            console.write(PlainText.visible(MapText.yaml(found.components), keepsLines: true))
            return .success
        } catch {
            console.writeError(error.text)
            return error.status
        }
    }

    private func read() throws(CommandFailure) -> BackstageImport {
        let text = try InputFile.text(of: file)
        do throws(ConfigurationProblems) {
            return try CatalogFile.read(text, name: file)
        } catch {
            var failure = CommandFailure(error)
            failure.status = .invalid
            throw failure
        }
    }
}
