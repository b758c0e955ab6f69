import HoldfastCore
import HoldfastTelemetry

/// Every metric with its name, in one list: `/metrics` shows it, and a collector is sent it. The `gen_ai.*` names follow
/// the GenAI conventions, which are still moving; ours begin with `holdfast_`.
enum MetricsReport {
    static func text(shared: GatewayShared, status: GatewayStatus, now: Instant) -> String {
        PrometheusText.page(metrics(shared: shared, status: status, now: now))
    }

    static func metrics(shared: GatewayShared, status: GatewayStatus, now: Instant) -> [Metric] {
        let inForce = status.inForce
        let deployments = inForce.deployments.map {
            ([("deployment", $0.deployment.id)], $0.state.snapshot(now: now))
        }
        return process(shared, status, now) + requests(shared) + routes(inForce) + attempts(deployments)
            + states(deployments, inForce) + drills(shared.faults, now: now) + checks(deployments, now: now)
            + providers(shared, inForce)
            + telemetry(shared.telemetry)
    }

    private static func family<Rows: Sequence>(
        _ name: String, _ kind: Metric.Kind, unit: String = "", _ help: String, _ rows: Rows,
        _ add: (inout Metric, Rows.Element) -> Void
    ) -> Metric {
        var metric = Metric(name, kind, unit: unit, help)
        for row in rows { add(&metric, row) }
        return metric
    }

    private static func single(_ name: String, _ kind: Metric.Kind, _ help: String, _ value: Int) -> Metric {
        family(name, kind, help, CollectionOfOne(value)) { $0.add([], $1) }
    }

    // MARK: - The process

    private static func process(_ shared: GatewayShared, _ status: GatewayStatus, _ now: Instant) -> [Metric] {
        [
            single("holdfast_ready", .gauge, "1 while at least one route can be served.", status.isReady ? 1 : 0),
            single(
                "holdfast_generation", .gauge, "Generation of the snapshot in force.",
                Int(clamping: status.inForce.generation)),
            single("holdfast_client_connections", .gauge, "Open client connections.", shared.clients.value),
            single(
                "holdfast_shedding_level", .gauge,
                "0: all are let in; 1: no deferrable; 2: no standard either; 3: none.", shared.load.levelNumber),
            single("holdfast_in_flight", .gauge, "Exchanges in flight.", shared.exchanges.value),
            single(
                "holdfast_uptime_seconds", .gauge, "Seconds since the start.",
                Int(now.nanoseconds(since: status.startedAt) / Span.second)),
            single(
                "holdfast_configuration_refused", .gauge, "1 while the newest configuration is refused.",
                status.refused == nil ? 0 : 1),
            single(
                "holdfast_configuration_refusals_total", .counter, "Configurations refused since the start.",
                status.refusals),
            single(
                "holdfast_access_log_dropped_total", .counter, "Access log lines that could not be written.",
                shared.accessLog.droppedLines),
        ]
    }

    private static func requests(_ shared: GatewayShared) -> [Metric] {
        [
            family(
                "holdfast_rejections_total", .counter, "Requests and connections refused before an exchange.",
                shared.rejections.value
            ) { $0.add([("reason", $1.reason)], $1.count) },
            family(
                "holdfast_repeats_total", .counter, "Requests that got the answer to an earlier one of the same key.",
                shared.repeats.value
            ) { $0.add([("how", $1.reason)], $1.count) },
            single(
                "holdfast_hedges_total", .counter, "Critical exchanges that were asked for at a second candidate too.",
                shared.hedges.value),
            family(
                "holdfast_event_loop_lag_seconds", .histogram, unit: "s", "How late an event loop comes round.",
                CollectionOfOne(shared.lag.value)
            ) { $0.add([], $1) },
        ]
    }

    // MARK: - Routes

