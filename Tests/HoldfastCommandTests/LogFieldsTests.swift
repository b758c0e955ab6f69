import Foundation
import Testing

@testable import holdfast

/// A field that is not on the list is withheld from every line, so one that the code writes must be there.
@Suite struct LogFieldsTests {
    @Test func everyFieldThatTheCodeWritesIsOnTheList() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources")
        let paths = try FileManager.default.subpathsOfDirectory(atPath: root.path).filter { $0.hasSuffix(".swift") }
        var seen: Set<String> = []
        for path in paths {
            let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
            for name in try Self.names(in: text) {
                seen.insert(name)
                #expect(LogFields.allowed.contains(name), "\(path) logs '\(name)', which LogFields withholds")
            }
        }
        // Finding none would mean that the search is wrong.
        #expect(seen.isSuperset(of: ["process", "delay_ms"]))
    }

    @Test func namesAreFoundInLiteralsAndAssignments() throws {
        let text = """
            logger.info("a", metadata: ["one": "\\(x[0])", "two": .stringConvertible(y)])
            fields["three"] = "x"; logger[metadataKey: "four"] = "y"; other["five"] = 1
            """
        #expect(try Self.names(in: text) == ["one", "two", "three", "four"])
    }

    private static func names(in text: String) throws -> Set<String> {
        let literals = try matches(#"metadata: \[((?:[^\[\]]|\[[^\[\]]*\])*)\]"#, in: text)
        let inLiterals = try literals.flatMap { try matches(#""(\w+)"\s*:"#, in: $0) }
        let assigned = try matches(#"(?:fields|metadata)\["(\w+)"\]\s*="#, in: text)
        let keyed = try matches(#"metadataKey: "(\w+)""#, in: text)
        return Set(inLiterals + assigned + keyed)
    }

    /// The first group of each match.
    private static func matches(_ pattern: String, in text: String) throws -> [String] {
        let expression = try NSRegularExpression(pattern: pattern)
        return expression.matches(in: text, range: NSRange(text.startIndex..., in: text)).compactMap { match in
            Range(match.range(at: 1), in: text).map { String(text[$0]) }
        }
    }
}
