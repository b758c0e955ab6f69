import HoldfastCore

/// `/metrics`: every name in one place. The `gen_ai_*` names follow the GenAI conventions, which are still moving; ours
/// begin with `holdfast_`.
enum MetricsReport {
    static func text(shared: GatewayShared, status: GatewayStatus, now: Instant) -> String {
        var text = PrometheusText()
        let inForce = status.inForce
        writeProcess(shared, status, now, into: &text)
        writeRoutes(inForce, into: &text)
        let deployments = inForce.deployments.map { ([("deployment", $0.deployment.id)], $0.state.snapshot()) }
        writeDeployments(deployments, inForce, into: &text)
        writeChecks(deployments, now: now, into: &text)
        text.begin(
            "holdfast_retires_in_days", "gauge", "Days until the provider takes the model away; 0 on the day and after."
        )
        for deployment in inForce.snapshot.deployments {
            guard let days = deployment.retires?.days(since: shared.today.value) else { continue }
            text.sample("holdfast_retires_in_days", [("deployment", deployment.id)], Int(max(days, 0)))
        }
        text.begin("holdfast_upstream_connections", "gauge", "Connections to providers, by state.")
        for target in inForce.targets {
            let idle = target.idleCount.value
            let provider = ("provider", target.provider.id)
            text.sample("holdfast_upstream_connections", [provider, ("state", "idle")], idle)
            text.sample(
                "holdfast_upstream_connections", [provider, ("state", "in_use")], max(target.openCount.value - idle, 0))
        }
        return text.text
    }

    private static func writeProcess(
        _ shared: GatewayShared, _ status: GatewayStatus, _ now: Instant, into text: inout PrometheusText
    ) {
        func gauge(_ name: String, _ help: String, _ value: Int) {
            text.begin(name, "gauge", help)
            text.sample(name, [], value)
        }
        gauge("holdfast_ready", "1 while at least one route can be served.", status.isReady ? 1 : 0)
        gauge("holdfast_generation", "Generation of the snapshot in force.", Int(clamping: status.inForce.generation))
        gauge("holdfast_client_connections", "Open client connections.", shared.clients.value)
        gauge(
            "holdfast_shedding_level", "0: all are let in; 1: no deferrable; 2: no standard either; 3: none.",
            shared.load.levelNumber)
        gauge("holdfast_in_flight", "Exchanges in flight.", shared.exchanges.value)
        gauge(
            "holdfast_uptime_seconds", "Seconds since the start.",
            Int(now.nanoseconds(since: status.startedAt) / Span.second))
        gauge(
            "holdfast_configuration_refused", "1 while the newest configuration is refused.",
            status.refused == nil ? 0 : 1)
        text.begin("holdfast_configuration_refusals_total", "counter", "Configurations refused since the start.")
        text.sample("holdfast_configuration_refusals_total", [], status.refusals)
        text.begin("holdfast_access_log_dropped_total", "counter", "Access log lines that could not be written.")
        text.sample("holdfast_access_log_dropped_total", [], shared.accessLog.droppedLines)
        text.begin("holdfast_rejections_total", "counter", "Requests and connections refused before an exchange.")
        for (reason, count) in shared.rejections.value {
            text.sample("holdfast_rejections_total", [("reason", reason)], count)
        }
        text.begin(
            "holdfast_repeats_total", "counter", "Requests that got the answer to an earlier one of the same key.")
        for (word, count) in shared.repeats.value { text.sample("holdfast_repeats_total", [("how", word)], count) }
        text.begin(
            "holdfast_hedges_total", "counter", "Critical exchanges that were asked for at a second candidate too.")
        text.sample("holdfast_hedges_total", [], shared.hedges.value)
        text.begin("holdfast_event_loop_lag_seconds", "histogram", "How late an event loop comes round.")
        text.histogram("holdfast_event_loop_lag_seconds", [], shared.lag.value)
    }

    private static func writeRoutes(_ inForce: InForce, into text: inout PrometheusText) {
        let direct = inForce.deployments.map { (name: $0.deployment.id, facts: $0.state.directFacts.snapshot()) }
        let rows =
            inForce.routes.map { (name: $0.route.name, facts: $0.facts.snapshot()) }
            + direct.filter { !$0.facts.ends.isEmpty }
        text.begin("holdfast_exchanges_total", "counter", "Exchanges that ended, by how.")
        for row in rows {
            for (end, count) in row.facts.ends.sorted(by: { $0.key < $1.key }) {
                text.sample("holdfast_exchanges_total", [("route", row.name), ("end", end)], count)
            }
        }
        text.begin("holdfast_failovers_total", "counter", "Answers given by another than the first candidate.")
        for row in rows { text.sample("holdfast_failovers_total", [("route", row.name)], row.facts.failovers) }
        text.begin(
            "holdfast_continued_total", "counter", "Streams that one candidate began and another ended, whole.")
        for row in rows { text.sample("holdfast_continued_total", [("route", row.name)], row.facts.continued) }
        text.begin("gen_ai_client_operation_duration", "histogram", "Seconds from a request to its end.")
        for row in rows { text.histogram("gen_ai_client_operation_duration", model(row.name), row.facts.duration) }
        text.begin("gen_ai_server_time_to_first_token", "histogram", "Seconds from a request to its first content.")
        for row in rows {
            text.histogram("gen_ai_server_time_to_first_token", model(row.name), row.facts.timeToFirstToken)
        }
        text.begin("gen_ai_server_time_per_output_token", "histogram", "Seconds per token after the first.")
        for row in rows {
            text.histogram("gen_ai_server_time_per_output_token", model(row.name), row.facts.timePerOutputToken)
        }
        text.begin("gen_ai_client_token_usage", "histogram", "Tokens of an exchange as its provider reports them.")
        for row in rows {
            let label = model(row.name)
            text.histogram(
                "gen_ai_client_token_usage", label + [("gen_ai_token_type", "input")], row.facts.inputTokens)
            text.histogram(
                "gen_ai_client_token_usage", label + [("gen_ai_token_type", "output")], row.facts.outputTokens)
        }
    }

