extension ConfigurationTable {
    static let map = SectionRule(
        "map",
        "What depends on what, beyond what the rest of the document says: [map.md](map.md). Gateways look at none of it; `holdfast assess` does.",
        [
            FieldRule(
                "components", .named(.component, component), .optional("what the rest of the document implies"),
                example: "{data-source:guidelines: {domains: {vendor: acme}}}",
                "Things that work depends on, as `kind:name`. Those that the document has already (`workload:`, `route:`, `deployment:`, "
                    + "`provider:`, `gateway:all`, `management:control`, `alert-channel:` for a receiver) are given further facts.",
                reason: "What else there is, and how much hangs on it, only you know."),
            FieldRule(
                "groups", .named(.id, group), .optional("no redundancy beyond the candidates of routes"),
                example: "{power: {least: 1, of: [power:feed-a, power:feed-b]}}",
                "Redundancy groups; `group:NAME` stands for one in `needs` and in other groups.",
                reason: "Two of a thing help only where one is enough."),
            FieldRule(
                "accept", .named(.finding, acceptance), .optional("every finding counts"),
                example: "{single-point-7h2k9xq: {reason: a second line is ordered, until: 2027-03-31}}",
                "Findings that somebody has decided to live with for a while, by their id.",
                reason: "A finding that nobody can mend today would hide the one that is new."),
        ])

    static let component = SectionRule(
        "map.components.<kind:name>", "Facts about one component; each is optional.",
        [
            FieldRule(
                "owner", .name(.component), .optional("unknown"), example: "team:platform",
                "Who looks after it: `team:NAME`, `person:NAME`, or `group:NAME` of people. Teams and people need no entry of their own.",
                reason: "Somebody has to be asked when it stops."),
            FieldRule(
                "criticality", .choice(["critical", "standard", "deferrable"]),
                .optional("the highest of what needs it, else `standard`"), example: "critical",
                "How important it is. That of a workload is written under `workloads`.",
                reason: "It follows from what needs it; only what nothing on the map needs has to say it."),
            FieldRule(
                "recovery_target", .duration(Span.second...(30 * Span.day)), .optional("none is promised"),
                example: "30s", "How long it may be down.", reason: "A promise is somebody's decision."),
            FieldRule(
                "latency_tolerance", .duration(Span.millisecond...Span.day), .optional("unknown"), example: "5s",
                "How long its users wait before the answer is worth nothing to them.",
                reason: "Timeouts that are longer than this help nobody."),
            FieldRule(
                "cost_per_minute", .money, .optional("unknown, never zero"), example: "400",
                "US dollars for a minute in which it is down. Write it where the loss is felt: costs of all that stops are added up.",
                reason: "Findings are ranked by it."),
            FieldRule(
                "domains", .section(domains), .optional("what the document implies"),
                example: "{vendor: acme, region: eu}",
                "What it shares with others, and fails with.",
                reason: "Only you know what you ordered, and where it stands."),
            FieldRule(
                "needs", .list(of: .name(.component), count: 1...DeclaredMap.mostNeeds),
                .optional("what the document implies"), example: "[data-source:guidelines, group:power]",
                "What has to work for it to work, every one of them; added to what the document implies.",
                reason: "What is not written is taken not to be needed."),
            FieldRule(
                "backs_up", .name(.component), .optional("it is no backup"), example: "data-source:records",
                "What it is the backup of.", reason: "A backup that fails with its original is none."),
        ])

    static let domains = SectionRule(
        "map.components.<kind:name>.domains",
        "Failure domains: components with the same name in one of them fail together. Where a component has the id, such as `power:feed-a` or `dns:corp`, it is meant.",
        DomainKind.allCases.map { kind in
            FieldRule(
                kind.rawValue, .label, .optional(absent(kind)), example: example(kind), description(kind),
                reason: "What is unknown cannot be compared.")
        })

    static let group = SectionRule(
        "map.groups.<id>", "So many of these are enough.",
        [
            FieldRule(
                "least", .integer(1...DeclaredMap.mostNeeds), .defaulted("1"), example: "2",
                "How many of its members have to work.", reason: "Most redundancy is one and a spare."),
            FieldRule(
                "of", .list(of: .name(.component), count: 1...DeclaredMap.mostNeeds), .required,
                example: "[power:feed-a, power:feed-b]", "Its members.", reason: "A group is what it consists of."),
        ])

    static let acceptance = SectionRule(
        "map.accept.<finding>", "One decision to live with a finding.",
        [
            FieldRule(
                "reason", .line(longest: DeclaredMap.longestReason), .required, example: "a second line is ordered",
                "Why, for whoever reads it next.", reason: "Without it the next person has to decide again."),
            FieldRule(
                "until", .date, .required, example: "2027-03-31",
                "The last day, UTC, on which it holds; then the finding counts again.",
                reason: "What is accepted for good is forgotten."),
        ])

    private static func absent(_ kind: DomainKind) -> String {
        switch kind {
        case .vendor, .region, .jurisdiction, .host, .dns: "unknown; a provider's own"
        case .network: "unknown; `internet` for a provider whose network is public"
        default: "unknown"
        }
    }

    private static func example(_ kind: DomainKind) -> String {
        switch kind {
        case .vendor: "acme"
        case .software: "postgres-16"
        case .host: "db-1.example.com"
        case .dns: "example.com"
        case .network: "uplink-a"
        case .region: "eu"
        case .jurisdiction: "eu"
        case .power: "feed-a"
        case .identity: "corp-sso"
        case .price: "spot-market"
        case .people: "night-shift"
        }
    }

    private static func description(_ kind: DomainKind) -> String {
        switch kind {
        case .vendor: "Whose staff and contract are behind it."
        case .software: "A program that runs in several places and breaks in all of them."
        case .host: "The machine, or the name under which it is reached."
        case .dns: "Who answers for its name."
        case .network: "The line that it is reached over."
        case .region: "Where it runs."
        case .jurisdiction: "Whose law can switch it off."
        case .power: "What it draws power from."
        case .identity: "Who signs people and machines in to it."
        case .price: "A price that can make all of it too dear at once."
        case .people: "The people without whom it does not go on."
        }
    }
}
