import Foundation
import FoundationNetworking
import HTTPTypes
import HoldfastAPI
import HoldfastCore
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import HoldfastControl

/// A management plane on a free port, with a token of each kind.
struct TestControl: Sendable {
    struct Answer: Sendable {
        var status: Int
        var headers: [String: String]
        var body: Data

        func view<View: Decodable>(_ type: View.Type) throws -> View { try APICoding.decode(type, from: body) }

        var problem: ProblemView? { try? APICoding.decode(ProblemView.self, from: body) }
        var generation: UInt64? { headers["etag"].flatMap { UInt64($0.trimmingCharacters(in: ["\""])) } }
    }

    let server: ControlServer
    let folder: TestFolder
    let address: ListenAddress
    let admin: String

    /// - Parameter admin: the token of a first start; nil: this is it.
    static func run(
        in folder: TestFolder? = nil, admin: String? = nil, backups: String? = nil,
        rollout: Rollout.Limits = Rollout.Limits(), drills: DrillRun.Limits = DrillRun.Limits(),
        drillInterval: Duration = .seconds(1),
        _ body: @escaping @Sendable (TestControl) async throws -> Void
    ) async throws {
        let folder = try folder ?? TestFolder()
        var settings = ControlServer.Settings(
            listen: ListenAddress(host: "127.0.0.1", port: 0), folder: folder.path, version: "test",
            hosts: ["holdfast.example.org", "fd00::5"],
            directory: folder.path, environment: [:], backups: backups, rollout: rollout)
        settings.drills = drills
        settings.drillInterval = drillInterval
        let server = try await ControlServer(
            settings, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let (addresses, continuation) = AsyncStream.makeStream(of: ListenAddress.self)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { continuation.finish() }
                try await server.run { continuation.yield($0) }
            }
            for await address in addresses {
                let control = TestControl(
                    server: server, folder: folder, address: address, admin: try #require(admin ?? server.firstToken))
                try await body(control)
                break
            }
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
    }

    func token(_ kind: PrincipalKind, grants: [Grant] = []) async throws -> String {
        let id = "\(kind.rawValue)-\(grants.count)"
        let new = Tokens.NewToken(id: id, kind: kind, grants: grants)
        return try await server.tokens.create(new, by: .system, now: WallClock.readMilliseconds()).text
    }

    static let document = """
        version: 1
        providers:
          openai: {base_url: "https://api.openai.com/v1", api_key: "${OPENAI_API_KEY}", vendor: openai, jurisdiction: us}
          local: {base_url: "http://127.0.0.1:9/v1", network: private}
        routes:
          assistant: {candidates: [openai/gpt, local/qwen]}
        """

    @discardableResult
    func publish(_ document: String = document, token: String? = nil, ifMatch: UInt64? = nil) async throws -> Answer {
        try await ask(
            "POST", "/v1/generations", token: token ?? admin,
            body: NewGenerationView(document: document, name: "holdfast.yaml", reason: "first", confirmed: nil),
            headers: ifMatch.map { ["if-match": "\"\($0)\""] } ?? [:])
    }

    func ask(
        _ method: String, _ path: String, token: String? = nil, body: (any Encodable & Sendable)? = nil,
        headers: [String: String] = [:]
    ) async throws -> Answer {
        var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(address.port)\(path)")))
        request.httpMethod = method
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "authorization") }
        if let body {
            request.httpBody = APICoding.encode(body)
            request.setValue("application/json", forHTTPHeaderField: "content-type")
        }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let (data, http) = try await Self.send(request)
        var fields: [String: String] = [:]
        for (name, value) in http.allHeaderFields { fields["\(name)".lowercased()] = "\(value)" }
        return Answer(status: http.statusCode, headers: fields, body: data)
    }

    /// As a gateway does: told that it asks too often, it asks again a moment later.
    func pull(token: String, _ report: GatewayReportView) async throws -> Answer {
        var answer = try await ask("POST", "/v1/pull", token: token, body: report)
        for _ in 0..<100 where answer.status == 429 {
            try await Task.sleep(for: .milliseconds(50))
            answer = try await ask("POST", "/v1/pull", token: token, body: report)
        }
        return answer
    }

    /// Not cancelled with its task: `URLSession` locks up for ever where it is cancelled in the moment of its answer.
    private static func send(_ request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        try await withCheckedThrowingContinuation { continuation in
            URLSession.shared.dataTask(with: request) { data, response, error in
                if let http = response as? HTTPURLResponse {
                    continuation.resume(returning: (data ?? Data(), http))
                } else {
                    continuation.resume(throwing: error ?? URLError(.badServerResponse))
                }
            }.resume()
        }
    }
}
