import Testing

@testable import HoldfastCore

/// Which documents lead to which findings, and which do not.
@Suite struct AssessmentTests {
    static let today = CalendarDay(year: 2026, month: 11, day: 29)

    static func assess(
        routes: MapDocument.Entries, workloads: MapDocument.Entries = [("triage", MapDocument.critical)],
        components: MapDocument.Entries = [], groups: MapDocument.Entries = [], accept: MapDocument.Entries = [],
        more: MapDocument.Entries = [], observed: ObservedFacts? = nil, fallbacks: [FallbackState] = []
    ) throws -> Assessment {
        let map: MapDocument.Entries = [
            ("components", .map(components)), ("groups", .map(groups)), ("accept", .map(accept)),
        ].filter { if case .mapping(let entries) = $0.1.value { !entries.isEmpty } else { false } }
        let outcome = MapDocument.compile(routes: routes, workloads: workloads, map: map, more: more)
        let snapshot = try #require(outcome.snapshot, "\(outcome.problems)")
        return Assessment(
            Assessment.Input(snapshot, today: today, observed: observed, fallbacks: fallbacks))
    }

    private static func titles(_ assessment: Assessment, _ kind: FindingKind) -> [String] {
        assessment.findings.filter { $0.kind == kind }.map(\.title)
    }

    private static let good = MapDocument.route("openai/a", "mistral/b", "local/c")

    // MARK: - Single points and sets

