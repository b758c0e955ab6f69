import ArgumentParser
import Foundation
import Glibc
import Logging

struct Holdfast: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "holdfast",
        abstract: "Keeps work moving when the AI behind it fails, and proves that it does.",
        discussion: """
            EXAMPLES
              holdfast up                  everything here, on what is found
              holdfast check               is ./holdfast.yaml right, and what does it do
              holdfast status              is everything as it is meant to be
              holdfast COMMAND --help      options, examples and exit codes
            """,
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(
                name: "Service",
                subcommands: [UpCommand.self, GatewayCommand.self, ControlCommand.self, PracticeCommand.self]),
            CommandGroup(
                name: "Observation",
                subcommands: [
                    StatusCommand.self, GatewaysCommand.self, TopCommand.self, ConsoleCommand.self,
                    ExchangesCommand.self, AlertsCommand.self, EventsCommand.self, NotificationsCommand.self,
                    AuditCommand.self,
                ]),
            CommandGroup(
                name: "Configuration and access",
                subcommands: [
                    ConfigCommand.self, RolloutCommand.self, RollbackCommand.self, KeysCommand.self, TokensCommand.self,
                    BackupCommand.self,
                ]),
            CommandGroup(
                name: "Run-time operation",
                subcommands: [
                    DrainCommand.self, RestrictCommand.self, PinCommand.self, ShedCommand.self, CapCommand.self,
                    PriceCommand.self, OverridesCommand.self,
                ]),
            CommandGroup(name: "Rehearsal", subcommands: [DrillCommand.self]),
            CommandGroup(name: "Assessment", subcommands: [AssessCommand.self, MapCommand.self]),
            CommandGroup(
                name: "Offline",
                subcommands: [
                    CheckCommand.self, SchemaCommand.self, RestoreCommand.self, SimulateCommand.self,
                    VersionCommand.self,
                ]),
        ]
    )
}

@main
enum Main {
    static func main() async {
        let environment = ProcessInfo.processInfo.environment
        // A peer that hangs up is an error of one write, never the end of the process.
        signal(SIGPIPE, SIG_IGN)
        ParentWatch.startIfAsked(environment: environment)
        let form: JSONLogHandler.Form = isatty(STDERR_FILENO) == 1 ? .readable : .json
        LoggingSystem.bootstrap { label in JSONLogHandler(label: label, form: form) }
        await Holdfast.main()
    }
}
