extension ConfigurationTable {
    static let gateway = SectionRule(
        "gateway", "The data plane.",
        [
            FieldRule(
                "listen", .listenAddress, .defaulted("127.0.0.1:8080"), example: "127.0.0.1:8080",
                "Where clients connect: `HOST:PORT` with an IP address or `localhost`. Port 0 is a free one.",
                reason: "Reachable from this machine only, until an address, keys and TLS are configured on purpose."),
            FieldRule(
                "operations", .listenAddress, .defaulted("127.0.0.1:8081"), example: "127.0.0.1:8081",
                "Liveness, readiness, metrics and live state of this process. It asks for no key.",
                reason: "Another address than that of the clients, so that it answers while they saturate theirs."),
            FieldRule(
                "tls", .section(tls), .optional("plain http"),
                example: "{certificate: file:server.pem, key: file:server.key}",
                "Certificate and key of the client listener.", reason: "Nothing is needed on a loopback address."),
            FieldRule(
                "behind_tls_proxy", .boolean, .defaulted("false"), example: "true",
                "A TLS terminator stands in front; allows plain http on an address that is not loopback.",
                reason: "Keys in clear on a network have to be meant."),
            FieldRule(
                "event_loops", .integer(1...1_024), .optional("one for each core"), example: "4",
                "Threads that serve connections.",
                reason: "An exchange stays on one loop, so more than cores only adds switches."),
            FieldRule(
                "access_log", .accessLog, .defaulted("stdout"), example: "/var/log/holdfast/access.log",
                "One JSON line for each exchange, without content: `stdout`, `off`, or a path (relative to this file's folder).",
                reason: "Service supervisors collect it from there."),
            FieldRule(
                "receipts", .integer(0...1_000_000), .defaulted("4096"), example: "4096",
                "Exchanges whose receipts are kept in memory, for `GET /state/exchanges/{id}`. 0: none.",
                reason: "Minutes of a busy service, in a few megabytes."),
            FieldRule(
                "checks", .boolean, .defaulted("true"), example: "true",
                "Look at deployments that nobody asked for an hour by their provider's list of models, which costs no tokens.",
                reason: "An untested fallback is not a fallback."),
            FieldRule(
                "drain", .duration(0...Span.hour), .defaulted("30s"), example: "30s",
                "How long running exchanges may go on after SIGTERM.",
                reason: "The grace period that container platforms give by default."),
            FieldRule(
                "limits", .section(limits), .optional("every default below"), example: "{body: 20MiB}",
                "Bounds of the client listener.", reason: "Everything that can grow has a bound with a name."),
        ])

    static let tls = SectionRule(
        "gateway.tls", "PEM texts, as `file:PATH`.",
        [
            FieldRule(
                "certificate", .pem(block: "CERTIFICATE"), .required, example: "file:server.pem",
                "The certificate chain, the server's own first.", reason: "Clients verify it."),
            FieldRule(
                "key", .pem(block: "PRIVATE KEY"), .required, example: "file:server.key",
                "The private key, unencrypted.",
                reason: "Nobody is there to type a passphrase at three in the morning."),
        ])

    private static let listener = ListenerLimits()

    static let limits = SectionRule(
        "gateway.limits", "Bounds of the client listener. Each one that is hit is answered and counted.",
        [
            size(
                "header_field", 256...(1 << 20), listener.headerFieldBytes, "One header field.",
                reason: "Room for long tokens; more is an attack or a mistake."),
            size(
                "header_list", 1_024...(4 << 20), listener.headerListBytes, "All header fields together.",
                reason: "Four of the longest fields."),
            count(
                "header_fields", 8...10_000, listener.headerFields, "Header fields of one request.",
                reason: "Several times what clients send."),
            size(
                "uri", 256...(64 << 10), listener.uriBytes, "The request's target.",
                reason: "What common servers accept."),
            size(
                "body", 1_024...(1 << 30), listener.bodyBytes, "A request's body; a route may set its own.",
                reason: "A long conversation with a few images."),
            count(
                "json_depth", 8...512, listener.jsonDepth, "Nesting of a body's JSON.",
                reason: "Real tool schemas stay below 30."),
            count(
                "json_nodes", 1_000...10_000_000, listener.jsonNodes, "Values in a body's JSON.",
                reason: "Bounds the work that a small body can cause."),
            size(
                "sse_line", 1_024...(64 << 20), listener.sseLineBytes, "One line of a provider's stream.",
                reason: "A whole tool call in one event, with room."),
            size(
                "response", 1_024...(1 << 30), listener.responseBytes, "A provider's answer that is not a stream.",
                reason: "A batch of embeddings."),
            count(
                "connections", 1...1_000_000, listener.connections, "Client connections at once.",
                reason: "Below the usual bound on open files once upstream connections are added."),
            count(
                "connections_per_address", 1...1_000_000, listener.connectionsPerAddress,
                "Client connections at once from one address that is not loopback.",
                reason: "One client cannot take all of them."),
            count(
                "in_flight_per_key", 1...1_000_000, listener.inFlightPerKey,
                "Exchanges at once of one key; a key may set its own.",
                reason: "One application cannot take the whole gateway."),
            count(
                "pipelined", 1...1_024, listener.pipelined, "Requests waiting on one connection.",
                reason: "Hardly any client pipelines."),
            duration(
                "header_time", listener.headerNanoseconds, "From the first byte of a request to the end of its head.",
                reason: "A head fits into one packet or a few."),
            duration(
                "body_time", listener.bodyNanoseconds, "From the end of the head to the end of the body.",
                reason: "10 MiB over a slow line."),
            duration(
                "idle_time", listener.idleNanoseconds, "A connection without a request.",
                reason: "Long enough for a client's pool to be of use."),
            duration(
                "write_stall", listener.writeStallNanoseconds, "A client that takes nothing of what is sent to it.",
                reason: "A reader that has gone holds an upstream attempt that somebody pays for."),
            FieldRule(
                "memory", .size((16 << 20)...(1 << 40)), .optional("the control group's bound, if there is one"),
                example: "1GiB",
                "Of the whole process. Above 85 % of it deferrable requests are refused, then standard ones; above 95 % all.",
                reason: "A refusal is better than a process that is killed with everything it was doing."),
        ])

    private static func size(
        _ name: String, _ range: ClosedRange<Int>, _ value: Int, _ description: String, reason: String
    ) -> FieldRule {
        let text = ConfigurationUnits.sizeText(value)
        return FieldRule(name, .size(range), .defaulted(text), example: text, description, reason: reason)
    }

    private static func count(
        _ name: String, _ range: ClosedRange<Int>, _ value: Int, _ description: String, reason: String
    ) -> FieldRule {
        FieldRule(name, .integer(range), .defaulted("\(value)"), example: "\(value)", description, reason: reason)
    }

    private static func duration(_ name: String, _ value: Int64, _ description: String, reason: String) -> FieldRule {
        let text = ConfigurationUnits.durationText(value)
        return FieldRule(
            name, .duration(Span.millisecond...Span.day), .defaulted(text), example: text, description, reason: reason)
    }
}
