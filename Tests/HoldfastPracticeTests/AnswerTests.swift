import HoldfastCore
import HoldfastPractice
import Testing

struct AnswerTests {
    @Test(arguments: [
        #"{"a":[1,-2.5,true,false,null,"x\n\"\\"],"b":{}}"#, "[]", "0", #""é""#,
    ])
    func `JSON reads and writes the same`(text: String) throws {
        #expect(try JSONValue(parsing: Array(text.utf8)).line == text)
    }

    @Test(arguments: ["", "{", "[1,]", "{\"a\":1,}", "nul", "1 2", "\"\u{1}\"", #""\ud800""#, "+1", "[1}", "-"])
    func `what is no JSON is refused`(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test func `JSON escapes are read and depth is bounded`() throws {
        #expect(try JSONValue(parsing: Array(#""\u00e9\ud83d\ude00\/""#.utf8)) == "é😀/")
        let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: Array(deep.utf8)) }
        #expect(throws: Never.self) { try JSONValue(parsing: Array(deep.dropFirst().dropLast().utf8)) }
    }

    @Test func `a sample fits the simple keywords of a schema`() throws {
        let schema = #"""
            {"type":"object","properties":{"name":{"type":"string","minLength":12},"age":{"type":"integer","minimum":18},
             "kind":{"enum":["b","c"]},"steps":{"type":"array","items":{"$ref":"#/$defs/Step"},"minItems":2},
             "flag":{"type":["null","boolean"]},"fixed":{"const":7},"either":{"anyOf":[{"type":"number","maximum":0.5}]}},
             "$defs":{"Step":{"type":"object","properties":{"when":{"type":"string","format":"date"}}}}}
            """#
        let sample = SchemaSample.value(for: try JSONValue(parsing: Array(schema.utf8)))
        #expect(
            sample.line == #"{"name":"simulated simulated","age":18,"kind":"b","steps":[{"when":"2026-01-01"},"#
                + #"{"when":"2026-01-01"}],"flag":true,"fixed":7,"either":0.5}"#)
    }

    @Test func `a recursive schema ends`() throws {
        let schema = try JSONValue(parsing: Array(##"{"type":"object","properties":{"next":{"$ref":"#"}}}"##.utf8))
        #expect(SchemaSample.value(for: schema).line.hasSuffix("null" + String(repeating: "}", count: 8)))
    }

    @Test func `vectors have length one and depend on text and seed`() {
        let one = EmbeddingVector.make(text: "a", dimensions: 64, seed: 1)
        #expect(abs(one.reduce(0) { $0 + $1 * $1 } - 1) < 0.0001)
        #expect(one == EmbeddingVector.make(text: "a", dimensions: 64, seed: 1))
        #expect(one != EmbeddingVector.make(text: "b", dimensions: 64, seed: 1))
        #expect(one != EmbeddingVector.make(text: "a", dimensions: 64, seed: 2))
    }

    @Test(
        arguments: [
            ("250ms", 250 * Span.millisecond), ("2s", 2 * Span.second), ("5m", 5 * Span.minute), ("0", 0), ("s", nil),
            ("-1s", nil), ("1.5s", nil), ("1", nil), ("99999999999999d", nil), ("1 s", nil),
        ] as [(String, Int64?)])
    func `durations are read`(text: String, span: Int64?) {
        #expect(SpanText.parse(text) == span)
    }

    @Test func `an HTTP date is RFC 9110's own example`() {
        #expect(HTTPDate.text(secondsSince1970: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    }

    @Test(arguments: [("127.0.0.1:8101", "127.0.0.1", 8101), ("[::1]:0", "::1", 0), ("localhost:80", "localhost", 80)])
    func `addresses are read`(text: String, host: String, port: Int) {
        #expect(PracticeOptions.address(text) == ListenAddress(host: host, port: port))
    }

    @Test(arguments: ["", "8101", ":8101", "host:", "host:x", "::1:80", "[::1:80", "host:65536"])
    func `what is no address is refused`(text: String) {
        #expect(PracticeOptions.address(text) == nil)
    }
}
