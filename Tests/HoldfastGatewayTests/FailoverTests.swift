import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// Before anything has reached the client, a failure is mended by the next candidate.
    struct FailoverTests {
        static let faults: [Fault] = [
            .refuse, .reset, .silence, .slowHead(delayNanoseconds: 20 * Span.second),
            .slowFirstToken(delayNanoseconds: 20 * Span.second), .stall(afterTokens: 0), .cut(afterTokens: 0),
            .status(500, code: nil), .status(502, code: nil), .status(503, code: nil), .status(529, code: nil),
            .status(401, code: nil), .status(402, code: nil), .status(403, code: nil), .status(404, code: nil),
            .status(408, code: nil), .status(410, code: nil), .status(429, code: "insufficient_quota"),
            .rateLimit(.none, delayNanoseconds: nil), .rateLimit(.seconds, delayNanoseconds: 60 * Span.second),
            .rateLimit(.httpDate, delayNanoseconds: 60 * Span.second),
            .html, .malformed(afterTokens: 0), .empty(done: true), .empty(done: false), .inBandError(afterTokens: 0),
            .redirect(location: nil),
        ]

        @Test(arguments: faults, [false, true])
        func `the next candidate answers`(fault: Fault, stream: Bool) async throws {
            try await withPair {
                $0.timeouts = Setup.brisk
            } _: { gateway, primary, backup in
                try await primary.setFault(fault)
                let reply = try await gateway.ask(chat(stream: stream))
                #expect(reply.status == 200 && reply.isComplete)
                #expect(reply.deployment == "backup/practice-large")
                #expect(reply.attempts == "2" && reply.degraded == "failover")
                if stream {
                    #expect(reply.events.last == "[DONE]" && reply.hasWholeEventsOnly)
                } else {
                    #expect(reply.json["object"] == "chat.completion")
                }
                #expect(backup.requests().counts[.answered] == 1)
                #expect(primary.requests().requests.count == (fault == .refuse ? 0 : 1))
            }
        }

        @Test func `a redirect is never followed`() async throws {
            try await withScripted { _ in
                [.send(Answers.unary)]
            } _: { elsewhere in
                try await withPair { gateway, primary, _ in
                    try await primary.setFault(.redirect(location: "http://127.0.0.1:\(elsewhere.port)/v1"))
                    let reply = try await gateway.ask(chat())
                    #expect(reply.deployment == "backup/practice-large" && reply["location"] == nil)
                    #expect(elsewhere.log.opened == 0)
                }
            }
        }

        @Test(arguments: [false, true])
        func `a compressed answer is no answer`(stream: Bool) async throws {
            let type = stream ? "text/event-stream" : "application/json"
            try await withScripted { _ in
                [.send(Answers.response(headers: ["content-encoding: gzip"], type: type, body: Answers.unaryBody))]
            } _: { server in
                try await withPractice { backup in
                    try await withGateway(Setup(server.port, backup.port)) { gateway in
                        let reply = try await gateway.ask(chat(stream: stream))
                        #expect(reply.status == 200 && reply.deployment == "backup/practice-large")
                    }
                }
            }
        }

        @Test func `what is no HTTP is no answer`() async throws {
            try await withScripted { _ in
                [.send("SSH-2.0-OpenSSH_9.2\r\n")]
            } _: { server in
                try await withPractice { backup in
                    try await withGateway(Setup(server.port, backup.port)) { gateway in
                        let reply = try await gateway.ask(chat())
                        #expect(reply.status == 200 && reply.deployment == "backup/practice-large")
                    }
                }
            }
        }

        @Test(arguments: [false, true])
        func `the caller's fault is passed on and not retried`(stream: Bool) async throws {
            try await withPair { gateway, primary, backup in
                try await primary.setFault(.status(400, code: nil))
                let reply = try await gateway.ask(chat(stream: stream))
                #expect(reply.status == 400 && reply.isComplete && reply["x-should-retry"] == "false")
                #expect(reply.json["error"]?["param"] == "temperature")
                #expect(reply.deployment == "primary/practice-large" && reply.attempts == "1")
                #expect(primary.requests().requests.count == 1 && backup.requests().requests.isEmpty)
                #expect(try await gateway.stateOfDeployment("primary/practice-large")["attempts"]?["neutral"] == 1)
            }
        }

        @Test(arguments: ["content_policy_violation", "content_filter"])
        func `a refusal is not routed around`(code: String) async throws {
            try await withPair { gateway, primary, backup in
                try await primary.setFault(.status(400, code: code))
                let reply = try await gateway.ask(chat())
                #expect(reply.status == 400 && reply.code == code && reply.attempts == "1")
                #expect(backup.requests().requests.isEmpty)
            }
        }

        @Test func `a refusal inside a success is not routed around either`() async throws {
            let body = #"{"error":{"message":"no","type":"content_filter","code":400}}"#
            try await withScripted { _ in
                [.send(Answers.response(body: body))]
            } _: { server in
                try await withPractice { backup in
                    try await withGateway(Setup(server.port, backup.port)) { gateway in
                        let reply = try await gateway.ask(chat())
                        #expect(reply.status == 400 && reply.code == "policy" && reply["x-should-retry"] == "false")
                        #expect(backup.requests().requests.isEmpty)
                    }
                }
            }
        }

        @Test func `no error about our credentials reaches a client`() async throws {
            try await withPair { gateway, primary, backup in
                try await primary.setFault(.status(401, code: nil))
                try await backup.setFault(.status(403, code: nil))
                let reply = try await gateway.ask(chat())
                #expect(reply.status == 502 && reply.code == "every_candidate_failed")
                #expect(reply.attempts == "2" && !reply.body.contains("API key") && !reply.body.contains("allowed"))
            }
        }

        @Test func `where every provider asks for less, the client is told when`() async throws {
            try await withPair { gateway, primary, backup in
                try await primary.setFault(.rateLimit(.seconds, delayNanoseconds: 50 * Span.second))
                try await backup.setFault(.rateLimit(.milliseconds, delayNanoseconds: 39_500 * Span.millisecond))
                let reply = try await gateway.ask(chat(stream: true))
                #expect(reply.status == 503 && reply.code == "no_candidate_available")
                let wait = try #require(reply["retry-after"].flatMap { Int($0) })
                #expect((40...48).contains(wait) && reply["x-should-retry"] == nil)
            }
        }

        @Test func `a short wait is waited for at the same deployment`() async throws {
            try await withScripted { request in
                request.number == 1
                    ? [.send(Answers.response("429 Too Many", headers: ["retry-after-ms: 50"], body: "{}"))]
                    : [.send(Answers.unary)]
            } _: { server in
                try await withPractice { backup in
                    try await withGateway(Setup(server.port, backup.port)) { gateway in
                        let reply = try await gateway.ask(chat())
                        #expect(reply.status == 200 && reply.deployment == "primary/practice-large")
                        #expect(reply.attempts == "2" && reply.degraded == nil)
                        let attempts = try await gateway.stateOfDeployment("primary/practice-large")["attempts"]
                        #expect(attempts?["ok"] == 1 && attempts?["neutral"] == 1 && attempts?["fail"] == 0)
                        #expect(backup.requests().requests.isEmpty)
                    }
                }
            }
        }

        @Test func `without another candidate the same deployment is asked once more`() async throws {
            try await withScripted { request in
                request.number == 1 ? [.send(Answers.response("500 No", body: "{}"))] : [.send(Answers.unary)]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let reply = try await gateway.ask(chat())
                    #expect(reply.status == 200 && reply.attempts == "2" && reply.degraded == nil)
                }
            }
        }

        @Test(arguments: [("0", 2), ("1", 1), ("2", 1), ("many", 2)])
        func `a client that asks again by itself is not asked for twice`(count: String, attempts: Int) async throws {
            try await withPractice { primary in
                try await withGateway(Setup(primary.port)) { gateway in
                    try await primary.setFault(.status(500, code: nil))
                    let reply = try await gateway.ask(chat(headers: ["X-Stainless-Retry-Count: \(count)"]))
                    #expect(reply.status == 502 && reply.attempts == "\(attempts)")
                    #expect(primary.requests().requests.count == attempts)
                }
            }
        }

        @Test func `attempts have a bound`() async throws {
            let port = try await ScriptedServer.deadPort()
            try await withPractice { backup in
                var setup = Setup(port, backup.port)
                setup.route = ", retries: {attempts: 1}"
                try await withGateway(setup) { gateway in
                    let reply = try await gateway.ask(chat())
                    #expect(reply.status == 502 && reply.attempts == "1")
                    #expect(backup.requests().requests.isEmpty)
                }
            }
        }

        @Test func `a megabyte of preamble is not kept for ever`() async throws {
            let comment = Answers.chunk(": " + String(repeating: "z", count: 60_000) + "\n\n")
            try await withScripted { _ in
                [.send(Answers.streamHead)] + Array(repeating: .send(comment), count: 40)
            } _: { server in
                try await withPractice { backup in
                    try await withGateway(Setup(server.port, backup.port)) { gateway in
                        let reply = try await gateway.ask(chat(stream: true))
                        #expect(reply.deployment == "backup/practice-large" && reply.events.last == "[DONE]")
                    }
                }
            }
        }
    }
}
