import Foundation
import HoldfastCore
import HoldfastPractice
import HoldfastTelemetry
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    struct OperationsTests {
        @Test func `the four pages`() async throws {
            try await withPair { gateway, _, _ in
                let live = try await gateway.operations("/livez")
                #expect(live.status == 200 && live.body == "alive\n" && live["cache-control"] == "no-store")
                #expect(try await gateway.operations("/readyz").body == "ready\n")
                let metrics = try await gateway.operations("/metrics?x=1")
                #expect(metrics["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
                #expect(try await gateway.operations("/state")["content-type"] == "application/json")
                #expect(try await gateway.operations("/v1/models").status == 404)
                #expect(try await gateway.operations("/state", method: "POST").status == 405)
                let head = try await gateway.operations("/state", method: "HEAD")
                #expect(head.status == 200 && head.body.isEmpty && head["content-length"] != "0")
                #expect(try await gateway.ask(get("/metrics")).status == 404)
            }
        }

        @Test func `the metrics keep to their format`() async throws {
            try await withPair { gateway, primary, _ in
                _ = try await gateway.ask(chat())
                _ = try await gateway.ask(chat(stream: true))
                _ = try await gateway.ask(chat("backup/practice-large"))
                _ = try await gateway.ask(chat("nobody"))
                try await primary.setFault(.status(500, code: nil))
                _ = try await gateway.ask(chat())
                let page = try MetricsPage(try await gateway.operations("/metrics").body)
                #expect(page.problems == [])
                let route = "route=\"assistant\""
                #expect(page["holdfast_exchanges_total", [route, "end=\"answered\""]] == 3)
                #expect(page["holdfast_exchanges_total", ["route=\"backup/practice-large\"", "end=\"answered\""]] == 1)
                #expect(page["holdfast_failovers_total", [route]] == 1)
                #expect(page["holdfast_rejections_total", ["reason=\"model_not_found\""]] == 1)
                let deployment = "deployment=\"primary/practice-large\""
                #expect(page["holdfast_attempts_total", [deployment, "outcome=\"ok\""]] == 2)
                #expect(page["holdfast_attempts_total", [deployment, "outcome=\"fail\""]] == 1)
                #expect(page["holdfast_attempt_failures_total", [deployment, "class=\"transient\""]] == 1)
                #expect(page["holdfast_breaker_state", [deployment, "state=\"closed\""]] == 1)
                #expect(page["holdfast_in_flight", []] == 0 && page["holdfast_ready", []] == 1)
                let model = "gen_ai_request_model=\"assistant\""
                #expect(page["gen_ai_client_operation_duration_count", [model]] == 3)
                #expect(page["gen_ai_server_time_to_first_token_count", [model]] == 1)
                #expect(page["gen_ai_client_token_usage_sum", [model, "gen_ai_token_type=\"output\""]] == 12)
                #expect(page["holdfast_upstream_connections", ["provider=\"primary\"", "state=\"idle\""]] == 1)
            }
        }

        @Test func `the event loops tell their lag`() async throws {
            try await withPair { gateway, _, _ in
                try await eventually("a few looks") {
                    let page = try MetricsPage(try await gateway.operations("/metrics").body)
                    return page["holdfast_event_loop_lag_seconds_count", []] ?? 0 >= 2
                }
            }
        }

        @Test func `the text format escapes what it must`() throws {
            var metric = Metric("a_total", .counter, "Help.")
            metric.points = [Metric.Point([("name", "a\"b\\c\nd")], .integer(1))]
            let text = PrometheusText.page([metric])
            #expect(text.hasSuffix("a_total{name=\"a\\\"b\\\\c\\nd\"} 1\n"))
            #expect(try MetricsPage(text).problems == [])
        }

        @Test func `live state`() async throws {
            try await withPair { gateway, primary, _ in
                try await primary.setFault(.silence)
                let client = try await RawClient.connect(gateway.port)
                try await client.send(chat())
                try await eventually("it is at the provider") { primary.requests().counts[.active] == 1 }
                let state = try await gateway.state()
                #expect(state["ready"] == true && state["draining"] == false)
                #expect(state["client_connections"] == 1 && state["exchanges_in_flight"] == 1)
                #expect(state["configuration"]?["generation"] == 1)
                let candidates = state["routes"]?.array?.first?["candidates"]
                #expect(candidates == ["primary/practice-large", "backup/practice-large"])
                let deployment = state["deployments"]?.array?.first
                #expect(deployment?["in_flight"] == 1 && deployment?["breaker"] == "closed")
                #expect(deployment?["vendor"] == "primary" && deployment?["provider"] == "primary")
                #expect(state["providers"]?.array?.first?["open_connections"] == 1)
                await client.close()
            }
        }
    }
}

/// A strict reader of the Prometheus text format, version 0.0.4.
struct MetricsPage {
    private var values: [String: Double] = [:]
    private(set) var problems: [String] = []
    private var types: [String: String] = [:]
    private var finished: Set<String> = []
    private var family = ""

    init(_ text: String) throws {
        if !text.hasSuffix("\n") { problems.append("the last line has no end") }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            try read(String(line))
        }
        checkHistograms()
    }

    subscript(name: String, labels: [String]) -> Double? {
        values[labels.isEmpty ? name : "\(name){\(labels.joined(separator: ","))}"]
    }

    private mutating func read(_ line: String) throws {
        if let match = try #/# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)/#.wholeMatch(in: line) {
            let name = String(match.1)
            if !family.isEmpty { finished.insert(family) }
            if finished.contains(name) { problems.append("\(name) stands in two places") }
            family = name
        } else if let match = try #/# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)/#.wholeMatch(in: line) {
            let name = String(match.1)
            if name != family || types[name] != nil { problems.append("a stray type: \(line)") }
            types[name] = String(match.2)
        } else if let match = try
            #/(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)+\})?) (\S+)/#
            .wholeMatch(in: line)
        {
            let key = String(match.1)
            let name = String(match.2)
            let suffixes = types[family] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
            if !suffixes.contains(where: { name == family + $0 }) { problems.append("outside its family: \(line)") }
            if types[family] == "counter", !name.hasSuffix("_total") { problems.append("an odd counter: \(name)") }
            if values[key] != nil { problems.append("twice: \(key)") }
            if key.contains(",}") { problems.append("a stray comma: \(key)") }
            values[key] = Double(match.5)
            if values[key] == nil { problems.append("no number: \(line)") }
        } else {
            problems.append("not of the format: \(line)")
        }
    }

    private mutating func checkHistograms() {
        for (key, count) in values where key.contains("_count") {
            guard let family = types.keys.first(where: { key.hasPrefix("\($0)_count") }) else { continue }
            let labels = key.dropFirst("\(family)_count".count).dropFirst().dropLast()
            let prefix = "\(family)_bucket{\(labels)\(labels.isEmpty ? "" : ",")le=\""
            let buckets = values.filter { $0.key.hasPrefix(prefix) }
                .map { (Double($0.key.dropFirst(prefix.count).dropLast(2)) ?? .nan, $0.value) }
                .sorted { $0.0 < $1.0 }
            let counts = buckets.map(\.1)
            if buckets.last?.0 != .infinity || counts.last != count || counts != counts.sorted() {
                problems.append("a histogram that does not add up: \(key)")
            }
            if values[key.replacing("_count", with: "_sum")] == nil { problems.append("no sum for \(key)") }
        }
    }
}