    private static func model(_ name: String) -> [(String, String)] {
        [("gen_ai_request_model", name)]
    }

    /// A deployment's label, and its facts as they were when the report was asked for.
    private typealias DeploymentRow = (label: [(String, String)], facts: DeploymentState.Facts)

    private static func writeDeployments(
        _ rows: [DeploymentRow], _ inForce: InForce, into text: inout PrometheusText
    ) {
        text.begin("holdfast_attempts_total", "counter", "Attempts that ended, by what they told the breaker.")
        for row in rows {
            let attempts = row.facts.attempts
            for (outcome, count) in [("ok", attempts.ok), ("fail", attempts.fail), ("neutral", attempts.neutral)] {
                text.sample("holdfast_attempts_total", row.label + [("outcome", outcome)], count)
            }
        }
        text.begin("holdfast_attempt_failures_total", "counter", "Failed attempts by failure class.")
        for row in rows {
            for failure in FailureClass.allCases {
                guard let count = row.facts.failures[failure] else { continue }
                text.sample("holdfast_attempt_failures_total", row.label + [("class", failure.rawValue)], count)
            }
        }
        text.begin("holdfast_last_resorts_total", "counter", "Attempts although the breaker was open.")
        for row in rows { text.sample("holdfast_last_resorts_total", row.label, row.facts.lastResorts) }
        text.begin("holdfast_retries_refused_total", "counter", "Second tries that the retry budget did not allow.")
        for row in rows { text.sample("holdfast_retries_refused_total", row.label, row.facts.retriesRefused) }
        text.begin("holdfast_attempts_in_flight", "gauge", "Attempts in flight.")
        for row in rows { text.sample("holdfast_attempts_in_flight", row.label, row.facts.inFlight) }
        text.begin("holdfast_waiting", "gauge", "Exchanges that wait for a slot of the deployment.")
        for row in rows { text.sample("holdfast_waiting", row.label, row.facts.waiting) }
        text.begin("holdfast_waits_refused_total", "counter", "Exchanges that waited for a slot in vain.")
        for row in rows { text.sample("holdfast_waits_refused_total", row.label, row.facts.waitsRefused) }
        text.begin(
            "holdfast_concurrency_limit", "gauge",
            "Attempts in flight at once that the file allows; else attempts that may wait for a first token at once.")
        for row in rows {
            guard let limit = row.facts.concurrencyLimit else { continue }
            text.sample("holdfast_concurrency_limit", row.label, limit)
        }
        text.begin("holdfast_breaker_state", "gauge", "1 for the state that the breaker is in.")
        for row in rows {
            for state in ["closed", "open", "half-open"] {
                text.sample(
                    "holdfast_breaker_state", row.label + [("state", state)], row.facts.breaker.word == state ? 1 : 0)
            }
        }
        text.begin("holdfast_suspended", "gauge", "1 while a deployment or a provider is out for a failure class.")
        for row in rows {
            guard let facts = row.facts.suspension else { continue }
            text.sample("holdfast_suspended", row.label + [("class", facts.failure.rawValue)], 1)
        }
        for state in inForce.providers {
            guard let facts = state.facts else { continue }
            text.sample(
                "holdfast_suspended", [("provider", state.provider.id), ("class", facts.failure.rawValue)], 1)
        }
        text.begin("holdfast_attempt_time_to_first_token_seconds", "histogram", "From an attempt to its first content.")
        for row in rows {
            text.histogram("holdfast_attempt_time_to_first_token_seconds", row.label, row.facts.timeToFirstToken)
        }
    }

    private static func writeChecks(_ rows: [DeploymentRow], now: Instant, into text: inout PrometheusText) {
        text.begin(
            "holdfast_checks_total", "counter", "Free checks of deployments that nobody asked, by what they found.")
        for row in rows {
            for (outcome, count) in row.facts.checks.sorted(by: { $0.key < $1.key }) {
                text.sample("holdfast_checks_total", row.label + [("outcome", outcome)], count)
            }
        }
        text.begin("holdfast_warm", "gauge", "1 for a deployment that lately answered or passed a check.")
        for row in rows {
            let warmth = row.facts.checkRecord.warmth(now: now)
            text.sample("holdfast_warm", row.label, warmth.word == "warm" ? 1 : 0)
        }
    }
}
