import Foundation
import HoldfastCore
import Testing

@testable import HoldfastAPI

/// The files under Docs/ say what the code does.
@Suite struct ConfigurationDocumentsTests {
    private static let docs = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Docs")

    @Test func thePageOfFieldsIsTheTables() throws {
        let page = try String(contentsOf: Self.docs.appendingPathComponent("configuration.md"), encoding: .utf8)
        #expect(
            page == ConfigurationPage.markdown(),
            "rewrite it: swift run holdfast schema --markdown > Docs/configuration.md")
    }

    @Test func theExampleIsValidAndQuiet() throws {
        let loaded = try ConfigurationFile.load(
            path: Self.docs.appendingPathComponent("holdfast.example.yaml").path,
            environment: ["OPENAI_API_KEY": "a", "MISTRAL_API_KEY": "b"])
        #expect(loaded.snapshot.routes.map(\.name) == ["assistant", "drafts"])
        #expect(loaded.notes.isEmpty)
    }

    @Test func theSchemaIsJSONAndKnowsEveryField() throws {
        let json = ConfigurationSchema.json()
        let schema = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        #expect(schema["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
        #expect(schema["additionalProperties"] as? Bool == false)
        for field in ["base_url", "write_stall", "cached_input", "same_deployment", "in_flight", "direct_models"] {
            #expect(json.contains("\"\(field)\": {"), "\(field)")
        }
    }

    @Test func theReportOfAValidDocumentShowsWhatIsInForce() throws {
        let report = ConfigurationReport(file: "h.yaml", .success(try Documents.compile(Documents.contract)))
        #expect(report.exitStatus == .success)
        let lines = report.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines[0] == "h.yaml is valid: 1 route, 3 deployments, 2 providers, 1 workload, 1 key")
        #expect(
            Array(lines[3...5]) == [
                "route      order  deployment           base URL                   vendor  region   jurisdiction  owned",
                "assistant  1      openai/gpt-4.1-mini  https://api.openai.com/v1  openai  us       us            no",
                "           2      local/qwen3:8b       http://127.0.0.1:11434/v1  local   unknown  unknown       yes",
            ])
        let json = try Self.object(try report.json())
        #expect(json["valid"] as? Bool == true)
        let route = try #require((json["routes"] as? [[String: Any]])?.first)
        #expect((route["timeouts"] as? [String: String])?["response"] == "1m")
        #expect(
            (route["candidates"] as? [[String: Any]])?.map { $0["deployment"] as? String } == [
                "openai/gpt-4.1-mini", "local/qwen3:8b",
            ])
        #expect((json["notes"] as? [Any])?.count == 1)
    }

    @Test func patienceDependsOnWhetherAnotherCandidateExists() throws {
        let alone = ConfigurationReport(file: "h.yaml", .success(try Documents.compile(Documents.smallest)))
        #expect(alone.text.contains("r      1s       1m          1m           10s   10m       10m    4"))
        let others = Documents.smallest.replacing("[p/m]", with: "[p/m, p/n]")
        let two = ConfigurationReport(file: "h.yaml", .success(try Documents.compile(others)))
        #expect(two.text.contains("r      1s       10s         10s          10s   1m        10m    4"))
    }

    @Test func theReportOfAWrongDocumentNamesPlaceAndMend() throws {
        let error = #expect(throws: ConfigurationProblems.self) { try Documents.compile("version: 1\nroutes: {}\n") }
        let report = ConfigurationReport(file: "h.yaml", .failure(try #require(error)))
        #expect(report.exitStatus == .configuration)
        #expect(report.text.hasPrefix("h.yaml:1:1: providers: providers is missing\n  mend: add providers: {openai:"))
        #expect(report.text.hasSuffix("h.yaml is not valid: 2 problems"))
        let json = try Self.object(try report.json())
        #expect(json["valid"] as? Bool == false)
        let problem = try #require((json["problems"] as? [[String: Any]])?.last)
        #expect(problem["line"] as? Int == 2 && problem["column"] as? Int == 1)
        #expect(problem["path"] as? String == "routes")
    }

    private static func object(_ json: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    }
}
