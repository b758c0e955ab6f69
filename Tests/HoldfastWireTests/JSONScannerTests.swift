import HoldfastCore
import HoldfastWire
import NIOCore
import Testing

private func problem(_ bytes: [UInt8], _ limits: JSONLimits = JSONLimits()) -> JSONProblem? {
    withBytes(bytes) { raw in
        var json = JSONScanner(raw, limits: limits)
        do {
            try json.skipValue()
            try json.finish()
            return nil
        } catch let problem as JSONProblem {
            return problem
        } catch {
            Issue.record("an error of another type: \(error)")
            return nil
        }
    }
}

@Suite struct JSONScannerTests {
    static let valid = [
        "null", " true ", "false", "0", "-0", "-1.5e+10", "1E400", "12345678901234567890", "\"\"", "[]", "{}", "[ ]",
        "{ }", "[1,2 , 3]", "{\"a\":1,\"b\":[{}]}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", "\"\\ud83d\\ude00\"",
        "\"é😀\u{FFFF}\u{10FFFF}\"", "\t\r\n[\n]\r", "\"\u{7F}\"", "[[[[]]]]", "{\"\":\"\"}", "\"a long plain string\"",
        "{\"k\\n\" : \"v\" }",
    ]
    static let invalid: [(String, JSONFault)] = [
        ("", .unexpectedEnd), (" ", .unexpectedEnd), ("nul", .unexpectedEnd), ("nulL", .unexpectedByte),
        ("{", .unexpectedEnd), ("[", .unexpectedEnd), ("[1,]", .unexpectedByte), ("{\"a\":1,}", .unexpectedByte),
        ("[,1]", .unexpectedByte), ("{,}", .unexpectedByte), ("[1 2]", .unexpectedByte), ("{\"a\" 1}", .unexpectedByte),
        ("{a:1}", .unexpectedByte), ("{'a':1}", .unexpectedByte), ("[1}", .unexpectedByte),
        ("{\"a\":1]", .unexpectedByte),
        ("01", .invalidNumber), ("-01", .invalidNumber), ("+1", .unexpectedByte), (".5", .unexpectedByte),
        ("1.", .unexpectedEnd), ("1.e5", .invalidNumber), ("1e", .unexpectedEnd), ("-", .unexpectedEnd),
        ("-a", .invalidNumber), ("0x1", .trailingBytes), ("NaN", .unexpectedByte), ("Infinity", .unexpectedByte),
        ("1 1", .trailingBytes), ("{}x", .trailingBytes), ("// c\n1", .unexpectedByte), ("1/**/", .trailingBytes),
        ("\u{FEFF}1", .unexpectedByte), ("\"a", .unexpectedEnd), ("\"\\", .unexpectedEnd), ("\"\\x\"", .invalidEscape),
        ("\"\\u12g4\"", .invalidEscape), ("\"\\u12", .unexpectedEnd), ("\"\n\"", .controlCharacter),
        ("\"abcdefgh\u{0}\"", .controlCharacter), ("\"\\ud800\"", .loneSurrogate), ("\"\\udc00\"", .loneSurrogate),
        ("\"\\ud800\\u0041\"", .loneSurrogate), ("\"\\ud83d\\ud83d\"", .loneSurrogate), ("\u{0}", .unexpectedByte),
    ]

    @Test(arguments: valid)
    func acceptsJSON(_ text: String) {
        #expect(problem(Array(text.utf8)) == nil)
        #expect(JSONReference.accepts(Array(text.utf8)))
    }

