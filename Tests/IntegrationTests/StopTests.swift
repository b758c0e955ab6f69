import Foundation
import Glibc
import Testing

/// How a gateway ends when it is asked to.
@Suite struct StopTests {
    private static let paced = ["--first-token", "10ms", "--token-gap", "50ms"]

    private static func begin(_ gateway: GatewayProcess, tokens: Int) async throws -> Client {
        let client = try Client(gateway.address)
        try client.send("POST", "/v1/chat/completions", body: chatBody(stream: true, tokens: tokens), keepAlive: true)
        try await client.wait(for: "the stream to begin") { $0.events.count > 2 }
        return client
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func aStreamFinishesAndNothingNewIsTaken(signal: Int32) async throws {
        try await Place.with { place in
            let practice = try await place.practice("primary", Self.paced)
            var document = Document(providers: [("primary", practice.address)])
            document.drain = "30s"
            let gateway = try await place.gateway(document.text)
            let idle = try Client(gateway.address)
            try idle.send("GET", "/v1/models", keepAlive: true)
            #expect(try await idle.whole().status == 200)
            // Long enough for a busy machine to see the listener close while it runs.
            let client = try await Self.begin(gateway, tokens: 160)
            gateway.program.send(signal)
            try await eventually("new connections are refused", state: { gateway.program.told }) {
                (try? Socket.connect(to: gateway.address)) == nil
            }
            #expect(gateway.program.ended == nil)
            #expect(!client.reply.isComplete, "the stream ended before the listener: it proves nothing")
            try await eventually("a connection without a request is closed") { idle.reply.end == .closed }
            let ready = try await ask(gateway.operations, "GET", "/readyz")
            #expect(ready.status == 503 && ready.body == "draining\n", "\(ready.text)")
            let stream = try await client.whole()
            #expect(stream.isDone && stream.events.count > 160, "\(stream.text)")
            #expect(try await gateway.program.end() == .exited(0), "\(gateway.program.told)")
            let line = place.accessLines.last ?? .null
            #expect(line["end"].string == "answered", "\(line)")
            let last = gateway.program.events.last ?? .null
            #expect(last["message"].string == "stopped" && last["exchanges_cut_off"].string == "0", "\(last)")
        }
    }

    @Test func theDrainIsBounded() async throws {
        try await Place.with { place in
            let practice = try await place.practice("primary", Self.paced)
            var document = Document(providers: [("primary", practice.address)])
            document.drain = "1s"
            let gateway = try await place.gateway(document.text)
            let client = try await Self.begin(gateway, tokens: 2_000)
            let clock = ContinuousClock()
            let start = clock.now
            gateway.program.send(SIGTERM)
            #expect(try await gateway.program.end() == .exited(0), "\(gateway.program.told)")
            let seconds = (clock.now - start).seconds
            #expect(seconds >= 1 && seconds < 10, "\(seconds) s")
            let stream = try await client.wait(for: "the connection to end") { $0.end != .open }
            #expect(!stream.isComplete && !stream.isDone, "\(stream.text)")
            let last = gateway.program.events.last ?? .null
            #expect(last["exchanges_cut_off"].string == "1", "\(gateway.program.log)")
        }
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func aSecondSignalEndsAtOnce(signal: Int32) async throws {
        try await Place.with { place in
            let practice = try await place.practice("primary", Self.paced)
            let gateway = try await place.gateway(Document(providers: [("primary", practice.address)]).text)
            let client = try await Self.begin(gateway, tokens: 2_000)
            gateway.program.send(SIGTERM)
            try await gateway.wait(for: "the drain") { $0["draining"].bool == true }
            let clock = ContinuousClock()
            let start = clock.now
            gateway.program.send(signal)
            #expect(try await gateway.program.end() == .exited(128 + signal), "\(gateway.program.told)")
            // Far below the drain's ten seconds.
            #expect((clock.now - start).seconds < 5)
            #expect(!client.reply.isDone)
        }
    }

    @Test func aPracticeProviderFinishesItsStreamToo() async throws {
        try await Place.with { place in
            let practice = try await place.practice("primary", Self.paced)
            let client = try Client(practice.address)
            try client.send(
                "POST", "/v1/chat/completions", body: chatBody("practice-large", stream: true, tokens: 40))
            try await client.wait(for: "the stream to begin") { $0.events.count > 2 }
            practice.program.send(SIGTERM)
            let stream = try await client.whole()
            #expect(stream.isDone, "\(stream.text)")
            #expect(try await practice.program.end() == .exited(0))
        }
    }
}