    private static func routes(_ inForce: InForce) -> [Metric] {
        let direct = inForce.deployments.map { (name: $0.deployment.id, facts: $0.state.directFacts.snapshot()) }
        let rows =
            inForce.routes.map { (name: $0.route.name, facts: $0.facts.snapshot()) }
            + direct.filter { !$0.facts.ends.isEmpty }
        return [
            family("holdfast_exchanges_total", .counter, "Exchanges that ended, by how.", rows) { metric, row in
                for (end, count) in row.facts.ends.sorted(by: { $0.key < $1.key }) {
                    metric.add([("route", row.name), ("end", end)], count)
                }
            },
            family(
                "holdfast_failovers_total", .counter, "Answers given by another than the first candidate.", rows
            ) { $0.add([("route", $1.name)], $1.facts.failovers) },
            family(
                "holdfast_continued_total", .counter, "Streams that one candidate began and another ended, whole.", rows
            ) { $0.add([("route", $1.name)], $1.facts.continued) },
            family(
                "gen_ai.client.operation.duration", .histogram, unit: "s", "Seconds from a request to its end.", rows
            ) { $0.add(model($1.name), $1.facts.duration) },
            family(
                "gen_ai.server.time_to_first_token", .histogram, unit: "s",
                "Seconds from a request to its first content.", rows
            ) { $0.add(model($1.name), $1.facts.timeToFirstToken) },
            family(
                "gen_ai.server.time_per_output_token", .histogram, unit: "s", "Seconds per token after the first.", rows
            ) { $0.add(model($1.name), $1.facts.timePerOutputToken) },
            family(
                "gen_ai.client.token.usage", .histogram, unit: "{token}",
                "Tokens of an exchange as its provider reports them.", rows
            ) {
                $0.add(model($1.name) + [("gen_ai.token.type", "input")], $1.facts.inputTokens)
                $0.add(model($1.name) + [("gen_ai.token.type", "output")], $1.facts.outputTokens)
            },
        ]
    }

    private static func model(_ name: String) -> [(String, String)] {
        [("gen_ai.request.model", name)]
    }

    // MARK: - Deployments

    /// A deployment's label, and its facts as they were when the report was asked for.
    private typealias DeploymentRow = (label: [(String, String)], facts: DeploymentState.Facts)

    private static func attempts(_ rows: [DeploymentRow]) -> [Metric] {
        [
            family(
                "holdfast_attempts_total", .counter, "Attempts that ended, by what they told the breaker.", rows
            ) { metric, row in
                let attempts = row.facts.attempts
                for (outcome, count) in [("ok", attempts.ok), ("fail", attempts.fail), ("neutral", attempts.neutral)] {
                    metric.add(row.label + [("outcome", outcome)], count)
                }
            },
            family("holdfast_attempt_failures_total", .counter, "Failed attempts by failure class.", rows) {
                metric, row in
                for failure in FailureClass.allCases {
                    guard let count = row.facts.failures[failure] else { continue }
                    metric.add(row.label + [("class", failure.rawValue)], count)
                }
            },
            family("holdfast_last_resorts_total", .counter, "Attempts although the breaker was open.", rows) {
                $0.add($1.label, $1.facts.lastResorts)
            },
            family(
                "holdfast_retries_refused_total", .counter, "Second tries that the retry budget did not allow.", rows
            ) { $0.add($1.label, $1.facts.retriesRefused) },
            family("holdfast_attempts_in_flight", .gauge, "Attempts in flight.", rows) {
                $0.add($1.label, $1.facts.inFlight)
            },
            family("holdfast_waiting", .gauge, "Exchanges that wait for a slot of the deployment.", rows) {
                $0.add($1.label, $1.facts.waiting)
            },
            family("holdfast_waits_refused_total", .counter, "Exchanges that waited for a slot in vain.", rows) {
                $0.add($1.label, $1.facts.waitsRefused)
            },
        ]
    }

    private static func states(_ rows: [DeploymentRow], _ inForce: InForce) -> [Metric] {
        var suspended = family(
            "holdfast_suspended", .gauge, "1 while a deployment or a provider is out for a failure class.", rows
        ) { metric, row in
            guard let facts = row.facts.suspension else { return }
            metric.add(row.label + [("class", facts.failure.rawValue)], 1)
        }
        for state in inForce.providers {
            guard let facts = state.facts else { continue }
            suspended.add([("provider", state.provider.id), ("class", facts.failure.rawValue)], 1)
        }
        return [
            family(
                "holdfast_concurrency_limit", .gauge,
                "Attempts in flight at once that the file allows; else attempts that may wait for a first token at once.",
                rows
            ) { metric, row in
                guard let limit = row.facts.concurrencyLimit else { return }
                metric.add(row.label, limit)
            },
            family("holdfast_breaker_state", .gauge, "1 for the state that the breaker is in.", rows) { metric, row in
                for state in ["closed", "open", "half-open"] {
                    metric.add(row.label + [("state", state)], row.facts.breaker.word == state ? 1 : 0)
                }
            },
            suspended,
            family(
                "holdfast_attempt_time_to_first_token_seconds", .histogram, unit: "s",
                "From an attempt to its first content.", rows
            ) { $0.add($1.label, $1.facts.timeToFirstToken) },
        ]
    }

