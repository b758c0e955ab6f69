import Foundation
import HoldfastCore
import Testing

@testable import HoldfastAPI

/// What is found in Docs/holdfast.example.yaml, whole: any change of a rule shows here as what it does to an operator.
/// `HOLDFAST_REWRITE_GOLDENS=1` writes it anew.
@Suite struct ExampleAssessmentTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func assessment() throws -> Assessment {
        let loaded = try ConfigurationFile.load(
            path: root.appendingPathComponent("Docs/holdfast.example.yaml").path,
            environment: ["OPENAI_API_KEY": "a", "MISTRAL_API_KEY": "b"])
        return Assessment(
            Assessment.Input(loaded.snapshot, today: CalendarDay(year: 2026, month: 11, day: 29)))
    }

    @Test func theAssessmentOfTheExampleIsTheGolden() throws {
        let found = String(decoding: APICoding.pretty(AssessmentView(try Self.assessment())), as: UTF8.self) + "\n"
        let file = Self.root.appendingPathComponent("Conformance/goldens/assessment-example.json")
        if ProcessInfo.processInfo.environment["HOLDFAST_REWRITE_GOLDENS"] == "1" {
            try Data(found.utf8).write(to: file)
        }
        let golden = try String(contentsOf: file, encoding: .utf8)
        #expect(found == golden)
    }

    @Test func nothingInTheExampleIsCritical() throws {
        #expect(try Self.assessment().open(atLeast: .critical).map(\.title) == [])
    }

    @Test func theViewsSurviveTheWire() throws {
        let assessment = try Self.assessment()
        let view = AssessmentView(assessment, generation: 7)
        #expect(try APICoding.decode(AssessmentView.self, from: APICoding.encode(view)) == view)
        let map = MapView(assessment)
        #expect(try APICoding.decode(MapView.self, from: APICoding.encode(map)) == map)
        #expect(map.cutSets.map(\.component).contains("workload:triage"))
        #expect(map.same.contains { $0.failure == "provider:openai" && $0.same.contains("vendor:openai") })
    }

    @Test func drawingsNameEverythingOnceAndMarkWhatStandsAlone() throws {
        let map = MapView(try Self.assessment())
        let dot = MapDrawing.dot(map)
        #expect(dot.hasPrefix("digraph map {\n") && dot.hasSuffix("}\n"))
        for component in map.components { #expect(dot.contains("\n  \"\(component.id)\" [label="), "\(component.id)") }
        let mermaid = MapDrawing.mermaid(map)
        #expect(mermaid.hasPrefix("graph LR\n"))
        #expect(mermaid.contains("[\"route:assistant\"]"))
    }

    /// Docs/map.md explains every kind of finding.
    @Test func thePageOfTheMapKnowsEveryKind() throws {
        let page = try String(contentsOf: Self.root.appendingPathComponent("Docs/map.md"), encoding: .utf8)
        for kind in FindingKind.allCases { #expect(page.contains("| `\(kind.rawValue)` |"), "\(kind.rawValue)") }
        for kind in ComponentKind.allCases { #expect(page.contains("`\(kind.rawValue)"), "\(kind.rawValue)") }
    }
}
