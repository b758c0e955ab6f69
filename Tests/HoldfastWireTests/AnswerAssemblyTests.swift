import HoldfastWire
import NIOCore
import Testing

/// Feeds a stream as a driver does; what lacks its blank line at the end included.
func feed(_ stream: String, to assembly: inout AnswerAssembly) throws {
    var scanner = SSEScanner()
    try withBytes(stream) { bytes in
        var taken = 0
        while let event = try scanner.nextEvent(in: bytes, from: taken) {
            try assembly.take(event, in: bytes)
            taken = event.range.upperBound
        }
        if let event = scanner.finalEvent(in: bytes, from: taken) { try assembly.take(event, in: bytes) }
    }
}

/// A stream of `events` and its terminator.
private func stream(_ events: [String]) -> String {
    (events + ["[DONE]"]).map { "data: \($0)\n\n" }.joined()
}

private func assembled(
    _ events: [String], endpoint: Endpoint = .chatCompletions, choices: Int = 1
) throws -> AnswerAssembly {
    var assembly = AnswerAssembly(endpoint: endpoint, choices: choices, bytes: 1 << 20)
    try feed(stream(events), to: &assembly)
    return assembly
}

private func body(_ assembly: AnswerAssembly) throws -> String {
    var buffer = ByteBuffer()
    try assembly.write(into: &buffer)
    return text(buffer)
}

/// The body of a stream of `events`, or the problem that kept it from being one.
private func body(_ events: [String], endpoint: Endpoint = .chatCompletions) throws -> JSONTree {
    try JSONTree(body(assembled(events, endpoint: endpoint)))
}

/// An event with one choice.
private func delta(_ fields: String, _ rest: String = "", index: Int = 0) -> String {
    #"{"id":"c","choices":[{"index":\#(index),"delta":{\#(fields)}\#(rest)}]}"#
}

