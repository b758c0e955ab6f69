import HoldfastCore
import HoldfastPractice
import Logging
import NIOHTTP1
import Testing

@testable import HoldfastGateway
@testable import HoldfastTelemetry

extension GatewayTests {
    /// What is offered to the exporter, and what providers are sent. What becomes of it is the exporter's own tests'.
    struct TelemetryTests {
        static let trace = "0af7651916cd43dd8448eb211c80319c"
        static let clientSpan: UInt64 = 0xb7ad_6b71_6920_3331

        static func traceparent(sampled: Bool = true) -> String {
            "traceparent: 00-\(trace)-b7ad6b7169203331-0\(sampled ? 1 : 0)"
        }

        static func exporter(traces: Bool = true, perSecond: Int = 1_000) -> TelemetryExporter {
            var settings = TelemetrySettings(endpoint: BaseURL(isTLS: false, host: "127.0.0.1", port: 1, path: ""))
            settings.traces = traces
            settings.tracesPerSecond = perSecond
            return TelemetryExporter(
                settings, resource: TelemetryResource(service: "test", version: "0", instance: "i"),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        }

        /// The spans of each exchange that was offered, in their order. An exchange is offered after its client has all
        /// of its answer.
        static func spans(_ exporter: TelemetryExporter, least: Int = 1) async throws -> [[TraceSpan]] {
            var found: [[TraceSpan]] = []
            try await eventually("\(least) exchanges were offered") {
                while let batch = exporter.traces?.take(isDue: true) { found += batch.map { $0.spans() } }
                return found.count >= least
            }
            return found
        }

        static func traceparents(_ provider: PracticeServer) -> [String] {
            provider.requests().requests.flatMap { request in
                request.headers.filter { $0.name == "traceparent" }.map(\.value)
            }
        }

        private static func text(_ span: TraceSpan, _ name: String) -> String? {
            guard case .string(let text) = span[name] else { return nil }
            return text
        }

        @Test func `without telemetry providers see no trace`() async throws {
            try await withPair { gateway, primary, _ in
                let reply = try await gateway.ask(chat(headers: [Self.traceparent()]))
                let page = try await gateway.operations("/metrics").body
                #expect(reply.status == 200 && Self.traceparents(primary) == [])
                #expect(!page.contains("holdfast_telemetry"))
            }
        }

        @Test func `where traces are off there are none`() async throws {
            let exporter = Self.exporter(traces: false)
            try await withPair {
                $0.telemetry = exporter
            } _: { gateway, primary, _ in
                let reply = try await gateway.ask(chat(headers: [Self.traceparent()]))
                let page = try await gateway.operations("/metrics").body
                #expect(reply.status == 200 && Self.traceparents(primary) == [])
                #expect(page.contains("holdfast_telemetry_sent_total"))
            }
        }

        @Test func `an exchange continues its client's trace and its provider continues the attempt's`() async throws {
            let exporter = Self.exporter()
            try await withPair {
                $0.telemetry = exporter
            } _: { gateway, primary, _ in
                let headers = [Self.traceparent(), "tracestate: a=1", "tracestate: b=2"]
                let reply = try await gateway.ask(chat(stream: true, tokens: 7, headers: headers))
                let spans = try #require(try await Self.spans(exporter).first)
                try #require(spans.count == 2)
                let (exchange, attempt) = (spans[0], spans[1])
                #expect(exchange.context.traceHigh == 0x0af7_6519_16cd_43dd)
                #expect(exchange.parent == Self.clientSpan && exchange.hasRemoteParent && exchange.kind == .server)
                #expect(exchange.state?.text == "a=1,b=2" && exchange.name == "chat assistant")
                #expect(attempt.parent == exchange.context.span && !attempt.hasRemoteParent && attempt.kind == .client)
                #expect(Set([Self.clientSpan, exchange.context.span, attempt.context.span]).count == 3)
                #expect(Self.traceparents(primary) == [attempt.context.traceparent])
                #expect(attempt.name == "chat practice-large" && exchange.status == .unset && attempt.status == .unset)
                #expect(exchange.startNanoseconds <= attempt.startNanoseconds)
                #expect(attempt.endNanoseconds <= exchange.endNanoseconds)
                #expect(Self.text(exchange, "gen_ai.operation.name") == "chat")
                #expect(Self.text(exchange, "gen_ai.request.model") == "assistant")
                #expect(Self.text(exchange, "gen_ai.response.model") == "practice-large")
                #expect(Self.text(exchange, "gen_ai.provider.name") == "primary")
                #expect(exchange["gen_ai.usage.output_tokens"] == .integer(7))
                #expect(exchange["http.response.status_code"] == .integer(200))
                #expect(Self.text(exchange, "holdfast.exchange") == reply["x-request-id"])
                #expect(exchange["holdfast.time_to_first_token_seconds"] != nil)
                #expect(Self.text(attempt, "server.address") == "127.0.0.1")
                #expect(attempt["server.port"] == .integer(Int64(primary.port)))
                #expect(exchange["error.type"] == nil && attempt["error.type"] == nil)
            }
        }

        @Test func `without a client's trace the exchange's id is the trace's`() async throws {
            let exporter = Self.exporter()
            try await withPair {
                $0.telemetry = exporter
            } _: { gateway, primary, _ in
                for headers in [[], ["traceparent: 00-\(Self.trace)-0000000000000000-01"]] {
                    let reply = try await gateway.ask(chat(headers: headers))
                    let exchange = try #require(try await Self.spans(exporter).first?.first)
                    let id = try #require(reply["x-request-id"])
                    #expect(exchange.parent == nil && !exchange.hasRemoteParent)
                    #expect(exchange.context.traceparent.hasPrefix("00-\(id)-"))
                }
                #expect(Set(Self.traceparents(primary)).count == 2)
            }
        }

        @Test func `two traceparents are none`() async throws {
            let exporter = Self.exporter()
            try await withPair {
                $0.telemetry = exporter
            } _: { gateway, _, _ in
                _ = try await gateway.ask(chat(headers: [Self.traceparent(), Self.traceparent()]))
                #expect(try await Self.spans(exporter).first?.first?.parent == nil)
            }
        }

        @Test func `a trace that is not sampled is passed on and not kept`() async throws {
            let exporter = Self.exporter()
            try await withPair {
                $0.telemetry = exporter
            } _: { gateway, primary, _ in
                _ = try await gateway.ask(chat(headers: [Self.traceparent(sampled: false)]))
                #expect(try await Self.spans(exporter, least: 0).isEmpty)
                let sent = try #require(Self.traceparents(primary).first)
                #expect(sent.hasPrefix("00-\(Self.trace)-") && sent.hasSuffix("-00"))
            }
        }

        @Test func `a failover is two attempts`() async throws {
            let exporter = Self.exporter()
            try await withPair {
                $0.telemetry = exporter
                $0.route = ", retries: {same_deployment: 0}"
            } _: { gateway, primary, backup in
                try await primary.setFault(.status(500, code: nil))
                _ = try await gateway.ask(chat(headers: [Self.traceparent()]))
                let spans = try #require(try await Self.spans(exporter).first)
                try #require(spans.count == 3)
                #expect(spans[1...].allSatisfy { $0.parent == spans[0].context.span })
                #expect(spans.map(\.status) == [.unset, .error("transient"), .unset])
                #expect(Self.text(spans[1], "error.type") == "transient")
                #expect(Self.text(spans[0], "holdfast.degraded") == "failover")
                #expect(spans[0]["holdfast.attempts"] == .integer(2))
                #expect(Self.traceparents(primary) == [spans[1].context.traceparent])
                #expect(Self.traceparents(backup) == [spans[2].context.traceparent])
                #expect(spans[1].endNanoseconds <= spans[2].startNanoseconds)
            }
        }

        @Test func `beyond the rate only what did not go as wished is kept, and what a client keeps`() async throws {
            let exporter = Self.exporter(perSecond: 1)
            try await withPair {
                $0.telemetry = exporter
                $0.route = ", retries: {same_deployment: 0}"
            } _: { gateway, primary, backup in
                for _ in 0..<6 { _ = try await gateway.ask(chat()) }
                // One a second at each loop; so one at least, and not all of these.
                let flags = Self.traceparents(primary).map { String($0.suffix(2)) }
                #expect(flags.first == "01" && flags.contains("00"))
                let sampled = flags.count { $0 == "01" }
                #expect(try await Self.spans(exporter, least: sampled).count == sampled)
                try await eventually("the others are counted") {
                    exporter.figures(of: .traces).dropped[.overRate] == flags.count - sampled
                }

                _ = try await gateway.ask(chat(headers: [Self.traceparent()]))
                #expect(try await Self.spans(exporter).count == 1)
                try await primary.setFault(.status(500, code: nil))
                _ = try await gateway.ask(chat())
                let failedOver = try #require(try await Self.spans(exporter).first)
                #expect(failedOver.count == 3 && failedOver.allSatisfy(\.context.isSampled))
                #expect(Self.traceparents(backup).last?.hasSuffix("00") == true)
            }
        }

        @Test func `an exchange that nobody answers is an error`() async throws {
            let exporter = Self.exporter()
            try await withPair {
                $0.telemetry = exporter
            } _: { gateway, primary, backup in
                for provider in [primary, backup] { try await provider.setFault(.status(500, code: nil)) }
                #expect(try await gateway.ask(chat()).status == 502)
                let exchange = try #require(try await Self.spans(exporter).first?.first)
                #expect(exchange.status == .error("every_candidate_failed"))
                #expect(Self.text(exchange, "error.type") == "transient")
                #expect(exchange["gen_ai.response.model"] == nil)
                #expect(exchange["http.response.status_code"] == .integer(502))
            }
        }

        @Test func `a candidate that was passed over is an event`() async throws {
            let exporter = Self.exporter()
            try await withPair {
                $0.telemetry = exporter
                $0.timeouts = Setup.brisk
            } _: { gateway, primary, _ in
                try await primary.setFault(.refuse)
                for _ in 0...Breaker.consecutiveFailures { _ = try await gateway.ask(chat()) }
                let event = try #require(try await Self.spans(exporter).last?.first?.events.first)
                #expect(event.name == "holdfast.candidate_passed_over")
                #expect(
                    event.attributes == [
                        Attribute("holdfast.deployment", "primary/practice-large"),
                        Attribute("holdfast.reason", "breaker_open"),
                    ])
            }
        }