    @Test func oneCandidateIsASinglePoint() throws {
        let assessment = try Self.assess(routes: [("assistant", MapDocument.route("openai/a"))])
        let finding = try #require(assessment.findings.first)
        #expect(finding.kind == .singlePoint)
        #expect(finding.severity == .critical)
        #expect(finding.title == "provider:openai alone stops workload:triage and route:assistant")
        #expect(
            finding.reason
                == "nothing takes over from it; the same goes for host:api.openai.com, dns:openai.com, region:us, vendor:openai, jurisdiction:us and network:internet"
                || finding.reason.contains("vendor:openai"))
        #expect(finding.mend == "add a candidate that does without provider:openai to route:assistant")
        #expect(finding.stops.map(\.description) == ["workload:triage", "route:assistant"])
        #expect(Self.titles(assessment, .singlePoint).count == 1)
        #expect(Self.titles(assessment, .oneVendor) == ["route:assistant is critical and all of it is vendor:openai"])
        #expect(Self.titles(assessment, .noOwned).count == 1)
    }

    @Test func twoProvidersOfOneVendorAreOneVendor() throws {
        let assessment = try Self.assess(routes: [("assistant", MapDocument.route("openai/a", "azure/a"))])
        let titles = Self.titles(assessment, .singlePoint)
        #expect(
            titles.sorted() == [
                "network:internet alone stops workload:triage and route:assistant",
                "vendor:openai alone stops workload:triage and route:assistant",
            ])
        #expect(Self.titles(assessment, .oneVendor).count == 1)
        // What stops the whole route is said once, as that.
        #expect(Self.titles(assessment, .sharedFallback).isEmpty)
    }

    @Test func aGoodRouteHasNone() throws {
        let assessment = try Self.assess(routes: [("assistant", Self.good)])
        #expect(Self.titles(assessment, .singlePoint).isEmpty)
        #expect(Self.titles(assessment, .noOwned).isEmpty)
        #expect(Self.titles(assessment, .oneVendor).isEmpty)
        #expect(
            Self.titles(assessment, .cutPair) == [
                "provider:local and network:internet together stop workload:triage and route:assistant"
            ])
        // The three providers are a set too, and the internet takes two of them at once.
        #expect(Self.titles(assessment, .cutTriple).isEmpty)
        #expect(assessment.exactOrder == 3)
    }

    @Test func costAndCriticalityRank() throws {
        let assessment = try Self.assess(
            routes: [("assistant", Self.good), ("other", MapDocument.route("mistral/b"))],
            workloads: [
                ("triage", MapDocument.critical),
                ("dear", MapDocument.fields(("routes", .list(["other"])))),
                ("idle", MapDocument.fields(("routes", .list(["other"])), ("criticality", .text("deferrable")))),
            ],
            components: [
                ("workload:triage", MapDocument.fields(("needs", .list(["data-source:records"])))),
                ("workload:dear", MapDocument.fields(("cost_per_minute", .text("90")), ("needs", .list(["node:n"])))),
                ("data-source:records", .map([])), ("node:n", .map([])),
            ])
        let singles = assessment.findings.filter { $0.kind == .singlePoint }
        #expect(
            singles.map(\.title) == [
                "data-source:records alone stops workload:triage",
                "provider:mistral alone stops workload:dear, route:other and workload:idle",
                "node:n alone stops workload:dear",
            ] || singles.first?.title == "data-source:records alone stops workload:triage")
        #expect(singles.map(\.severity) == [.critical, .warning, .warning])
        #expect(singles.map(\.minuteCostMicros) == [nil, 90_000_000, 90_000_000])
    }

    @Test func anAcceptedSinglePointIsNewWhenItStopsOtherCriticalWork() throws {
        func id(_ components: MapDocument.Entries) throws -> String {
            let assessment = try Self.assess(
                routes: [("assistant", MapDocument.route("openai/a"))],
                workloads: [("triage", MapDocument.critical)] + components)
            return try #require(assessment.findings.first { $0.kind == .singlePoint }).id
        }
        let first = try id([])
        #expect(first == "single-point-" + first.suffix(7))
        #expect(try id([]) == first)
        #expect(try id([("notes", MapDocument.fields(("criticality", .text("standard"))))]) == first)
        #expect(try id([("alarm", MapDocument.critical)]) != first)
    }

    // MARK: - Each kind of finding, and what is just not one

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var kind: FindingKind
        var severity: Finding.Severity?
        var route = good
        var components: MapDocument.Entries = []
        var groups: MapDocument.Entries = []
        var more: MapDocument.Entries = []
        var observed: ObservedFacts?
        var fallbacks: [FallbackState] = []
    }

    private static func timeouts(_ fields: (String, String)...) -> ConfigurationNode {
        MapDocument.route(
            "openai/a", "mistral/b", "local/c",
            more: [("timeouts", .map(fields.map { ($0.0, .text($0.1)) }))])
    }

    private static func target(_ field: String, _ span: String) -> MapDocument.Entries {
        [("workload:triage", .map([(field, .text(span))]))]
    }

    private static func limits(_ requests: String...) -> MapDocument.Entries {
        let names = ["openai/a", "mistral/b", "local/c"]
        return [
            (
                "deployments",
                .map(
                    zip(names, requests).map { name, limit in
                        (name, .map([("limits", .map([("requests_per_minute", .text(limit))]))]))
                    })
            )
        ]
    }

    private static func retires(_ day: String, replacedBy: String? = nil) -> MapDocument.Entries {
        let replacement: MapDocument.Entries = replacedBy.map { [("replaced_by", .text($0))] } ?? []
        return [("deployments", .map([("openai/a", .map([("retires", .text(day))] + replacement))]))]
    }

    private static func state(
        _ state: FallbackState.State, _ deployment: String = "mistral/b", recovery: Int64? = nil
    ) -> FallbackState {
        FallbackState(
            route: "assistant", deployment: deployment, state: state,
            recoveryNanoseconds: recovery.map { $0 * Span.second })
    }

    private static func observed(_ fill: (inout ObservedFacts) -> Void) -> ObservedFacts {
        var facts = ObservedFacts()
        facts.gateways = ["a", "b"]
        fill(&facts)
        return facts
    }

    private static func receiver(_ url: String) -> MapDocument.Entries {
        let receiver = MapDocument.fields(("format", .text("webhook")), ("url", .text(url)))
        return [("control", .map([("notifications", .map([("oncall", receiver)]))]))]
    }

    private static let place: MapDocument.Entries = [
        ("gateway:all", MapDocument.fields(("needs", .list(["power:a"])))),
        ("management:control", MapDocument.fields(("needs", .list(["power:a"])))), ("power:a", .map([])),
    ]

    static let cases: [Case] = [
        Case(
            testDescription: "a response timeout longer than the target", kind: .recoveryTarget, severity: .warning,
            components: target("recovery_target", "30s")),
        Case(
            testDescription: "a target that the timeouts keep", kind: .recoveryTarget,
            route: timeouts(("response", "20s"), ("first_token", "8s")), components: target("recovery_target", "30s")),
        Case(
            testDescription: "a drill that took longer", kind: .recoveryMeasured, severity: .critical,
            components: target("recovery_target", "2m"), fallbacks: [state(.tested, recovery: 121)]),
        Case(
            testDescription: "a drill that kept it", kind: .recoveryMeasured,
            components: target("recovery_target", "2m"), fallbacks: [state(.tested, recovery: 120)]),
        Case(
            testDescription: "a need that recovers later", kind: .recoveryChain, severity: .warning,
            components: [
                ("workload:triage", MapDocument.fields(("recovery_target", .text("2m")), ("needs", .list(["node:n"])))),
                ("node:n", MapDocument.fields(("recovery_target", .text("4h")))),
            ]),
        Case(
            testDescription: "a need that recovers sooner", kind: .recoveryChain,
            components: [
                ("workload:triage", MapDocument.fields(("recovery_target", .text("2m")), ("needs", .list(["node:n"])))),
                ("node:n", MapDocument.fields(("recovery_target", .text("1m")))),
            ]),
        Case(
            testDescription: "a timeout longer than the tolerance", kind: .latency, severity: .warning,
            components: target("latency_tolerance", "5s")),
        Case(
            testDescription: "timeouts that add up", kind: .latency, severity: .notice,
            route: timeouts(("response", "4s"), ("first_token", "4s")), components: target("latency_tolerance", "10s")),
        Case(
            testDescription: "timeouts that fit", kind: .latency,
            route: timeouts(("response", "3s"), ("first_token", "3s")), components: target("latency_tolerance", "10s")),
        Case(
            testDescription: "the others carry less", kind: .capacity, severity: .warning,
            more: limits("500", "200", "200")),
        Case(testDescription: "the others carry as much", kind: .capacity, more: limits("500", "300", "200")),
        Case(testDescription: "a limit is unknown", kind: .capacity, more: limits("500", "1")),
        Case(
            testDescription: "retires in 30 days", kind: .retirement, severity: .critical, more: retires("2026-12-29")),
        Case(testDescription: "retires in 31 days", kind: .retirement, severity: .warning, more: retires("2026-12-30")),
        Case(testDescription: "retires in 91 days", kind: .retirement, more: retires("2027-02-28")),
        Case(
            testDescription: "retires and is replaced", kind: .retirement,
            more: retires("2026-12-01", replacedBy: "openai/b")),
        Case(testDescription: "nothing is known of prices", kind: .unknownPrice, severity: .notice),
        Case(
            testDescription: "the cheapest of unknown prices", kind: .unknownPrice, severity: .warning,
            route: MapDocument.route("openai/a", "mistral/b", "local/c", more: [("strategy", .text("cheapest"))])),
        Case(testDescription: "no drill ever", kind: .fallbackUntested, severity: .warning),
        Case(
            testDescription: "all were drilled", kind: .fallbackUntested,
            fallbacks: [state(.tested), state(.outdated, "local/c")]),
        Case(
            testDescription: "a drill is out of date", kind: .fallbackOutdated, severity: .warning,
            fallbacks: [state(.outdated)]),
        Case(
            testDescription: "a drill failed", kind: .fallbackFailed, severity: .critical, fallbacks: [state(.failed)]),
        Case(
            testDescription: "management beside the gateways", kind: .sharedManagement, severity: .warning,
            components: place),
        Case(testDescription: "places are known", kind: .unknownPlace, components: place),
        Case(testDescription: "places are unknown", kind: .unknownPlace, severity: .notice),
        Case(testDescription: "nobody is told", kind: .noAlert, severity: .warning),
        Case(testDescription: "somebody is told", kind: .noAlert, more: receiver("https://alerts.example/x")),
        Case(
            testDescription: "the channel fails with what it tells of", kind: .sharedAlert, severity: .warning,
            components: [
                ("workload:triage", MapDocument.fields(("needs", .list(["power:a"])))),
                ("alert-channel:oncall", MapDocument.fields(("needs", .list(["power:a"])))), ("power:a", .map([])),
            ], more: receiver("https://alerts.example/x")),
        Case(
            testDescription: "the channel stands elsewhere", kind: .sharedAlert,
            components: [
                ("workload:triage", MapDocument.fields(("needs", .list(["power:a"])))), ("power:a", .map([])),
            ], more: receiver("https://alerts.example/x")),
        Case(
            testDescription: "a backup beside its original", kind: .sharedBackup, severity: .warning,
            components: [
                ("data-source:d", MapDocument.fields(("needs", .list(["node:n"])))),
                ("backup:d", MapDocument.fields(("needs", .list(["node:n"])), ("backs_up", .text("data-source:d")))),
                ("node:n", .map([])),
            ]),
        Case(
            testDescription: "a backup elsewhere", kind: .sharedBackup,
            components: [
                ("data-source:d", MapDocument.fields(("needs", .list(["node:n"])))),
                ("backup:d", MapDocument.fields(("backs_up", .text("data-source:d")))), ("node:n", .map([])),
            ]),
        Case(
            testDescription: "backups in the folder of the plane", kind: .sharedBackup, severity: .warning,
            observed: observed { $0.backupsBesideOriginal = true }),
        Case(
            testDescription: "a group on one line", kind: .sharedGroup, severity: .warning,
            components: [
                ("node:a", MapDocument.fields(("needs", .list(["power:p"])))),
                ("node:b", MapDocument.fields(("needs", .list(["power:p"])))), ("power:p", .map([])),
            ], groups: [("g", MapDocument.fields(("of", .list(["node:a", "node:b"]))))]),
        Case(
            testDescription: "a group on two lines", kind: .sharedGroup,
            components: [("node:a", .map([])), ("node:b", .map([]))],
            groups: [("g", MapDocument.fields(("of", .list(["node:a", "node:b"]))))]),
        Case(
            testDescription: "a fallback of the same vendor, and one of another", kind: .sharedFallback,
            severity: .notice, route: MapDocument.route("openai/a", "azure/a", "local/c")),
        Case(
            testDescription: "a fallback of the same vendor, and no other", kind: .oneVendor, severity: .warning,
            route: MapDocument.route("openai/a", "azure/a")),
        Case(testDescription: "no owner", kind: .noOwner, severity: .warning),
        Case(
            testDescription: "a team", kind: .noOwner,
            components: [("workload:triage", MapDocument.fields(("owner", .text("team:t"))))]),
        Case(
            testDescription: "one person", kind: .onePerson, severity: .warning,
            components: [("workload:triage", MapDocument.fields(("owner", .text("person:ana"))))]),
        Case(
            testDescription: "a group of one person", kind: .onePerson, severity: .warning,
            components: [("workload:triage", MapDocument.fields(("owner", .text("group:g"))))],
            groups: [("g", MapDocument.fields(("of", .list(["person:ana"]))))]),
        Case(
            testDescription: "two people", kind: .onePerson,
            components: [("workload:triage", MapDocument.fields(("owner", .text("group:g"))))],
            groups: [("g", MapDocument.fields(("of", .list(["person:ana", "person:ben"]))))]),
        Case(
            testDescription: "one gateway", kind: .oneGateway, severity: .warning,
            observed: observed { $0.gateways = ["a"] }),
        Case(testDescription: "two gateways", kind: .oneGateway, observed: observed { _ in }),
        Case(
            testDescription: "a workload that never calls", kind: .neverSeen, severity: .notice,
            observed: observed {
                $0.calls = [ObservedFacts.Call(workload: "other", route: "assistant", deployment: "openai/a", count: 1)]
            }),
        Case(
            testDescription: "all of it was seen", kind: .neverSeen,
            observed: observed {
                $0.calls = [
                    ObservedFacts.Call(workload: "triage", route: "assistant", deployment: "openai/a", count: 1)
                ]
            }),
        Case(testDescription: "nothing was seen yet", kind: .neverSeen, observed: observed { _ in }),
        Case(
            testDescription: "calls without a key", kind: .undeclared, severity: .notice,
            observed: observed {
                $0.calls = [ObservedFacts.Call(workload: nil, route: "assistant", deployment: "openai/a", count: 3)]
            }),
        Case(
            testDescription: "calls without a key, by gateways that lie", kind: .undeclared, severity: .notice,
            observed: observed {
                $0.calls = ["openai/a", "mistral/b"].map {
                    ObservedFacts.Call(workload: nil, route: "assistant", deployment: $0, count: .max)
                }
            }),
        Case(
            testDescription: "a stranger answers", kind: .undeclared, severity: .notice,
            observed: observed {
                $0.calls = [
                    ObservedFacts.Call(workload: "triage", route: "assistant", deployment: "openai/z", count: 3)
                ]
            }),
        Case(
            testDescription: "another name server", kind: .undeclared, severity: .notice,
            components: [("dns:10.0.0.2", .map([]))], observed: observed { $0.nameServers = ["10.0.0.3"] }),
        Case(
            testDescription: "the name server that was declared", kind: .undeclared,
            components: [("dns:10.0.0.2", .map([]))], observed: observed { $0.nameServers = ["10.0.0.2"] }),
        Case(
            testDescription: "one front door", kind: .sharedAddress, severity: .warning,
            observed: observed {
                $0.endpoints = [
                    ObservedFacts.Endpoint(provider: "openai", host: "a", addresses: ["192.0.2.1"]),
                    ObservedFacts.Endpoint(provider: "mistral", host: "b", addresses: ["192.0.2.1", "192.0.2.2"]),
                ]
            }),
        Case(
            testDescription: "a door each", kind: .sharedAddress,
            observed: observed {
                $0.endpoints = [
                    ObservedFacts.Endpoint(provider: "openai", host: "a", addresses: ["192.0.2.1"]),
                    ObservedFacts.Endpoint(provider: "mistral", host: "b", addresses: ["192.0.2.2"]),
                ]
            }),
    ]

    @Test(arguments: cases) func isFoundOrNot(_ given: Case) throws {
        let assessment = try Self.assess(
            routes: [("assistant", given.route)], components: given.components, groups: given.groups, more: given.more,
            observed: given.observed, fallbacks: given.fallbacks)
        let found = assessment.findings.filter { $0.kind == given.kind }
        #expect(found.map(\.severity).max() == given.severity, "\(found.map(\.title))")
        for finding in assessment.findings {
            #expect(!finding.reason.isEmpty && !finding.mend.isEmpty)
            #expect(Finding.isID(finding.id), "\(finding.id)")
        }
        #expect(Set(assessment.findings.map(\.id)).count == assessment.findings.count)
    }

    @Test func providersThatSayNothingAreUnknown() throws {
        let assessment = try Self.assess(routes: [("assistant", MapDocument.route("openai/a", "bare/b"))], more: [])
        #expect(
            Self.titles(assessment, .unknownDomain) == ["nothing says what region and jurisdiction provider:bare is in"]
        )
    }

    // MARK: - Accepting

    @Test(arguments: [("2026-11-29", true), ("2026-11-28", false)])
    func acceptedFindingsStayVisibleAndComeBack(until: String, isAccepted: Bool) throws {
        let routes: MapDocument.Entries = [("assistant", MapDocument.route("openai/a"))]
        let before = try Self.assess(routes: routes)
        let worst = try #require(before.findings.first)
        let after = try Self.assess(
            routes: routes,
            accept: [(worst.id, MapDocument.fields(("reason", .text("known")), ("until", .text(until))))])
        let found = try #require(after.findings.first { $0.id == worst.id })
        #expect(found.isOpen != isAccepted)
        let acceptance = DeclaredMap.Acceptance(id: worst.id, reason: "known", until: CalendarDay(until)!)
        #expect(found.acceptance == (isAccepted ? .accepted(acceptance) : .expired(acceptance)))
        #expect(after.findings.map(\.id) == before.findings.map(\.id))
        #expect(after.open(atLeast: .critical).count == before.open(atLeast: .critical).count - (isAccepted ? 1 : 0))
    }

    @Test func anAcceptanceOfNothingIsSaid() throws {
        let assessment = try Self.assess(
            routes: [("assistant", Self.good)],
            accept: [("capacity-0123456", MapDocument.fields(("reason", .text("old")), ("until", .text("2027-01-01"))))]
        )
        #expect(
            Self.titles(assessment, .idleAcceptance) == [
                "nothing is found any more that capacity-0123456 accepts"
            ])
    }

    @Test func theOrderAndTheIdsDoNotChangeFromRunToRun() throws {
        let documents = try (0..<3).map { _ in
            try Self.assess(routes: [("assistant", MapDocument.route("openai/a", "azure/a"))])
        }
        #expect(documents.map { $0.findings.map(\.id) }.allSatisfy { $0 == documents[0].findings.map(\.id) })
    }

    @Test func listsAreSentences() {
        #expect(Listing.text([]) == "nothing")
        #expect(Listing.text(["a"]) == "a")
        #expect(Listing.text(["a", "b"]) == "a and b")
        #expect(Listing.text(["a", "b", "c"]) == "a, b and c")
        #expect(Listing.text(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more")
    }
}
