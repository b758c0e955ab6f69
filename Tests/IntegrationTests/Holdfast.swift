import Foundation
import Testing

/// A practice provider in a process of its own.
struct PracticeProcess: Sendable {
    var program: Program
    var address: String

    func fault(_ fault: String, for span: String = "60s") async throws {
        let reply = try await ask(
            address, "POST", "/practice/faults", body: #"{"fault": "\#(fault)", "for": "\#(span)"}"#)
        try #require(reply.status == 201, "\(reply.text)")
    }
}

/// A gateway in a process of its own.
struct GatewayProcess: Sendable {
    var program: Program
    var address: String
    var operations: String

    func state() async throws -> JSON {
        try await ask(operations, "GET", "/state").json
    }

    func metrics() async throws -> String {
        try await ask(operations, "GET", "/metrics").body
    }

    func generation() async throws -> Int? {
        try await state()["configuration"]["generation"].int
    }

    /// Waits for a state, and tells the last one and the log where it does not come.
    @discardableResult
    func wait(
        for what: String, within seconds: Double = 30, until condition: (JSON) throws -> Bool
    ) async throws -> JSON {
        var seen = JSON.null
        try await eventually(what, within: seconds, state: { "\(seen)\n\(program.told)" }) {
            seen = try await state()
            return try condition(seen)
        }
        return seen
    }
}

extension Place {
    func practice(_ name: String, listen: String = "127.0.0.1:0", _ options: [String] = ["--instant"]) async throws
        -> PracticeProcess
    {
        let file = path + "/\(name).ready"
        try? FileManager.default.removeItem(atPath: file)
        let program = try start(
            name, ["practice", "--listen", listen, "--name", name, "--ready-file", file, "--quiet"] + options)
        let ready = try await self.ready(program, file)
        return PracticeProcess(program: program, address: try #require(ready["listen"].string))
    }

    func gateway(_ document: String, environment: [String: String] = [:]) async throws -> GatewayProcess {
        try write("holdfast.yaml", document)
        let file = path + "/gateway.ready"
        let program = try start(
            "gateway", ["gateway", "--config", path + "/holdfast.yaml", "--ready-file", file],
            environment: environment)
        let ready = try await self.ready(program, file)
        return GatewayProcess(
            program: program, address: try #require(ready["listen"].string),
            operations: try #require(ready["operations"].string))
    }

    private func ready(_ program: Program, _ file: String) async throws -> JSON {
        try await eventually("\(program.name) is ready", state: { program.told }) {
            if program.ended != nil { throw Expired(what: "it ended", seconds: 0, state: program.told) }
            return FileManager.default.fileExists(atPath: file)
        }
        return try JSON(parsing: String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self))
    }

    var accessLines: [JSON] {
        read("access.log").split(separator: "\n").compactMap { try? JSON(parsing: String($0)) }
    }
}

/// The text of a configuration for providers of this machine. The route `assistant` asks them in order.
struct Document {
    var providers: [(id: String, address: String)]
    var model = "practice-large"
    var listen = "127.0.0.1:0"
    var operations = "127.0.0.1:0"
    var drain = "10s"
    /// Lines under `routes.assistant`.
    var route: [String] = []
    /// Sections after the others.
    var more = ""

    var text: String {
        var lines = [
            "version: 1", "gateway:", "  listen: \"\(listen)\"", "  operations: \"\(operations)\"",
            "  access_log: ./access.log", "  drain: \(drain)", "providers:",
        ]
        for (id, address) in providers {
            lines += ["  \(id):", "    base_url: http://\(address)/v1", "    network: private"]
        }
        let candidates = providers.map { "\($0.id)/\(model)" }.joined(separator: ", ")
        lines += ["routes:", "  assistant:", "    candidates: [\(candidates)]"]
        return (lines + route.map { "    " + $0 }).joined(separator: "\n") + "\n" + more
    }
}
