import HoldfastCore
import Testing

@testable import HoldfastAPI

/// `catalog-info.yaml` of Backstage as the section `map`.
@Suite struct CatalogTests {
    static let catalogue = """
        apiVersion: backstage.io/v1alpha1
        kind: Component
        metadata:
          name: Triage-Desk
          annotations:
            holdfast.dev/criticality: critical
            holdfast.dev/recovery-target: 2m
            holdfast.dev/latency-tolerance: 5s
            holdfast.dev/cost-per-minute: "400.50"
            holdfast.dev/region: eu
        spec:
          type: website
          owner: group:default/emergency
          system: care
          dependsOn: [resource:default/records, "component:assistant", resource:nowhere]
          consumesApis: [guidelines-api]
        ---
        apiVersion: backstage.io/v1alpha1
        kind: Component
        metadata: {name: assistant, annotations: {holdfast.dev/id: "workload:triage"}}
        spec: {owner: ana, providesApis: [guidelines-api]}
        ---
        kind: Component
        metadata: {name: guidelines, annotations: {holdfast.dev/criticality: very}}
        spec: {owner: user:ana, providesApis: [api:default/guidelines-api]}
        ---
        kind: Resource
        metadata: {name: records, namespace: clinic}
        spec: {type: database, owner: group:emergency}
        ---
        kind: Resource
        metadata: {name: records}
        spec: {type: s3-bucket, dependencyOf: [component:assistant], dependsOn: [resource:rack]}
        ---
        kind: Resource
        metadata: {name: nightly, annotations: {holdfast.dev/backs-up: "resource:records"}}
        spec: {type: backup}
        ---
        kind: Resource
        metadata: {name: rack}
        spec: {type: power}
        ---
        kind: System
        metadata: {name: care}
        spec: {owner: group:platform}
        ---
        kind: Group
        metadata: {name: emergency}
        spec: {members: [ben]}
        ---
        kind: User
        metadata: {name: ana}
        spec: {memberOf: [emergency]}
        ---
        kind: API
        metadata: {name: guidelines-api}
        spec: {owner: ana}
        ---
        kind: Template
        metadata: {name: scaffold}
        ---
        just: something
        """

    @Test func theCatalogueBecomesAMap() throws {
        let found = try CatalogFile.read(Self.catalogue, name: "catalog-info.yaml")
        #expect(
            MapText.yaml(found.components) == """
                map:
                  components:
                    service:care: {owner: team:platform, needs: [service:triage-desk]}
                    service:guidelines: {owner: person:ana}
                    service:triage-desk: {owner: group:emergency, criticality: critical, recovery_target: 2m, latency_tolerance: 5s, cost_per_minute: 400.5, domains: {region: eu}, needs: [data-source:records, workload:triage, group:api-guidelines-api]}
                    workload:triage: {owner: team:ana, needs: [data-source:records]}
                    data-source:clinic.records: {owner: group:emergency}
                    data-source:records: {needs: [power:rack]}
                    power:rack: {}
                    backup:nightly: {backs_up: data-source:records}
                  groups:
                    api-guidelines-api: {least: 1, of: [service:guidelines, workload:triage]}
                    emergency: {least: 1, of: [person:ana, person:ben]}

                """)
        #expect(
            found.notes.map(\.message) == [
                "Template scaffold is left out: of this kind nothing depends on anything here",
                "this is no entity: it has no kind, or no metadata.name; left out",
                "holdfast.dev/criticality of service:guidelines is left out: 'very' is not known here",
                "dependsOn of service:triage-desk names 'resource:nowhere', which is not among these entities; left out",
            ])
        #expect(found.notes.map(\.line) == [59, 62, 23, 1])
    }

    @Test func whatIsPrintedIsWhatTheConfigurationTakes() throws {
        let found = try CatalogFile.read(Self.catalogue, name: "catalog-info.yaml")
        let document = Documents.contract + "\n" + MapText.yaml(found.components)
        let map = DependencyMap(try Documents.compile(document).snapshot)
        #expect(map[ComponentID(.service, "triage-desk")]?.minuteCostMicros == 400_500_000)
        #expect(map[ComponentID(.workload, "triage")]?.sources == [.declared, .implied])
        let rack = try #require(map.index(of: ComponentID(.power, "rack")))
        #expect(map.criticalities[rack] == .critical)
    }

    @Test func anEmptyCatalogueIsAnEmptyMap() throws {
        let found = try CatalogFile.read("", name: "c")
        #expect(MapText.yaml(found.components) == "map: {}\n")
    }

    static let wrong = [
        ("a: [", "not YAML"), ("a: &b 1\n---\nc: *b\n", "anchors"), ("kind: Component\nkind: Component\n", "twice"),
    ]

    @Test(arguments: wrong) func whatIsNoYAMLIsSaidWithItsPlace(text: String, fragment: String) throws {
        let error = #expect(throws: ConfigurationProblems.self) { try CatalogFile.read(text, name: "c.yaml") }
        let problem = try #require(error?.problems.first)
        #expect(problem.line > 0 && problem.message.contains(fragment), "\(problem)")
    }

    /// Somebody else's text never becomes anything but names.
    @Test(arguments: ["a b", "a\"b", "-x", "", "a\\nb", String(repeating: "x", count: 300), "a: {b", "größe"])
    func aNameThatIsNoneIsLeftOut(name: String) throws {
        let text = """
            kind: Component
            metadata: {name: "\(name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))"}
            spec: {owner: "\(name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))"}
            """
        let found = try CatalogFile.read(text, name: "c")
        #expect(found.components.isEmpty)
        #expect(found.notes.count == 1)
    }
}