private let stop = delta("", #","finish_reason":"stop""#)

private func message(_ deltas: String...) throws -> JSONTree? {
    try body(deltas.map { delta($0) } + [stop])["choices"]?[0]?["message"]
}

private func problem(_ events: [String], bytes: Int = 1 << 20) -> AssemblyProblem? {
    var assembly = AnswerAssembly(endpoint: .chatCompletions, bytes: bytes)
    do {
        try feed(stream(events), to: &assembly)
        _ = try body(assembly)
        return nil
    } catch {
        return error as? AssemblyProblem
    }
}

@Suite struct AnswerAssemblyTests {
    @Test func plainText() throws {
        let head = #""id":"chatcmpl-9","object":"chat.completion.chunk","created":1755000000,"model":"gpt-5-mini""#
        let tail = #""service_tier":"default","system_fingerprint":"fp_1","obfuscation":"x7""#
        let start = #"{"role":"assistant","content":"","refusal":null}"#
        func event(_ delta: String, _ reason: String, _ usage: String = "null") -> String {
            let choice = #"{"index":0,"delta":\#(delta),"logprobs":null,"finish_reason":\#(reason)}"#
            return "{\(head),\(tail),\"choices\":[\(choice)],\"usage\":\(usage)}"
        }
        let usage =
            #"{"prompt_tokens":9, "completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1},"cost":1.50}"#
        let assembly = try assembled([
            event(start, "null"), event(#"{"content":"Hello"}"#, "null"),
            event(#"{"content":" \"w\u00f6rld\"\n"}"#, "null"), event("{}", #""stop""#),
            "{\(head),\(tail),\"choices\":[],\"usage\":\(usage)}",
        ])
        #expect(assembly.hasToken && assembly.isFinished && assembly.isDone && assembly.isComplete)
        #expect(assembly.usage == TokenUsage(prompt: 9, completion: 2, cached: 1))
        // To the byte: nothing is decoded, and the usage is the provider's own text.
        let expected =
            #"{"object":"chat.completion","id":"chatcmpl-9","created":1755000000,"model":"gpt-5-mini","#
            + #""service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"#
            + #""message":{"role":"assistant","content":"Hello \"w\u00f6rld\"\n","refusal":null},"#
            + #""logprobs":null,"finish_reason":"stop"}],"usage":\#(usage)}"#
        #expect(try body(assembly) == expected)
        let facts = withBytes(expected) { OpenAIAnswer.inspect($0, endpoint: .chatCompletions) }
        guard case .answer(let answer) = facts else {
            Issue.record("no answer: \(facts)")
            return
        }
        #expect(answer.usage == assembly.usage && answer.finishReason == .stop)
    }

    @Test func completions() throws {
        let found = try body(
            [
                #"{"id":"cmpl","object":"text_completion","choices":[{"text":"one","index":0,"logprobs":{"tokens":["one"]}}]}"#,
                #"{"id":"cmpl","choices":[{"text":" two","index":0,"logprobs":{"tokens":[" two"]}}]}"#,
                #"{"id":"cmpl","choices":[{"text":"","index":0,"finish_reason":"length","stop_reason":null}]}"#,
            ], endpoint: .completions)
        let expected = try JSONTree(
            #"""
            {"id":"cmpl","object":"text_completion","choices":[{"index":0,"text":"one two",
            "logprobs":{"tokens":["one"," two"]},"finish_reason":"length","stop_reason":null}]}
            """#)
        #expect(found == expected)
    }

    @Test func contentIsWhatCame() throws {
        #expect(try message(#""role":"assistant","content":null"#)?["content"] == .null)
        #expect(try message(#""role":"assistant","content":"""#, #""content":null"#)?["content"] == .string(""))
        #expect(try message(#""role":"model""#) == JSONTree(#"{"role":"model","content":null}"#))
        #expect(try message(#""content":"a","content":"b""#)?["content"] == .string("ab"))
        #expect(try message(#""content":null"#, #""content":"a""#)?["content"] == .string("a"))
        // Repeated in every event by some servers.
        #expect(try message(#""role":"assistant""#, #""role":"assistant""#)?["role"] == .string("assistant"))
    }

    @Test func reasoningAndUnknownMembers() throws {
        let found = try message(
            #""reasoning_content":"Let ","x":{"a":"1","n":1,"type":"t"},"list":[1]"#,
            #""reasoning_content":"me.","x":{"a":"2","n":2,"type":"t"},"list":[]"#,
            #""content":"Yes","reasoning_content":null,"x":{},"list":[{"b":2} , 3],"flag":false"#,
            #""reasoning":"also","flag":true,"\u006cist":[4]"#)
        let expected = try JSONTree(
            #"""
            {"role":"assistant","content":"Yes","reasoning_content":"Let me.","x":{"a":"12","n":2,"type":"t"},
            "list":[1,{"b":2},3,4],"flag":true,"reasoning":"also"}
            """#)
        #expect(found == expected)
    }

    @Test func refusalAndFunctionCall() throws {
        let found = try message(
            #""refusal":"I ca""#, #""refusal":"n't.""#, #""function_call":{"name":"f","arguments":""}"#,
            #""function_call":{"name":"f","arguments":"{}"}"#)
        let expected = try JSONTree(
            #"""
            {"role":"assistant","content":null,"refusal":"I can't.","function_call":{"name":"f","arguments":"{}"}}
            """#)
        #expect(found == expected)
    }

    @Test func splitSurrogates() throws {
        let assembly = try assembled([delta(#""content":"a\ud83d""#), delta(#""content":"\ude00b""#), stop])
        #expect(try body(assembly).contains(#""content":"a\ud83d\ude00b""#))
        #expect(try message(#""content":"\ud83d""#, #""content":"\ude00""#)?["content"] == .string("😀"))
    }

    @Test func logprobs() throws {
        let first = #","logprobs":{"content":[{"token":"a","logprob":-0.10}],"refusal":null}"#
        let second = #","logprobs":{"content":[{"token":"b","logprob":-2e-3}],"refusal":null}"#
        let found = try body([
            delta(#""content":"a""#, first), delta(#""content":"b""#, second),
            delta("", #","logprobs":null,"finish_reason":"stop""#),
        ])
        let expected = try JSONTree(
            #"{"content":[{"token":"a","logprob":-0.10},{"token":"b","logprob":-2e-3}],"refusal":null}"#)
        #expect(found["choices"]?[0]?["logprobs"] == expected)
    }

    @Test func choicesInterleave() throws {
        let assembly = try assembled(
            [
                #"{"choices":[{"index":1,"delta":{"content":"B"}},{"delta":{"content":"A"},"index":0}]}"#,
                delta(#""content":"b""#, index: 1), delta(#""content":"a""#),
                delta("", #","finish_reason":"length""#, index: 1), delta("", #","finish_reason":"stop""#),
            ], choices: 2)
        let choices = try JSONTree(body(assembly))["choices"]
        #expect(choices?[0]?["message"]?["content"] == .string("Aa"))
        #expect(choices?[0]?["finish_reason"] == .string("stop"))
        #expect(choices?[1]?["message"]?["content"] == .string("Bb"))
        #expect(choices?[1]?["index"] == .number("1"))
        // Without an index a choice is known by its place.
        let places = try body([
            #"{"choices":[{"delta":{"content":"A"}},{"delta":{"content":"B"}}]}"#,
            #"{"choices":[{"finish_reason":"stop"},{"finish_reason":"stop"}]}"#,
        ])
        #expect(places["choices"]?[1]?["message"]?["content"] == .string("B"))
    }

    @Test func azure() throws {
        let leading =
            #"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]}"#
        let safe = #","content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}"#
        let named = delta(#""content":"Hi""#, safe)
            .replacing(#"{"id":"c""#, with: #"{"id":"c","created":17,"model":"gpt""#)
        let found = try body([
            leading, named, delta(#""content":"!""#, safe),
            delta("", #","content_filter_results":{},"finish_reason":"stop""#),
        ])
        let expected = try JSONTree(
            #"""
            {"object":"chat.completion","id":"c","created":17,"model":"gpt","prompt_filter_results":[{"prompt_index":0}],
            "choices":[{"index":0,"message":{"role":"assistant","content":"Hi!"},"finish_reason":"stop",
            "content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}
            """#)
        #expect(found == expected)
    }

    @Test func topLevel() throws {
        let found = try body([
            #"{"id":"a","created":5,"model":"m","citations":["x"],"x_groq":{"id":"r"},"choices":[]}"#,
            #"{"id":"b","created":6,"model":"n","citations":["x","y"],"x_groq":{"id":"r","usage":{}},"choices":null}"#,
            #"{"citations":[],"system_fingerprint":null,"usage":{},"choices":[{"index":0,"finish_reason":"stop"}]}"#,
        ])
        let expected = try JSONTree(
            #"""
            {"object":"chat.completion","id":"a","created":5,"model":"m","citations":["x","y"],
            "x_groq":{"id":"r","usage":{}},"system_fingerprint":null,
            "choices":[{"index":0,"message":{"role":"assistant","content":null},"finish_reason":"stop"}]}
            """#)
        #expect(found == expected)
    }

    /// Some servers repeat all that was said as a message beside the delta; others send nothing but a message.
    @Test func messages() throws {
        let repeating = try body([
            #"{"choices":[{"index":0,"message":{"content":"a"},"delta":{"content":"a"}}]}"#,
            #"{"choices":[{"index":0,"delta":{"content":"b"},"message":{"content":"ab"}}]}"#,
            #"{"choices":[{"index":0,"message":{"content":"ab"},"finish_reason":"stop"}]}"#,
        ])
        #expect(repeating["choices"]?[0]?["message"]?["content"] == .string("ab"))
        let whole = try body([#"{"choices":[{"message":{"role":"assistant","content":"ab"},"finish_reason":"stop"}]}"#])
        #expect(whole["choices"]?[0]?["message"]?["content"] == .string("ab"))
    }

    @Test func contentParts() throws {
        let thought = #"{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}"#
        #expect(
            try message(#""content":[\#(thought)]"#, #""content":"Y""#, #""content":"es""#)?["content"]
                == JSONTree(#"[\#(thought),{"type":"text","text":"Yes"}]"#))
        #expect(
            try message(#""content":"\"Y\"""#, #""content":[\#(thought)]"#, #""content":"a""#)?["content"]
                == JSONTree(#"[{"type":"text","text":"\"Y\""},\#(thought),{"type":"text","text":"a"}]"#))
        #expect(try message(#""content":"""#, #""content":[\#(thought)]"#)?["content"] == JSONTree("[\(thought)]"))
    }

    @Test func whatChoicesHoldBeside() throws {
        let found = try body([
            delta(#""content":"a""#, #","token_ids":[1,2],"native_finish_reason":null,"stop_reason":null"#),
            delta(#""content":"b""#, #","token_ids":[3],"native_finish_reason":"completed","finish_reason":"length""#),
            delta("", #","token_ids":null,"native_finish_reason":"completed","finish_reason":"stop""#),
            delta("", #","finish_reason":"""#), delta("", #","finish_reason":null"#),
        ])["choices"]?[0]
        #expect(found?["token_ids"] == .list([.number("1"), .number("2"), .number("3")]))
        #expect(found?["native_finish_reason"] == .string("completed"))
        #expect(found?["stop_reason"] == .null)
        #expect(found?["finish_reason"] == .string("stop"))
    }
}

@Suite struct AnswerAssemblyToolCallTests {
    private func calls(_ pieces: String...) throws -> JSONTree? {
        try body(pieces.map { delta(#""tool_calls":[\#($0)]"#) } + [stop])["choices"]?[0]?["message"]?["tool_calls"]
    }

    @Test func interleaved() throws {
        let found = try calls(
            #"{"index":0,"id":"call_a","type":"function","function":{"name":"f","arguments":""}}"#,
            #"{"index":1,"id":"call_b","type":"function","function":{"name":"g","arguments":""}}"#,
            #"{"index":0,"function":{"arguments":"{\"a\":"}},{"index":1,"function":{"arguments":"{\"b\""}}"#,
            #"{"index":1,"function":{"arguments":":2}"}}"#, #"{"index":0,"function":{"arguments":"1}"}}"#)
        let expected = try JSONTree(
            #"""
            [{"id":"call_a","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
            {"id":"call_b","type":"function","function":{"name":"g","arguments":"{\"b\":2}"}}]
            """#)
        #expect(found == expected)
    }

    @Test func orderedByIndex() throws {
        let found = try calls(
            #"{"index":2,"id":"c","function":{"name":"h","arguments":"{}"}}"#,
            #"{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}"#)
        #expect(found?[0]?["id"] == .string("a"))
        #expect(found?[1]?["id"] == .string("c"))
    }

    @Test func emptyListsAreAbsent() throws {
        let found = try message(#""content":"a","tool_calls":[]"#, #""content":"b","tool_calls":null"#)
        #expect(found == .object(["role": .string("assistant"), "content": .string("ab")]))
    }

    @Test func repeatedNames() throws {
        let found = try calls(
            #"{"index":0,"id":"","type":"function","function":{"name":"","arguments":""}}"#,
            #"{"index":0,"id":"a","type":"function","function":{"name":"get","arguments":"{"}}"#,
            #"{"index":0,"id":"a","type":"function","function":{"name":"get","arguments":"}"}}"#)
        let expected = try JSONTree(#"[{"id":"a","type":"function","function":{"name":"get","arguments":"{}"}}]"#)
        #expect(found == expected)
    }

    /// An id made up for every piece does not begin a call.
    @Test func restlessIds() throws {
        let found = try calls(
            #"{"index":0,"id":"x1","function":{"name":"f"}}"#, #"{"index":0,"id":"x2","function":{"arguments":"{"}}"#,
            #"{"index":0,"id":"x3","function":{"arguments":"}","name":""}}"#)
        #expect(try found == JSONTree(#"[{"id":"x1","function":{"name":"f","arguments":"{}"}}]"#))
    }

    @Test func oneIndexForAll() throws {
        let found = try calls(
            #"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}"#,
            #"{"function":{"arguments":"{\"x\":2}","name":"f"},"id":"b","index":0}"#,
            #"{"index":0,"id":"c","function":{"name":"g","arguments":"{"}},{"index":0,"function":{"arguments":"}"}}"#)
        let expected = try JSONTree(
            #"""
            [{"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}},
            {"id":"b","function":{"name":"f","arguments":"{\"x\":2}"}},{"id":"c","function":{"name":"g","arguments":"{}"}}]
            """#)
        #expect(found == expected)
    }

    @Test func withoutIndex() throws {
        let byId = try calls(
            #"{"id":"a","function":{"name":"f","arguments":"{"}}"#,
            #"{"id":"b","function":{"name":"f","arguments":"["}}"#,
            #"{"id":"a","function":{"arguments":"}"}}"#, #"{"id":"b","function":{"arguments":"]"}}"#)
        let expected = try JSONTree(
            #"[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"f","arguments":"[]"}}]"#
        )
        #expect(byId == expected)
        let byName = try calls(
            #"{"function":{"name":"f","arguments":"{}"}},{"index":null,"function":{"name":"f","arguments":"["}}"#,
            #"{"function":{"arguments":"]"}}"#)
        let named = try JSONTree(
            #"[{"function":{"name":"f","arguments":"{}"}},{"function":{"name":"f","arguments":"[]"}}]"#)
        #expect(byName == named)
    }

    @Test func otherKindsOfCall() throws {
        let found = try calls(
            #"{"index":0,"id":"a","type":"custom","custom":{"name":"sh","input":"l"},"extra_content":{"google":{"s":"q"}}}"#,
            #"{"index":0,"custom":{"input":"s"}}"#)
        let expected = try JSONTree(
            #"[{"id":"a","type":"custom","custom":{"name":"sh","input":"ls"},"extra_content":{"google":{"s":"q"}}}]"#)
        #expect(found == expected)
    }
}

@Suite struct AnswerAssemblyEndingTests {
    @Test func theTerminatorIsNotNeeded() throws {
        var assembly = AnswerAssembly(endpoint: .chatCompletions, bytes: 4_096)
        try feed("data: \(delta(#""content":"a""#))\n\n", to: &assembly)
        #expect(assembly.hasToken && !assembly.isFinished && !assembly.isComplete)
        #expect(throws: AssemblyProblem.unfinished) { try body(assembly) }
        try feed("data: \(stop)", to: &assembly)
        #expect(assembly.isFinished && assembly.isComplete && !assembly.isDone)
        #expect(try JSONTree(body(assembly))["choices"]?[0]?["message"]?["content"] == .string("a"))
    }

    @Test func noHalfAnswers() throws {
        #expect(problem([delta(#""content":"a""#)]) == .unfinished)
        #expect(problem([]) == .unfinished)
        #expect(problem([#"{"choices":[],"usage":{"prompt_tokens":1}}"#]) == .unfinished)
        #expect(problem([stop, delta(#""content":"a""#, index: 1)]) == .unfinished)
        #expect(problem([delta("", #","finish_reason":"""#)]) == .unfinished)
        var assembly = AnswerAssembly(endpoint: .chatCompletions, choices: 2, bytes: 4_096)
        try feed("data: \(stop)\n\n", to: &assembly)
        #expect(assembly.isFinished && !assembly.isComplete)
        // The provider says that this is all.
        try feed("data: [DONE]\n\ndata: nonsense\n\n", to: &assembly)
        #expect(assembly.isComplete)
    }

    @Test func errorsAndNonsense() {
        #expect(problem([stop, #"{"error":{"message":"overloaded"}}"#]) == .upstreamError)
        #expect(problem([#"{"object":"error","message":"m"}"#]) == .upstreamError)
        #expect(problem(["{}\n\nevent: error\ndata: sorry"]) == .upstreamError)
        #expect(problem([#"{"error":null,"choices":[{"finish_reason":"stop"}]}"#]) == nil)
        for text in ["[]", "7", "{", "[DONE", "{} {}", #"{"choices":[{"index":-1}]}"#, #"{"choices":[{"index":0.5}]}"#]
        {
            #expect(problem([text, stop]) == .malformed, "\(text)")
        }
        #expect(problem([delta(#""tool_calls":{}"#)]) == .malformed)
        #expect(problem([delta(#""tool_calls":[7]"#)]) == .malformed)
        #expect(problem([delta(#""tool_calls":[{"index":99999999999}]"#)]) == .malformed)
        #expect(problem([delta(#""x":"a""#), delta(#""x":["a"]"#)]) == .mixedKinds)
        #expect(problem([delta(#""x":{"y":1}"#), delta(#""x":"a""#)]) == .mixedKinds)
        #expect(problem([delta(#""x":"a""#), delta(#""x":7"#), delta(#""x":null"#), delta(#""x":{}"#), stop]) == nil)
    }

    @Test func aProblemStays() throws {
        var assembly = AnswerAssembly(endpoint: .chatCompletions, bytes: 4_096)
        #expect(throws: AssemblyProblem.malformed) { try feed("data: {\n\n", to: &assembly) }
        #expect(throws: AssemblyProblem.malformed) { try feed("data: \(stop)\n\n", to: &assembly) }
        #expect(throws: AssemblyProblem.malformed) { try body(assembly) }
        #expect(!assembly.isComplete)
    }

    /// No prefix of a stream that lacks its end gives an answer, and none breaks anything.
    @Test func everyTruncation() throws {
        let whole = stream([
            delta(#""role":"assistant","content":"Hé""#),
            delta(#""tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]"#),
            delta("", #","finish_reason":"tool_calls""#),
        ])
        let bytes = Array(whole.utf8)
        let end = whole.utf8.count - "}]}\n\ndata: [DONE]\n\n".utf8.count
        for length in 0..<end {
            var assembly = AnswerAssembly(endpoint: .chatCompletions, bytes: 4_096)
            _ = try? feed(String(decoding: bytes[..<length], as: UTF8.self), to: &assembly)
            #expect(!assembly.isComplete, "cut at \(length)")
        }
    }

    @Test func severalDataLinesAndComments() throws {
        var assembly = AnswerAssembly(endpoint: .chatCompletions, bytes: 4_096)
        let lines = ": ping\n\ndata: {\"choices\":[\ndata: {\"index\":0,\"delta\":{\"content\":\ndata: \"a\"},\n"
        try feed(lines + "data: \"finish_reason\":\"stop\"}]}\n\n: ping\n\ndata:\n\ndata: [DONE]\n\n", to: &assembly)
        #expect(try JSONTree(body(assembly))["choices"]?[0]?["message"]?["content"] == .string("a"))
        #expect(throws: AssemblyProblem.malformed) {
            var assembly = AnswerAssembly(endpoint: .chatCompletions, bytes: 4_096)
            try feed("data: {\ndata: ]\n\n", to: &assembly)
        }
    }
}

@Suite struct AnswerAssemblyBoundTests {
    @Test func bytes() throws {
        let text = String(repeating: "x", count: 1_000)
        let events = Array(repeating: delta(#""content":"\#(text)""#), count: 10) + [stop]
        #expect(problem(events, bytes: 11_000) == nil)
        #expect(problem(events, bytes: 10_000) == .tooLarge)
        #expect(problem([stop], bytes: 0) == .tooLarge)
        // What is replaced is given back.
        let replaced = (0..<1_000).map { #"{"citations":["\#($0)\#(text)"],"choices":[]}"# }
        #expect(problem(replaced + [stop], bytes: 4_000) == nil)
    }

    /// Small values cost what they take in memory.
    @Test func smallMembersCount() {
        let members = (0..<200).map { #""m\#($0)":1"# }.joined(separator: ",")
        #expect(problem([delta(members), stop], bytes: 10_000) == .tooLarge)
        #expect(problem([delta(members), stop], bytes: 20_000) == nil)
    }

    @Test func counts() {
        func choices(_ count: Int) -> String {
            (0..<count).map { #"{"index":\#($0 * 7),"finish_reason":"stop"}"# }.joined(separator: ",")
        }
        #expect(problem([#"{"choices":[\#(choices(128))]}"#]) == nil)
        #expect(problem([#"{"choices":[\#(choices(129))]}"#]) == .tooManyChoices)
        func calls(_ count: Int) -> String {
            let calls = (0..<count).map { #"{"index":\#($0)}"# }.joined(separator: ",")
            return delta(#""tool_calls":[\#(calls)]"#)
        }
        #expect(problem([calls(256), stop]) == nil)
        #expect(problem([calls(257), stop]) == .tooManyToolCalls)
        func members(_ count: Int) -> String {
            (0..<count).map { #""m\#($0)":null"# }.joined(separator: ",")
        }
        #expect(problem([delta(#""x":{\#(members(256))}"#), stop]) == nil)
        #expect(problem([delta(#""x":{\#(members(257))}"#), stop]) == .tooManyMembers)
        // Where members are not continued they are not looked into.
        #expect(problem([delta("", #","x":{\#(members(5_000))},"finish_reason":"stop""#)]) == nil)
    }

    @Test func depth() {
        func nested(_ depth: Int) -> String {
            String(repeating: #"{"a":"#, count: depth) + "1" + String(repeating: "}", count: depth)
        }
        #expect(problem([delta(#""x":\#(nested(100))"#), delta(#""x":\#(nested(100))"#), stop]) == nil)
        #expect(problem([delta(#""x":\#(nested(200))"#)]) == .malformed)
    }

    @Test(arguments: OpenAIStreamEventTests.events.map(\.0))
    func agreesOnTokens(_ data: String) {
        let facts = withBytes(data) { ChunkFacts.read(data: $0) }
        var assembly = AnswerAssembly(endpoint: .chatCompletions, bytes: 4_096)
        var found: AssemblyProblem?
        do {
            try withBytes(data) { try assembly.take(data: $0) }
        } catch {
            found = error as? AssemblyProblem
        }
        #expect(assembly.hasToken == facts.flags.contains(.token))
        #expect(assembly.isDone == facts.flags.contains(.done))
        #expect((found == .upstreamError) == facts.flags.contains(.error))
        #expect((found == .malformed) == facts.flags.contains(.malformed))
        #expect(assembly.isFinished == facts.flags.contains(.finish) || found != nil)
    }
}
