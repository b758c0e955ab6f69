import Testing

@testable import HoldfastCore

/// `map` of the document: what is read, what is refused, and what it is joined to.
@Suite struct MapSectionTests {
    private static func compile(_ map: MapDocument.Entries) -> ConfigurationOutcome {
        MapDocument.compile(
            routes: [("assistant", MapDocument.route("openai/a", "local/b"))],
            workloads: [("triage", MapDocument.critical)], map: map)
    }

    private static let whole: MapDocument.Entries = [
        (
            "components",
            .map([
                (
                    "workload:triage",
                    MapDocument.fields(
                        ("owner", .text("team:emergency")), ("recovery_target", .text("30s")),
                        ("latency_tolerance", .text("5s")), ("cost_per_minute", .text("400.50")),
                        ("needs", .list(["data-source:records", "group:power"])))
                ),
                (
                    "data-source:records",
                    MapDocument.fields(
                        ("criticality", .text("critical")),
                        ("domains", .map([("vendor", .text("acme")), ("power", .text("feed-a"))])))
                ),
                ("backup:records", MapDocument.fields(("backs_up", .text("data-source:records")))),
                ("power:feed-a", .map([])), ("power:feed-b", .map([])),
            ])
        ),
        (
            "groups",
            .map([
                (
                    "power",
                    MapDocument.fields(("least", .text("1")), ("of", .list(["power:feed-a", "power:feed-b"])))
                )
            ])
        ),
        (
            "accept",
            .map([
                (
                    "single-point-0123456",
                    MapDocument.fields(("reason", .text("a second one is ordered")), ("until", .text("2027-03-31")))
                )
            ])
        ),
    ]

