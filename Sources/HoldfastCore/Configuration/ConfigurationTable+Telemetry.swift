extension ConfigurationTable {
    static let telemetry = SectionRule(
        "telemetry", "Traces, metrics and logs for a collector of yours, over OTLP/HTTP in binary protobuf.",
        [
            FieldRule(
                "endpoint", .baseURL, .required, example: "http://127.0.0.1:4318",
                "The collector; `/v1/traces`, `/v1/metrics` and `/v1/logs` are appended.",
                reason: "Nothing is sent to anybody who was not named."),
            FieldRule(
                "headers", .sections(telemetryHeader), .optional("none is sent"),
                example: "[{name: authorization, value: \"Bearer ${OTLP_TOKEN}\"}]",
                "What the collector asks for to know who sends.",
                reason: "A collector on this machine asks for nothing."),
            FieldRule(
                "traces", .boolean, .defaulted("true"), example: "true",
                "A span for each exchange, and one for each attempt inside it. Providers are then sent `traceparent`; a client's own is continued, "
                    + "and kept only if it says that it is sampled.",
                reason: "Whoever names a collector wants to see what happened."),
            FieldRule(
                "traces_per_second", .integer(1...1_000_000), .defaulted("\(standard.tracesPerSecond)"),
                example: "\(standard.tracesPerSecond)",
                "Exchanges that are traced in a second at most, besides those whose client says that its trace is sampled. "
                    + "Those that failed, failed over or were degraded have as much again of their own. "
                    + "The others are counted in `holdfast_telemetry_dropped_total` with the reason `over_rate`.",
                reason: "Enough to see everything in most places, and no cost that grows with the load where it is not."
            ),
            FieldRule(
                "metrics", .boolean, .defaulted("true"), example: "true", "What `/metrics` shows, at each interval.",
                reason: "Not everyone has something that reads `/metrics`."),
            FieldRule(
                "logs", .boolean, .defaulted("true"), example: "true",
                "Operational events, as on standard error. Never the access log: an exchange is a span.",
                reason: "They stay on standard error as well."),
            FieldRule(
                "interval", .duration(Span.second...Span.hour),
                .defaulted(ConfigurationUnits.durationText(standard.intervalNanoseconds)), example: "10s",
                "Between two reports of metrics. Traces and logs are sent within seconds.",
                reason: "As often as most collectors look at a `/metrics` page."),
        ])

    static let telemetryHeader = SectionRule(
        "telemetry.headers[]", "One header of every request to the collector.",
        [
            FieldRule(
                "name", .headerName, .required, example: "authorization", "Its name.",
                reason: "Collectors differ in what they ask for."),
            FieldRule(
                "value", .headerValue, .required, example: "Bearer ${OTLP_TOKEN}",
                "Its value; best with `${NAME}`, or as `file:PATH`.",
                reason: "It is a secret as a provider's key is one, and shown nowhere."),
        ])

    private static let standard = TelemetrySettings(endpoint: BaseURL(isTLS: false, host: "", port: 0, path: ""))
}
