import Foundation
import Testing

/// Documents that point somewhere point at something.
@Suite struct DocumentTests {
    @Test func everyLinkBetweenDocumentsResolves() throws {
        let documents = try SourceTree.files(endingIn: ".md")
        #expect(documents.contains { $0.path == "README.md" })
        for document in documents {
            for link in Links.relative(in: document.text.raw) {
                let broken = Links.problem(with: link, from: document.path) { path in
                    guard SourceTree.exists(path) else { return nil }
                    return documents.first { $0.path == path }?.text.raw ?? ""
                }
                #expect(broken == nil, "\(document.path): (\(link)): \(broken ?? "")")
            }
        }
    }

    @Test func theMapOfTheCodeStaysAMap() throws {
        let map = try #require(try SourceTree.files(endingIn: "Docs/architecture.md").first)
        #expect(map.lines <= 300)
    }

    @Test func aBrokenLinkIsFound() {
        let text = "See [a](a.md), [b](b.md#the-end), [c](https://example.com/x.md) and `[d](d.md)`."
        #expect(Links.relative(in: text) == ["a.md", "b.md#the-end"])
        let tree = ["Docs/b.md": "# The start\n## The *end*\n"]
        #expect(Links.problem(with: "a.md", from: "Docs/c.md") { tree[$0] } != nil)
        #expect(Links.problem(with: "b.md#the-end", from: "Docs/c.md") { tree[$0] } == nil)
        #expect(Links.problem(with: "b.md#nowhere", from: "Docs/c.md") { tree[$0] } != nil)
        #expect(Links.problem(with: "Docs/b.md", from: "README.md") { tree[$0] } == nil)
        #expect(Links.problem(with: "../Docs/b.md", from: "Docs/c.md") { tree[$0] } == nil)
    }
}

private enum Links {
    static func relative(in markdown: String) -> [String] {
        let withoutCode = Pattern("```[\\s\\S]*?```|`[^`\\n]*`").matches(in: markdown)
            .reduce(into: markdown) { text, match in
                text = text.replacing(match.text, with: "")
            }
        return Pattern(#"\]\(([^)\s]+)\)"#).matches(in: withoutCode).compactMap(\.group)
            .filter { !$0.contains("://") && !$0.hasPrefix("mailto:") }
    }

    /// - Parameter read: the text of a file, nil where there is none.
    static func problem(with link: String, from document: String, read: (String) -> String?) -> String? {
        let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let folder = document.split(separator: "/").dropLast().map(String.init)
        let path = parts[0].isEmpty ? document : resolve(parts[0], in: folder)
        guard let text = read(path) else { return "there is no file \(path)" }
        guard parts.count == 2 else { return nil }
        let anchors = Pattern(#"^#+\s+(.*)$"#).matches(in: text).compactMap(\.group).map(anchor)
        return anchors.contains(parts[1]) ? nil : "\(path) has no heading '#\(parts[1])'"
    }

    private static func resolve(_ path: String, in folder: [String]) -> String {
        var parts = folder
        for part in path.split(separator: "/") {
            switch part {
            case ".": continue
            case "..": _ = parts.popLast()
            default: parts.append(String(part))
            }
        }
        return parts.joined(separator: "/")
    }

    /// As code hosts make it: lower case, spaces as hyphens, punctuation dropped.
    private static func anchor(_ heading: String) -> String {
        String(
            heading.lowercased().compactMap { character -> Character? in
                if character == " " { return "-" }
                return character.isLetter || character.isNumber || character == "-" || character == "_"
                    ? character : nil
            })
    }
}
