import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastControl
import HoldfastCore
import Logging
import Synchronization
import Testing

@testable import holdfast

/// What a command has said, and with which code it would have ended.
struct Told: Sendable {
    var status: HoldfastAPI.ExitStatus
    var output: String
    var errors: String

    func view<View: Decodable>(_ type: View.Type) throws -> View {
        try APICoding.decode(type, from: Data(output.utf8))
    }
}

/// A command line without a process: the environment, the width and the time are the test's.
struct CommandRig: Sendable {
    private final class Text: Sendable {
        private let text = Mutex("")
        func add(_ more: String) { text.withLock { $0 += more } }
        var all: String { text.withLock { $0 } }
    }

    var environment: [String: String] = [:]
    var width: Int?
    var usesColor = false
    var now: Int64?
    /// Hears what is written to standard output, as it is written.
    var hears: @Sendable (String) -> Void = { _ in }

    /// - Throws: what the parser says of a wrong command line.
    func run(_ arguments: String...) async throws -> Told {
        try await run(arguments)
    }

    func run(_ arguments: [String]) async throws -> Told {
        try await run(try Holdfast.parseAsRoot(arguments))
    }

    func run(_ command: any ParsableCommand) async throws -> Told {
        let (output, errors) = (Text(), Text())
        let renderer = Renderer(usesColor: usesColor, width: width)
        let (now, hears) = (now, hears)
        let console = Console(
            environment: environment, renderer: renderer, isTerminal: width != nil,
            now: { now ?? WallClock.system.read() },
            write: {
                output.add($0)
                hears($0)
            }, writeError: errors.add,
            errorRenderer: renderer)
        let status: HoldfastAPI.ExitStatus
        if let command = command as? any ControlledCommand {
            status = await command.execute(in: console)
        } else if let command = command as? MapImportCommand {
            status = command.execute(in: console)
        } else {
            status = await (try #require(command as? TopCommand)).execute(in: console)
        }
        return Told(status: status, output: output.all, errors: errors.all)
    }
}

/// A management plane on a free port with an empty store, and a command line that speaks to it.
struct ControlRig: Sendable {
    let server: ControlServer
    let base: String
    let folder: String
    let admin: CommandRig

    /// - Parameter kept: where its data stay; nil: nowhere.
    static func run(in kept: String? = nil, _ body: @escaping @Sendable (ControlRig) async throws -> Void) async throws
    {
        let folder = kept ?? NSTemporaryDirectory() + "holdfast-command-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { if kept == nil { try? FileManager.default.removeItem(atPath: folder) } }
        let server = try await ControlServer(
            ControlServer.Settings(
                listen: ListenAddress(host: "127.0.0.1", port: 0), folder: folder, version: "test", hosts: [],
                directory: folder, environment: [:]),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let token = try #require(server.firstToken)
        let (addresses, continuation) = AsyncStream.makeStream(of: ListenAddress.self)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { continuation.finish() }
                try await server.run { continuation.yield($0) }
            }
            for await address in addresses {
                let base = "http://\(address)"
                let rig = ControlRig(
                    server: server, base: base, folder: folder,
                    admin: CommandRig(environment: ["HOLDFAST_CONTROL": base, "HOLDFAST_TOKEN": token]))
                try await body(rig)
                break
            }
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    static let document = """
        version: 1
        providers:
          openai: {base_url: "https://api.openai.com/v1", api_key: "${OPENAI_API_KEY}", vendor: openai, jurisdiction: us}
          local: {base_url: "http://127.0.0.1:9/v1", network: private}
        routes:
          assistant: {candidates: [openai/gpt, local/qwen]}

        """

    func write(_ text: String = document, to name: String = "holdfast.yaml") throws -> String {
        let path = "\(folder)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    @discardableResult
    func publish(_ text: String = document, reason: String = "first") async throws -> Told {
        try await admin.run("config", "publish", try write(text), "--reason", reason)
    }

    /// The same command line with a token of another kind.
    func rig(_ kind: String) async throws -> CommandRig {
        let made = try await admin.run("tokens", "create", "\(kind)-1", "--kind", kind)
        #expect(made.status == .success, "\(made.errors)")
        var rig = admin
        rig.environment["HOLDFAST_TOKEN"] = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
        return rig
    }

    /// A gateway that reports once.
    func report(_ id: String, _ change: (inout GatewayReportView) -> Void = { _ in }) async throws {
        let made = try await admin.run("tokens", "create", id, "--kind", "node")
        var report = GatewayReportView(
            version: "test", generation: 1, source: "control", ready: true, exchangesInFlight: 3, exchanges: 40,
            failures: 1, refused: nil, shedding: "none")
        change(&report)
        let client = ControlClient(
            base: base, token: Secret(made.output.trimmingCharacters(in: .whitespacesAndNewlines)))
        let answer: Result<Void, any Error>
        do {
            _ = try await client.pull(report)
            answer = .success(())
        } catch {
            answer = .failure(error)
        }
        await client.shutDown()
        try answer.get()
    }
}
