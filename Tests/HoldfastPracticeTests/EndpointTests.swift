import Foundation
import HoldfastCore
import HoldfastPractice
import Testing

struct EndpointTests {
    @Test func `chat answers, says who it is, and says the same again`() async throws {
        try await withServer { server in
            let first = try await ask(server.port, "POST", "/v1/chat/completions", chat(tokens: 14))
            #expect(first.status == 200 && first.complete)
            let body = try first.json
            let choice = body["choices"]?.array?.first
            let text = choice?["message"]?["content"]?.string ?? ""
            #expect(text.hasPrefix("This is a simulated answer from practice provider 'primary'."))
            #expect(choice?["finish_reason"] == "length")
            #expect(body["object"] == "chat.completion" && body["model"] == "practice-large")
            #expect(body["usage"] == ["prompt_tokens": 2, "completion_tokens": 14, "total_tokens": 16])
            #expect(first["x-request-id"]?.hasPrefix("req_") == true && first["openai-processing-ms"] != nil)
            #expect(first["x-ratelimit-remaining-requests"] != nil)
            let second = try await ask(server.port, "POST", "/v1/chat/completions", chat(stream: true, tokens: 14))
            #expect(second.streamedText == text)
            let report = server.requests()
            #expect(report.counts[.answered] == 2)
            #expect(report.requests.map(\.tokensSent) == [14, 14] && report.requests.map(\.stream) == [false, true])
        }
    }

    @Test func `a chat stream is framed as providers frame it`() async throws {
        try await withServer { server in
            let options = JSONMember(name: "stream_options", value: ["include_usage": true])
            let reply = try await ask(
                server.port, "POST", "/v1/chat/completions", chat(stream: true, tokens: 3, [options]))
            #expect(reply["content-type"] == "text/event-stream" && reply["content-length"] == nil)
            #expect(reply["cache-control"] == "no-cache" && reply["x-accel-buffering"] == "no" && reply.complete)
            #expect(reply.events.last == "[DONE]")
            let events = try reply.events.dropLast().map { try JSONValue(parsing: Array($0.utf8)) }
            #expect(events.count == 6)
            #expect(events[0]["choices"]?.array?.first?["delta"]?["role"] == "assistant")
            #expect(events[0]["choices"]?.array?.first?["delta"]?["content"] == "")
            #expect(events[4]["choices"]?.array?.first?["finish_reason"] == "length")
            #expect(events[5]["choices"] == [])
            #expect(events[5]["usage"]?["completion_tokens"] == 3)
            #expect(Set(events.compactMap { $0["id"]?.string }).count == 1)
        }
    }

    @Test func `tools are called in fragments`() async throws {
        try await withServer { server in
            let tools: JSONValue = [
                [
                    "type": "function",
                    "function": [
                        "name": "weather",
                        "parameters": ["type": "object", "properties": ["city": ["type": "string"]]],
                    ],
                ]
            ]
            let extra = [
                JSONMember(name: "tools", value: tools), JSONMember(name: "tool_choice", value: "required"),
            ]
            let unary = try await ask(server.port, "POST", "/v1/chat/completions", chat("practice-large", extra))
            let choice = try unary.json["choices"]?.array?.first
            let call = choice?["message"]?["tool_calls"]?.array?.first
            #expect(choice?["finish_reason"] == "tool_calls" && choice?["message"]?["content"] == .null)
            #expect(call?["function"] == ["name": "weather", "arguments": #"{"city":"simulated"}"#])
            let streamed = try await ask(server.port, "POST", "/v1/chat/completions", chat(stream: true, extra))
            let deltas = streamed.events.compactMap { try? JSONValue(parsing: Array($0.utf8)) }
                .compactMap { $0["choices"]?.array?.first?["delta"]?["tool_calls"]?.array?.first?["function"] }
            #expect(deltas.first?["name"] == "weather" && deltas.count > 3)
            #expect(deltas.compactMap { $0["arguments"]?.string }.joined() == #"{"city":"simulated"}"#)
            let untouched = try await ask(
                server.port, "POST", "/v1/chat/completions", chat("practice-large", [extra[0]]))
            #expect(try untouched.json["choices"]?.array?.first?["message"]?["tool_calls"] == nil)
        }
    }

