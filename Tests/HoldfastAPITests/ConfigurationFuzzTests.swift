import HoldfastCore
import Testing

@testable import HoldfastAPI

/// Documents with mistakes nobody thought of: whatever the text, the answer is a snapshot or problems with a place
/// inside the document. The seed of a failing run is in its message.
@Suite struct ConfigurationFuzzTests {
    private static let pieces = [
        "", " ", "  ", "\n", "\t", ":", ": ", "- ", "? ", "{", "}", "[", "]", ",", "#", "&a ", "*a", "!t ", "!!str ",
        "|", ">", "'",
        "\"", "%", "@", "`", "---\n", "...\n", "<<: ", "~", "null", "${", "}", "$${", "${OPENAI_API_KEY}", "file:",
        "file:/", "0",
        "-1", "1e9", "99999999999999999999", "\u{0}", "\u{FEFF}", "\u{2028}", "ä", "🙂", "\r\n", "\\", "\"\\uD800\"",
        "\"\\x00\"",
        "routes", "keys:", "a: b",
    ]

    @Test(arguments: 1...40)
    func mutatedDocumentsAreAnswered(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        for round in 0..<25 {
            let text = Self.mutated(&random)
            let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).count
            for problem in Documents.problems(text) {
                #expect((0...lines + 1).contains(problem.line), "seed \(seed) round \(round): \(problem)")
                #expect(!problem.message.isEmpty && !problem.mend.isEmpty, "seed \(seed) round \(round): \(problem)")
                #expect(!problem.message.contains("sk-secret-value"), "seed \(seed) round \(round): \(problem)")
            }
        }
    }

    @Test(arguments: ["[", "{", "{a: ", "- ", "? ", "[{", "\"", "a: "])
    func deepNestingIsRefused(piece: String) {
        for levels in [50, 900, 20_000] {
            #expect(!Documents.problems(String(repeating: piece, count: levels)).isEmpty, "\(levels)")
        }
        let closed = "x: \(String(repeating: "[", count: 900))\(String(repeating: "]", count: 900))"
        #expect(!Documents.problems(closed).isEmpty)
    }

    private static func mutated(_ random: inout SeededRandom) -> String {
        var scalars = Array(Documents.contract.unicodeScalars)
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let place = Int.random(in: 0...scalars.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                let end = min(scalars.count, place + Int.random(in: 1...20, using: &random))
                scalars.removeSubrange(place..<end)
            case 1:
                let end = min(scalars.count, place + Int.random(in: 1...200, using: &random))
                scalars.insert(contentsOf: scalars[place..<end], at: Int.random(in: 0...place, using: &random))
            default:
                let piece = pieces.randomElement(using: &random) ?? ""
                scalars.insert(contentsOf: piece.unicodeScalars, at: place)
            }
        }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        return String(text)
    }
}
