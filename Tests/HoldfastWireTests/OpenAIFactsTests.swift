import HoldfastCore
import HoldfastWire
import NIOCore
import Testing

private func facts(_ data: String) -> ChunkFacts {
    withBytes(data) { ChunkFacts.read(data: $0) }
}

private func delta(_ fields: String, _ rest: String = "") -> String {
    "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\(fields)}\(rest)}]}"
}

@Suite struct OpenAIStreamEventTests {
    static let events: [(String, ChunkFacts.Flags)] = [
        (delta("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null"), []),
        (delta("\"content\":\"hi\""), [.token]),
        (delta("\"content\":\" \""), [.token]),
        (delta("\"content\":\"\\\"finish_reason\\\":\\\"stop\\\",\\\"error\\\":{}}]}\""), [.token]),
        (delta("\"content\":\"a\\\\\"", ",\"finish_reason\":null"), [.token]),
        (delta("\"content\":\"\",\"tool_calls\":[]"), []),
        (delta("\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\"}}]"), [.token, .toolCall, .opaque]),
        (delta("\"function_call\":{\"name\":\"f\"}"), [.token, .toolCall, .opaque]),
        (delta("\"function_call\":{}"), []),
        (delta("\"reasoning_content\":\"hm\""), [.token, .reasoning, .opaque]),
        (delta("\"reasoning\":\"hm\",\"content\":\"\""), [.token, .reasoning, .opaque]),
        (delta("\"refusal\":\"no\""), [.token, .opaque]),
        (delta("\"content\":null", ",\"finish_reason\":\"stop\""), [.finish]),
        (delta("", ",\"finish_reason\":\"\""), []),
        ("{\"choices\":[{\"text\":\"x\",\"index\":0}]}", [.token]),
        ("{\"choices\":[{\"text\":\"\",\"finish_reason\":\"length\"}]}", [.finish]),
        ("{\"choices\":[{\"delta\":{}},{\"delta\":{\"content\":\"second\"}}]}", [.token]),
        ("{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}", [.usageOnly]),
        ("{\"usage\":{\"prompt_tokens\":1},\"choices\":[]}", [.usageOnly]),
        ("{\"choices\":[],\"prompt_filter_results\":[{}]}", []),
        ("{\"choices\":[],\"usage\":null}", []),
        ("{\"error\":null,\"choices\":[]}", []),
        ("{\"error\":{\"message\":\"m\"}}", [.error]),
        ("{\"choices\":[{\"delta\":{\"error\":\"x\"}}]}", [.token, .opaque]),
        ("{\"object\":\"error\",\"message\":\"m\",\"code\":400}", [.error]),
        ("[DONE]", [.done]), (" [DONE] ", [.done]), ("", [.comment]), ("  ", [.comment]),
        ("{}", []), ("hello", [.malformed]), ("[]", [.malformed]), ("null", [.malformed]),
        ("{\"choices\":[", [.malformed]),
        ("{} {}", [.malformed]), ("[DONE", [.malformed]), ("{\"choices\":7,\"usage\":[]}", []),
        (delta("\"content\":\"\\ud83d\""), [.token]),
    ]

    @Test(arguments: events)
    func flags(_ data: String, _ expected: ChunkFacts.Flags) {
        #expect(facts(data).flags == expected)
    }

    @Test func everyPrefixIsMalformed() {
        let whole = delta("\"content\":\"h\\u00e9\"", ",\"finish_reason\":\"stop\"")
        for length in 1..<whole.utf8.count {
            #expect(facts(String(whole.prefix(length))).flags == .malformed, "cut at \(length)")
        }
    }

    @Test func usageAndReason() {
        let found = facts(
            """
            {"choices":[{"delta":{},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":11,"completion_tokens":22,
            "total_tokens":33,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":4}}}
            """)
        #expect(found.usage == TokenUsage(prompt: 11, completion: 22, cached: 4))
        #expect(found.finishReason == .toolCalls)
        #expect(facts("{\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":2.5}}").usage == TokenUsage())
        #expect(facts(delta("", ",\"finish_reason\":\"eos\"")).finishReason == .other)
    }

    @Test func errorsAreReadOnDemand() throws {
        let stream = ": x\n\ndata: {\"error\":{\"message\":\"slow \\\"down\\\"\",\"type\":\"t\",\"code\":429}}\n\n"
        try withBytes(stream) { raw in
            var scanner = SSEScanner()
            let comment = try #require(try scanner.nextEvent(in: raw, from: 0))
            #expect(ChunkFacts.read(comment, in: raw).flags == .comment)
            let event = try #require(try scanner.nextEvent(in: raw, from: comment.range.upperBound))
            let found = ChunkFacts.read(event, in: raw)
            #expect(found.flags == .error)
            let text = UpstreamErrorText.read(UnsafeRawBufferPointer(rebasing: raw[found.errorRange]))
            #expect(text == UpstreamErrorText(code: "429", type: "t", message: "slow \"down\""))
        }
    }