    @Test func `structured output fits its schema`() async throws {
        try await withServer { server in
            let schema: JSONValue = ["type": "object", "properties": ["ok": ["type": "boolean"]]]
            let format = JSONMember(
                name: "response_format",
                value: ["type": "json_schema", "json_schema": ["name": "x", "schema": schema]])
            let reply = try await ask(server.port, "POST", "/v1/chat/completions", chat("practice-large", [format]))
            #expect(try reply.json["choices"]?.array?.first?["message"]?["content"] == #"{"ok":true}"#)
        }
    }

    @Test func `completions answer and stream`() async throws {
        try await withServer { server in
            var request: JSONValue = ["model": "practice-small", "prompt": "hello", "max_tokens": 5]
            let unary = try await ask(server.port, "POST", "/v1/completions", request)
            #expect(try unary.json["object"] == "text_completion")
            #expect(try unary.json["choices"]?.array?.first?["text"] == "This is a simulated answer")
            request = .object((request.members ?? []) + [JSONMember(name: "stream", value: true)])
            let stream = try await ask(server.port, "POST", "/v1/completions", request)
            let texts = stream.events.compactMap { try? JSONValue(parsing: Array($0.utf8)) }
                .compactMap { $0["choices"]?.array?.first?["text"]?.string }
            #expect(texts.joined() == "This is a simulated answer" && stream.events.last == "[DONE]")
        }
    }

