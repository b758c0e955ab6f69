import HoldfastCore
import HoldfastWire
import NIOCore
import Testing

private func scan(
    _ text: String, _ endpoint: Endpoint = .chatCompletions, _ limits: ScanLimits = ScanLimits()
) -> Result<RequestScan, RequestProblem> {
    withBytes(text) { raw in
        do throws(RequestProblem) {
            return .success(try RequestScan.scan(raw, endpoint: endpoint, limits: limits))
        } catch {
            return .failure(error)
        }
    }
}

private func problem(_ text: String, _ endpoint: Endpoint = .chatCompletions) -> RequestProblem? {
    if case .failure(let problem) = scan(text, endpoint) { problem } else { nil }
}

/// A legal chat body with `fields` added.
private func chat(_ fields: String) -> String {
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\(fields)}"
}

@Suite struct RequestScanTests {
    @Test func findsWhatPolicyReads() throws {
        let text = """
            { "mod\\u0065l" : "rou\\u0074e/a:b" , "messages":[{"role":"user","content":"\\"model\\":\\"x\\""}],
              "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 12, "max_completion_tokens": 34,
              "n": 2, "temperature": 0.5, "tools": [{"type":"function"}], "response_format": {"type":"json_schema"},
              "unknown": {"model": 1, "api_key": 2} }
            """
        let found = try scan(text).get()
        #expect(found.model == "route/a:b")
        #expect(
            String(Array(text.utf8)[found.modelLiteral].map { Character(Unicode.Scalar($0)) }) == "\"rou\\u0074e/a:b\"")
        #expect(found.isStream)
        #expect(found.includeUsage == true)
        #expect(found.usageEdit == nil)
        #expect(found.maxTokens == 12)
        #expect(found.outputTokenBound == 34)
        #expect(found.choices == 2)
        #expect(found.hasTools && found.hasJSONSchema && !found.hasJSONObject)
        #expect(Array(text.utf8)[found.closingBrace] == ASCII.closeBrace)
        #expect(found.closingBrace == text.utf8.count - 1)
        #expect(found.inputBytes > 50)
    }

    @Test func nullCountsAsAbsent() throws {
        let found = try scan(
            chat(
                "\"stream\":null,\"max_tokens\":null,\"n\":null,\"temperature\":null,\"tools\":null,\"stream_options\":null"
            )
        ).get()
        #expect(!found.isStream && found.maxTokens == nil && found.choices == 1 && !found.hasTools)
    }

    @Test func eachEndpointHasItsInput() throws {
        #expect(try scan("{\"model\":\"m\",\"prompt\":\"x\"}", .completions).get().inputBytes == 3)
        #expect(try scan("{\"model\":\"m\",\"input\":[\"x\",\"y\"]}", .embeddings).get().inputBytes == 9)
        #expect(problem("{\"model\":\"m\",\"prompt\":\"x\"}")?.param == "messages")
        #expect(problem("{\"model\":\"m\"}", .completions)?.param == "prompt")
        #expect(problem("{\"model\":\"m\"}", .embeddings)?.param == "input")
        #expect(problem("{\"model\":\"m\",\"input\":\"\"}", .embeddings)?.code == "invalid_value")
        #expect(problem("{\"model\":\"m\",\"input\":[]}", .embeddings)?.code == "invalid_value")
        #expect(problem("{\"model\":\"m\",\"prompt\":{}}", .completions)?.code == "invalid_type")
    }

    static let faults: [(String, String)] = [
        ("\"stream\":\"yes\"", "stream"), ("\"stream\":1", "stream"), ("\"max_tokens\":-1", "max_tokens"),
        ("\"max_tokens\":0", "max_tokens"), ("\"max_tokens\":1e400", "max_tokens"),
        ("\"max_tokens\":10.5", "max_tokens"),
        ("\"max_tokens\":10.0", "max_tokens"), ("\"max_tokens\":\"10\"", "max_tokens"),
        ("\"max_tokens\":99999999999999999999", "max_tokens"), ("\"max_completion_tokens\":0", "max_completion_tokens"),
        ("\"temperature\":NaN", "temperature"), ("\"temperature\":1e400", "temperature"),
        ("\"temperature\":-1e400", "temperature"), ("\"temperature\":\"hot\"", "temperature"), ("\"n\":0", "n"),
        ("\"n\":100000", "n"), ("\"n\":129", "n"), ("\"n\":1.0", "n"), ("\"stream_options\":[]", "stream_options"),
        ("\"stream_options\":{\"include_usage\":1}", "stream_options.include_usage"),
        ("\"stream_options\":{\"include_usage\":true,\"include_usage\":false}", "stream_options.include_usage"),
        ("\"response_format\":{\"type\":\"text\",\"type\":\"json_schema\"}", "response_format.type"),
        ("\"api_base\":\"x\"", "api_base"), ("\"base_url\":\"x\"", "base_url"), ("\"api_key\":\"x\"", "api_key"),
        ("\"custom_llm_provider\":\"x\"", "custom_llm_provider"), ("\"extra_headers\":{}", "extra_headers"),
        ("\"mock_response\":\"x\"", "mock_response"), ("\"api\\u005fkey\":\"x\"", "api_key"),
        ("\"API_KEY\":\"x\"", "api_key"), ("\"Stream\":true", "stream"), ("\"model\":\"again\"", "model"),
        ("\"mod\\u0065l\":\"again\"", "model"), ("\"MODEL\":\"again\"", "MODEL"),
        ("\"messages\":[1]", "messages"), ("\"x-y\":1,\"x-y\":2", "x-y"),
    ]

    @Test(arguments: faults)
    func namesTheFieldAtFault(_ fields: String, _ param: String) {
        let found = problem(chat(fields))
        #expect(found?.param == param)
        #expect(found?.message.contains(param) == true)
    }

    static let models: [(String, String)] = [
        ("\"\"", "invalid_value"), ("null", "invalid_type"), ("7", "invalid_type"), ("[\"m\"]", "invalid_type"),
        ("\"a\\u0000b\"", "invalid_value"), ("\"a\\nb\"", "invalid_value"), ("\"a\u{7F}b\"", "invalid_value"),
        ("\"a\u{85}b\"", "invalid_value"), ("\"\(String(repeating: "m", count: 257))\"", "invalid_value"),
        ("\"\(String(repeating: "\\u006d", count: 257))\"", "invalid_value"),
        ("\"\(String(repeating: "m", count: 100_000))\"", "invalid_value"), ("\"\\ud800\"", "invalid_json"),
    ]

    @Test(arguments: models)
    func modelMustBeAName(_ literal: String, _ code: String) {
        let found = problem("{\"model\":\(literal),\"messages\":[1]}")
        #expect(found?.code == code)
        #expect(found?.param == "model")
    }

    @Test func longestModelIsLegal() throws {
        let name = String(repeating: "m", count: 256)
        #expect(try scan("{\"model\":\"\(name)\",\"messages\":[1]}").get().model == name)
        let escaped = String(repeating: "\\u006d", count: 256)
        #expect(try scan("{\"model\":\"\(escaped)\",\"messages\":[1]}").get().model == name)
    }

    @Test(arguments: [
        "", " ", "null", "[]", "\"x\"", "{", "{}x", "{}", "{\"model\":\"m\",}", "// c\n{}", "\u{FEFF}{}",
        "{\"model\":\"m\"}",
        "{\"model\":\"m\",\"messages\":[]}", "{\"model\":\"m\",\"messages\":\"hi\"}", "{\"messages\":[1]}",
        "{\"model\":\"m\",\"messages\":[1]} {}", "{\"model\":\"m\",\"messages\":[\"\u{1}\"]}",
    ])
    func refusesWhatIsNoRequest(_ text: String) {
        #expect(problem(text) != nil)
    }

    @Test func refusesEveryPrefixAndInvalidUTF8() {
        let whole = chat("\"stream\":true")
        #expect(problem(whole) == nil)
        for length in 0..<whole.utf8.count {
            #expect(problem(String(whole.prefix(length))) != nil, "cut at \(length)")
        }
        let bad = Array(chat("\"user\":\"").utf8.dropLast()) + [0xC3, 0x28] + Array("\"}".utf8)
        #expect(withBytes(bad) { raw in (try? RequestScan.scan(raw, endpoint: .chatCompletions)) == nil })
    }

    @Test func boundsDepthNodesAndFields() {
        func messages(depth: Int) -> String {
            // The body and the list are two levels by themselves.
            let inner = String(repeating: "[", count: depth - 2) + String(repeating: "]", count: depth - 2)
            return "{\"model\":\"m\",\"messages\":[\(inner)]}"
        }
        #expect(problem(messages(depth: 64)) == nil)
        #expect(problem(messages(depth: 65))?.code == "json_too_deep")
        let many = "{\"model\":\"m\",\"messages\":[0\(String(repeating: ",0", count: 200_000))]}"
        #expect(problem(many)?.code == "json_too_large")
        let fields = (0..<200).map { "\"f\($0)\":0" }.joined(separator: ",")
        #expect(problem(chat(fields))?.code == "too_many_parameters")
    }

    @Test func messagesNeverRepeatContent() {
        for text in [
            chat("\"max_tokens\":\"s3cret\""), "{\"model\":\"s3cret\\u0000\",\"messages\":[1]}",
            chat("\"stream\":\"s3cret\""),
            chat("\"a s3cret key\":1,\"a s3cret key\":2"), "{\"s3cret", chat("\"x\":s3cret"),
        ] {
            let found = problem(text)
            #expect(found != nil)
            #expect(found?.message.contains("s3cret") == false)
            #expect(found?.param?.contains("s3cret") != true)
        }
    }

    /// Whatever is accepted is JSON by the plain reference, and stays so with every edit applied.
    @Test func whatIsAcceptedIsJSONBeforeAndAfterTheSplice() {
        var random = SeededRandom(seed: 7)
        let seeds = [
            chat("\"stream\":true,\"stream_options\":{}"), chat("\"stream_options\":{\"include_usage\":false,\"x\":1}"),
            chat("\"stream\":false , \"tools\":[{}]") + " \n", chat("\"n\":3"),
        ]
        var accepted = 0
        for round in 0..<4_000 {
            let bytes = mutated(Array(seeds[round % seeds.count].utf8), using: &random)
            guard let found = withBytes(bytes, { try? RequestScan.scan($0, endpoint: .chatCompletions) }) else {
                continue
            }
            accepted += 1
            #expect(JSONReference.accepts(bytes))
            var output = ByteBuffer()
            SpliceRequest(
                body: ByteBuffer(bytes: bytes), scan: found, model: JSONLiteral("new"), includesUsage: true,
                stream: true
            ).write(into: &output)
            #expect(JSONReference.accepts(Array(output.readableBytesView)), "round \(round)")
            let again = scan(text(output))
            #expect((try? again.get().model) == "new" && (try? again.get().includeUsage) == true)
            #expect((try? again.get().isStream) == true)
        }
        #expect(accepted > 100)
    }
}

