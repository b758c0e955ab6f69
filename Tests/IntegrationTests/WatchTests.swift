import Foundation
import Glibc
import Testing

/// The configuration changes while the gateway serves.
@Suite(.serialized) struct WatchTests {
    /// The watch looks once a second.
    private static let bound = 10.0

    private static func rewrite(_ path: String, _ text: String) throws {
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.truncate(atOffset: 0)
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    @Test(arguments: [true, false])
    func aGoodChangeComesIntoForceWhileAStreamRuns(renames: Bool) async throws {
        try await Place.with { place in
            let old = try await place.practice("old", ["--first-token", "10ms", "--token-gap", "50ms"])
            let new = try await place.practice("new")
            let gateway = try await place.gateway(Document(providers: [("old", old.address)]).text)
            // Longer than the watch takes to notice, and kept alive to ask again afterwards.
            let client = try Client(gateway.address)
            try client.send(
                "POST", "/v1/chat/completions", body: chatBody(stream: true, tokens: 160), keepAlive: true)
            try await client.wait(for: "the stream to begin") { $0.events.count > 2 }

            let changed = Document(providers: [("new", new.address)]).text
            if renames {
                try place.write("holdfast.yaml", changed)
            } else {
                try Self.rewrite(place.path + "/holdfast.yaml", changed)
            }
            let state = try await gateway.wait(for: "the change is in force", within: Self.bound) {
                $0["configuration"]["generation"].int == 2
            }
            #expect(state["routes"][0]["candidates"].array == [.string("new/practice-large")])
            #expect(client.reply.isComplete == false, "the stream ended before the change: it proves nothing")
            let answer = try await chat(gateway.address)
            #expect(answer["x-holdfast-deployment"] == "new/practice-large", "\(answer.text)")
            #expect(answer["x-holdfast-generation"] == "2")

            let stream = try await client.whole()
            #expect(stream.isDone, "\(stream.text)")
            #expect(stream["x-holdfast-deployment"] == "old/practice-large")
            #expect(stream["x-holdfast-generation"] == "1")
            try client.send("POST", "/v1/chat/completions", body: chatBody(), keepAlive: true)
            let next = try await client.whole()
            #expect(next["x-holdfast-deployment"] == "new/practice-large", "\(next.text)")
            #expect(gateway.program.events.contains { $0["message"].string == "configuration in force" })
        }
    }

    @Test func aBadChangeIsRefusedAndNamedAndTheOldOneServes() async throws {
        try await Place.with { place in
            let practice = try await place.practice("primary")
            let good = Document(providers: [("primary", practice.address)]).text
            let gateway = try await place.gateway(good)
            try place.write("holdfast.yaml", good.replacing("drain: 10s", with: "drain: soon"))
            let state = try await gateway.wait(for: "the refusal is told", within: Self.bound) {
                $0["configuration"]["refused"].array.count == 1
            }
            let problem = state["configuration"]["refused"][0]
            #expect(problem["file"].string?.hasSuffix("/holdfast.yaml") == true)
            #expect(problem["path"].string == "gateway.drain", "\(problem)")
            #expect(problem["line"].int == 6 && problem["column"].int == 10, "\(problem)")
            #expect(problem["mend"].string?.isEmpty == false)
            #expect(state["configuration"]["generation"].int == 1)
            #expect(state["configuration"]["refusals"].int == 1)
            let metrics = try await gateway.metrics()
            #expect(metrics.contains("\nholdfast_configuration_refused 1\n"))
            #expect(metrics.contains("\nholdfast_configuration_refusals_total 1\n"))
            #expect(metrics.contains("\nholdfast_generation 1\n"))
            let event = gateway.program.events.first { $0["level"].string == "error" } ?? .null
            #expect(event["problem"].string?.contains("6:10: gateway.drain:") == true, "\(gateway.program.log)")
            #expect(event["withheld"] == .null, "\(event)")
            #expect(try await chat(gateway.address)["x-holdfast-generation"] == "1")

            // A file that is gone is refused as well.
            try FileManager.default.removeItem(atPath: place.path + "/holdfast.yaml")
            try await gateway.wait(for: "the missing file is told", within: Self.bound) {
                $0["configuration"]["refused"][0]["message"].string?.contains("does not exist") == true
            }
            #expect(try await chat(gateway.address).status == 200)

            // And mending it ends the refusal.
            try place.write("holdfast.yaml", good)
            try await gateway.wait(for: "the mended file is in force", within: Self.bound) {
                $0["configuration"]["generation"].int == 2 && $0["configuration"]["refused"].array.isEmpty
            }
            #expect(try await gateway.metrics().contains("\nholdfast_configuration_refused 0\n"))
        }
    }

    @Test func hangUpReadsTheFileAtOnceAndOneEditIsOneGeneration() async throws {
        try await Place.with { place in
            let practice = try await place.practice("primary")
            let good = Document(providers: [("primary", practice.address)]).text
            let gateway = try await place.gateway(good)
            gateway.program.send(SIGHUP)
            try await gateway.wait(for: "the file is read though it is the same", within: Self.bound) {
                $0["configuration"]["generation"].int == 2
            }
            try place.write("holdfast.yaml", good.replacing("drain: 10s", with: "drain: 11s"))
            gateway.program.send(SIGHUP)
            try await gateway.wait(for: "the edit is in force", within: Self.bound) {
                $0["configuration"]["generation"].int == 3
            }
            // Two more looks of the watch, told by the clock of the process itself: the edit is not taken twice.
            let uptime = try #require(try await gateway.state()["uptime_milliseconds"].int)
            let state = try await gateway.wait(for: "two more looks", within: Self.bound) {
                ($0["uptime_milliseconds"].int ?? 0) > uptime + 2_300
            }
            #expect(state["configuration"]["generation"].int == 3)
            #expect(gateway.program.ended == nil)
        }
    }

    @Test func aChangeRightAfterTheStartIsNotMissed() async throws {
        try await Place.with { place in
            let practice = try await place.practice("primary")
            let good = Document(providers: [("primary", practice.address)]).text
            for drain in 11...14 {
                let gateway = try await place.gateway(good)
                // Whoever waits for the ready file may edit at once.
                try place.write("holdfast.yaml", good.replacing("drain: 10s", with: "drain: \(drain)s"))
                try await gateway.wait(for: "the edit is in force", within: Self.bound) {
                    $0["configuration"]["generation"].int == 2
                }
                gateway.program.send(SIGTERM)
                #expect(try await gateway.program.end() == .exited(0))
                try FileManager.default.removeItem(atPath: place.path + "/gateway.ready")
            }
        }
    }

    @Test func aChangedKeyFileIsNoticed() async throws {
        try await Place.with { place in
            let practice = try await place.practice("primary", ["--instant", "--api-key", "key-after"])
            try place.write("provider.key", "key-before\n")
            var text = Document(providers: [("primary", practice.address)]).text
            text = text.replacing("    network: private", with: "    network: private\n    api_key: file:provider.key")
            let gateway = try await place.gateway(text)
            let refused = try await chat(gateway.address)
            #expect(refused.status == 502, "\(refused.text)")
            #expect(!refused.body.contains("key-before"))
            try place.write("provider.key", "key-after\n")
            try await gateway.wait(for: "the new key is in force", within: Self.bound) {
                $0["configuration"]["generation"].int == 2
            }
            let answer = try await chat(gateway.address)
            #expect(answer.status == 200, "\(answer.text)")
            for secret in ["key-before", "key-after"] {
                #expect(!gateway.program.log.contains(secret))
                #expect(!place.read("access.log").contains(secret))
            }
        }
    }

    @Test func whatNeedsARestartIsSaid() async throws {
        try await Place.with { place in
            let practice = try await place.practice("primary")
            let good = Document(providers: [("primary", practice.address)]).text
            let gateway = try await place.gateway(good)
            try place.write("holdfast.yaml", good.replacing("access_log: ./access.log", with: "access_log: off"))
            let state = try await gateway.wait(for: "the change is in force", within: Self.bound) {
                $0["configuration"]["generation"].int == 2
            }
            #expect(state["configuration"]["needs_restart"].array == [.string("gateway.access_log")])
            try await gateway.wait(for: "the warning", within: Self.bound) { _ in
                gateway.program.events.contains {
                    $0["level"].string == "warning" && $0["fields"].string == "gateway.access_log"
                }
            }
        }
    }
}
