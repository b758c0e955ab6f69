extension ConfigurationTable {
    static let route = SectionRule(
        "routes.<name>", "The model name that clients ask for, with its policy.",
        [
            FieldRule(
                "candidates", .list(of: .name(.deployment), count: 1...mostCandidates), .required,
                example: "[openai/gpt-4.1-mini, local/qwen3:8b]",
                "Deployments in order of preference, as `provider/model`; the model part may hold slashes and colons.",
                reason: "The first that may be used answers; the rest stand ready."),
            FieldRule(
                "strategy", .choice(RouteStrategy.allCases.map(\.rawValue)),
                .defaulted(RouteStrategy.ordered.rawValue), example: "cheapest",
                "Who is asked first: `ordered` as listed; `weighted` at random, in proportion to `weights`; `fastest` the faster of two drawn "
                    + "at random, by time to first token; `cheapest` by price for what the request needs, an unknown price last.",
                reason: "Somebody can say beforehand who will answer."),
            FieldRule(
                "weights", .list(of: .integer(1...CandidateOrder.mostWeight), count: 1...mostCandidates),
                .optional("all the same"), example: "[9, 1]",
                "For `strategy: weighted`: one for each candidate, in their order.",
                reason: "A new candidate is tried on a tenth of the traffic before it gets all of it."),
            FieldRule(
                "timeouts", .section(timeouts), .optional("every default below"), example: "{first_token: 5s}",
                "How long each part of an exchange may take.", reason: "The defaults suit a conversation."),
            FieldRule(
                "unary", .choice(UnaryRequests.allCases.map(\.rawValue)), .defaulted(UnaryRequests.direct.rawValue),
                example: "streamed",
                "How requests that are not streams are sent upstream: `direct` as they are; `streamed` as streams whose events are put "
                    + "together to the answer, so that `first_token` and `idle` guard them too.",
                reason: "What the client asked for is what the provider is asked for."),
            FieldRule(
                "hedge", .boolean, .defaulted("false"), example: "true",
                "For critical streams, and critical requests that are sent as streams: where the first token takes longer than it did 95 "
                    + "times of 100, the next candidate is asked too, and whoever is first answers. At most one exchange in twenty.",
                reason: "Both are paid for."),
            FieldRule(
                "retries", .section(retries), .optional("every default below"), example: "{attempts: 3}",
                "How often an exchange is tried.", reason: "Enough to outlive a failure, too little to make one worse."),
            FieldRule(
                "delivery", .choice(Delivery.allCases.map(\.rawValue)), .defaulted(Delivery.splice.rawValue),
                example: "hold",
                "What happens to a stream whose provider fails after the first token; before it another candidate takes over in every case. "
                    + "`stop` ends it with an error event. `splice` asks the next candidate and goes on with its answer where that begins "
                    + "with exactly what was sent, or where it has the capability `prefill`; never within a tool call, reasoning or JSON output. "
                    + "`hold` sends nothing before the answer is complete, so that another candidate can begin anew.",
                reason: "A whole answer is worth more than half of one, and most clients want to see it grow."),
            FieldRule(
                "hold", .section(hold), .optional("every default below"), example: "{heartbeat: 5s}",
                "How answers are held back, and how a waiting client is kept.",
                reason: "Only routes that hold need other figures."),
            FieldRule(
                "body", .size(1_024...(1 << 30)), .optional("`gateway.limits.body`"), example: "20MiB",
                "The longest request body on this route.", reason: "Most routes need no exception."),
        ])

    /// The exchange keeps one bit for each.
    package static let mostCandidates = 64

    private static let times = RouteTimeouts()

    static let timeouts = SectionRule(
        "routes.<name>.timeouts",
        "`first_byte`, `first_token` and `idle` guard streams; `response` guards other requests, whose head comes only with the whole answer.",
        [
            duration(
                "connect", .defaulted(ConfigurationUnits.durationText(times.connectNanoseconds)), example: "1s",
                "To a connection with the provider, TLS included.",
                reason: "Several round trips round the globe."),
            duration(
                "first_byte", .optional("the same as `first_token`"), example: "10s",
                "From the start of an attempt to the head of a stream.",
                reason: "Many providers send the head only with the first token."),
            duration(
                "first_token", .optional("10s where the route has another candidate, else 60s"), example: "10s",
                "From the start of an attempt to the first content of a stream.",
                reason: "Where another can answer, a slow one is left early; where none can, patience is all there is."),
            duration(
                "idle", .defaulted(ConfigurationUnits.durationText(times.idleNanoseconds)), example: "10s",
                "Between two events of a stream that has begun.", reason: "Far above the gaps of a healthy stream."),
            duration(
                "response", .optional("60s where the route has another candidate, else `total`"), example: "60s",
                "From the start of an attempt to the whole answer of a request that is not a stream.",
                reason: "Where another can answer, a slow one is left early."),
            duration(
                "total", .defaulted(ConfigurationUnits.durationText(times.totalNanoseconds)), example: "10m",
                "The whole exchange with all its attempts.", reason: "The patience of the usual client libraries."),
        ])

    private static let holding = RouteHold()

    static let hold = SectionRule(
        "routes.<name>.hold", "For `delivery: hold`, and for clients that wait while a broken stream is continued.",
        [
            FieldRule(
                "bytes", .size(1_024...(32 << 20)), .defaulted("1MiB"), example: "256KiB",
                "A longer answer is let go when it is this long, and goes on as `splice`.",
                reason: "Bounds what the gateway keeps for one stream."),
            duration(
                "heartbeat",
                .defaulted(ConfigurationUnits.durationText(holding.heartbeatNanoseconds ?? 0)), example: "5s",
                "Between two comments to a client that waits with an open stream. The first sends the head of the response, so that a later "
                    + "failure is told inside the stream.",
                reason: "Proxies close what is silent for long; many do after 15 to 60 s."),
        ])

    static let retries = SectionRule(
        "routes.<name>.retries", "How often an exchange is tried.",
        [
            FieldRule(
                "same_deployment", .integer(0...1), .defaulted("\(RouteRetries().sameDeployment)"), example: "1",
                "Retries at the same deployment, where the failure allows one.",
                reason: "One outlives a stale connection; more feed an overload."),
            FieldRule(
                "attempts", .integer(1...16), .defaulted("\(RouteRetries().attempts)"), example: "4",
                "Attempts of one exchange in all.", reason: "Bounds what one request can cost."),
        ])

    private static func duration(
        _ name: String, _ presence: FieldRule.Presence, example: String, _ description: String, reason: String
    ) -> FieldRule {
        FieldRule(
            name, .duration(Span.millisecond...Span.day), presence, example: example, description, reason: reason)
    }
}
