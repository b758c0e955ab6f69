import ArgumentParser
import Crypto
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

            With --control it serves what the management plane means instead: it pulls signed snapshots, keeps the last \
            five in --data, and starts from them when nobody answers. References in the document are read here, from \
            this process's environment and beginning in the folder of --config, or else in the working directory. The \
            token, of the kind node, comes from --token-file or HOLDFAST_NODE_TOKEN, never from the command line.

            EXAMPLES
              holdfast gateway --config holdfast.yaml
              holdfast gateway --config holdfast.yaml --ready-file gateway.json
              holdfast gateway --data /var/lib/holdfast-gateway --control http://10.0.0.5:8090 \\
                --trust signing.pub --token-file node.token
              curl http://127.0.0.1:8081/readyz

            EXIT CODES
              0   stopped as asked
              66  the configuration cannot be read
              69  an address is in use or not ours
              73  the access log or the ready file cannot be written
              78  the configuration is not valid
            """
    )

    @Option(
        help: ArgumentHelp(
            "The configuration; with --control what to start with before the first snapshot was pulled. Default: holdfast.yaml, and none with --control.",
            valueName: "FILE"))
    var config: String?

    @OptionGroup(title: "MANAGEMENT PLANE")
    var plane: PlaneOptions

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
        let logger = Logger(label: "holdfast.gateway")
        if let link = try plane.link(data: data, environment: environment) {
            try await servePulled(link, environment: environment, logger: logger)
        } else {
            try await serveFile(config ?? ConfigurationFile.defaultPath, environment: environment)
        }
    }

    /// What the file says, and nothing else.
    private func serveFile(_ config: String, environment: [String: String]) async throws {
        let documentMark = FileMarks(of: [config])
        let loaded = try load(config, environment: environment)
        let telemetry = Telemetry(loaded.snapshot.telemetry, process: "gateway")
        let logger = telemetry.logger
        let marks = FileMarks(of: [config] + loaded.referencedFiles, known: documentMark)
        // Listened for from here on, so that no signal falls between the start and the wait.
        let signals = TerminationSignals { number in _exit(128 + number) }
        let reloads = ReloadSignal()
        let gateway = try await start(AdoptedSnapshot(file: loaded), telemetry)
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
        await stop(gateway, logger: logger)
        telemetry.finish()
        await exporting
    }

    /// What the management plane means: from the ring, else from the file, else from the first snapshot that comes.
    private func servePulled(
        _ link: PlaneOptions.Link, environment: [String: String], logger: Logger
    ) async throws {
        let signals = TerminationSignals { number in _exit(128 + number) }
        let reloads = ReloadSignal()
        let pull = SnapshotPull(
            SnapshotPull.Settings(
                client: link.client, key: link.key, ring: SnapshotRing(data: link.data), environment: environment,
                directory: config.map(ConfigurationFile.directory) ?? ".", version: Version.text), logger: logger)
        guard let (first, taken) = try await first(pull, signals, environment: environment, logger: logger) else {
            return logger.notice("stopped before a first snapshot came")
        }
        let telemetry = Telemetry(first.loaded.snapshot.telemetry, process: "gateway")
        let gateway = try await start(first, telemetry)
        async let exporting: Void = telemetry.run { gateway.metrics() }
        try announce(gateway, logger: logger)
        let stream = reloads.stream
        async let pulling: Void = pull.run(gateway, from: taken, reloads: stream)
        _ = await signals.waitForFirst()
        reloads.end()
        await pulling
        await link.client.shutDown()
        await stop(gateway, logger: logger)
        telemetry.finish()
        await exporting
    }

    private func first(
        _ pull: SnapshotPull, _ signals: TerminationSignals, environment: [String: String], logger: Logger
    ) async throws -> (AdoptedSnapshot, SnapshotPull.Taken?)? {
        if let taken = pull.fromRing() {
            return (taken.adopted(from: .ring, nowMilliseconds: WallClock.system.read()), taken)
        }
        if let config {
            return (AdoptedSnapshot(file: try load(config, environment: environment), generation: 0), nil)
        }
        logger.notice("waiting for the first snapshot: there is none on disk, and no file was named")
        return await withTaskGroup(of: SnapshotPull.Taken?.self) { group in
            group.addTask { await pull.first() }
            group.addTask {
                _ = await signals.waitForFirst()
                return nil
            }
            defer { group.cancelAll() }
            guard let taken = await group.next() ?? nil else { return nil }
            return (taken.adopted(from: .control, nowMilliseconds: taken.payload.madeAt), taken)
        }
    }

    private func load(_ config: String, environment: [String: String]) throws -> LoadedConfiguration {
        do {
            return try ConfigurationFile.load(path: config, environment: environment, needsControl: false)
        } catch {
            Terminal.writeError("\(error.description)\n")
            throw ExitCode(error.exitStatus.rawValue)
        }
    }

    private func stop(_ gateway: GatewayServer, logger: Logger) async {
        logger.notice("draining", metadata: ["seconds": "\(gateway.drainNanoseconds / 1_000_000_000)"])
        let cutOff = await gateway.stop()
        logger.notice("stopped", metadata: ["exchanges_cut_off": "\(cutOff)"])
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

    private func start(_ first: AdoptedSnapshot, _ telemetry: Telemetry) async throws -> GatewayServer {
        do {
            return try await GatewayServer.start(first, logger: telemetry.logger, telemetry: telemetry.exporter)
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
        StartupPages.release()
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
