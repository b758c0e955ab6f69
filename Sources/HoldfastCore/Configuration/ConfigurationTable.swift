/// Every section and field of `holdfast.yaml`, declared once. Unknown keys, missing keys, defaults, the JSON Schema and
/// the page of fields all come from here; numbers that the snapshot's types already hold are taken from them.
package enum ConfigurationTable {
    package static let document = SectionRule(
        "the document", "One file, `holdfast.yaml`. It is the intent; what an operator does at run time is kept apart.",
        [
            FieldRule(
                "version", .version, .required, example: "1", "The form of this document.",
                reason: "A later form can then be told from a mistake."),
            FieldRule(
                "gateway", .section(gateway), .optional("every default below"), example: "{listen: 127.0.0.1:8080}",
                "The data plane: where it listens and what it accepts.",
                reason: "The defaults serve this machine alone."),
            FieldRule(
                "control", .section(control), .optional("every default below"), example: "{listen: 127.0.0.1:8090}",
                "The management plane.", reason: "The defaults serve this machine alone."),
            FieldRule(
                "telemetry", .section(telemetry), .optional("nothing is sent"),
                example: "{endpoint: \"http://127.0.0.1:4318\"}", "Where traces, metrics and logs are sent.",
                reason: "Nothing leaves this machine before somebody says where to."),
            FieldRule(
                "drills", .section(drills), .optional("nothing starts by itself"),
                example: "{schedules: {weekly: {plan: kill-primary, route: assistant, on: [monday], at: \"10:00\"}}}",
                "Failures that are rehearsed.", reason: "A failure on purpose is somebody's decision."),
            FieldRule(
                "providers", .named(.id, provider), .required,
                example: "{openai: {base_url: https://api.openai.com/v1}}",
                "Who is called, by an id of your choice.", reason: "A route needs at least one."),
            FieldRule(
                "deployments", .named(.deployment, deployment), .optional("nothing is known beyond the name"),
                example: "{openai/gpt-4.1-mini: {context_tokens: 1047576}}",
                "Facts about one model at one provider, by `provider/model`.",
                reason: "Unknown is unknown: nothing is guessed, and an unknown price is never zero."),
            FieldRule(
                "routes", .named(.route, route), .required, example: "{assistant: {candidates: [openai/gpt-4.1-mini]}}",
                "The model names that clients ask for, each with its policy.",
                reason: "Without a route there is nothing to serve."),
            FieldRule(
                "workloads", .named(.id, workload), .optional("no workload, and so no keys"),
                example: "{triage: {criticality: critical}}",
                "The callers' purposes: how important they are and what they may use.",
                reason: "Importance belongs to the purpose, not to a request that claims it."),
            FieldRule(
                "map", .section(map), .optional("what the rest of the document implies"),
                example: "{components: {data-source:guidelines: {domains: {vendor: acme}}}}",
                "What depends on what, for `holdfast assess`.",
                reason: "Most of it follows from the rest; what else work needs only you know."),
            FieldRule(
                "keys", .sections(key), .optional("open access, on a loopback address only"),
                example: "[{id: triage-app, hash: \"sha256:…\", workload: triage}]", "Who may call.",
                reason: "An open gateway that others can reach spends your money for them."),
        ])

    static let control = SectionRule(
        "control", "The management plane.",
        [
            FieldRule(
                "listen", .listenAddress, .defaulted("127.0.0.1:8090"), example: "127.0.0.1:8090", "API and console.",
                reason: "Reachable from this machine only, until that is changed on purpose."),
            FieldRule(
                "hosts", .list(of: .name(.host), count: 1...ControlSettings.mostHosts),
                .optional("the address in `listen`, and this machine's own `localhost`, `127.0.0.1` and `::1`"),
                example: "[holdfast.example.org, 10.0.0.5]",
                "Names and addresses by which gateways and browsers ask for it, beside those; read at its start.",
                reason:
                    "A page in somebody's browser can make a name of its own lead here; it cannot make that one of yours."
            ),
            FieldRule(
                "notifications", .named(.id, notification), .optional("nobody is told"),
                example: "{oncall: {format: alertmanager, url: \"http://127.0.0.1:9093\"}}",
                "Who is told of alerts, by a name of your choice.",
                reason: "Nothing leaves this machine before somebody says where to."),
        ])

    static let provider = SectionRule(
        "providers.<id>", "Who is called.",
        [
            FieldRule(
                "dialect", .choice(["openai"], later: laterDialects), .defaulted("openai"), example: "openai",
                "The wire format the provider speaks.", reason: "Most model servers speak it."),
            FieldRule(
                "base_url", .baseURL, .required, example: "https://api.openai.com/v1",
                "Where the provider is, up to and without the part that names the operation. `http://` needs `network: private`.",
                reason: "Credentials are sent to exactly this origin and to no other."),
            FieldRule(
                "api_key", .secret, .optional("none is sent"), example: "${OPENAI_API_KEY}",
                "The provider's key; best as `${NAME}` or `file:PATH`.",
                reason: "Servers on hardware you control often ask for none."),
            FieldRule(
                "vendor", .label, .optional("the provider's own id"), example: "openai",
                "Failure domain: whose software and staff are behind it.",
                reason: "Two providers of one vendor fail together."),
            FieldRule(
                "region", .label, .optional("unknown"), example: "us", "Failure domain: where it runs.",
                reason: "Only you know what you ordered."),
            FieldRule(
                "jurisdiction", .label, .optional("unknown"), example: "us",
                "Failure domain: whose law can switch it off.", reason: "Only you know with whom you have a contract."),
            FieldRule(
                "network", .choice(["public", "private"]), .defaulted("public"), example: "private",
                "`private`: loopback and private addresses and plain `http://` are meant.",
                reason: "A public name that resolves to a private address is an attack until it is declared."),
            FieldRule(
                "owned", .boolean, .defaulted("false"), example: "true", "It runs on hardware you control.",
                reason: "The claim that something stays up when others are switched off has to be made on purpose."),
            FieldRule(
                "trust_roots", .pem(block: "CERTIFICATE"), .optional("the system's"), example: "file:internal-ca.pem",
                "PEM certificates that are trusted instead of the system's.",
                reason: "Public providers are covered by the system's."),
            FieldRule(
                "pool", .section(pool), .optional("every default below"), example: "{connections: 256}",
                "Upstream connections.", reason: "The defaults suit a provider over the internet."),
        ])

    static let pool = SectionRule(
        "providers.<id>.pool", "Upstream connections to one provider, for each event loop.",
        [
            FieldRule(
                "connections", .integer(1...65_535), .defaulted("\(PoolLimits().connections)"), example: "256",
                "Open connections, in use or idle.",
                reason: "One more exchange waits for a connection until its connect timeout."),
            FieldRule(
                "idle", .duration(Span.millisecond...Span.hour),
                .defaulted(ConfigurationUnits.durationText(PoolLimits().idleNanoseconds)), example: "30s",
                "An idle connection older than this is closed.",
                reason: "Shorter than the usual 60 to 75 s of servers, so that this side is the one that closes."),
        ])

    static let deployment = SectionRule(
        "deployments.<provider/model>", "Facts about one model at one provider; each is optional.",
        [
            FieldRule(
                "price", .section(price), .optional("unknown, never zero"), example: "{input: 0.40, output: 1.60}",
                "US dollars for a million tokens: for `strategy: cheapest`, and for the cost in the access log.",
                reason: "Prices change and differ by contract."),
            FieldRule(
                "context_tokens", .integer(1...100_000_000), .optional("unknown"), example: "1047576",
                "The longest context, in tokens: a request that was too long for one candidate goes to a larger one alone.",
                reason: "A candidate whose context is unknown is never taken for large enough."),
            FieldRule(
                "capabilities",
                .list(
                    of: .choice(["tools", "json_schema", "vision", "prefill", "reasoning"]), count: 0...5),
                .optional("none is assumed"), example: "[tools, json_schema]",
                "What the model can do. `prefill`: it goes on from an answer that it is given the beginning of, as a last message of the "
                    + "assistant. The others are recorded; this version does not act on them.",
                reason: "A capability that was assumed and is missing fails in the middle of an answer."),
            FieldRule(
                "limits", .section(deploymentLimits), .optional("unknown"), example: "{requests_per_minute: 500}",
                "What the provider allows you: others are asked before a limit is hit. What its headers say of its limits is known without this.",
                reason: "Limits differ by contract."),
            FieldRule(
                "retires", .date, .optional("unknown"), example: "2027-03-31",
                "The day on which the provider switches it off, UTC. From 90 days before it is warned of and answers say so (`Deprecation`, `Sunset`); "
                    + "on the day `replaced_by` is asked in its place, and the deployment itself after all others.",
                reason: "Most dates are announced late."),
            FieldRule(
                "replaced_by", .name(.deployment), .optional("unknown"), example: "openai/gpt-5-mini",
                "The deployment that answers where this one's model is gone; it need not be a candidate itself.",
                reason: "A replacement is a choice, not a fact."),
        ])

    static let price = SectionRule(
        "deployments.<provider/model>.price", "US dollars for a million tokens: a decimal with at most six places.",
        [
            FieldRule(
                "input", .money, .optional("unknown, never zero"), example: "0.40", "Input tokens.",
                reason: "A guessed price is worse than none."),
            FieldRule(
                "cached_input", .money, .optional("unknown, never zero"), example: "0.10",
                "Input tokens that the provider had cached.", reason: "A guessed price is worse than none."),
            FieldRule(
                "output", .money, .optional("unknown, never zero"), example: "1.60", "Output tokens.",
                reason: "A guessed price is worse than none."),
        ])

    static let deploymentLimits = SectionRule(
        "deployments.<provider/model>.limits", "What the provider allows you.",
        [
            FieldRule(
                "requests_per_minute", .integer(1...1_000_000_000), .optional("unknown"), example: "500",
                "Requests in a minute.", reason: "It differs by contract."),
            FieldRule(
                "tokens_per_minute", .integer(1...1_000_000_000_000), .optional("unknown"), example: "200000",
                "Tokens in a minute.", reason: "It differs by contract."),
            FieldRule(
                "concurrent", .integer(1...1_000_000), .optional("unknown"), example: "64", "Requests at once.",
                reason: "It differs by contract."),
        ])

    static let workload = SectionRule(
        "workloads.<id>", "A caller's purpose.",
        [
            FieldRule(
                "criticality", .choice(["critical", "standard", "deferrable"]), .defaulted("standard"),
                example: "critical", "What is kept longest when not everything can be.",
                reason: "If everything is critical, nothing is."),
            FieldRule(
                "routes", .list(of: .name(.route), count: 1...1_024), .optional("every route"),
                example: "[assistant]", "The routes its keys may ask for.",
                reason: "With one team there is nothing to keep apart."),
            FieldRule(
                "direct_models", .boolean, .defaulted("false"), example: "true",
                "Whether its keys may ask for `provider/model` instead of a route.",
                reason: "A caller that names one deployment has nothing to fall back on."),
            FieldRule(
                "jurisdictions", .list(of: .label, count: 1...mostJurisdictions),
                .optional("any, and unknown ones too"),
                example: "[eu, us]",
                "Where its requests may go by law: to providers that declare one of these as their `jurisdiction`, and to no other. "
                    + "Where none of them is left, the answer is 451.",
                reason: "Only you know which law the data is under."),
        ])

    /// Far more than one company is under; bounds a list that every candidate is compared with.
    static let mostJurisdictions = 64

    static let key = SectionRule(
        "keys[]", "One client key. `holdfast keys create` prints a key with its line.",
        [
            FieldRule(
                "id", .name(.key), .required, example: "triage-app", "The id inside the key.",
                reason: "A key found in a log can be traced and revoked by it."),
            FieldRule(
                "hash", .keyHash, .required, example: "\"sha256:…\"",
                "`sha256:` and the hex digest of the whole key.",
                reason: "Keys are random and long, so a plain digest is right; the file holds nothing to steal."),
            FieldRule(
                "workload", .name(.id), .required, example: "triage", "The purpose it is used for.",
                reason: "Importance and routes come from the workload."),
            FieldRule(
                "in_flight", .integer(1...1_000_000), .optional("`gateway.limits.in_flight_per_key`"), example: "64",
                "Exchanges at once.", reason: "One key cannot take the whole gateway."),
        ])

    private static let laterDialects = ["azure-openai", "anthropic", "gemini", "oip"].map {
        LaterChoice(
            $0,
            mend: "write openai where the provider has an endpoint that is compatible with it, or remove the provider")
    }
}
