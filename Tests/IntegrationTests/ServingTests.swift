import Foundation
import Testing

/// A gateway goes on serving whatever it is asked.
@Suite struct ServingTests {
    @Test func aProviderWhoseNameDoesNotResolveCostsTheOthersNothing() async throws {
        try await Place.with { place in
            let practice = try await place.practice("secondary")
            let document = """
                version: 1
                gateway: {listen: "127.0.0.1:0", operations: "127.0.0.1:0", access_log: ./access.log}
                providers:
                  primary: {base_url: "https://models.invalid/v1"}
                  secondary: {base_url: "http://\(practice.address)/v1", network: private}
                routes:
                  assistant: {candidates: [primary/m, secondary/practice-large]}
                  alone: {candidates: [primary/m]}

                """
            let gateway = try await place.gateway(document)
            for stream in [false, true] {
                let reply = try await chat(gateway.address, stream: stream)
                #expect(reply.status == 200, "\(reply.text)")
                #expect(reply["x-holdfast-deployment"] == "secondary/practice-large")
                #expect(reply["x-holdfast-degraded"] == "failover")
            }
            let alone = try await chat(gateway.address, "alone")
            #expect(alone.status == 502, "\(alone.text)")
            #expect(!alone.body.contains("models.invalid"))
            let state = try await gateway.state()
            let primary = state["deployments"].array.first { $0["provider"].string == "primary" } ?? .null
            #expect(primary["last_failure"]["detail"].string?.contains("name resolution failed") == true, "\(state)")
            #expect(try await ask(gateway.operations, "GET", "/readyz").status == 200)
        }
    }

    @Test func badRequestsAreAnsweredAndTheNextGoodOneToo() async throws {
        try await Place.with { place in
            let practice = try await place.practice("primary")
            let gateway = try await place.gateway(Document(providers: [("primary", practice.address)]).text)
            let path = "/v1/chat/completions"
            for (method, path, body, headers, status, code) in [
                ("POST", path, chatBody("no-such-model"), [], 404, "model_not_found"),
                ("POST", path, "this is no JSON", [], 400, ""),
                ("POST", path, #"{"model": "assistant""#, [], 400, ""),
                ("POST", path, "[]", [], 400, ""),
                ("POST", path, #"{"messages": []}"#, [], 400, ""),
                ("POST", path, chatBody(), ["content-encoding: gzip"], 415, "unsupported_media_type"),
                ("POST", path, chatBody(), ["x-holdfast-timeout: soon"], 400, "invalid_header"),
                ("GET", path, "", [], 405, "method_not_allowed"),
                ("POST", "/v1/no-such-path", chatBody(), [], 404, "not_found"),
                ("GET", "/v1/models/no-such-model", "", [], 404, "model_not_found"),
            ] {
                let reply = try await ask(gateway.address, method, path, body: body, headers: headers)
                #expect(reply.status == status, "\(body) \(reply.text)")
                let error = try reply.json["error"]
                #expect(error["message"].string?.isEmpty == false)
                #expect(code == "" || error["code"].string == code, "\(reply.text)")
                #expect(reply["x-request-id"]?.isEmpty == false)
            }
            // One connection: a refused request does not cost the next one.
            let client = try Client(gateway.address)
            try client.send("POST", path, body: chatBody("no-such-model"), keepAlive: true)
            #expect(try await client.whole().status == 404)
            try client.send("POST", path, body: chatBody(), keepAlive: true)
            #expect(try await client.whole().status == 200)
            // Bytes that are no HTTP.
            let noise = try Client(gateway.address)
            try noise.send("\u{1}\u{2}", " ", keepAlive: true)
            #expect(try await noise.wait(for: "a refusal") { $0.isComplete }.status == 400)
            #expect(try await chat(gateway.address).status == 200)
            #expect(gateway.program.ended == nil)
        }
    }

    @Test func whoAnswersIsSaidInTheHeadersAndTheAccessLog() async throws {
        try await Place.with { place in
            let practice = try await place.practice("primary")
            let gateway = try await place.gateway(Document(providers: [("primary", practice.address)]).text)
            let reply = try await chat(gateway.address)
            #expect(reply.status == 200, "\(reply.text)")
            #expect(reply["x-holdfast-deployment"] == "primary/practice-large")
            #expect(reply["x-holdfast-attempts"] == "1")
            #expect(reply["x-holdfast-generation"] == "1")
            #expect(reply["x-holdfast-degraded"] == nil)
            #expect(try reply.json["model"].string == "practice-large")
            let stream = try await chat(gateway.address, stream: true)
            #expect(stream.isDone, "\(stream.text)")
            let ids = [reply, stream].compactMap { $0["x-request-id"] }
            try await eventually("both lines are written", state: { place.read("access.log") }) {
                place.accessLines.compactMap { $0["id"].string } == ids
            }
            #expect(place.accessLines.allSatisfy { $0["end"].string == "answered" })
            #expect(!place.read("access.log").contains("hello"))
            let models = try await ask(gateway.address, "GET", "/v1/models").json
            #expect(models["data"].array.contains { $0["id"].string == "assistant" }, "\(models)")
        }
    }

    @Test func bothListenersAndTheProviderSpeakIPv6() async throws {
        try await Place.with { place in
            let practice = try await place.practice("primary", listen: "[::1]:0")
            #expect(practice.address.hasPrefix("[::1]:"))
            var document = Document(providers: [("primary", practice.address)])
            document.listen = "[::1]:0"
            document.operations = "[::1]:0"
            let gateway = try await place.gateway(document.text)
            #expect(gateway.address.hasPrefix("[::1]:"))
            #expect(gateway.operations.hasPrefix("[::1]:"))
            #expect(try await chat(gateway.address).status == 200)
            #expect(try await chat(gateway.address, stream: true).isDone)
            #expect(try await ask(gateway.operations, "GET", "/livez").status == 200)
        }
    }
}
