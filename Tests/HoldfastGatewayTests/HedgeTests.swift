import Foundation
import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// Two runs of one exchange, of which the client sees one.
    struct HedgeTests {
        /// One more would be hedged itself where this machine is slow.
        private static let warmUp = FirstTokenLatency.leastSamples

        /// A route that hedges, its first candidate's pace known, and one exchange of a hedge earned.
        private func withHedges(
            _ route: String = "", accessLog: String = "off",
            _ body: (GatewayServer, _ primary: PracticeServer, _ backup: PracticeServer) async throws -> Void
        ) async throws {
            try await withPair {
                $0.timeouts = "{first_token: 2s, idle: 2s, total: 10s}"
                $0.route = ", hedge: true\(route)"
                $0.accessLog = accessLog
                $0.tail = TestKeys.sections
                $0.alter = { for place in $0.workloads.indices { $0.workloads[place].criticality = .critical } }
            } _: { gateway, primary, backup in
                for _ in 0..<Self.warmUp { _ = try await gateway.ask(asked()) }
                try await body(gateway, primary, backup)
            }
        }

        private func asked(stream: Bool = true, tokens: Int = 5) -> String {
            chat(stream: stream, tokens: tokens, headers: [TestKeys.bearer(TestKeys.app)])
        }

        @Test func `a late first token is overtaken by another candidate`() async throws {
            try await withFolder { folder in
                let file = folder.appending(path: "access.log")
                try await withHedges(accessLog: file.path) { gateway, primary, backup in
                    try await primary.setFault(.silence)
                    let before = MonotonicClock.read()
                    let reply = try await gateway.ask(asked())
                    let took = MonotonicClock.read().nanoseconds(since: before)
                    #expect(took < Span.second, "\(took / Span.millisecond) ms")
                    #expect(reply.deployment == "backup/practice-large" && reply.degraded == "hedge")
                    #expect(reply.attempts == "2" && reply.events.last == "[DONE]" && reply.hasWholeEventsOnly)
                    #expect(backup.requests().requests.count == 1)
                    try await eventually("the other attempt is given up") {
                        try await gateway.stateOfDeployment("primary/practice-large")["in_flight"] == 0
                    }
                    let state = try await gateway.stateOfDeployment("primary/practice-large")
                    #expect(state["attempts"]?["fail"] == 0, "being overtaken is no failure")
                    #expect(try await gateway.state()["exchanges_in_flight"] == 0)
                    try await eventually("the line is written") {
                        try accessLogLines(of: file).count == Self.warmUp + 1
                    }
                    let attempts = try accessLogLines(of: file).last?["attempts"]?.array ?? []
                    #expect(attempts.map { $0["deployment"] } == ["primary/practice-large", "backup/practice-large"])
                    #expect(attempts.map { $0["failure"] } == ["neutral", .null], "both are on the record")
                }
            }
        }

        @Test func `the first one may still win`() async throws {
            try await withHedges { gateway, primary, backup in
                try await primary.setFault(.slowFirstToken(delayNanoseconds: 150 * Span.millisecond))
                try await backup.setFault(.silence)
                let reply = try await gateway.ask(asked())
                #expect(reply.deployment == "primary/practice-large" && reply.degraded == nil)
                #expect(reply.isComplete && reply.events.last == "[DONE]")
                try await eventually("the hedge is given up") {
                    try await gateway.stateOfDeployment("backup/practice-large")["in_flight"] == 0
                }
                #expect(backup.requests().requests.count == 1)
            }
        }

        @Test func `where the first fails the hedge is all there is`() async throws {
            try await withHedges(", retries: {attempts: 2}") { gateway, primary, backup in
                try await primary.setFault(.silence)
                try await backup.setFault(.slowFirstToken(delayNanoseconds: 2_500 * Span.millisecond))
                // The first run gives up after two seconds; the hedge has its patience from its own start.
                let reply = try await gateway.ask(asked())
                let isEither = reply.status == 200 && reply.deployment == "backup/practice-large" || reply.status == 502
                #expect(isEither && reply.isComplete)
                #expect(try await gateway.state()["exchanges_in_flight"] == 0)
            }
        }

        @Test func `a hedge that takes over a client that was kept awake goes on in its stream`() async throws {
            try await withHedges(", delivery: hold, hold: {heartbeat: 50ms}") { gateway, primary, backup in
                try await primary.setFault(.silence)
                try await backup.setFault(.slowFirstToken(delayNanoseconds: 200 * Span.millisecond))
                let reply = try await gateway.ask(asked())
                #expect(reply.status == 200 && reply.isComplete && reply.rest.isEmpty && reply.hasWholeEventsOnly)
                #expect(reply.comments.first == "still waiting")
                #expect(reply.comments.last == "answered by backup/practice-large")
                #expect(reply.events.last == "[DONE]" && !reply.streamedText.isEmpty)
                try await eventually("the other attempt is given up") {
                    try await gateway.stateOfDeployment("primary/practice-large")["in_flight"] == 0
                }
            }
        }

        @Test func `where the hedge fails the first goes on`() async throws {
            try await withHedges { gateway, primary, backup in
                try await primary.setFault(.slowFirstToken(delayNanoseconds: 300 * Span.millisecond))
                try await backup.setFault(.status(500, code: nil))
                let reply = try await gateway.ask(asked())
                #expect(reply.status == 200 && reply.deployment == "primary/practice-large" && reply.attempts == "2")
            }
        }

        @Test func `a hedge that breaks after it won is continued like any stream`() async throws {
            try await withHedges { gateway, primary, backup in
                try await primary.setFault(.silence)
                try await backup.setFault(.cut(afterTokens: 2))
                let reply = try await gateway.ask(asked())
                // Both of two candidates were asked, so nobody is left to go on.
                #expect(reply.lastError?["code"] == "answer_interrupted" && !reply.body.contains("[DONE]"))
            }
        }

        @Test func `both are given up when the client leaves`() async throws {
            try await withHedges { gateway, primary, backup in
                try await primary.setFault(.silence)
                try await backup.setFault(.silence)
                let client = try await RawClient.connect(gateway.port)
                try await client.send(asked())
                try await eventually("both are asked") { backup.requests().requests.count == 1 }
                await client.close()
                for id in ["primary/practice-large", "backup/practice-large"] {
                    try await eventually("\(id) is left") {
                        try await gateway.stateOfDeployment(id)["in_flight"] == 0
                    }
                }
                try await eventually("it ends") { try await gateway.state()["exchanges_in_flight"] == 0 }
            }
        }

        @Test func `a request sent as a stream is hedged too`() async throws {
            try await withHedges(", unary: streamed") { gateway, primary, _ in
                try await primary.setFault(.silence)
                let reply = try await gateway.ask(asked(stream: false))
                #expect(reply.status == 200 && reply.degraded == "hedge")
                #expect(reply.deployment == "backup/practice-large" && reply.json?["object"] == "chat.completion")
            }
        }

        @Test func `a hedge that finds nobody free does not begin later`() async throws {
            try await withHedges { gateway, primary, backup in
                // One slot at the backup, and somebody has it for longer than the exchange below takes.
                var busy = Setup(primary.port, backup.port)
                busy.route = ", hedge: true"
                busy.tail =
                    TestKeys.sections + "\ndeployments: {backup/practice-large: {limits: {concurrent: 1}}}"
                busy.alter = { for place in $0.workloads.indices { $0.workloads[place].criticality = .critical } }
                try gateway.adopt(try busy.load())
                try await backup.setFault(.slowHead(delayNanoseconds: Span.second))
                let holder = try await RawClient.connect(gateway.port)
                let direct = chat(
                    "backup/practice-large", headers: [TestKeys.bearer(TestKeys.app)])
                try await holder.send(direct)
                try await eventually("the slot is taken") { backup.requests().requests.count == 1 }
                try await primary.setFault(.slowFirstToken(delayNanoseconds: 40 * Span.millisecond))
                let reply = try await gateway.ask(asked())
                #expect(reply.deployment == "primary/practice-large" && reply.events.last == "[DONE]")
                _ = try await holder.wait { Reply($0).isComplete }
                await holder.close()
                #expect(backup.requests().requests.count == 1, "the slot came free and nobody wanted it any more")
                let state = try await gateway.stateOfDeployment("backup/practice-large")
                #expect(state["in_flight"] == 0 && state["waiting"] == 0)
            }
        }

        @Test func `one in twenty at most`() async throws {
            try await withHedges { gateway, primary, backup in
                try await primary.setFault(.slowFirstToken(delayNanoseconds: 60 * Span.millisecond))
                for _ in 0..<20 { _ = try await gateway.ask(asked()) }
                // Sixty to know the pace and twenty since.
                #expect((1...4).contains(backup.requests().requests.count))
            }
        }

        /// Answers the warm-up, and then what a test tells it.
        private static func primary(
            after warmUp: Int, _ moves: [ScriptedServer.Move]
        ) -> ScriptedServer.Script {
            let chunk = { (delta: String, reason: String) in
                #"data: {"id":"1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":\#(delta),"#
                    + #""finish_reason":\#(reason)}]}"# + "\n\n"
            }
            let events = chunk(#"{"content":"hi"}"#, "null") + chunk("{}", #""stop""#) + "data: [DONE]\n\n"
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: \(events.utf8.count)\r\n\r\n"
            return { $0.number <= warmUp ? [.send(head + events)] : moves }
        }

        private static let refusal: String = {
            let body = #"{"error":{"message":"temperature is too high","type":"invalid_request_error","code":null}}"#
            return "HTTP/1.1 400 Bad Request\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
        }()

        private func hedging(_ primary: Int, _ backup: Int, firstToken: String) -> Setup {
            var setup = Setup(primary, backup)
            setup.timeouts = "{first_token: \(firstToken), idle: 5s, total: 10s}"
            setup.route = ", hedge: true"
            setup.tail = TestKeys.sections
            setup.alter = { for place in $0.workloads.indices { $0.workloads[place].criticality = .critical } }
            return setup
        }

        private func warmUp(_ gateway: GatewayServer) async throws {
            for _ in 0..<Self.warmUp {
                let warm = try await gateway.ask(asked())
                #expect(warm.status == 200)
            }
        }

        @Test func `what the first provider says of the request is the last word, hedged or not`() async throws {
            let script = Self.primary(after: Self.warmUp, [.pause(milliseconds: 600), .send(Self.refusal)])
            try await withPractice { backup in
                try await backup.setFault(.silence)
                try await withScripted(script) { primary in
                    try await withGateway(hedging(primary.port, backup.port, firstToken: "5s")) { gateway in
                        try await warmUp(gateway)
                        let before = MonotonicClock.read()
                        let reply = try await gateway.ask(asked())
                        let took = MonotonicClock.read().nanoseconds(since: before)
                        #expect(reply.status == 400)
                        #expect(
                            took < 3 * Span.second, "the silent hedge was not waited for: \(took / Span.millisecond) ms"
                        )
                        #expect(backup.requests().requests.count == 1, "there was a hedge")
                        try await eventually("the hedge is given up") {
                            try await gateway.stateOfDeployment("backup/practice-large")["in_flight"] == 0
                        }
                    }
                }
            }
        }

        @Test func `what a hedge was told of the request is said once the first attempt has failed`() async throws {
            let script = Self.primary(after: Self.warmUp, [.pause(milliseconds: 9_000), .close])
            try await withScripted({ _ in [.send(Self.refusal)] }) { backup in
                try await withScripted(script) { primary in
                    try await withGateway(hedging(primary.port, backup.port, firstToken: "1s")) { gateway in
                        try await warmUp(gateway)
                        let reply = try await gateway.ask(asked())
                        #expect(reply.status == 400)
                        #expect(reply.body.contains("temperature is too high"), "\(reply.body)")
                        #expect(backup.log.requests.count == 1, "there was a hedge, and nobody was asked after it")
                    }
                }
            }
        }
    }
}