        @Test func `attempts of one exchange have spans of their own`() {
            let headers: HTTPHeaders = ["traceparent": "00-\(Self.trace)-b7ad6b7169203331-01"]
            let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/", headers: headers)
            let request = IncomingRequest(head: head, now: .zero)
            var random = SeededRandom(seed: 1)
            var budgets: TraceBudgets?
            let trace = ExchangeTrace(request, random: &random, budgets: &budgets)
            var seen: Set<UInt64> = [trace.context.span]
            for candidate in 0..<ExchangePlan.longestCandidates {
                for start in 0..<64 {
                    let attempt = AttemptRecord(candidate: candidate, startedAt: Instant(nanoseconds: Int64(start)))
                    #expect(seen.insert(trace.attempt(attempt).span).inserted)
                    #expect(trace.attempt(attempt) == trace.attempt(attempt))
                }
            }
        }

        @Test func `a collector is sent what the page shows`() async throws {
            try await withPair { gateway, _, _ in
                _ = try await gateway.ask(chat())
                let page = try await gateway.operations("/metrics").body
                let shown = page.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map {
                    String($0.split(separator: " ")[2])
                }
                #expect(gateway.metrics().map { $0.name.replacing(".", with: "_") } == shown)
            }
        }
    }
}

extension TraceSpan {
    fileprivate subscript(name: String) -> Attribute.Value? {
        attributes.first { $0.name == name }?.value
    }
}
