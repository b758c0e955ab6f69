import Foundation
import HoldfastCore
import Logging
import Synchronization
import Testing

@testable import holdfast

@Suite struct OutputTests {
    private final class Lines: Sendable {
        private let text = Mutex("")
        func add(_ line: String) { text.withLock { $0 += line } }
        var all: String { text.withLock { $0 } }
    }

    private func log(_ form: JSONLogHandler.Form, _ metadata: Logger.Metadata, message: String = "A thing") -> String {
        let lines = Lines()
        let clock = WallClock { 1_806_494_400_123 }
        let logger = Logger(label: "test") { label in
            JSONLogHandler(label: label, form: form, clock: clock, sink: lines.add)
        }
        logger.warning("\(message)", metadata: metadata)
        logger.debug("below the level")
        return lines.all
    }

    @Test func aJSONLineHoldsTimeLevelMessageAndFieldsInOrder() {
        let line = log(.json, ["pid": .stringConvertible(7), "file": "a.yaml"])
        #expect(
            line == #"{"time":"2027-03-31T12:00:00.123Z","level":"warning","message":"A thing","logger":"test","#
                + #""file":"a.yaml","pid":7}"# + "\n")
    }

    @Test func aFieldThatIsNotListedIsNamedAndWithheld() {
        for form in [JSONLogHandler.Form.json, .readable] {
            let line = log(form, ["prompt": "my secret", "file": "a"])
            #expect(!line.contains("my secret") && line.contains("prompt") && line.contains("withheld"))
        }
    }

    @Test func nothingBreaksOutOfItsLine() throws {
        let hostile = "a\"b\\c\nd\r\u{1B}[2J\u{7F}\u{85}\u{2028}e"
        let json = log(
            .json, ["error": "\(hostile)", "problems": ["\(hostile)", ["line": .stringConvertible(3)]]],
            message: hostile)
        #expect(json.filter { $0 == "\n" }.count == 1)
        let read = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        #expect(read["error"] as? String == hostile && read["message"] as? String == hostile)
        let readable = log(.readable, ["error": "\(hostile)"], message: hostile)
        #expect(readable.unicodeScalars.filter(JSONValue.isControl).count == 1, "its own line feed alone")
    }

    @Test func aLongValueIsCut() {
        let line = log(.json, ["error": "\(String(repeating: "x", count: 5_000))"])
        #expect(line.count < 1_400 && line.contains("…"))
    }

    @Test func aTableLinesUpAndIsPlainWithoutColour() {
        let rows = [["a", "bb", "c"], ["aaa", "b", "cc"]]
        #expect(
            Renderer(usesColor: false).table(header: ["x", "y", "z"], rows: rows)
                == "  x    y   z\n  a    bb  c\n  aaa  b   cc\n")
        let colored = Renderer(usesColor: true).table(header: ["x", "y", "z"], rows: rows)
        #expect(colored.hasPrefix("  \u{1B}[1mx\u{1B}[0m    \u{1B}[1my"))
    }

    @Test func colourIsForTerminalsThatWantIt() {
        #expect(Terminal.usesColor(isTerminal: true, environment: [:]))
        #expect(Terminal.usesColor(isTerminal: true, environment: ["NO_COLOR": ""]))
        #expect(!Terminal.usesColor(isTerminal: false, environment: [:]))
        #expect(!Terminal.usesColor(isTerminal: true, environment: ["NO_COLOR": "1"]))
        #expect(!Terminal.usesColor(isTerminal: true, environment: ["TERM": "dumb"]))
    }

    @Test func numbersAndEmptyListsAreJSON() {
        let value: JSONValue = [
            "a": .array([]), "b": .number(.infinity), "c": .number(1.5), "d": [:], "e": .optional(nil),
        ]
        #expect(value.line == #"{"a":[],"b":null,"c":1.5,"d":{},"e":null}"#)
        #expect(value.pretty == "{\n  \"a\": [],\n  \"b\": null,\n  \"c\": 1.5,\n  \"d\": {},\n  \"e\": null\n}")
    }
}