    @Test(arguments: invalid)
    func refusesEverythingElse(_ text: String, _ fault: JSONFault) {
        #expect(problem(Array(text.utf8))?.fault == fault)
        #expect(!JSONReference.accepts(Array(text.utf8)))
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80],
            [0xED, 0xBF, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF],
            [0xC3, 0x28], [0xE2, 0x82, 0x28], [0xF0, 0x9F, 0x98, 0x28], [0xE2, 0x28, 0xA1],
        ] as [[UInt8]])
    func refusesBadUTF8(_ bad: [UInt8]) {
        let quote: [UInt8] = [ASCII.quote]
        #expect(problem(quote + bad + Array("plain text".utf8) + quote) == JSONProblem(.invalidUTF8, at: 1))
    }

    @Test func refusesUTF16() {
        #expect(problem([0xFF, 0xFE, 0x7B, 0, 0x7D, 0])?.offset == 0)
        #expect(problem([0x7B, 0, 0x7D, 0])?.offset == 1)
    }

    @Test func refusesEveryPrefix() {
        let whole = Array("{\"a\":[1,-2.5e3,\"\\u00e9é\\ud83d\\ude00\",{\"b\":null}],\"c\":true}".utf8)
        #expect(problem(whole) == nil)
        for length in 0..<whole.count {
            #expect(problem(Array(whole[..<length])) != nil, "cut at \(length)")
        }
    }

    @Test func boundsDepthAndNodes() {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(problem(nested(64)) == nil)
        #expect(problem(nested(65)) == JSONProblem(.tooDeep, at: 64))
        #expect(problem(nested(100_000), JSONLimits(depth: .max))?.fault == .tooDeep)
        let zeros = Array(("[0" + String(repeating: ",0", count: 199_998) + "]").utf8)
        #expect(problem(zeros) == nil)
        #expect(problem(Array("[0,".utf8) + zeros.dropFirst())?.fault == .tooManyNodes)
    }

    @Test func handsOutPlacesAndDecodesOnlyWhenAsked() throws {
        try withBytes("{ \"a\\u0062\" : [ \"x\\ty\\ud83d\\ude00\" , 12 ] , \"c\":true}") { raw in
            var json = JSONScanner(raw)
            try json.openObject()
            let first = try #require(try json.nextKey())
            #expect(json.matches(first, "ab"))
            #expect(!json.matches(first, "a\\u0062"))
            try json.openArray()
            #expect(try json.nextElement())
            let string = try json.string()
            #expect(string.hasEscapes)
            #expect(json.text(of: string) == "x\ty😀")
            #expect(try json.nextElement())
            let number = try json.number()
            #expect(json.integer(number) == 12)
            #expect(try !json.nextElement())
            let second = try #require(try json.nextKey())
            #expect(json.text(of: second) == "c")
            #expect(try json.bool())
            #expect(try json.nextKey() == nil)
            try json.finish()
        }
    }

    @Test func lenientAboutHalvesOfPairsWhereAsked() throws {
        let half = Array("\"\\ud83d x \\ude00\\ud83d\"".utf8)
        #expect(problem(half, .upstream) == nil)
        try withBytes(half) { raw in
            var json = JSONScanner(raw, limits: .upstream)
            let string = try json.string()
            #expect(json.text(of: string) == "\u{FFFD} x \u{FFFD}\u{FFFD}")
        }
    }

    @Test func boundedTextEndsBetweenCharacters() throws {
        for (literal, bound, expected) in [
            ("\"aéb\"", 2, "a"), ("\"aéb\"", 3, "aé"), ("\"\\taéb\"", 3, "\taé"), ("\"abc\"", 9, "abc"),
        ] {
            try withBytes(literal) { raw in
                var json = JSONScanner(raw)
                let string = try json.string()
                #expect(json.text(of: string, maximumBytes: bound) == expected)
            }
        }
    }

    /// The scanner and the plain reference must judge damaged texts alike.
    @Test func agreesWithTheReferenceOnDamagedTexts() {
        var random = SeededRandom(seed: 0x4A53_4F4E)
        var accepted = 0
        for round in 0..<6_000 {
            let seed = Self.valid[round % Self.valid.count]
            let bytes = mutated(Array("[\(seed),{\"k\":\(seed)}]".utf8), using: &random)
            let isValid = problem(bytes) == nil
            #expect(
                isValid == JSONReference.accepts(bytes), "round \(round): \(String(decoding: bytes, as: UTF8.self))")
            accepted += isValid ? 1 : 0
        }
        #expect(accepted > 100, "the damage should leave some texts whole")
    }
}
