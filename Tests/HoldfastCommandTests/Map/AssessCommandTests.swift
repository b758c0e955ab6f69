import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastCore
import Synchronization
import Testing

@testable import holdfast

/// `holdfast assess` and `holdfast map`, from a file and from a management plane.
@Suite(.serialized) struct AssessCommandTests {
    /// 29 November 2026.
    private static let now: Int64 = 1_795_910_400_000

    static let document = """
        version: 1
        providers:
          openai: {base_url: "https://api.openai.com/v1", api_key: "${NOT_SET_ANYWHERE}", region: us, jurisdiction: us}
          local: {base_url: "http://127.0.0.1:9/v1", network: private, owned: true}
        routes:
          assistant: {candidates: [openai/gpt, local/qwen]}
          drafts: {candidates: [openai/gpt]}
        workloads:
          triage: {criticality: critical, routes: [assistant]}
          editors: {routes: [drafts]}
        map:
          components:
            workload:triage: {owner: "team:t", cost_per_minute: 400}

        """

    private static func withFile(
        _ text: String = document, _ body: (String) async throws -> Void
    ) async throws {
        let path = NSTemporaryDirectory() + "holdfast-assess-\(UUID().uuidString).yaml"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    private static let rig = CommandRig(now: now)

    @Test func aFileIsAssessedWithoutAnybodyAndWithoutKeys() async throws {
        try await Self.withFile { path in
            let told = try await Self.rig.run("assess", "--config", path)
            #expect(told.status == .success && told.errors == "")
            #expect(told.output.hasPrefix("0 critical, "))
            #expect(told.output.contains("of the file alone: what gateways see"))
            #expect(told.output.contains("\nWARNING ("))
            #expect(told.output.contains("\n\nprovider:openai alone stops workload:editors and route:drafts\n"))
            let view = try await Self.rig.run("assess", "--config", path, "--json").view(AssessmentView.self)
            #expect(view.generation == nil && view.day == "2026-11-29")
            #expect(view.findings.allSatisfy { told.output.contains($0.id) })
        }
    }

    @Test func theExitCodeIsForPipelines() async throws {
        try await Self.withFile { path in
            let strict = try await Self.rig.run("assess", "--config", path, "--fail-on", "warning")
            #expect(strict.status == .failure)
            let lenient = try await Self.rig.run("assess", "--config", path, "--fail-on", "none")
            #expect(lenient.status == .success)
        }
        let single = Self.document.replacing("[openai/gpt, local/qwen]", with: "[openai/gpt]")
        try await Self.withFile(single) { path in
            let told = try await Self.rig.run("assess", "--config", path)
            #expect(told.status == .failure)
            #expect(told.output.contains("\nCRITICAL (1)\n"))
            #expect(told.output.contains("$400 a minute"))
            let view = try await Self.rig.run("assess", "--config", path, "--json").view(AssessmentView.self)
            let id = try #require(view.findings.first?.id)
            try await Self.withFile(single + "  accept: {\(id): {reason: known, until: 2026-11-29}}\n") { path in
                let told = try await Self.rig.run("assess", "--config", path)
                #expect(told.status == .success)
                #expect(told.output.contains("; 1 accepted") && told.output.contains("until 2026-11-29: known"))
            }
            try await Self.withFile(single + "  accept: {\(id): {reason: known, until: 2026-11-28}}\n") { path in
                let told = try await Self.rig.run("assess", "--config", path)
                #expect(told.status == .failure)
                #expect(told.output.contains("until 2026-11-28, which is over: known"))
            }
        }
    }

    @Test func withoutSaysWhatStopsAndWhatCarriesTheRest() async throws {
        try await Self.withFile { path in
            let told = try await Self.rig.run("assess", "--config", path, "--without", "vendor:openai")
            #expect(told.status == .success)
            #expect(
                told.output == """
                    without vendor:openai: 2 of 4 stop

                    STOPS (2)
                      workload:editors (standard)
                      route:drafts (standard)

                    DEGRADED (2)
                      workload:triage (critical, $400 a minute)
                        route:assistant is carried by local/qwen, untested
                      route:assistant (critical)
                        route:assistant is carried by local/qwen, untested

                    """)
            let strict = try await Self.rig.run(
                "assess", "--config", path, "--without", "vendor:openai", "--fail-on", "warning")
            #expect(strict.status == .failure)
            let both = try await Self.rig.run(
                "assess", "--config", path, "--without", "vendor:openai", "--without", "provider:local", "--json")
            #expect(both.status == .failure)
            #expect(try both.view(OutlookView.self).costPerMinute == "400")
            let strange = try await Self.rig.run("assess", "--config", path, "--without", "vendor:opemai")
            #expect(strange.status == .invalid)
            #expect(strange.errors.contains("did you mean vendor:openai?"))
        }
    }

