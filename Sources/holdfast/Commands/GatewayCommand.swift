import ArgumentParser
import Dispatch
import Foundation
import Glibc
import HoldfastAPI
import HoldfastCore
import HoldfastGateway
import Logging

struct GatewayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Serve the data plane: one base URL that keeps answering.",
        discussion: """
            Serves what the configuration says, with nothing else alive. The file and every file it refers to are \
            watched: a good change comes into force without dropping a connection, a bad one is refused and the last \
            known good one stays. SIGHUP reads it at once. SIGTERM drains and ends; a second signal ends at once.

            EXAMPLES
              holdfast gateway --config holdfast.yaml
              holdfast gateway --config holdfast.yaml --ready-file gateway.json
              curl http://127.0.0.1:8081/readyz

            EXIT CODES
              0   stopped as asked
              66  the configuration cannot be read
              69  an address is in use or not ours
              73  the access log or the ready file cannot be written
              78  the configuration is not valid
            """
    )

    @Option(help: ArgumentHelp("The configuration.", valueName: "FILE"))
    var config = ConfigurationFile.defaultPath

    @Option(help: ArgumentHelp("After binding, write the addresses here as JSON.", valueName: "PATH"))
    var readyFile: String?

    @Option(
        help: ArgumentHelp(
            "This process's folder, made if missing; holds the ready file gateway.json unless --ready-file names one.",
            valueName: "DIR"))
    var data: String?

    func run() async throws {
        umask(0o077)
        if let data { try makeDataFolder(data) }
        let environment = ProcessInfo.processInfo.environment
        let loaded: LoadedConfiguration
        let documentMark = FileMarks(of: [config])
        do {
            loaded = try ConfigurationFile.load(path: config, environment: environment)
        } catch {
            Terminal.writeError("\(error.description)\n")
            throw ExitCode(error.exitStatus.rawValue)
        }
        let marks = FileMarks(of: [config] + loaded.referencedFiles, known: documentMark)
        let telemetry = Telemetry(loaded.snapshot.telemetry, process: "gateway")
        let logger = telemetry.logger
        // Listened for from here on, so that no signal falls between the start and the wait.
        let signals = TerminationSignals { number in _exit(128 + number) }
        let reloads = ReloadSignal()
        let gateway = try await start(loaded, telemetry)
        async let exporting: Void = telemetry.run { gateway.metrics() }
        try announce(gateway, logger: logger)
        let watch = ConfigurationWatch(
            path: config, environment: environment, gateway: gateway, referencedFiles: loaded.referencedFiles,
            marks: marks)
        let stream = reloads.stream
        async let watching: Void = watch.run(reloads: stream)
        _ = await signals.waitForFirst()
        reloads.end()
        await watching
        logger.notice("draining", metadata: ["seconds": "\(gateway.drainNanoseconds / 1_000_000_000)"])
        let cutOff = await gateway.stop()
        logger.notice("stopped", metadata: ["exchanges_cut_off": "\(cutOff)"])
        telemetry.finish()
        await exporting
    }

    private func makeDataFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw CommandFailure(
                message: "cannot make the data folder \(path): \(error.localizedDescription)",
                mend: "name a folder that this user may write to with --data", status: .cannotCreate
            ).report()
        }
    }

    private func start(_ loaded: LoadedConfiguration, _ telemetry: Telemetry) async throws -> GatewayServer {
        do {
            return try await GatewayServer.start(loaded, logger: telemetry.logger, telemetry: telemetry.exporter)
        } catch let failure as GatewayStartFailure {
            Terminal.writeError("holdfast: \(failure)\n")
            if case .tls = failure { throw ExitCode(ExitStatus.configuration.rawValue) }
            throw ExitCode(ExitStatus.unavailable.rawValue)
        } catch let failure as AccessLogFailure {
            Terminal.writeError("holdfast: \(failure)\n")
            throw ExitCode(ExitStatus.cannotCreate.rawValue)
        }
    }

    private func announce(_ gateway: GatewayServer, logger: Logger) throws {
        logger.notice(
            "serving",
            metadata: ["listen": "\(gateway.listenAddress)", "operations": "\(gateway.operationsAddress)"])
        try ReadyFile(listen: "\(gateway.listenAddress)", operations: "\(gateway.operationsAddress)")
            .write(to: readyFile ?? data.map { $0 + "/gateway.json" })
    }
}

/// SIGHUP: look at the configuration now.
private struct ReloadSignal {
    let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let source: any DispatchSourceSignal

    init() {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.stream = stream
        self.continuation = continuation
        signal(SIGHUP, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: DispatchQueue(label: "holdfast.reload"))
        source.setEventHandler { continuation.yield() }
        source.activate()
    }

    func end() {
        continuation.finish()
    }
}
