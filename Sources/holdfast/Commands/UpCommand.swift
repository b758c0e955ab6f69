import ArgumentParser
import Foundation
import Logging

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Start everything on this machine and keep it running.",
        discussion: """
            Uses --config, else ./holdfast.yaml. With neither, it looks for provider keys in the usual environment \
            variables and for local runtimes on their usual ports (Ollama 11434, vLLM 8000, llama.cpp 8080, \
            LM Studio 1234), says what it found, and where it found nothing starts simulated practice providers. \
            It writes nothing outside its data directory.

            The parts are child processes: one that ends is started again. SIGTERM or Ctrl-C drains open streams and \
            stops; a second one ends at once.

            EXAMPLES
              holdfast up
              holdfast up --config holdfast.yaml
              holdfast up --data ./state --json

            EXIT CODES
              0   stopped as asked          69  an address or the data directory is in use
              66  no readable configuration 73  the data directory cannot be written
              78  the configuration is not valid; nothing was started
            """
    )

    @Option(name: .long, help: ArgumentHelp("The configuration.", valueName: "FILE"))
    var config: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The data directory; default $XDG_STATE_HOME/holdfast, else ~/.local/state/holdfast.", valueName: "DIR"))
    var data: String?

    @Flag(name: .long, help: "Print one JSON object once everything serves, and nothing else on standard output.")
    var json = false

    func run() async throws {
        let session = UpSession(
            configurationOption: config, dataOption: data, isJSON: json,
            environment: ProcessInfo.processInfo.environment, logger: Logger(label: "up"))
        let code: Int32
        do {
            code = try await session.run()
        } catch let failure as CommandFailure {
            throw failure.report()
        }
        if code != 0 { throw ExitCode(code) }
    }
}
