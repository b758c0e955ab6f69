import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// Who is asked first, and models with a last day.
    struct StrategyTests {
        private func answers(_ gateway: GatewayServer, _ count: Int, stream: Bool = false) async throws -> [String: Int]
        {
            var found: [String: Int] = [:]
            for _ in 0..<count {
                let reply = try await gateway.ask(chat(stream: stream))
                found[String(reply.deployment?.prefix { $0 != "/" } ?? "none"), default: 0] += 1
            }
            return found
        }

        @Test func `the cheapest answers, and a new price puts another first`() async throws {
            try await withPair {
                $0.route = ", strategy: cheapest"
                $0.tail = "deployments: {primary/practice-large: {price: {input: 2, output: 9}}}"
            } _: { gateway, primary, backup in
                #expect(try await answers(gateway, 3) == ["primary": 3], "an unknown price comes last")
                var next = Setup(primary.port, backup.port)
                next.route = ", strategy: cheapest"
                next.tail =
                    "deployments: {primary/practice-large: {price: {input: 2, output: 9}}, "
                    + "backup/practice-large: {price: {input: 1, output: 3}}}"
                try gateway.adopt(try next.load())
                #expect(try await answers(gateway, 3) == ["backup": 3])
            }
        }

        @Test func `weights share the traffic`() async throws {
            try await withPair {
                $0.route = ", strategy: weighted, weights: [1, 1000000]"
            } _: { gateway, primary, _ in
                #expect(try await answers(gateway, 5) == ["backup": 5])
                try await primary.setFault(.status(500, code: nil))
                #expect(try await answers(gateway, 2) == ["backup": 2])
            }
        }

        @Test func `the faster one answers once both are known`() async throws {
            try await withPair {
                $0.route = ", strategy: fastest"
            } _: { gateway, primary, _ in
                try await primary.setFault(.slowFirstToken(delayNanoseconds: 10 * Span.millisecond))
                // Unknown ones are sought out, so that both are known after so many.
                _ = try await answers(gateway, 2 * FirstTokenLatency.leastSamples + 10, stream: true)
                let state = try await gateway.stateOfDeployment("backup/practice-large")
                let median = try #require(state["median_first_token_milliseconds"]?.integer)
                #expect(median < 10)
                let found = try await answers(gateway, 50, stream: true)
                #expect(found["backup", default: 0] > 40, "\(found)")
            }
        }

        @Test func `a learnt pace is what a silent provider is measured by`() async throws {
            try await withPair {
                // The defaults: ten seconds while nothing is known.
                $0.timeouts = "{total: 30s}"
            } _: { gateway, primary, _ in
                _ = try await answers(gateway, FirstTokenLatency.leastSamples, stream: true)
                try await primary.setFault(.silence)
                let before = MonotonicClock.read()
                let reply = try await gateway.ask(chat(stream: true))
                let took = MonotonicClock.read().nanoseconds(since: before)
                #expect(reply.deployment == "backup/practice-large" && reply.degraded == "failover")
                #expect((Span.second...5 * Span.second).contains(took), "\(took / Span.millisecond) ms")
            }
        }

        private func retiring(_ days: Int64, _ more: String = "") -> String {
            let today = CalendarDay(unixMilliseconds: WallClock.readMilliseconds())
            return "deployments: {primary/practice-large: {retires: \(today.advanced(byDays: days))\(more)}}"
        }

        @Test func `a model that is taken away soon says so`() async throws {
            try await withPair {
                $0.tail = retiring(20)
            } _: { gateway, _, _ in
                let reply = try await gateway.ask(chat())
                #expect(reply.deployment == "primary/practice-large")
                #expect(
                    reply["sunset"]?.hasSuffix(" 00:00:00 GMT") == true && reply["deprecation"]?.hasPrefix("@") == true)
                #expect(try await gateway.stateOfDeployment("primary/practice-large")["retires"]?.string != nil)
                let metrics = try await gateway.operations("/metrics").body
                #expect(metrics.contains("holdfast_retires_in_seconds{deployment=\"primary/practice-large\"} 1728000"))
            }
            try await withPair {
                $0.tail = retiring(200)
            } _: { gateway, _, _ in
                let reply = try await gateway.ask(chat())
                #expect(reply.status == 200 && reply["sunset"] == nil)
            }
        }

        @Test func `on its day the replacement answers`() async throws {
            try await withPractice { third in
                try await withPair {
                    $0.providers.append(
                        Setup.Provider(
                            name: "third", url: "http://127.0.0.1:\(third.port)/v1", more: ", network: private"))
                    $0.alter = { $0.routes[0].candidates.removeLast() }
                    $0.tail = retiring(0, ", replaced_by: third/practice-large")
                } _: { gateway, primary, _ in
                    let reply = try await gateway.ask(chat())
                    #expect(reply.deployment == "third/practice-large" && reply.degraded == "failover")
                    #expect(reply["sunset"] == nil && primary.requests().requests.isEmpty)
                }
            }
        }

        @Test func `a wait that stands in the body is respected`() async throws {
            let body =
                #"{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED","details":[{"@type":"#
                + #""type.googleapis.com/google.rpc.RetryInfo","retryDelay":"30s"}]}}"#
            try await withScripted { _ in
                [.send(Answers.response("429 Too Many Requests", body: body))]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let reply = try await gateway.ask(chat())
                    let wait = try #require(reply["retry-after"].flatMap { Int($0) })
                    #expect(reply.status == 503 && (29...36).contains(wait))
                }
            }
        }
    }
}