    private static func drills(_ faults: FaultBoard, now: Instant) -> [Metric] {
        [
            single(
                "holdfast_drill_faults", .gauge, "Faults of drills that are effective now.",
                faults.watches(now: now).count { $0.phase == .fault && $0.order.fault != .sham }),
            family(
                "holdfast_attempts_injected_total", .counter, "Attempts that a drill failed, by fault.", faults.injected
            ) { $0.add([("deployment", $1.injected.deployment), ("fault", $1.injected.fault.rawValue)], $1.count) },
        ]
    }

    private static func checks(_ rows: [DeploymentRow], now: Instant) -> [Metric] {
        [
            family(
                "holdfast_checks_total", .counter, "Free checks of deployments that nobody asked, by what they found.",
                rows
            ) { metric, row in
                for (outcome, count) in row.facts.checks.sorted(by: { $0.key < $1.key }) {
                    metric.add(row.label + [("outcome", outcome)], count)
                }
            },
            family("holdfast_warm", .gauge, "1 for a deployment that lately answered or passed a check.", rows) {
                $0.add($1.label, $1.facts.checkRecord.warmth(now: now).word == "warm" ? 1 : 0)
            },
        ]
    }

    // MARK: - Providers and collectors

    private static func providers(_ shared: GatewayShared, _ inForce: InForce) -> [Metric] {
        [
            family(
                "holdfast_retires_in_seconds", .gauge,
                "Whole days until the provider takes the model away, in seconds; 0 on the day and after.",
                inForce.snapshot.deployments
            ) { metric, deployment in
                guard let days = deployment.retires?.days(since: shared.today.value) else { return }
                metric.add([("deployment", deployment.id)], Int(max(days, 0)) * Int(Span.day / Span.second))
            },
            family(
                "holdfast_upstream_connections", .gauge, "Connections to providers, by state.", inForce.targets
            ) { metric, target in
                let idle = target.idleCount.value
                let provider = ("provider", target.provider.id)
                metric.add([provider, ("state", "idle")], idle)
                metric.add([provider, ("state", "in_use")], max(target.openCount.value - idle, 0))
            },
        ]
    }

    /// None where nothing is sent to anybody.
    private static func telemetry(_ exporter: TelemetryExporter?) -> [Metric] {
        guard let exporter else { return [] }
        let rows = TelemetrySignal.allCases.map {
            (label: [("signal", $0.rawValue)], figures: exporter.figures(of: $0))
        }
        return [
            family(
                "holdfast_telemetry_sent_total", .counter,
                "Exchanges, reports of metrics and log records that the collector took.", rows
            ) { $0.add($1.label, $1.figures.sent) },
            family(
                "holdfast_telemetry_dropped_total", .counter, "The same that it never got, by why.", rows
            ) { metric, row in
                for reason in ExportDrop.allCases {
                    metric.add(row.label + [("reason", reason.rawValue)], row.figures.dropped[reason] ?? 0)
                }
            },
            family(
                "holdfast_telemetry_failures_total", .counter,
                "Requests that the collector did not answer with success.",
                rows
            ) { $0.add($1.label, $1.figures.failures) },
        ]
    }
}

extension Metric {
    fileprivate mutating func add(_ labels: [(String, String)], _ value: Int) {
        points.append(Point(labels, .integer(value)))
    }

    fileprivate mutating func add(_ labels: [(String, String)], _ histogram: Histogram) {
        points.append(
            Point(labels, .histogram(bounds: histogram.bounds, counts: histogram.counts, sum: histogram.sum)))
    }
}