@Suite struct SpliceRequestTests {
    private func splice(
        _ body: String, model: String = "n\"ew", usage: Bool = false, stream: Bool? = nil, begunAnswer: String? = nil
    ) throws -> String {
        // Bytes before the reader index must not shift the offsets.
        var buffer = ByteBuffer(string: "##" + body)
        buffer.moveReaderIndex(forwardBy: 2)
        let request = SpliceRequest(
            body: buffer, scan: try scan(body).get(), model: JSONLiteral(model), includesUsage: usage, stream: stream,
            begunAnswer: begunAnswer.map { Array($0.utf8) })
        var whole = ByteBuffer(string: ">")
        request.write(into: &whole)
        var slices = ByteBuffer()
        request.forEachSlice { slice in
            #expect(slice.readableBytes > 0)
            slices.writeImmutableBuffer(slice)
        }
        #expect(text(whole) == ">" + text(slices))
        #expect(request.contentLength == slices.readableBytes)
        return text(slices)
    }

    @Test func replacesOnlyTheModel() throws {
        #expect(
            try splice(" {\"a\":1e0,\"model\": \"x\" ,\"messages\":[1]}\n")
                == " {\"a\":1e0,\"model\": \"n\\\"ew\" ,\"messages\":[1]}\n")
    }

    static let usageOptions: [(String, String)] = [
        ("", ",\"stream_options\":{\"include_usage\":true}"),
        (",\"stream_options\":null", ",\"stream_options\":{\"include_usage\":true}"),
        (",\"stream_options\":{ }", ",\"stream_options\":{\"include_usage\":true }"),
        (",\"stream_options\":{\"x\":1}", ",\"stream_options\":{\"include_usage\":true,\"x\":1}"),
        (",\"stream_options\":{\"include_usage\":false}", ",\"stream_options\":{\"include_usage\":true}"),
        (",\"stream_options\":{\"include_usage\": null}", ",\"stream_options\":{\"include_usage\": true}"),
        (",\"stream_options\":{\"include_usage\":true}", ",\"stream_options\":{\"include_usage\":true}"),
    ]

    @Test(arguments: usageOptions)
    func asksForUsage(_ before: String, _ after: String) throws {
        let start = "{\"messages\":[1],\"model\":\"m\""
        #expect(try splice("\(start)\(before)}", model: "m", usage: true) == "\(start)\(after)}")
    }

    @Test func asksForUsageBeforeTheModel() throws {
        let found = try splice("{\"stream_options\":{},\"model\":\"m\",\"messages\":[1]}", model: "n", usage: true)
        #expect(found == "{\"stream_options\":{\"include_usage\":true},\"model\":\"n\",\"messages\":[1]}")
    }

    @Test func setsTheStreamFlag() throws {
        let start = "{\"model\":\"m\",\"messages\":[1]"
        #expect(try splice("\(start)}", model: "m", stream: true) == "\(start),\"stream\":true}")
        #expect(
            try splice("\(start),\"stream\":false}", model: "m", usage: true, stream: true)
                == "\(start),\"stream\":true,\"stream_options\":{\"include_usage\":true}}")
        #expect(
            try splice("\(start)}", model: "m", usage: true, stream: true)
                == "\(start),\"stream\":true,\"stream_options\":{\"include_usage\":true}}")
    }

    @Test func aBegunAnswerBecomesTheLastMessage() throws {
        let message = "{\"role\":\"assistant\",\"content\":\"a \\\"b\\\"\\n\"}"
        #expect(
            try splice(
                "{\"messages\":[{\"role\":\"user\"} ],\"model\":\"m\",\"x\":[1]}", usage: true, begunAnswer: "a \"b\"\n"
            )
                == "{\"messages\":[{\"role\":\"user\"} ,\(message)],\"model\":\"n\\\"ew\",\"x\":[1]"
                + ",\"stream_options\":{\"include_usage\":true}}")
    }

    @Test func largeBodiesAreNotContiguous() throws {
        let content = String(repeating: "x", count: 20_000)
        let body = "{\"model\":\"m\",\"messages\":[\"\(content)\"]}"
        let request = SpliceRequest(
            body: ByteBuffer(string: body), scan: try scan(body).get(), model: JSONLiteral("longer"),
            includesUsage: false)
        #expect(!request.isContiguous)
        #expect(request.contentLength == body.utf8.count + 5)
        var count = 0
        request.forEachSlice { _ in count += 1 }
        #expect(count == 3)
    }
}
