import ArgumentParser
import Foundation
import Glibc
import HoldfastAPI
import HoldfastCore
import Logging
import NIOCore
import NIOPosix
import SystemPackage

/// One run of `holdfast up`: look, decide, write, start, say, supervise.
struct UpSession: Sendable {
    /// Longest wait for the parts to serve before that is said; they are supervised all the same.
    static let startNanoseconds = 15 * Span.second
    /// What serves is said without waiting longer for the management plane, which nothing that serves needs.
    static let controlNanoseconds = 5 * Span.second

    let configurationOption: String?
    let dataOption: String?
    let isJSON: Bool
    let environment: [String: String]
    let logger: Logger

    func run() async throws -> Int32 {
        let (directory, lock) = try DataDirectory.open(option: dataOption, environment: environment)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let result: Result<Int32, any Error>
        do {
            result = .success(try await run(in: directory, group: group))
        } catch {
            result = .failure(error)
        }
        try await group.shutdownGracefully()
        return try withExtendedLifetime(lock) { try result.get() }
    }

    private func run(in directory: DataDirectory, group: any EventLoopGroup) async throws -> Int32 {
        let plan = try await makePlan(directory, group: group)
        let supervisor = try Supervisor(
            executable: try Self.ownExecutable(), children: plan.children,
            // With --json the one object is alone on standard output.
            standardOutput: isJSON ? .standardError : .standardOutput, logger: logger)
        let signals = TerminationSignals { number in
            supervisor.killAll()
            _exit(128 + number)
        }
        return await withTaskGroup(of: Int32?.self) { tasks in
            tasks.addTask { await supervisor.run() }
            tasks.addTask {
                if await signals.waitForFirst() != nil {
                    logger.info(
                        "Draining; a second signal ends at once",
                        metadata: [
                            "bound_ms": .stringConvertible(
                                (plan.children.map(\.drainNanoseconds).max() ?? 0) / Span.millisecond)
                        ])
                    supervisor.stop()
                }
                return nil
            }
            tasks.addTask {
                await announce(plan)
                return nil
            }
            var code: Int32 = 0
            while let ended = await tasks.next() {
                if let ended {
                    code = ended
                    tasks.cancelAll()
                }
            }
            return code
        }
    }

    private func makePlan(_ directory: DataDirectory, group: any EventLoopGroup) async throws -> UpPlan {
        let files = FileManager.default
        let isWatched = !isJSON && isatty(STDOUT_FILENO) == 1
        if let path = configurationOption
            ?? (files.fileExists(atPath: ConfigurationFile.defaultPath) ? ConfigurationFile.defaultPath : nil)
        {
            let absolute = path.hasPrefix("/") ? path : files.currentDirectoryPath + "/" + path
            do {
                // Read here as well as by the gateway, so that a mistake is said once and before anything starts.
                let loaded = try ConfigurationFile.load(path: path, environment: environment)
                return .file(absolute, loaded.snapshot, directory: directory, isWatched: isWatched)
            } catch {
                Terminal.writeError("\(error.description)\n")
                throw ExitCode(error.exitStatus.rawValue)
            }
        }
        let discovery = await discover(group: group)
        let ports = PortProbe(group: group)
        let wanted = UpPlan.listeners(for: discovery)
        guard let chosen = await PortPlan.choose(wanted, isFree: ports.isFree) else {
            throw CommandFailure(
                message: "no free port was found near \(wanted.map { String($0.usual) }.joined(separator: ", "))",
                mend: "stop what uses them, or choose ports in a configuration and pass --config FILE",
                status: .unavailable)
        }
        let (plan, document) = UpPlan.embedded(
            discovery, ports: chosen, directory: directory, isWatched: isWatched)
        try directory.write(document: document.yaml)
        return plan
    }

    private func discover(group: any EventLoopGroup) async -> Discovery {
        let probe = ModelsProbe(group: group)
        let answers = await withTaskGroup(of: (Int, Discovery.Answer).self) { tasks in
            for (place, runtime) in KnownProviders.local.enumerated() {
                tasks.addTask { (place, await probe.ask(port: runtime.port)) }
            }
            var answers = KnownProviders.local.map { ($0, Discovery.Answer.nothing) }
            for await (place, answer) in tasks { answers[place].1 = answer }
            return answers
        }
        return Discovery(environment: environment, answers: answers)
    }

    /// Waits until every part serves, then says where and how. A part that is late is named once.
    private func announce(_ plan: UpPlan) async {
        let deadline = MonotonicClock.read().advanced(byNanoseconds: Self.startNanoseconds)
        var isLateSaid = false
        var servesSince: Instant?
        while true {
            let processes = plan.children.compactMap { child in
                plan.directory.ready(child.name).map { (name: child.name, ready: $0) }
            }
            let missing = plan.children.map(\.name).filter { name in !processes.contains { $0.name == name } }
            if missing.isEmpty { return say(plan, processes) }
            if missing == [UpPlan.control] {
                let now = MonotonicClock.read()
                if now.nanoseconds(since: servesSince ?? now) >= Self.controlNanoseconds {
                    return say(plan, processes)
                }
                servesSince = servesSince ?? now
            }
            if !isLateSaid, MonotonicClock.read() > deadline {
                isLateSaid = true
                logger.warning(
                    "A process does not serve yet; still waiting",
                    metadata: ["process": "\(missing.joined(separator: ", "))"])
            }
            // Polling a file is enough here: it happens at the start alone, and a child may be restarted meanwhile.
            // Cancelled: the session ends before all of it served.
            guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { return }
        }
    }

    private func say(_ plan: UpPlan, _ processes: [(name: String, ready: ReadyFile)]) {
        guard let gateway = processes.first(where: { $0.name == UpPlan.gateway })?.ready else { return }
        let report = UpReport(
            plan: plan, listen: gateway.listen, operations: gateway.operations, processes: processes)
        Terminal.write(
            isJSON ? report.json.pretty + "\n" : report.text(Terminal.renderer(environment: environment)))
    }

    /// The running file itself, so that the children are of this very version wherever it was started from.
    private static func ownExecutable() throws(CommandFailure) -> FilePath {
        do {
            return FilePath(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        } catch {
            throw CommandFailure(
                message: "the running executable cannot be found: \(error.localizedDescription)",
                mend: "mount /proc, or start `holdfast gateway --config FILE` directly", status: .software)
        }
    }
}
