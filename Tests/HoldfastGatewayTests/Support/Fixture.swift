import Foundation
import HoldfastAPI
import HoldfastCore
import HoldfastPractice
import HoldfastTelemetry
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import HoldfastGateway

/// All tests here run one after the other: most hold the gateway to limits of a few hundred milliseconds, which a
/// machine that runs twenty of them at once would break.
@Suite(.serialized) enum GatewayTests {}

/// A configuration with one route, `assistant`, over the providers in order.
struct Setup {
    struct Provider {
        var name: String
        var url: String
        /// Further fields, each with a comma before it.
        var more = ""
    }

    /// Long enough for every answer that is meant to come.
    static let patient =
        "{connect: 5s, first_byte: 10s, first_token: 10s, idle: 10s, response: 10s, total: 30s}"
    /// For answers that are meant not to come.
    static let brisk =
        "{connect: 300ms, first_byte: 300ms, first_token: 300ms, idle: 300ms, response: 300ms, total: 10s}"

    var providers: [Provider]
    var timeouts = Setup.patient
    var limits = ""
    /// Further fields of the gateway and of the route, each with a comma before it.
    var gateway = ""
    var route = ""
    /// Further sections.
    var tail = ""
    var accessLog = "off"
    var drain = "1s"
    /// Off, so that a provider hears of nothing but what a test asks it.
    var checks = false
    var environment: [String: String] = [:]
    /// Not run: what is offered to it waits there for the test.
    var telemetry: TelemetryExporter?
    /// Where relative references begin.
    var folder = FileManager.default.temporaryDirectory.path
    /// Changes the snapshot to what no document can say.
    var alter: (inout Snapshot) -> Void = { _ in }

    /// `primary` and `backup`, on loopback.
    init(_ ports: Int...) {
        providers = zip(["primary", "backup", "third"], ports).map {
            Provider(name: $0, url: "http://127.0.0.1:\($1)/v1", more: ", network: private")
        }
    }

    var text: String {
        let candidates = providers.map { "\($0.name)/practice-large" }.joined(separator: ", ")
        let lines =
            [
                "version: 1",
                "gateway: {listen: \"127.0.0.1:0\", operations: \"127.0.0.1:0\", event_loops: 1, "
                    + "access_log: \(accessLog), drain: \(drain), checks: \(checks), limits: {\(limits)}\(gateway)}",
                "providers:",
            ] + providers.map { "  \($0.name): {base_url: \"\($0.url)\"\($0.more)}" } + [
                "routes:", "  assistant: {candidates: [\(candidates)], timeouts: \(timeouts)\(route)}", tail,
            ]
        return lines.joined(separator: "\n")
    }

    func load() throws -> LoadedConfiguration {
        var loaded = try ConfigurationFile.compile(
            text: text, name: "holdfast.yaml", directory: folder, environment: environment)
        alter(&loaded.snapshot)
        return loaded
    }
}

func withGateway(_ setup: Setup, _ body: (GatewayServer) async throws -> Void) async throws {
    try await withGateway(AdoptedSnapshot(file: try setup.load()), telemetry: setup.telemetry, body)
}

func withGateway(
    _ first: AdoptedSnapshot, telemetry: TelemetryExporter? = nil, _ body: (GatewayServer) async throws -> Void
) async throws {
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let gateway = try await GatewayServer.start(first, logger: logger, telemetry: telemetry)
    do {
        try await body(gateway)
    } catch {
        _ = await gateway.stop()
        throw error
    }
    _ = await gateway.stop()
}

func withPractice(
    _ change: (inout PracticeOptions) -> Void = { _ in }, _ body: (PracticeServer) async throws -> Void
) async throws {
    var options = PracticeOptions()
    options.listen = ListenAddress(host: "127.0.0.1", port: 0)
    options.pacing = .instant
    change(&options)
    let server = try await PracticeServer.start(options: options, group: MultiThreadedEventLoopGroup.singleton)
    do {
        try await body(server)
    } catch {
        await server.stop()
        throw error
    }
    await server.stop()
}

/// A gateway over two practice providers.
func withPair(
    _ change: (inout Setup) -> Void = { _ in },
    _ body: (GatewayServer, _ primary: PracticeServer, _ backup: PracticeServer) async throws -> Void
) async throws {
    try await withPractice { primary in
        try await withPractice { backup in
            var setup = Setup(primary.port, backup.port)
            change(&setup)
            try await withGateway(setup) { try await body($0, primary, backup) }
        }
    }
}

func withScripted(
    host: String = "127.0.0.1", _ script: @escaping ScriptedServer.Script,
    _ body: (ScriptedServer) async throws -> Void
) async throws {
    let server = try await ScriptedServer.start(host: host, script)
    do {
        try await body(server)
    } catch {
        await server.stop()
        throw error
    }
    await server.stop()
}

extension GatewayServer {
    var port: Int { listenAddress.port }

    /// One request on a connection of its own.
    func ask(_ request: String, _ options: RawClient.Options = .init()) async throws -> Reply {
        let client = try await RawClient.connect(port, options)
        try await client.send(request)
        let seen = try await client.wait { Reply($0).isComplete || $0.end != .open }
        await client.close()
        return Reply(seen)
    }

    func operations(_ path: String, method: String = "GET") async throws -> Reply {
        let client = try await RawClient.connect(operationsAddress.port)
        try await client.send("\(method) \(path) HTTP/1.1\r\nhost: o\r\nconnection: close\r\n\r\n")
        let seen = try await client.untilEnd()
        return Reply(seen)
    }

    func state() async throws -> JSONValue {
        try #require(try await operations("/state").json)
    }

    func stateOfDeployment(_ id: String) async throws -> JSONValue {
        try #require(try await state()["deployments"]?.array?.first { $0["id"]?.string == id })
    }
}

func chatBody(_ model: String = "assistant", stream: Bool = false, tokens: Int = 4, _ more: String = "") -> String {
    #"{"model":"\#(model)","stream":\#(stream),"max_tokens":\#(tokens),"#
        + #""messages":[{"role":"user","content":"hello"}]\#(more)}"#
}

func post(_ path: String, _ body: String, headers: [String] = []) -> String {
    let lines =
        ["POST \(path) HTTP/1.1", "host: gateway", "content-type: application/json"]
        + ["content-length: \(body.utf8.count)"] + headers
    return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
}

func chat(
    _ model: String = "assistant", stream: Bool = false, tokens: Int = 4, headers: [String] = []
) -> String {
    post("/v1/chat/completions", chatBody(model, stream: stream, tokens: tokens), headers: headers)
}

func get(_ path: String, headers: [String] = []) -> String {
    (["GET \(path) HTTP/1.1", "host: gateway"] + headers).joined(separator: "\r\n") + "\r\n\r\n"
}

/// Waits for a state that another loop reaches, with a bound.
func eventually(
    _ what: String, at location: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    for _ in 0..<1_000 {
        if try await condition() { return }
        try await loop.scheduleTask(in: .milliseconds(10)) {}.futureResult.get()
    }
    Issue.record("did not happen in ten seconds: \(what)", sourceLocation: location)
}

/// A folder of this test's own, gone after it.
func withFolder(_ body: (URL) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "holdfast-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder)
}

func accessLogLines(of file: URL) throws -> [JSONValue] {
    let text = try String(contentsOf: file, encoding: .utf8)
    return try text.split(separator: "\n", omittingEmptySubsequences: true).map {
        try JSONValue(parsing: Array($0.utf8))
    }
}
