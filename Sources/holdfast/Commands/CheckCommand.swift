import ArgumentParser
import Foundation
import HoldfastAPI

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check a configuration and show the routes that come of it.",
        discussion: """
            Reads the file as the gateway would, references to the environment and to files included, and reports every \
            problem at once with its line, column, path and mend. Nothing is started and nothing is called.

            EXAMPLES:
              holdfast check
              holdfast check --config /etc/holdfast/holdfast.yaml
              holdfast check --json | jq '.problems[].message'

            EXIT STATUS:
              0 valid, 78 not valid, 66 the file cannot be read, 64 the command line cannot be understood
            """
    )

    @Option(name: .long, help: ArgumentHelp("The configuration.", valueName: "file"))
    var config = ConfigurationFile.defaultPath

    @Flag(name: .long, help: "Print {valid, file, problems, notes, routes} as JSON.")
    var json = false

    func run() throws {
        let report: ConfigurationReport
        do throws(ConfigurationProblems) {
            let loaded = try ConfigurationFile.load(path: config, environment: ProcessInfo.processInfo.environment)
            report = ConfigurationReport(file: config, .success(loaded))
        } catch {
            report = ConfigurationReport(file: config, .failure(error))
        }
        print(json ? try report.json() : report.text)
        if report.exitStatus != .success {
            throw ExitCode(report.exitStatus.rawValue)
        }
    }
}
