import Foundation
import HoldfastAPI
import HoldfastCore
import HoldfastTelemetry
import Testing

@testable import HoldfastControl

/// What every answer of the API has, whatever the noun.
@Suite("The API", .serialized)
struct APITests {
    @Test("A method that a path does not take is answered with those that it takes")
    func allow() async throws {
        try await TestControl.run { control in
            for (path, methods) in [("/livez", "GET"), ("/v1/tokens", "GET, POST"), ("/v1/pull", "POST")] {
                let answer = try await control.ask("DELETE", path, token: control.admin)
                #expect(answer.status == 405)
                #expect(answer.headers["allow"] == methods)
            }
        }
    }

    @Test("Whoever comes without a token is turned away, and neither counted as guessing nor slowed down")
    func noToken() async throws {
        try await TestControl.run { control in
            for _ in 0..<30 {
                let answer = try await control.ask("GET", "/v1/status")
                #expect(answer.status == 401)
                #expect(answer.headers["www-authenticate"] == "Bearer")
            }
            #expect(try await control.ask("GET", "/v1/status", token: "wrong").status == 401, "this is the first guess")
        }
    }

    @Test("Every route is in the document, with what it answers, as what media type, and its headers")
    func document() async throws {
        try await TestControl.run { control in
            let described = try await control.ask("GET", "/openapi.json")
            let object = try JSONSerialization.jsonObject(with: described.body)
            let document = try #require(object as? NSDictionary)
            for (path, type) in [
                ("/openapi.json", "application/json"), ("/livez", "text/plain"), ("/metrics", PrometheusText.mediaType),
                ("/v1/audit/checkpoint", "text/plain; charset=utf-8"), ("/v1/tokens", "application/json"),
            ] {
                let found = at(["paths", path, "get", "responses", "200"], document)
                let answer = try #require(found as? NSDictionary)
                #expect(at(["content", type, "schema"], answer) != nil, "\(path)")
                #expect(at(["headers", "x-request-id", "required"], answer) as? Bool == true, "\(path)")
                let served = try await control.ask("GET", path, token: control.admin)
                #expect(served.headers["content-type"] == type)
                #expect(served.headers["x-request-id"]?.isEmpty == false)
            }
        }
    }

    /// What stands at the end of a path of names.
    private func at(_ path: [String], _ document: NSDictionary) -> Any? {
        path.reduce(document as Any?) { ($0 as? NSDictionary)?[$1] }
    }

