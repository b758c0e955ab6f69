import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// What passes between client and provider when all is well.
    struct ContractTests {
        static let ownHeaders = [
            "content-type", "content-length", "x-request-id", "x-holdfast-deployment", "x-holdfast-attempts",
            "x-holdfast-generation",
        ]

        @Test func `a unary answer says who gave it`() async throws {
            try await withPair { gateway, primary, backup in
                let reply = try await gateway.ask(chat())
                #expect(reply.status == 200 && reply.isComplete)
                #expect(reply.json["object"] == "chat.completion")
                #expect(reply.json["model"] == "practice-large")
                #expect(reply.deployment == "primary/practice-large" && reply.attempts == "1")
                #expect(reply["x-holdfast-generation"] == "1" && reply.degraded == nil)
                #expect(reply["x-request-id"]?.count == 32)
                #expect(reply.headers.map(\.name) == Self.ownHeaders)
                #expect(primary.requests().counts[.answered] == 1 && backup.requests().requests.isEmpty)
            }
        }

        @Test func `each exchange has an id of its own`() async throws {
            try await withPair { gateway, _, _ in
                let ids = [
                    try await gateway.ask(chat())["x-request-id"], try await gateway.ask(chat())["x-request-id"],
                ]
                #expect(ids[0] != ids[1] && !ids.contains(nil))
            }
        }

        @Test func `a stream arrives whole`() async throws {
            try await withPair { gateway, _, _ in
                let reply = try await gateway.ask(chat(stream: true, tokens: 30))
                #expect(reply.status == 200 && reply.isComplete && reply["content-length"] == nil)
                #expect(reply["content-type"] == "text/event-stream; charset=utf-8")
                #expect(reply["cache-control"] == "no-cache" && reply["x-accel-buffering"] == "no")
                #expect(reply.events.last == "[DONE]" && reply.hasWholeEventsOnly)
                // The provider was asked for usage; the client had not asked.
                #expect(!reply.body.contains(#""choices":[]"#))
                let unary = try await gateway.ask(chat(tokens: 30))
                let text = unary.json["choices"]?.array?.first?["message"]?["content"]?.string
                #expect(reply.streamedText == text && reply.events.count == 33)
            }
        }

        @Test func `usage reaches a client that asked for it`() async throws {
            try await withPair { gateway, _, _ in
                let body = chatBody(
                    "assistant", stream: true, tokens: 3, #","stream_options":{"include_usage":true}"#)
                let reply = try await gateway.ask(post("/v1/chat/completions", body))
                let usage = try JSONValue(parsing: Array(try #require(reply.events.dropLast().last).utf8))
                #expect(usage["choices"] == [] && usage["usage"]?["completion_tokens"] == 3)
            }
        }

        @Test func `completions and embeddings`() async throws {
            try await withPair { gateway, primary, _ in
                let text = try await gateway.ask(
                    post("/v1/completions", #"{"model":"assistant","prompt":"Once","max_tokens":3}"#))
                #expect(text.status == 200 && text.json["object"] == "text_completion")
                let stream = try await gateway.ask(
                    post("/v1/completions", #"{"model":"assistant","prompt":"Once","max_tokens":3,"stream":true}"#))
                #expect(stream.events.last == "[DONE]" && stream.isComplete && stream.hasWholeEventsOnly)
                let vectors = try await gateway.ask(
                    post("/v1/embeddings", #"{"model":"assistant","input":["a","b"]}"#))
                #expect(vectors.json["data"]?.array?.count == 2)
                let paths = primary.requests().requests.map(\.path)
                #expect(paths == ["/v1/completions", "/v1/completions", "/v1/embeddings"])
            }
        }

        @Test func `models are the routes, and the deployments where they may be named`() async throws {
            try await withPair { gateway, primary, _ in
                let list = try await gateway.ask(get("/v1/models?limit=3"))
                let ids = list.json["data"]?.array?.compactMap { $0["id"]?.string }
                #expect(ids == ["assistant", "primary/practice-large", "backup/practice-large"])
                #expect(list.headers.map(\.name) == ["content-type", "content-length", "x-request-id"])
                let one = try await gateway.ask(get("/v1/models/assistant"))
                #expect(one.status == 200 && one.json["object"] == "model" && one.json["id"] == "assistant")
                for spelling in ["backup/practice-large", "backup%2Fpractice-large"] {
                    let deployment = try await gateway.ask(get("/v1/models/\(spelling)"))
                    #expect(deployment.json["id"] == "backup/practice-large")
                }
                let none = try await gateway.ask(get("/v1/models/nobody"))
                #expect(none.status == 404 && none.code == "model_not_found")
                #expect(primary.requests().requests.isEmpty)
            }
        }

        @Test func `a deployment may be asked for directly`() async throws {
            try await withPair { gateway, _, backup in
                let reply = try await gateway.ask(chat("backup/practice-large"))
                #expect(reply.status == 200 && reply.deployment == "backup/practice-large" && reply.degraded == nil)
                #expect(backup.requests().requests.map(\.model) == ["practice-large"])
            }
        }

        @Test func `the provider gets our headers and key, and the client's bytes with the model replaced`()
            async throws
        {
            try await withScripted { _ in
                [.send(Answers.response(headers: Self.foreignHeaders, body: Answers.unaryBody))]
            } _: { server in
                var setup = Setup(server.port)
                setup.providers[0].more += ", api_key: \"${PROVIDER_KEY}\""
                setup.environment = ["PROVIDER_KEY": "sk-provider"]
                try await withGateway(setup) { gateway in
                    let body =
                        #"{ "future_field" : {"a":[1.50, null , "\u00e9"]},"model" :"assistant" ,"#
                        + #""messages":[{"role":"user","content":"né\n"}],"seed":18446744073709551616 }"#
                    let reply = try await gateway.ask(
                        post(
                            "/v1/chat/completions?trace=1", body,
                            headers: [
                                "authorization: Bearer client-key", "cookie: a=b", "x-forwarded-for: 1.2.3.4",
                                "x-holdfast-target: evil", "accept-encoding: gzip", "user-agent: curl",
                                "connection: keep-alive, x-hop", "x-hop: 1", "openai-organization: org-1",
                            ]))
                    #expect(reply.status == 200 && reply.body == Answers.unaryBody)
                    #expect(reply.headers.map(\.name) == Self.ownHeaders)
                    let request = try #require(server.log.requests.first)
                    let sent = body.replacing(#""assistant""#, with: #""practice-large""#)
                    #expect(request.body == sent)
                    #expect(
                        request.lines == [
                            "POST /v1/chat/completions HTTP/1.1", "host: 127.0.0.1:\(server.port)",
                            "authorization: Bearer sk-provider", "content-type: application/json",
                            "accept-encoding: identity", "user-agent: holdfast", "content-length: \(sent.utf8.count)",
                        ])
                }
            }
        }

        private static let foreignHeaders = [
            "set-cookie: a=b", "server: theirs", "via: 1.1 x", "x-request-id: theirs", "location: http://elsewhere/",
            "openai-organization: org-secret", "x-holdfast-deployment: forged",
        ]

        @Test func `without a provider key none is sent`() async throws {
            try await withScripted { _ in
                [.send(Answers.unary)]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    _ = try await gateway.ask(chat(headers: ["authorization: Bearer mine", "x-api-key: mine"]))
                    let head = try #require(server.log.requests.first?.head.lowercased())
                    #expect(!head.contains("authorization") && !head.contains("mine") && !head.contains("api-key"))
                }
            }
        }

        @Test func `a body too large for one write is spliced the same`() async throws {
            try await withScripted { _ in
                [.send(Answers.unary)]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let long = String(repeating: "long ", count: 60_000)
                    let body = #"{"messages":[{"role":"user","content":"\#(long)"}],"model":"assistant","user":"u"}"#
                    let reply = try await gateway.ask(post("/v1/chat/completions", body))
                    #expect(reply.status == 200)
                    let sent = body.replacing(#""assistant""#, with: #""practice-large""#)
                    #expect(server.log.requests.first?.body == sent)
                }
            }
        }

        @Test func `a chunked request is taken as well`() async throws {
            try await withPair { gateway, _, _ in
                let body = chatBody()
                let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-type: application/json; a=b\r\n"
                let half = body.utf8.count / 2
                let text =
                    head + "transfer-encoding: chunked\r\n\r\n" + Answers.chunk(String(body.prefix(half)))
                    + Answers.chunk(String(body.dropFirst(half))) + Answers.lastChunk
                let reply = try await gateway.ask(text)
                #expect(reply.status == 200)
            }
        }

        @Test func `expect 100-continue is answered before the body`() async throws {
            try await withPair { gateway, _, _ in
                let client = try await RawClient.connect(gateway.port)
                let body = chatBody()
                let request = post("/v1/chat/completions", body, headers: ["expect: 100-continue"])
                try await client.send(String(request.dropLast(body.count)))
                try await client.wait(for: "HTTP/1.1 100 Continue\r\n\r\n")
                try await client.send(body)
                try await client.wait(for: "HTTP/1.1 200 OK")
                await client.close()
            }
        }

        @Test func `an old client gets a stream that ends with its connection`() async throws {
            try await withPair { gateway, _, _ in
                let request = chat(stream: true).replacing("HTTP/1.1", with: "HTTP/1.0")
                let client = try await RawClient.connect(gateway.port)
                try await client.send(request)
                let reply = Reply(try await client.untilEnd())
                #expect(reply["transfer-encoding"] == nil && reply["connection"] == "close")
                #expect(reply.body.hasSuffix("data: [DONE]\n\n"))
            }
        }

        @Test func `a stream without its terminator gets one`() async throws {
            try await withPair { gateway, primary, _ in
                try await primary.setFault(.noDone)
                let reply = try await gateway.ask(chat(stream: true))
                #expect(reply.isComplete && reply.events.last == "[DONE]" && reply.hasWholeEventsOnly)
                #expect(reply.deployment == "primary/practice-large")
            }
        }

        @Test func `a large answer reaches a client whose connection closes after it`() async throws {
            let filler = String(repeating: "y", count: 8 << 20)
            let body = Answers.unaryBody.replacing("hello", with: filler)
            try await withScripted { _ in
                [.send(Answers.response(body: body))]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    var options = RawClient.Options()
                    options.reads = false
                    options.keepsText = false
                    let client = try await RawClient.connect(gateway.port, options)
                    try await client.send(chat(headers: ["connection: close"]))
                    try await eventually("the answer is on its way") {
                        try await gateway.stateOfDeployment("primary/practice-large")["attempts"]?["ok"] == 1
                    }
                    try await client.readFreely()
                    let seen = try await client.untilEnd()
                    #expect(seen.count > body.utf8.count && seen.end == .closed)
                }
            }
        }
    }
}