    @Test func whatCannotBeReadOrIsWrongHasItsCode() async throws {
        let missing = try await Self.rig.run("assess", "--config", "/nowhere/holdfast.yaml")
        #expect(missing.status == .noInput && missing.errors.contains("mend: "))
        try await Self.withFile(Self.document.replacing("workload:triage", with: "workload:tirage")) { path in
            let wrong = try await Self.rig.run("assess", "--config", path)
            #expect(wrong.status == .configuration)
            #expect(wrong.errors.contains(":13:5: ") && wrong.errors.contains("did you mean workload:triage?"))
        }
    }

    @Test func markdownIsTextAndNoMarkup() async throws {
        let single = Self.document.replacing("[openai/gpt, local/qwen]", with: "[openai/gpt]")
        try await Self.withFile(single) { path in
            let told = try await Self.rig.run("assess", "--config", path, "--markdown", "--fail-on", "none")
            #expect(told.output.hasPrefix("# Assessment of "))
            #expect(
                told.output.contains(
                    "\n## Critical\n\n### provider:openai alone stops workload:triage, route:assistant"))
            #expect(!told.output.contains("\n## Accepted"))
            let view = try await Self.rig.run("assess", "--config", path, "--json").view(AssessmentView.self)
            let id = try #require(view.findings.first?.id)
            try await Self.withFile(single + "  accept: {\(id): {reason: \"a | <b> *c*\", until: 2027-01-01}}\n") {
                path in
                let told = try await Self.rig.run("assess", "--config", path, "--markdown")
                #expect(told.output.contains("| `\(id)` | 2027-01-01 | a \\| \\<b\\> \\*c\\* |\n"))
            }
        }
    }

    @Test(arguments: [
        ["assess", "--json", "--markdown"], ["assess", "--markdown", "--without", "a:b"],
        ["assess", "--fail-on", "all"],
        ["map", "show", "--dot", "--mermaid"], ["map", "import"],
    ])
    func whatIsWrongIsUsage(arguments: [String]) {
        #expect {
            _ = try Holdfast.parseAsRoot(arguments)
        } throws: { error in
            Holdfast.exitCode(for: error).rawValue == HoldfastAPI.ExitStatus.usage.rawValue
        }
    }

    @Test func theMapIsShownAndDrawn() async throws {
        try await Self.withFile { path in
            let table = try await Self.rig.run("map", "show", "--config", path)
            #expect(table.output.contains("COMPONENT") && table.output.contains("provider:openai !"))
            #expect(table.output.contains("gateway:all, 1 of (deployment:openai/gpt, deployment:local/qwen)"))
            let dot = try await Self.rig.run("map", "show", "--config", path, "--dot")
            #expect(dot.output.contains("\"provider:openai\" [label=\"provider:openai\", color=red, penwidth=2"))
            let mermaid = try await Self.rig.run("map", "show", "--config", path, "--mermaid")
            #expect(mermaid.output.hasPrefix("graph LR\n") && mermaid.output.contains("classDef single"))
            let view = try await Self.rig.run("map", "show", "--config", path, "--json").view(MapView.self)
            #expect(view.components.contains { $0.id == "workload:triage" && $0.owner == "team:t" })
        }
    }

    @Test func aCatalogueIsImported() async throws {
        let text =
            "kind: Resource\nmetadata: {name: db}\nspec: {type: database}\n---\nkind: Location\nmetadata: {name: x}\n"
        try await Self.withFile(text) { path in
            let told = try await Self.rig.run("map", "import", path)
            #expect(told.status == .success)
            #expect(told.output == "map:\n  components:\n    data-source:db: {}\n")
            #expect(told.errors.contains(":5: Location x is left out"), "\(told.errors)")
        }
        try await Self.withFile("a: [") { path in
            let told = try await Self.rig.run("map", "import", path)
            #expect(told.status == .invalid && told.output == "" && told.errors.contains("mend: "))
        }
        let missing = try await Self.rig.run("map", "import", "/nowhere/catalog-info.yaml")
        #expect(missing.status == .noInput && missing.errors.contains("mend: "))
    }

    @Test func aManagementPlaneIsAskedWhereOneIsNamed() async throws {
        try await ControlRig.run { control in
            let early = try await control.admin.run("assess")
            #expect(early.status == .failure && early.errors.contains("nothing has been published"))
            try await control.publish(Self.document)
            let told = try await control.admin.run("assess", "--fail-on", "none")
            #expect(told.status == .success, "\(told.errors)")
            #expect(told.output.contains(" in generation 1"))
            #expect(told.output.contains("no gateway reports"))
            let outlook = try await control.admin.run("assess", "--without", "vendor:openai", "--json")
            #expect(try outlook.view(OutlookView.self).generation == 1)
            let strange = try await control.admin.run("assess", "--without", "vendor:opemai")
            #expect(strange.status == .invalid && strange.errors.contains("did you mean vendor:openai?"))
            let map = try await control.admin.run("map", "show", "--json")
            #expect(try map.view(MapView.self).generation == 1)
            let auditor = try await control.rig("auditor")
            #expect(try await auditor.run("assess").status == .noPermission)
        }
    }
}
