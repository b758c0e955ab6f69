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
                "strategy",
                .choice(
                    ["ordered"],
                    later: ["weighted", "fastest", "cheapest"].map {
                        LaterChoice($0, mend: "write ordered, with the candidates in the order you want")
                    }), .defaulted("ordered"), example: "ordered", "How a candidate is chosen.",
                reason: "Somebody can say beforehand who will answer."),
            FieldRule(
                "timeouts", .section(timeouts), .optional("every default below"), example: "{first_token: 5s}",
                "How long each part of an exchange may take.", reason: "The defaults suit a conversation."),
            FieldRule(
                "unary",
                .choice(
                    ["direct"],
                    later: [
                        LaterChoice("streamed", mend: "write direct, and guard unary requests with timeouts.response")
                    ]),
                .defaulted("direct"), example: "direct", "How requests that are not streams are sent upstream.",
                reason: "What the client asked for is what the provider is asked for."),
            FieldRule(
                "retries", .section(retries), .optional("every default below"), example: "{attempts: 3}",
                "How often an exchange is tried.", reason: "Enough to outlive a failure, too little to make one worse."),
            FieldRule(
                "delivery",
                .choice(
                    ["stop", "splice"],
                    later: [
                        LaterChoice(
                            "hold", mend: "write splice, or stop to end every broken stream with an error event")
                    ]),
                .defaulted(Delivery.splice.rawValue), example: "stop",
                "What happens to a stream whose provider fails. Before the first token another candidate takes over in either case; "
                    + "going on after it (`splice`) is recorded, and this version ends the stream with an error event instead.",
                reason: "A whole answer is worth more than half of one."),
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