    @Test func everyFieldIsRead() throws {
        let outcome = Self.compile(Self.whole)
        let snapshot = try #require(outcome.snapshot, "\(outcome.problems)")
        let map = DependencyMap(snapshot)
        let triage = try #require(map[ComponentID(.workload, "triage")])
        #expect(triage.sources == [.declared, .implied])
        #expect(triage.owner == ComponentID(.team, "emergency"))
        #expect(triage.criticality == .critical)
        #expect(triage.recoveryTargetNanoseconds == 30 * Span.second)
        #expect(triage.latencyToleranceNanoseconds == 5 * Span.second)
        #expect(triage.minuteCostMicros == 400_500_000)
        #expect(
            triage.needs.map { $0.of.map(\.description) } == [
                ["route:assistant"], ["data-source:records"], ["group:power"],
            ])
        #expect(
            map[ComponentID(.dataSource, "records")]?.domains == [
                FailureDomain("vendor:acme")!, FailureDomain("power:feed-a")!,
            ])
        #expect(map[ComponentID(.backup, "records")]?.backsUp == ComponentID(.dataSource, "records"))
        #expect(map[ComponentID(.group, "power")]?.needs.first?.least == 1)
        // A team is declared by being named.
        #expect(map[ComponentID(.team, "emergency")]?.sources == .declared)
        #expect(
            snapshot.map.acceptances == [
                DeclaredMap.Acceptance(
                    id: "single-point-0123456", reason: "a second one is ordered", until: CalendarDay("2027-03-31")!)
            ])
        #expect(outcome.notes.isEmpty)
    }

    @Test func withoutOneTheMapIsWhatTheDocumentImplies() throws {
        let snapshot = try #require(Self.compile([]).snapshot)
        let map = DependencyMap(snapshot)
        #expect(
            map.components.map(\.id.description) == [
                "workload:triage", "route:assistant", "gateway:all", "deployment:local/b", "deployment:openai/a",
                "provider:azure", "provider:bare", "provider:local", "provider:mistral", "provider:openai",
                "management:control",
            ])
        #expect(map.components.allSatisfy { $0.sources == .implied })
        #expect(
            map[ComponentID(.provider, "openai")]?.domains.sorted().map(\.description) == [
                "vendor:openai", "host:api.openai.com", "dns:openai.com", "network:internet", "region:us",
                "jurisdiction:us",
            ])
        #expect(
            map[ComponentID(.provider, "local")]?.domains.sorted().map(\.description) == [
                "vendor:local", "host:this-machine",
            ])
    }

    static let zones: [(String, String?)] = [
        ("api.openai.com", "openai.com"), ("openai.com", "openai.com"), ("eu.api.example.com", "api.example.com"),
        ("api.example.co.uk", "example.co.uk"), ("localhost", nil), ("10.0.0.7", nil), ("fd00::1", nil), ("model", nil),
    ]

    @Test(arguments: zones) func theZoneOfAHostIsWhereItsNameIsKept(host: String, zone: String?) {
        #expect(ImpliedMap.zone(of: host) == zone)
    }

    @Test func theLawLeavesAWorkloadFewerCandidates() throws {
        let outcome = MapDocument.compile(
            routes: [
                ("assistant", MapDocument.route("openai/a", "mistral/b", "local/c")),
                ("american", MapDocument.route("openai/a")),
            ],
            workloads: [("records", MapDocument.fields(("jurisdictions", .list(["eu"]))))])
        let snapshot = try #require(outcome.snapshot, "\(outcome.problems)")
        let workload = try #require(DependencyMap(snapshot)[ComponentID(.workload, "records")])
        // It may ask for every route, and `american` refuses it always: it does not live on that.
        #expect(
            workload.needs == [
                .one(ComponentID(.route, "assistant")), .one(ComponentID(.deployment, "mistral/b")),
            ])
    }

    @Test func aDeclaredNetworkReplacesTheInternet() throws {
        let outcome = Self.compile([
            (
                "components",
                .map([("provider:openai", MapDocument.fields(("domains", .map([("network", .text("peering"))]))))])
            )
        ])
        let map = DependencyMap(try #require(outcome.snapshot, "\(outcome.problems)"))
        let domains = try #require(map[ComponentID(.provider, "openai")]?.domains)
        #expect(domains.contains(FailureDomain(.network, "peering")))
        #expect(!domains.contains(ImpliedMap.internet))
    }

    static let mistakes: [(map: MapDocument.Entries, path: String, fragment: String)] = [
        (component("route:assistent", []), "map.components.\"route:assistent\"", "did you mean route:assistant?"),
        (component("planet:mars", []), "map.components.\"planet:mars\"", "is not a component"),
        (component("group:a", []), "map.components.\"group:a\"", "a group stands among the components"),
        (component("gateway:one", []), "map.components.\"gateway:one\"", "the document has no 'gateway:one'"),
        (
            component("node:a", [("needs", .list(["node:b"]))]), "map.components.\"node:a\".needs[0]",
            "there is no node:b"
        ),
        (
            component("node:a", [("needs", .list(["node:a"]))]), "map.components.\"node:a\".needs[0]", "it needs itself"
        ),
        (
            component("node:a", [("needs", .list(["route:assistant", "route:assistant"]))]),
            "map.components.\"node:a\".needs[1]", "named twice"
        ),
        (
            component("provider:openai", [("needs", .list(["workload:triage"]))]),
            "map.components.\"provider:openai\".needs", "in a circle"
        ),
        (
            component("node:a", [("owner", .text("node:b"))]), "map.components.\"node:a\".owner", "looks after nothing"
        ),
        (
            component("node:a", [("owner", .text("group:b"))]), "map.components.\"node:a\".owner", "there is no group:b"
        ),
        (
            component("workload:triage", [("criticality", .text("standard"))]),
            "map.components.\"workload:triage\".criticality", "stands under workloads"
        ),
        (
            component("provider:openai", [("domains", .map([("vendor", .text("x"))]))]),
            "map.components.\"provider:openai\".domains.vendor", "stands under providers"
        ),
        (
            component("node:a", [("domains", .map([("planet", .text("x"))]))]),
            "map.components.\"node:a\".domains.planet", "not a key known here"
        ),
        (
            component("node:a", [("backs_up", .text("node:b"))]), "map.components.\"node:a\".backs_up",
            "there is no node:b"
        ),
        (
            [
                (
                    "groups",
                    .map([("g", MapDocument.fields(("least", .text("3")), ("of", .list(["person:a", "person:b"]))))])
                )
            ],
            "map.groups.g.least", "3 of 2 is not possible"
        ),
        (
            [("groups", .map([("g", MapDocument.fields(("of", .list(["power:x"]))))]))], "map.groups.g.of[0]",
            "there is no power:x"
        ),
        (
            [
                (
                    "accept",
                    .map([
                        (
                            "something-0123456",
                            MapDocument.fields(("reason", .text("x")), ("until", .text("2027-01-01")))
                        )
                    ])
                )
            ],
            "map.accept.something-0123456", "is not the id of a finding"
        ),
        (
            [("accept", .map([("single-point-0123456", MapDocument.fields(("reason", .text("x"))))]))],
            "map.accept.single-point-0123456.until", "until is missing"
        ),
        (
            [
                (
                    "accept",
                    .map([
                        (
                            "single-point-0123456",
                            MapDocument.fields(("reason", .text("a\nb")), ("until", .text("2027-01-01")))
                        )
                    ])
                )
            ],
            "map.accept.single-point-0123456.reason", "not one line"
        ),
    ]

    private static func component(_ id: String, _ fields: MapDocument.Entries) -> MapDocument.Entries {
        [("components", .map([(id, .map(fields))]))]
    }

    @Test(arguments: mistakes.indices) func mistakesAreNamedWithTheirPlace(_ index: Int) {
        let mistake = Self.mistakes[index]
        let outcome = Self.compile(mistake.map)
        #expect(outcome.snapshot == nil)
        #expect(
            outcome.problems.contains { $0.path == mistake.path && $0.message.contains(mistake.fragment) },
            "\(outcome.problems)")
        #expect(outcome.problems.count == 1, "\(outcome.problems)")
    }
}