    @Test(arguments: ["data: {\"message\":\"m\"}", "data: sorry", "data: {\"choi\ndata: ces\":[]}"])
    func namedErrorsAreErrors(_ lines: String) throws {
        try withBytes("event: error\n\(lines)\n\n") { raw in
            var scanner = SSEScanner()
            let event = try #require(try scanner.nextEvent(in: raw, from: 0))
            #expect(ChunkFacts.read(event, in: raw).flags == .error)
        }
    }

    @Test func severalDataLinesAreOneText() throws {
        try withBytes("data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"x\"}}]}\n\n") { raw in
            var scanner = SSEScanner()
            let event = try #require(try scanner.nextEvent(in: raw, from: 0))
            #expect(event.dataLines == 2)
            #expect(ChunkFacts.read(event, in: raw).flags == [.token, .opaque])
            #expect(ChunkFacts.read(event, in: raw).text.isEmpty)
        }
    }

    @Test func theTextOfOneChoiceIsFoundWhereItStands() throws {
        let both = "{\"choices\":[{\"delta\":{\"content\":\"a\"}},{\"delta\":{\"content\":\"b\"}}]}"
        #expect(facts(both).flags == [.token, .opaque])
        #expect(facts(delta("\"content\":[{\"text\":\"x\"}]")).flags == [.token, .opaque])
        try withBytes(": hi\n\ndata: " + delta("\"content\":\"h\\u00e9\\n\"") + "\n\n") { raw in
            var scanner = SSEScanner()
            let comment = try #require(try scanner.nextEvent(in: raw, from: 0))
            let event = try #require(try scanner.nextEvent(in: raw, from: comment.range.upperBound))
            let text = ChunkFacts.read(event, in: raw).text
            #expect(raw[text.literal].elementsEqual("\"h\\u00e9\\n\"".utf8))
            var decoded: [UInt8] = []
            JSONScanner.appendUTF8(of: text, in: raw, to: &decoded)
            #expect(decoded.elementsEqual("h\u{e9}\n".utf8))
        }
    }

    @Test func malformedExactlyWhereTheReferenceSaysSo() {
        var random = SeededRandom(seed: 99)
        let seed = Array(delta("\"content\":\"a\\n\\u00e9\"", ",\"finish_reason\":\"stop\"").utf8)
        for round in 0..<4_000 {
            let bytes = mutated(seed, using: &random)
            guard bytes.first == ASCII.openBrace else { continue }
            let isMalformed = withBytes(bytes) { ChunkFacts.read(data: $0) }.flags.contains(.malformed)
            let text = String(decoding: bytes, as: UTF8.self)
            // Halves of surrogate pairs are the one thing an observer lets pass and the reference does not.
            if !text.lowercased().contains("\\ud") {
                #expect(isMalformed != JSONReference.accepts(bytes), "round \(round): \(text)")
            }
        }
    }
}

@Suite struct OpenAIAnswerTests {
    private func inspect(_ body: String, _ endpoint: Endpoint = .chatCompletions) -> OpenAIAnswer {
        withBytes(body) { OpenAIAnswer.inspect($0, endpoint: endpoint) }
    }