    @Test func `embeddings come as floats and as base64 of the same floats`() async throws {
        try await withServer { server in
            let plain: JSONValue = ["model": "practice-embed", "input": ["a", "b"], "dimensions": 8]
            let floats = try await ask(server.port, "POST", "/v1/embeddings", plain).json
            let vector = floats["data"]?.array?[1]["embedding"]?.array?.compactMap(\.double) ?? []
            #expect(vector.count == 8 && floats["data"]?.array?.count == 2)
            let format = JSONMember(name: "encoding_format", value: "base64")
            let coded = try await ask(
                server.port, "POST", "/v1/embeddings", .object((plain.members ?? []) + [format])
            ).json
            let text = coded["data"]?.array?[1]["embedding"]?.string ?? ""
            let bytes = Array(try #require(Data(base64Encoded: text)))
            let decoded = stride(from: 0, to: bytes.count, by: 4).map { index in
                let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[index + $1]) << (8 * UInt32($1)) }
                return Double(Float(bitPattern: bits))
            }
            #expect(decoded == vector)
        }
    }

    @Test func `models are listed and found`() async throws {
        try await withServer { server in
            let list = try await ask(server.port, "GET", "/v1/models").json
            #expect(list["data"]?.array?.compactMap { $0["id"]?.string } == ["practice-large", "practice-small"])
            #expect(try await ask(server.port, "GET", "/v1/models/practice-small").json["id"] == "practice-small")
            #expect(try await ask(server.port, "GET", "/v1/models/other").status == 404)
        }
    }

    @Test func `a restricted provider knows its own models alone`() async throws {
        try await withServer {
            $0.models = ["a"]
        } _: { server in
            #expect(try await ask(server.port, "POST", "/v1/chat/completions", chat("a")).status == 200)
            let reply = try await ask(server.port, "POST", "/v1/chat/completions", chat())
            #expect(reply.status == 404)
            #expect(try reply.json["error"]?["code"] == "model_not_found")
            #expect(try await ask(server.port, "GET", "/v1/models").json["data"]?.array?.count == 1)
        }
    }

    @Test func `a key is asked for where one is set, and never shown`() async throws {
        try await withServer {
            $0.apiKey = "sk-test"
        } _: { server in
            let path = "/v1/chat/completions"
            let missing = try await ask(server.port, "POST", path, chat())
            #expect(missing.status == 401)
            #expect(try missing.json["error"]?["code"] == "invalid_api_key")
            let wrong = try await ask(server.port, "POST", path, chat(), headers: ["authorization: Bearer sk-other"])
            #expect(wrong.status == 401)
            let right = try await ask(server.port, "POST", path, chat(), headers: ["Authorization: Bearer sk-test"])
            #expect(right.status == 200)
            let seen = try await ask(server.port, "GET", "/practice/requests")
            #expect(!seen.body.contains("sk-test") && seen.body.contains("Authorization"))
            #expect(try seen.json["counts"]?["rejected"] == 2)
        }
    }

    @Test(
        arguments: [
            ("POST", "/v1/chat/completions", "{", 400, nil),
            ("POST", "/v1/chat/completions", "[]", 400, nil),
            ("POST", "/v1/chat/completions", "{}", 400, "model"),
            ("POST", "/v1/chat/completions", #"{"model":"practice"}"#, 400, "messages"),
            ("POST", "/v1/chat/completions", #"{"model":"practice","messages":[]}"#, 400, "messages"),
            (
                "POST", "/v1/chat/completions", #"{"model":"practice","messages":[{"role":"user"}],"stream":"yes"}"#,
                400, "stream"
            ),
            ("POST", "/v1/chat/completions", #"{"model":"practice","messages":[{"role":"user"}],"n":2}"#, 400, "n"),
            (
                "POST", "/v1/chat/completions", #"{"model":"practice","messages":[{"role":"user"}],"max_tokens":0}"#,
                400,
                "max_tokens"
            ),
            (
                "POST", "/v1/chat/completions",
                #"{"model":"practice","messages":[{"role":"user"}],"stream_options":{"include_usage":true}}"#, 400,
                "stream_options"
            ),
            ("POST", "/v1/chat/completions", #"{"model":"gpt","messages":[{"role":"user"}]}"#, 404, "model"),
            ("POST", "/v1/chat/completions", #"{"model":"practice-fault-bogus","messages":[]}"#, 400, "model"),
            ("POST", "/v1/completions", #"{"model":"practice"}"#, 400, "prompt"),
            ("POST", "/v1/embeddings", #"{"model":"practice","input":[]}"#, 400, "input"),
            ("POST", "/v1/embeddings", #"{"model":"practice","input":"a","dimensions":0}"#, 400, "dimensions"),
            ("GET", "/v1/chat/completions", "", 405, nil),
            ("POST", "/v1/unknown", "{}", 404, nil),
        ] as [(String, String, String, Int, String?)])
    func `bad input is answered as providers answer it`(
        method: String, path: String, body: String, status: Int, param: String?
    ) async throws {
        try await withServer { server in
            let client = try await RawClient.connect(server.port)
            try await client.send(requestText(method, path, body: body))
            let reply = Reply(try await client.untilEnd())
            #expect(reply.status == status && reply.complete)
            let error = try #require(try reply.json["error"])
            #expect(error["message"]?.string?.isEmpty == false)
            #expect(error["param"]?.string == param)
        }
    }

    @Test func `what is no HTTP is refused and the server goes on`() async throws {
        try await withServer { server in
            let client = try await RawClient.connect(server.port)
            try await client.send("this is no HTTP\r\n\r\n")
            #expect(Reply(try await client.untilEnd()).status == 400)
            #expect(try await ask(server.port, "GET", "/v1/models").status == 200)
        }
    }

    @Test func `requests sent ahead are answered in order on one connection`() async throws {
        try await withServer { server in
            let client = try await RawClient.connect(server.port)
            try await client.send(
                requestText("GET", "/v1/models/practice-1", closes: false)
                    + requestText("GET", "/v1/models/practice-2", closes: false)
                    + requestText("GET", "/v1/models/practice-3"))
            let seen = try await client.untilEnd()
            let ids = seen.text.components(separatedBy: "\"id\":\"").dropFirst().map { $0.prefix(10) }
            #expect(ids == ["practice-1", "practice-2", "practice-3"])
            #expect(Set(server.requests().requests.map(\.connection)).count == 1)
        }
    }

    @Test func `pacing takes its time`() async throws {
        try await withServer {
            $0.pacing = Pacing(firstTokenNanoseconds: 40 * Span.millisecond, tokenGapNanoseconds: 10 * Span.millisecond)
        } _: { server in
            let reply = try await ask(server.port, "POST", "/v1/chat/completions", chat(stream: true, tokens: 5))
            #expect(reply.complete)
            let span = try #require(server.requests().requests.first?.durationNanoseconds)
            // The least that the jitter allows.
            #expect(span >= 60 * Span.millisecond)
        }
    }
}