    @Test("What the document says of a text is what the API takes")
    func texts() async throws {
        try await TestControl.run { control in
            let text = try #require(APISchema.why.json["pattern"]?.string)
            let pattern = try Regex(text)
            try await control.publish()
            for reason in [
                "it is down", " x ", "größer", "", "   ", "two\nlines", "a\u{7F}b", "a\u{2028}b",
                String(repeating: "x", count: 500),
                String(repeating: "x", count: 501), "\u{1F9EA}",
            ] {
                let isLegal = reason.unicodeScalars.count <= 500 && reason.wholeMatch(of: pattern) != nil
                let answer = try await control.ask(
                    "POST", "/v1/rollback", token: control.admin, body: RollbackView(to: 1, reason: reason))
                #expect((answer.status == 201) == isLegal, "\(reason.debugDescription): \(answer.status)")
                let named = try await control.ask(
                    "POST", "/v1/generations", token: control.admin,
                    body: NewGenerationView(
                        document: TestControl.document, name: reason, reason: "why", confirmed: nil))
                #expect(
                    (named.status == 201) == (isLegal && reason.count <= APISchema.longestName),
                    "\(reason.debugDescription)")
            }
        }
    }

    @Test("A member that may be absent may be null, and the document says so; one that must be there may not")
    func null() async throws {
        try await TestControl.run { control in
            let described = try await control.ask("GET", "/openapi.json")
            let object = try JSONSerialization.jsonObject(with: described.body)
            let document = try #require(object as? NSDictionary)
            let schema = [
                "paths", "/v1/tokens", "post", "requestBody", "content", "application/json", "schema", "properties",
            ]
            #expect((at(schema + ["grants", "anyOf"], document) as? [NSDictionary])?.last == ["type": "null"])
            #expect(at(schema + ["kind", "anyOf"], document) == nil)
            let made = try await control.ask(
                "POST", "/v1/tokens", token: control.admin, body: ["id": "a", "kind": "viewer", "grants": nil])
            #expect(made.status == 201)
            let refused = try await control.ask(
                "POST", "/v1/tokens", token: control.admin, body: ["id": "b", "kind": nil as String?])
            #expect(refused.status == 422)
        }
    }

    @Test(
        "Numbers in a query are digits and nothing else",
        arguments: ["-1", "+1", "1.0", "x", "", "9999999999999999999"])
    func numbers(text: String) async throws {
        try await TestControl.run { control in
            for path in [
                "/v1/generations?after=", "/v1/audit?after=", "/v1/audit?limit=", "/v1/audit/inclusion?entry=",
            ] {
                let query = text.replacingOccurrences(of: "+", with: "%2B")
                let answer = try await control.ask("GET", path + query, token: control.admin)
                #expect(answer.status == 422, "\(path)\(text)")
                #expect(answer.problem?.fields?.first?.mend.isEmpty == false)
            }
        }
    }

    @Test("Metrics are for those who may see the gateways, and count what happens")
    func metrics() async throws {
        try await TestControl.run { control in
            #expect(try await control.ask("GET", "/metrics").status == 401)
            let auditor = try await control.token(.auditor)
            #expect(try await control.ask("GET", "/metrics", token: auditor).status == 403)
            let viewer = try await control.token(.viewer)
            try await control.publish()
            let node = try await control.token(.node)
            let report = GatewayReportView(
                version: "1", generation: 0, source: "control", ready: true, exchangesInFlight: 0, exchanges: 0,
                failures: 0, refused: "too large", shedding: "none")
            let pulled = try await control.ask("POST", "/v1/pull", token: node, body: report)
            #expect(pulled.status == 200)
            let answer = try await control.ask("GET", "/metrics", token: viewer)
            let page = String(decoding: answer.body, as: UTF8.self)
            for line in [
                "holdfast_control_generation 1", #"holdfast_control_pulls_total{answer="taken"} 1"#,
                #"holdfast_control_gateway_ready{gateway="node-0"} 1"#,
                #"holdfast_control_gateway_refusing{gateway="node-0"} 1"#, #"holdfast_control_tokens{kind="viewer"} 1"#,
                #"holdfast_control_answers_total{code="401"} 1"#, "holdfast_control_backup_failing 0",
            ] {
                #expect(page.contains("\n\(line)\n"), "\(line)\n\(page)")
            }
            #expect(!page.contains("\nholdfast_control_backup_age_seconds "), "there is no backup, so there is no age")
            #expect(control.server.metrics().map(\.name).contains("holdfast_control_audit_entries"))
        }
    }

    @Test("A gateway that says what cannot be is refused, and one that says too much is cut short")
    func reports() async throws {
        try await TestControl.run { control in
            try await control.publish()
            let node = try await control.token(.node)
            var report = GatewayReportView(
                version: String(repeating: "v", count: 100_000), generation: 0, source: "elsewhere", ready: true,
                exchangesInFlight: 0, exchanges: 0, failures: 0, refused: nil, shedding: "none")
            let elsewhere = try await control.ask("POST", "/v1/pull", token: node, body: report)
            #expect(elsewhere.problem?.fields?.map(\.field) == ["source"])
            (report.source, report.generation) = ("ring", .max)
            let later = try await control.ask("POST", "/v1/pull", token: node, body: report)
            #expect(later.problem?.fields?.map(\.field) == ["generation"])
            report.generation = 0
            let taken = try await control.ask("POST", "/v1/pull", token: node, body: report)
            #expect(taken.status == 200)
            let list = try await control.ask("GET", "/v1/gateways", token: control.admin)
            let kept = try #require(try list.view(Page<GatewayView>.self).items.first)
            #expect(kept.report.version.count == GatewayReportView.longestWord)
        }
    }
}