    @Test func answers() {
        let chat =
            "{\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"\"},\"finish_reason\":\"stop\"}],\"error\":null}"
        #expect(inspect(chat) == .answer(.init(usage: nil, modelLiteral: 9..<12, finishReason: .stop)))
        let embeddings = "{\"data\":[{\"embedding\":[0.5,-1e-3]}],\"usage\":{\"prompt_tokens\":5,\"total_tokens\":5}}"
        #expect(
            inspect(embeddings, .embeddings)
                == .answer(.init(usage: TokenUsage(prompt: 5), modelLiteral: nil, finishReason: nil)))
        #expect(inspect("{\"choices\":[{\"text\":\"x\"}]}", .completions) == .answer(.init()))
    }

    @Test func errorsInsideSuccess() {
        let text = UpstreamErrorText(code: "429", type: nil, message: "m")
        #expect(
            inspect("{\"error\":{\"message\":\"m\",\"code\":429,\"metadata\":{}},\"user_id\":\"u\"}") == .error(text))
        #expect(inspect("{\"choices\":[{}],\"error\":{\"message\":\"m\",\"code\":\"429\"}}") == .error(text))
        #expect(inspect("{\"object\":\"error\",\"message\":\"m\",\"code\":429}") == .error(text))
        #expect(inspect("[{\"error\":{\"message\":\"m\",\"code\":429}}]") == .error(text))
        #expect(inspect("{\"error\":{}}") == .error(UpstreamErrorText()))
    }

    @Test(arguments: [
        "", "<html><body>502</body></html>", "null", "[]", "{}", "{\"choices\":[]}", "{\"choices\":null}",
        "{\"choices\":[null]}", "{\"data\":[{}]}", "{\"choices\":[{}]", "{\"choices\":[{}]}garbage", "\"ok\"",
    ])
    func emptyAnswers(_ body: String) {
        #expect(inspect(body) == .empty)
    }

    @Test func embeddingsNeedData() {
        #expect(inspect("{\"choices\":[{}]}", .embeddings) == .empty)
        #expect(inspect("{\"data\":[]}", .embeddings) == .empty)
    }

    static let errorBodyTable: [(String, [String?])] = [
        ("{\"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":null,\"code\":\"c\"}}", ["c", "t", "m"]),
        ("{\"error\":{\"message\":\"m\",\"type\":\"t\",\"code\":429}}", ["429", "t", "m"]),
        ("{\"error\":{\"code\":400,\"message\":\"m\",\"status\":\"INVALID\"}}", ["400", "INVALID", "m"]),
        ("[{\"error\":{\"code\":400,\"message\":\"m\",\"status\":\"INVALID\"}}]", ["400", "INVALID", "m"]),
        (
            "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}",
            [nil, "overloaded_error", "m"]
        ),
        ("{\"error\":\"plain\"}", [nil, nil, "plain"]), ("{\"message\":\"m\",\"code\":\"c\"}", ["c", nil, "m"]),
        ("{\"Message\":\"Authentication failed\"}", [nil, nil, "Authentication failed"]),
        ("{\"detail\":\"Not Found\"}", [nil, nil, "Not Found"]), ("\"text\"", [nil, nil, "text"]),
        (
            "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\",\"type\":\"x\"}]}",
            [nil, nil, "field required"]
        ),
    ]

    @Test(arguments: errorBodyTable)
    func errorBodies(_ body: String, _ expected: [String?]) {
        let found = withBytes(body) { UpstreamErrorText.read($0) }
        #expect(found == UpstreamErrorText(code: expected[0], type: expected[1], message: expected[2]))
    }

    @Test(
        arguments: [
            ("\"34.4s\"", 34_400 * Span.millisecond), ("\"45.837906927s\"", 45_837_906_927), ("\"0s\"", 0),
            ("\"999999999s\"", RetryAfter.longestNanoseconds), ("\"soon\"", nil), ("\"-3s\"", nil), ("30", nil),
            ("null", nil),
        ] as [(String, Int64?)])
    func theWaitThatGoogleAsksFor(_ value: String, _ expected: Int64?) {
        let body = """
            [{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[7,
            {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"q"}]},
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":\(value)}]}}]
            """
        let found = withBytes(body) { UpstreamErrorText.read($0) }
        #expect(found?.retryDelayNanoseconds == expected)
        #expect(found?.type == "RESOURCE_EXHAUSTED" && found?.message == "m")
    }

    @Test func detailsOfAnotherShapeAreNoWait() {
        for details in ["{}", "\"30s\"", "null", "[]", "[[]]", "{\"retryDelay\":\"30s\"}"] {
            let found = withBytes("{\"error\":{\"message\":\"m\",\"details\":\(details)}}") {
                UpstreamErrorText.read($0)
            }
            #expect(found == UpstreamErrorText(message: "m"))
        }
    }

    @Test func errorBodiesThatSayNothing() {
        for body in ["", "<html>", "{}", "null", "7", "{\"error\":null}", "{\"error\":{\"message\":\"cut"] {
            #expect(withBytes(body) { UpstreamErrorText.read($0) } == nil)
        }
    }

    @Test func errorTextIsBounded() {
        let long = String(repeating: "é", count: 100_000)
        let found = withBytes("{\"error\":{\"message\":\"\(long)\",\"code\":\"\(long)\"}}") {
            UpstreamErrorText.read($0)
        }
        #expect(found?.message == String(repeating: "é", count: UpstreamErrorText.messageBytes / 2))
        #expect(found?.code?.utf8.count == UpstreamErrorText.codeBytes)
        let deep = String(repeating: "{\"error\":", count: 100_000)
        #expect(withBytes(deep) { UpstreamErrorText.read($0) } == nil)
    }
}
