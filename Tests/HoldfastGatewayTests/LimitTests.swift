import Foundation
import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// Each bound of the listener, with its answer.
    struct LimitTests {
        /// Sends a text to a gateway with these limits and takes all that comes until the connection ends.
        private func refused(_ text: String, limits: String) async throws -> Reply {
            try await withLimits(limits) { gateway in
                let client = try await RawClient.connect(gateway.port)
                try await client.send(text)
                let reply = Reply(try await client.untilEnd())
                #expect(reply.isComplete && reply["connection"] == "close" && reply["x-request-id"]?.count == 32)
                return reply
            }
        }

        private func withLimits<Result>(
            _ limits: String, _ body: (GatewayServer) async throws -> Result
        ) async throws -> Result {
            var result: Result?
            try await withPair {
                $0.limits = limits
            } _: { gateway, primary, _ in
                result = try await body(gateway)
                #expect(primary.requests().counts[.rejected] == nil)
            }
            return try #require(result)
        }

        private let chunkedHead =
            "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n"
            + "transfer-encoding: chunked\r\n\r\n"

        @Test func `a body that says it is too large is refused before it comes`() async throws {
            let head = post("/v1/chat/completions", "").replacing("content-length: 0", with: "content-length: 2000")
            let reply = try await refused(head, limits: "body: 1KiB")
            #expect(reply.status == 413 && reply.code == "request_too_large")
        }

        @Test func `a chunked body is refused at the limit`() async throws {
            let chunk = Answers.chunk(String(repeating: " ", count: 600))
            let reply = try await refused(chunkedHead + chunk + chunk, limits: "body: 1KiB")
            #expect(reply.status == 413)
        }

        @Test func `a route may have a bound of its own`() async throws {
            try await withPair {
                $0.route = ", body: 1KiB"
            } _: { gateway, primary, _ in
                let body = chatBody(
                    "assistant", stream: false, tokens: 1, #","user":"\#(String(repeating: "u", count: 999))""#)
                let reply = try await gateway.ask(post("/v1/chat/completions", body))
                #expect(reply.status == 413)
                #expect(primary.requests().requests.isEmpty)
            }
        }

        @Test func `a long target`() async throws {
            let reply = try await refused(get("/v1/models?" + String(repeating: "q", count: 600)), limits: "uri: 512B")
            #expect(reply.status == 414 && reply.code == "uri_too_long")
        }

        @Test(arguments: [
            ["x-long: " + String(repeating: "h", count: 400)],
            (0..<20).map { "x-\($0): 1" },
            (0..<6).map { "x-\($0): " + String(repeating: "h", count: 220) },
        ])
        func `large headers`(headers: [String]) async throws {
            let reply = try await refused(
                get("/v1/models", headers: headers),
                limits: "header_field: 256B, header_fields: 16, header_list: 1KiB")
            #expect(reply.status == 431 && reply.code == "headers_too_large")
        }

        @Test func `a target without end`() async throws {
            let text = "GET /" + String(repeating: "e", count: 40_000)
            let reply = try await refused(
                text, limits: "header_field: 1KiB, header_list: 4KiB, uri: 1KiB, body: 8KiB")
            #expect([414, 431].contains(reply.status))
        }

        @Test(arguments: ["GET /v1/models HTTP/1.1\r\nhost:", "G"])
        func `a head that does not come`(start: String) async throws {
            let reply = try await refused(start, limits: "header_time: 150ms")
            #expect(reply.status == 408 && reply.code == "request_timeout")
        }

        @Test func `a trickle does not move the limit`() async throws {
            try await withLimits("header_time: 200ms, idle_time: 10s") { gateway in
                let client = try await RawClient.connect(gateway.port)
                try await client.send("GET /v1/models HTTP/1.1\r\nx-a: ")
                try await eventually("it is closed while bytes keep coming") {
                    if client.seen.end == .open { try? await client.send("a") }
                    return client.seen.end != .open
                }
                #expect(Reply(client.seen).status == 408)
            }
        }

        @Test func `a body that does not come`() async throws {
            let whole = chat()
            let reply = try await refused(String(whole.dropLast(5)), limits: "body_time: 150ms")
            #expect(reply.status == 408)
        }

        @Test func `an idle connection is closed, before the first request and after an answer`() async throws {
            try await withLimits("idle_time: 1s") { gateway in
                let silent = try await RawClient.connect(gateway.port)
                #expect(try await silent.untilEnd().text.isEmpty)
                let client = try await RawClient.connect(gateway.port)
                #expect(try await client.exchange(chat()).status == 200)
                #expect(try await client.untilEnd().end == .closed)
            }
        }

        @Test func `an answer that takes long is not idle`() async throws {
            try await withPair {
                $0.limits = "idle_time: 1s, header_time: 1s, body_time: 1s"
            } _: { gateway, primary, _ in
                try await primary.setFault(.slowHead(delayNanoseconds: 2_500 * Span.millisecond))
                #expect(try await gateway.ask(chat()).status == 200)
            }
        }

        @Test func `pipelined requests are answered in order`() async throws {
            try await withScripted { request in
                let place = request.body.contains("\"n1\"") ? 60 : 0
                return [.pause(milliseconds: Int64(place)), .send(Answers.response(body: Answers.unaryBody))]
            } _: { server in
                try await withGateway(Setup(server.port)) { gateway in
                    let client = try await RawClient.connect(gateway.port)
                    let first = post(
                        "/v1/chat/completions", chatBody("assistant", stream: false, tokens: 1, #","user":"n1""#))
                    let unknown = chat("nobody")
                    try await client.send(first + unknown + get("/v1/models/assistant") + chat(stream: false))
                    var text = try await client.wait { $0.text.components(separatedBy: "HTTP/1.1 ").count == 5 }.text
                    var statuses: [Int] = []
                    for _ in 0..<4 {
                        let reply = Reply(RawClient.Seen(text: text))
                        statuses.append(reply.status)
                        text = reply.rest
                    }
                    #expect(statuses == [200, 404, 200, 200])
                    #expect(server.log.requests.count == 2)
                    await client.close()
                }
            }
        }

        @Test func `pipelining has a bound`() async throws {
            try await withPair {
                $0.limits = "pipelined: 3"
            } _: { gateway, primary, _ in
                try await primary.setFault(.slowHead(delayNanoseconds: 5 * Span.second))
                let client = try await RawClient.connect(gateway.port)
                try await client.send(chat())
                try await eventually("the first is at the provider") { primary.requests().counts[.active] == 1 }
                try await client.send(String(repeating: get("/v1/models"), count: 4))
                #expect(try await client.untilEnd().text.isEmpty)
                #expect(try await gateway.operations("/metrics").body.contains(#"{reason="pipelined"} 1"#))
                try await eventually("the attempt is given up") { primary.requests().counts[.clientLeft] == 1 }
            }
        }

        @Test func `connections have a bound`() async throws {
            try await withLimits("connections: 2") { gateway in
                let first = try await RawClient.connect(gateway.port)
                #expect(try await first.exchange(chat()).status == 200)
                let second = try await RawClient.connect(gateway.port)
                #expect(try await second.exchange(chat()).status == 200)
                let third = try await RawClient.connect(gateway.port)
                #expect(try await third.untilEnd().text.isEmpty)
                await second.close()
                try await eventually("a place is free") { try await gateway.state()["client_connections"] == 1 }
                #expect(try await gateway.ask(chat()).status == 200)
                #expect(try await gateway.operations("/metrics").body.contains(#"{reason="connections"} 1"#))
                await first.close()
            }
        }

        @Test func `depth and number of values`() async throws {
            try await withLimits("json_depth: 16, json_nodes: 1000") { gateway in
                func nested(_ depth: Int) -> String {
                    let lists = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
                    return chatBody("assistant", stream: false, tokens: 1, #","x":\#(lists)"#)
                }
                let path = "/v1/chat/completions"
                #expect(try await gateway.ask(post(path, nested(15))).status == 200)
                let deep = try await gateway.ask(post(path, nested(16)))
                #expect(deep.status == 400 && deep.code == "json_too_deep" && deep["x-should-retry"] == "false")
                let many = chatBody(
                    "assistant", stream: false, tokens: 1, #","x":[\#(String(repeating: "1,", count: 1_000))1]"#)
                #expect(try await gateway.ask(post(path, many)).code == "json_too_large")
            }
        }

        @Test(arguments: [
            ("GET /v1/chat/completions", 405, "method_not_allowed"), ("POST /v1/models", 405, "method_not_allowed"),
            ("GET /", 404, "not_found"), ("GET /v1/models/../models", 404, "model_not_found"),
            ("POST /v1/chat/completions/", 404, "not_found"), ("POST //v1/chat/completions", 404, "not_found"),
        ])
        func `paths and methods`(line: String, status: Int, code: String) async throws {
            try await withLimits("") { gateway in
                let client = try await RawClient.connect(gateway.port)
                let request = "\(line) HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n\r\n"
                for _ in 0..<2 {
                    // Without a body the connection stays usable.
                    let reply = try await client.exchange(request)
                    #expect(reply.status == status && reply.code == code && reply["connection"] == nil)
                }
                await client.close()
            }
        }

        @Test(arguments: [
            ("content-type: text/plain", 415), ("content-type: multipart/form-data", 415), ("accept: */*", 415),
            ("content-type: application/json\r\ncontent-encoding: gzip", 415),
            ("content-type: application/json\r\nexpect: 200-ok", 417),
        ])
        func `types and expectations`(header: String, status: Int) async throws {
            let request = chat().replacing("content-type: application/json", with: header)
            #expect(try await refused(request, limits: "").status == status)
        }

        @Test(arguments: ["\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "hello\r\n\r\n"])
        func `what is no HTTP request is refused once and closed`(text: String) async throws {
            let reply = try await refused(text, limits: "")
            #expect(reply.status == 400 && reply.code == "malformed_request" && reply.rest.isEmpty)
        }

        @Test(arguments: ["", "null", "[]", "{", #"{"model":1}"#, #"{"model":"assistant"}"#])
        func `a body that is no request leaves the connection usable`(body: String) async throws {
            try await withLimits("") { gateway in
                let client = try await RawClient.connect(gateway.port)
                let reply = try await client.exchange(post("/v1/chat/completions", body))
                #expect(reply.status == 400 && reply["x-should-retry"] == "false")
                #expect(try await client.exchange(chat()).status == 200)
                await client.close()
            }
        }
    }
}
