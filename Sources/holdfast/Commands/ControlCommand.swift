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

            Once a day, and after POST /v1/backups, it makes a backup and restores it on trial; `holdfast restore` brings \
            one back. Put them on another disk with --backups: they hold the signing key, so who may read them matters.

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

    @Option(
        help: ArgumentHelp(
            "Keep a good token for a gateway on this machine in that file, made if missing or ended.",
            valueName: "NAME=FILE"))
    var enrol: [String] = []

    @Option(
        help: ArgumentHelp(
            "Where backups go, of this management plane alone. Default: backups in the data directory.",
            valueName: "DIR"))
    var backups: String?

    @Flag(help: "Print a link that signs an admin in to the console, at each start and not at the first alone.")
    var signInLink = false

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
                listen: loaded.snapshot.control.listen, folder: folder, version: Version.text,
                hosts: loaded.snapshot.control.hosts,
                directory: ConfigurationFile.directory(of: config), environment: environment,
                backups: backups.map(absolute)),
            logger: logger)
        async let exporting: Void = telemetry.run { server.metrics() }
        if let token = server.firstToken { await sayFirst(token, at: server, logger: logger) }
        for pair in enrol { try await self.enrol(pair, at: server) }
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

    /// Its operational events and metrics; it has no exchanges to trace. Nil also where what the collector asks for is
    /// known to the gateways alone.
    private func telemetrySettings(_ loaded: LoadedConfiguration) -> TelemetrySettings? {
        guard var settings = loaded.snapshot.telemetry, settings.logs || settings.metrics,
            !settings.headers.contains(where: { $0.value.reveal().contains(ConfigurationReferences.elsewhere) })
        else { return nil }
        settings.traces = false
        return settings
    }

    private func dataFolder(environment: [String: String]) throws -> String {
        let working = FileManager.default.currentDirectoryPath
        if let data { return absolute(data) }
        guard let path = DataDirectory.path(option: nil, environment: environment, workingDirectory: working) else {
            throw CommandFailure(
                message: "there is no place for the data directory, because HOME is not set",
                mend: "name one with --data DIR", status: .cannotCreate
            ).report()
        }
        return path + "/control"
    }

    private func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
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
    private func sayFirst(_ token: String, at server: ControlServer, logger: Logger) async {
        let renderer = Terminal.renderer(environment: ProcessInfo.processInfo.environment)
        Terminal.write(
            renderer.heading("The first admin's token, shown this once; it lives for a week")
                + "  \(token)\n\n"
                + renderer.heading("The key that gateways trust") + "  \(server.publicKey)\n\n")
        do {
            try await server.firstTokenWasShown()
        } catch {
            logger.error("the next start prints another first token", metadata: ["error": "\(error)"])
        }
    }

    /// On standard output, and never in the log. Before the ready file, so that whoever waits for that has it.
    private func sayLink(at address: ListenAddress, _ server: ControlServer, logger: Logger) async {
        let renderer = Terminal.renderer(environment: ProcessInfo.processInfo.environment)
        do {
            let link = try await server.signInLink(at: address)
            Terminal.write(
                renderer.heading("The console; this link signs an admin in once, within a quarter of an hour")
                    + "  \(link)\n\n")
        } catch {
            logger.error("no sign-in link could be made", metadata: ["error": "\(error)"])
        }
    }

    private func enrol(_ pair: String, at server: ControlServer) async throws {
        let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else {
            throw CommandFailure(
                message: "--enrol takes a name and a file",
                mend: "write it like --enrol gateway=/var/lib/holdfast/token",
                status: .usage
            ).report()
        }
        let existing = FileManager.default.contents(atPath: parts[1]).flatMap { String(data: $0, encoding: .utf8) }
        do {
            let trimmed = existing?.trimmingCharacters(in: .whitespacesAndNewlines)
            guard let token = try await server.enrol(parts[0], existing: trimmed) else { return }
            try WholeFile.write(Data("\(token)\n".utf8), to: parts[1], mode: 0o600)
        } catch let problem as ProblemView {
            throw CommandFailure(message: problem.detail, mend: problem.mend, status: .usage).report()
        } catch let failure as WholeFile.Failure {
            throw CommandFailure(message: failure.reason, mend: failure.mend, status: .cannotCreate).report()
        } catch let failure as StoreFailure {
            throw CommandFailure(message: failure.reason, mend: failure.mend, status: .cannotCreate).report()
        }
    }

    // MARK: - Serving

    private func serve(_ server: ControlServer, logger: Logger) async throws {
        do {
            try await server.run { address in
                logger.notice("serving", metadata: ["listen": "\(address)"])
                if signInLink || server.firstToken != nil { await sayLink(at: address, server, logger: logger) }
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
