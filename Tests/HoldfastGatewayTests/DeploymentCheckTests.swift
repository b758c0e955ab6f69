import HoldfastCore
import NIOCore
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// What is known of deployments that nobody asks.
    struct DeploymentCheckTests {
        private static func list(_ models: String...) -> [ScriptedServer.Move] {
            let body = #"{"object":"list","data":[\#(models.map { #"{"id":"\#($0)"}"# }.joined(separator: ","))]}"#
            return [.send("HTTP/1.1 200 OK\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")]
        }

        private static func refuse(_ status: Int, _ code: String = "") -> [ScriptedServer.Move] {
            let body = #"{"error":{"message":"no","type":"x","code":"\#(code)"}}"#
            return [.send("HTTP/1.1 \(status) No\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")]
        }

        /// Both providers have been checked once.
        private func withChecked(
            _ script: @escaping ScriptedServer.Script,
            _ body: (GatewayServer, ScriptedServer) async throws -> Void
        ) async throws {
            try await withScripted(script) { server in
                var setup = Setup(server.port)
                setup.checks = true
                setup.providers[0].more += ", api_key: \"sk-secret\""
                try await withGateway(setup) { gateway in
                    try await gateway.lookAtDeployments()
                    try await eventually("the check ends") { try await lastCheck(gateway) != nil }
                    try await body(gateway, server)
                }
            }
        }

        private func warmth(_ gateway: GatewayServer) async throws -> JSONValue {
            try #require(try await gateway.stateOfDeployment("primary/practice-large")["warmth"])
        }

        private func lastCheck(_ gateway: GatewayServer) async throws -> String? {
            try await warmth(gateway)["last_check"]?.string
        }

        @Test func `a deployment that nobody asks is warm once its provider lists the model`() async throws {
            try await withChecked({ _ in Self.list("other", "practice-large") }) { gateway, server in
                #expect(try await warmth(gateway)["state"] == "warm")
                #expect(try await lastCheck(gateway) == "ok")
                let request = try #require(server.log.requests.first)
                #expect(request.lines[0] == "GET /v1/models HTTP/1.1")
                #expect(request.lines.contains("authorization: Bearer sk-secret"))
                let metrics = try await gateway.operations("/metrics").body
                #expect(metrics.contains("holdfast_warm{deployment=\"primary/practice-large\"} 1"))
                #expect(
                    metrics.contains("holdfast_checks_total{deployment=\"primary/practice-large\",outcome=\"ok\"} 1"))
            }
        }

        @Test(
            arguments: [
                (list("other"), "model_not_listed", "doubtful"), (refuse(401), "credential", "doubtful"),
                (refuse(404), "not_supported", "untested"), (refuse(529), "overloaded", "untested"),
                (refuse(451), "restricted", "doubtful"), ([.close], "unreachable", "doubtful"),
                ([.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")], "not_supported", "untested"),
            ] as [([ScriptedServer.Move], String, String)])
        func `what a check finds is said, and takes nothing out`(
            answer: [ScriptedServer.Move], word: String, state: String
        ) async throws {
            try await withChecked({ $0.head.hasPrefix("GET") ? answer : Self.answer }) { gateway, _ in
                #expect(try await lastCheck(gateway) == word)
                #expect(try await warmth(gateway)["state"]?.string == state)
                let metrics = try await gateway.operations("/metrics").body
                #expect(metrics.contains("holdfast_warm{deployment=\"primary/practice-large\"} 0"))
                let reply = try await gateway.ask(chat())
                #expect(reply.status == 200)
                #expect(try await warmth(gateway)["state"] == "warm", "an answer says more than a check")
            }
        }

        @Test func `whoever answers is not checked, and nobody is where checks are off`() async throws {
            try await withScripted({ _ in Self.answer }) { server in
                var setup = Setup(server.port)
                setup.checks = true
                try await withGateway(setup) { gateway in
                    _ = try await gateway.ask(chat())
                    try await gateway.lookAtDeployments()
                    #expect(try await lastCheck(gateway) == nil)
                    #expect(try await warmth(gateway)["state"] == "warm")
                }
                setup.checks = false
                try await withGateway(setup) { gateway in
                    try await gateway.lookAtDeployments()
                    #expect(try await warmth(gateway)["state"] == "untested")
                }
                #expect(server.log.requests.allSatisfy { $0.head.hasPrefix("POST") })
            }
        }

        private static let answer: [ScriptedServer.Move] = {
            let body =
                #"{"id":"1","object":"chat.completion","model":"m","choices":[{"index":0,"message":"#
                + #"{"role":"assistant","content":"yes"},"finish_reason":"stop"}],"#
                + #""usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#
            return [
                .send(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
                )
            ]
        }()
    }
}

extension GatewayServer {
    /// As if the minute over which the first checks are spread were over. Returns once they have begun.
    fileprivate func lookAtDeployments() async throws {
        let checks = operations.checks
        try await checks.eventLoop.submit {
            // The first look says from when on the deployments are known.
            let now = MonotonicClock.read()
            checks.value.look(now: now)
            checks.value.look(now: now.advanced(byNanoseconds: CheckSchedule.startNanoseconds))
        }.get()
    }
}
