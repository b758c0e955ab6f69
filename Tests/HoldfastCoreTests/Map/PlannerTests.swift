import Testing

@testable import HoldfastCore

@Suite struct PlannerTests {
    private static func planner(fallbacks: [FallbackState] = []) throws -> Planner {
        let limits = ConfigurationNode.map([("limits", .map([("requests_per_minute", .text("600"))]))])
        let outcome = MapDocument.compile(
            routes: [
                ("assistant", MapDocument.route("openai/a", "azure/a", "mistral/b", "local/c")),
                ("drafts", MapDocument.route("openai/a")),
                ("notes", MapDocument.route("local/c")),
            ],
            workloads: [
                ("triage", MapDocument.critical),
                ("records", MapDocument.fields(("jurisdictions", .list(["eu"])), ("routes", .list(["assistant"])))),
                ("editors", MapDocument.fields(("routes", .list(["drafts", "notes"])))),
            ],
            map: [
                ("components", .map([("workload:editors", MapDocument.fields(("cost_per_minute", .text("7"))))]))
            ],
            more: [
                (
                    "deployments",
                    .map([("openai/a", limits), ("azure/a", limits), ("mistral/b", limits), ("local/c", limits)])
                )
            ])
        let snapshot = try #require(outcome.snapshot, "\(outcome.problems)")
        return Planner(DependencyMap(snapshot), of: snapshot, fallbacks: fallbacks)
    }

    private static func states(_ outlook: Outlook) -> [String: Outlook.State] {
        Dictionary(uniqueKeysWithValues: outlook.lines.map { ($0.component.description, $0.state) })
    }

    @Test func withoutAVendorSomeStopAndSomeAreCarried() throws {
        let planner = try Self.planner(fallbacks: [
            FallbackState(route: "assistant", deployment: "mistral/b", state: .tested)
        ])
        let outlook = planner.without(["vendor:openai"])
        #expect(outlook.failed.map(\.description) == ["vendor:openai"])
        #expect(
            Self.states(outlook) == [
                "route:assistant": .degraded, "route:drafts": .stops, "route:notes": .goesOn,
                "workload:triage": .degraded, "workload:records": .degraded, "workload:editors": .stops,
            ])
        // What stops comes first, and what costs most of it.
        #expect(outlook.lines.prefix(2).map(\.component.description) == ["workload:editors", "route:drafts"])
        #expect(outlook.minuteCostMicros == 7_000_000)
        let carrier = try #require(outlook.lines.first { $0.component.name == "triage" }?.carriers.first)
        #expect(carrier.deployment == "mistral/b")
        #expect(carrier.state == .tested)
        #expect(!carrier.isPrimary)
        #expect(
            carrier.capacity == [RouteCapacity(dimension: .requestsPerMinute, all: 2_400, left: 1_200)])
        #expect(
            outlook.stopped.map(\.description) == [
                "workload:editors", "route:drafts", "deployment:azure/a", "deployment:openai/a", "provider:azure",
                "provider:openai",
            ])
    }

    @Test func severalAtOnce() throws {
        let outlook = try Self.planner().without(["network:internet", "provider:local"])
        #expect(outlook.lines.allSatisfy { $0.state == .stops })
    }

    @Test func theLawIsKept() throws {
        let planner = try Self.planner()
        // Mistral alone is lawful for it: what is left of the route is nothing to it.
        #expect(Self.states(planner.without(["jurisdiction:eu"]))["workload:records"] == .stops)
        let outlook = planner.without(["region:eu"])
        #expect(Self.states(outlook)["workload:triage"] == .degraded)
        let carrier = try #require(outlook.lines.first { $0.component.name == "triage" }?.carriers.first)
        #expect(carrier.deployment == "openai/a" && carrier.isPrimary && carrier.state == .untested)
    }

    @Test func whatTheMapDoesNotHaveIsSaid() throws {
        let unknown = try Self.planner().unknown(["vendor:opemai", "vendor:openai", "provider:local", "nonsense"])
        #expect(unknown.map(\.text) == ["vendor:opemai", "nonsense"])
        #expect(unknown.map(\.meant) == ["vendor:openai", nil])
    }

    @Test func nothingChangesNothing() throws {
        let outlook = try Self.planner().without([])
        #expect(outlook.lines.allSatisfy { $0.state == .goesOn && $0.carriers.isEmpty })
        #expect(outlook.stopped.isEmpty && outlook.minuteCostMicros == nil)
    }

    @Test func aSumWithAHoleInItIsNoSum() {
        let limits = [DeploymentLimits(requestsPerMinute: 5, concurrent: 1), DeploymentLimits(concurrent: 2)]
        #expect(
            RouteCapacity.all(of: limits, left: [limits[1]]) == [
                RouteCapacity(dimension: .concurrent, all: 3, left: 2)
            ])
    }
}
