import ArgumentParser
import Foundation
import Glibc
import HoldfastAPI
import HoldfastControl
import HoldfastCore
import Logging

struct ControlCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "control",
        abstract: "Serve the management plane: desired state, operations and evidence.",
        discussion: """
            Publishes what the configuration says as a signed generation, and again whenever the file changes; takes \
            overrides over its API (see /openapi.json). It needs no gateway, and no gateway needs it to serve. The first \
            start prints the first admin's token, once. SIGTERM ends it.

            EXAMPLES
              holdfast control --config holdfast.yaml --data /var/lib/holdfast-control
              curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8090/v1/status

            EXIT CODES
              0   stopped as asked
              66  the configuration cannot be read
              69  an address is in use, or another process has the data directory
              73  the data directory cannot be written, or is damaged
              78  the configuration is not valid
            """
    )

    @Option(help: ArgumentHelp("The configuration.", valueName: "FILE"))
    var config = ConfigurationFile.defaultPath

    @Option(
        help: ArgumentHelp(
            "This process's folder, made if missing; apart from every gateway's. Default: $XDG_STATE_HOME/holdfast/control.",
            valueName: "DIR"))
    var data: String?

    @Option(help: ArgumentHelp("After binding, write the address here as JSON.", valueName: "PATH"))
    var readyFile: String?

    func run() async throws {
        umask(0o077)
        let environment = ProcessInfo.processInfo.environment
        let marks = FileMarks(of: [config])
        let (text, loaded) = try read(environment: environment)
        let telemetry = Telemetry(telemetrySettings(loaded), process: "control")
        let logger = telemetry.logger
        let folder = try dataFolder(environment: environment)
        let signals = TerminationSignals { number in _exit(128 + number) }
        let server = try await open(
            ControlServer.Settings(
                listen: loaded.snapshot.control.listen, folder: folder, version: Version.text, hosts: [],
                directory: ConfigurationFile.directory(of: config), environment: environment), logger: logger)
        async let exporting: Void = telemetry.run { [] }
        if let token = server.firstToken { sayFirst(token, key: server.publicKey) }
        await publish(text, at: server, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            defer { tasks.cancelAll() }
            tasks.addTask { try await serve(server, logger: logger) }
            tasks.addTask { await watch(server, from: marks, logger: logger) }
            tasks.addTask { _ = await signals.waitForFirst() }
            try await tasks.next()
            tasks.cancelAll()
            while try await tasks.next() != nil {}
        }
        logger.notice("stopped")
        telemetry.finish()
        await exporting
    }

    // MARK: - The start

    private func read(environment: [String: String]) throws -> (text: String, LoadedConfiguration) {
        do throws(ConfigurationProblems) {
            let text = try ConfigurationFile.text(path: config)
            return (
                text,
                try ConfigurationFile.compile(
                    text: text, name: config, directory: ConfigurationFile.directory(of: config),
                    environment: environment, readsReferences: false)
            )
        } catch {
            Terminal.writeError("\(error.description)\n")
            throw ExitCode(error.exitStatus.rawValue)
        }
    }

    /// Its operational events; exchanges and their figures are the gateways' own. Nil also where what the collector asks
    /// for is known to the gateways alone.
    private func telemetrySettings(_ loaded: LoadedConfiguration) -> TelemetrySettings? {
        guard var settings = loaded.snapshot.telemetry, settings.logs,
            !settings.headers.contains(where: { $0.value.reveal().contains(ConfigurationFile.elsewhere) })
        else { return nil }
        (settings.traces, settings.metrics) = (false, false)
        return settings
    }

    private func dataFolder(environment: [String: String]) throws -> String {
        let working = FileManager.default.currentDirectoryPath
        if let data { return data.hasPrefix("/") ? data : working + "/" + data }
        guard let path = DataDirectory.path(option: nil, environment: environment, workingDirectory: working) else {
            throw CommandFailure(
                message: "there is no place for the data directory, because HOME is not set",
                mend: "name one with --data DIR", status: .cannotCreate
            ).report()
        }
        return path + "/control"
    }

    private func open(_ settings: ControlServer.Settings, logger: Logger) async throws -> ControlServer {
        do {
            return try await ControlServer(settings, logger: logger)
        } catch let failure as StoreFailure {
            throw CommandFailure(
                message: failure.reason, mend: failure.mend,
                status: failure.kind == .inUse ? .unavailable : .cannotCreate
            ).report()
        }
    }

    /// On standard output, and never in the log.
    private func sayFirst(_ token: String, key: String) {
        let renderer = Terminal.renderer(environment: ProcessInfo.processInfo.environment)
        Terminal.write(
            renderer.heading("The first admin's token, shown this once; it lives for a week")
                + "  \(token)\n\n"
                + renderer.heading("The key that gateways trust") + "  \(key)\n\n")
    }

    // MARK: - Serving

    private func serve(_ server: ControlServer, logger: Logger) async throws {
        do {
            try await server.run { address in
                logger.notice("serving", metadata: ["listen": "\(address)"])
                // Whoever waits for the file waits in vain where it cannot be written, and is told why.
                do {
                    try ReadyFile(listen: "\(address)").write(to: readyFile)
                } catch {
                    logger.error("the ready file could not be written", metadata: ["path": "\(readyFile ?? "")"])
                }
            }
        } catch let failure as ControlStartFailure {
            Terminal.writeError("holdfast: \(failure)\n")
            throw ExitCode(ExitStatus.unavailable.rawValue)
        }
    }

    private func watch(_ server: ControlServer, from marks: FileMarks, logger: Logger) async {
        var seen = marks
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            let found = FileMarks(of: [config])
            guard found != seen else { continue }
            // An editor that writes in place is let finish.
            try? await Task.sleep(for: .milliseconds(100))
            guard FileMarks(of: [config]) == found else { continue }
            seen = found
            do throws(ConfigurationProblems) {
                await publish(try ConfigurationFile.text(path: config), at: server, logger: logger)
            } catch {
                let facts: Logger.Metadata = ["file": "\(config)", "problem": "\(error.description)"]
                logger.error("configuration cannot be read", metadata: facts)
            }
        }
    }

    /// What cannot be published is said, and the newest generation stays.
    private func publish(_ text: String, at server: ControlServer, logger: Logger) async {
        do {
            switch try await server.publish(file: config, text: text) {
            case .published(let number):
                logger.notice("configuration published", metadata: ["generation": "\(number)"])
            case .unchanged(let number):
                logger.info("configuration unchanged", metadata: ["generation": "\(number)"])
            }
        } catch let problem as ProblemView {
            logger.error(
                "configuration refused; the newest generation stays",
                metadata: ["file": "\(config)", "problem": "\(problem.detail)", "mend": "\(problem.mend)"])
        } catch {
            logger.error("configuration not published", metadata: ["error": "\(error)"])
        }
    }
}
