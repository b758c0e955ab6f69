import Foundation
import HoldfastAPI
import HoldfastCore
import HoldfastPractice
import Logging
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    struct ReloadTests {
        private func problems(of text: String) -> ConfigurationProblems? {
            do {
                _ = try ConfigurationFile.compile(text: text, name: "new.yaml", directory: ".", environment: [:])
                return nil
            } catch {
                return error
            }
        }

        @Test func `a stream ends as it began while new exchanges follow the new generation`() async throws {
            try await withPair { gateway, primary, backup in
                try await primary.setFault(.slowTokens(gapNanoseconds: 20 * Span.millisecond))
                let client = try await RawClient.connect(gateway.port)
                try await client.send(chat(stream: true, tokens: 150))
                try await client.wait(for: "data: ")
                var next = Setup(backup.port)
                next.providers[0].name = "only"
                try gateway.adopt(try next.load())
                try await eventually("the new generation answers") {
                    try await gateway.ask(chat())["x-holdfast-generation"] == "2"
                }
                let reply = try await gateway.ask(chat())
                #expect(reply.deployment == "only/practice-large" && Reply(client.seen).isComplete == false)
                let old = Reply(try await client.wait { Reply($0).isComplete })
                #expect(old["x-holdfast-generation"] == "1" && old.deployment == "primary/practice-large")
                #expect(old.events.last == "[DONE]" && old.hasWholeEventsOnly)
                await client.close()
            }
        }

        @Test func `breakers, figures and connections outlive a reload`() async throws {
            try await withPractice { primary in
                try await withPractice { backup in
                    var setup = Setup(primary.port, backup.port)
                    try await withGateway(setup) { gateway in
                        try await primary.setFault(.status(500, code: nil))
                        for _ in 0..<5 { _ = try await gateway.ask(chat()) }
                        let client = try await RawClient.connect(gateway.port)
                        #expect(try await client.exchange(chat())["x-holdfast-generation"] == "1")
                        setup.timeouts = "{total: 20s}"
                        try gateway.adopt(try setup.load())
                        try await eventually("the new generation answers") {
                            try await client.exchange(chat())["x-holdfast-generation"] == "2"
                        }
                        let state = try await gateway.stateOfDeployment("primary/practice-large")
                        #expect(state["attempts"]?["fail"] == 5)
                        let ends = try await gateway.state()["routes"]?.array?.first?["ends"]
                        #expect(try #require(ends?["answered"]?.integer) >= 7)
                        #expect(Set(backup.requests().requests.map(\.connection)).count == 1)
                        await client.close()
                    }
                }
            }
        }

        @Test func `a new provider key forgets the old one's breaker`() async throws {
            try await withScripted { _ in
                [.send(Answers.response("500 No", body: "{}"))]
            } _: { server in
                var setup = Setup(server.port)
                setup.route = ", retries: {same_deployment: 0}"
                try await withGateway(setup) { gateway in
                    for _ in 0..<5 { _ = try await gateway.ask(chat()) }
                    #expect(try await gateway.stateOfDeployment("primary/practice-large")["breaker"] == "open")
                    setup.providers[0].more += ", api_key: new-key"
                    try gateway.adopt(try setup.load())
                    #expect(try await gateway.stateOfDeployment("primary/practice-large")["breaker"] == "closed")
                    try await eventually("the new key is sent") {
                        _ = try await gateway.ask(chat())
                        return server.log.requests.last?.head.contains("Bearer new-key") == true
                    }
                }
            }
        }

        @Test func `a refused change leaves the last good one in force and is shown`() async throws {
            try await withPair { gateway, primary, backup in
                let refused = try #require(problems(of: "version: 1\nrutes: {}\n"))
                gateway.refuse(refused)
                #expect(try await gateway.ask(chat())["x-holdfast-generation"] == "1")
                let configuration = try await gateway.state()["configuration"]
                #expect(configuration?["generation"] == 1 && configuration?["refusals"] == 1)
                let shown = configuration?["refused"]?.array ?? []
                #expect(shown.contains { $0["file"] == "new.yaml" && $0["line"] == 2 && $0["path"] == "rutes" })
                #expect(try await gateway.operations("/metrics").body.contains("\nholdfast_configuration_refused 1\n"))
                try gateway.adopt(try Setup(primary.port, backup.port).load())
                let after = try await gateway.state()["configuration"]
                #expect(after?["refused"] == [] && after?["generation"] == 2 && after?["refusals"] == 1)
            }
        }

        @Test func `what needs a restart is named`() async throws {
            try await withPair { gateway, primary, backup in
                var next = Setup(primary.port, backup.port)
                next.accessLog = "stdout"
                next.gateway = ", behind_tls_proxy: true"
                next.tail = "telemetry: {endpoint: \"http://127.0.0.1:4318\"}"
                try gateway.adopt(try next.load())
                let configuration = try await gateway.state()["configuration"]
                #expect(configuration?["needs_restart"] == ["gateway.access_log", "telemetry"])
            }
        }

        @Test func `limits of the listener follow a reload on open connections`() async throws {
            try await withPair { gateway, primary, backup in
                let client = try await RawClient.connect(gateway.port)
                #expect(try await client.exchange(chat()).status == 200)
                var next = Setup(primary.port, backup.port)
                next.limits = "body: 1KiB"
                try gateway.adopt(try next.load())
                let large = chatBody(
                    "assistant", stream: false, tokens: 1, #","user":"\#(String(repeating: "u", count: 1_024))""#)
                try await eventually("the bound holds") {
                    try await gateway.ask(post("/v1/chat/completions", large)).status == 413
                }
                #expect(try await client.exchange(post("/v1/chat/completions", large)).status == 413)
            }
        }

        @Test func `the file is watched, and told of at once`() async throws {
            try await withPair { gateway, primary, backup in
                try await withFolder { folder in
                    let file = folder.appending(path: "holdfast.yaml")
                    var setup = Setup(primary.port, backup.port)
                    try Data(setup.text.utf8).write(to: file)
                    let watch = ConfigurationWatch(
                        path: file.path, environment: [:], gateway: gateway, referencedFiles: [],
                        marks: FileMarks(of: [file.path]))
                    let (reloads, reload) = AsyncStream<Void>.makeStream()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { await watch.run(reloads: reloads) }
                        reload.yield()
                        try await eventually("told of") {
                            try await gateway.state()["configuration"]?["generation"] == 2
                        }
                        try Data("version: 2\n".utf8).write(to: file)
                        try await eventually("the bad one is seen") {
                            try await gateway.state()["configuration"]?["refusals"] == 1
                        }
                        setup.route = ", retries: {attempts: 2}"
                        try Data(setup.text.utf8).write(to: file)
                        try await eventually("the good one is in force") {
                            let configuration = try await gateway.state()["configuration"]
                            return configuration?["generation"] == 3 && configuration?["refused"] == []
                        }
                        reload.finish()
                        try await group.waitForAll()
                    }
                }
            }
        }

        @Test func `draining finishes what runs and takes nothing new`() async throws {
            try await withPractice { primary in
                try await primary.setFault(.slowTokens(gapNanoseconds: 10 * Span.millisecond))
                var setup = Setup(primary.port)
                setup.drain = "10s"
                let gateway = try await GatewayServer.start(
                    try setup.load(),
                    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
                let idle = try await RawClient.connect(gateway.port)
                #expect(try await idle.exchange(chat(tokens: 1)).status == 200)
                let client = try await RawClient.connect(gateway.port)
                try await client.send(chat(stream: true, tokens: 30))
                try await client.wait(for: "data: ")
                async let cutOff = gateway.stop()
                #expect(try await idle.untilEnd().end == .closed)
                let seen = try await client.untilEnd()
                #expect(Reply(seen).events.last == "[DONE]" && Reply(seen).isComplete)
                let count = await cutOff
                #expect(count == 0)
                await #expect(throws: (any Error).self) { try await RawClient.connect(gateway.port) }
            }
        }

        @Test func `draining has a bound`() async throws {
            try await withPractice { primary in
                var setup = Setup(primary.port)
                setup.drain = "100ms"
                try await primary.setFault(.silence)
                let gateway = try await GatewayServer.start(
                    try setup.load(), logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
                let client = try await RawClient.connect(gateway.port)
                try await client.send(chat())
                try await eventually("it is in flight") { primary.requests().counts[.active] == 1 }
                let cutOff = await gateway.stop()
                #expect(cutOff == 1)
                #expect(try await client.untilEnd().end != .open)
            }
        }

        @Test func `a port in use is told with its mend`() async throws {
            try await withScripted { _ in
                []
            } _: { server in
                let text = Setup(server.port).text
                    .replacing(#"listen: "127.0.0.1:0""#, with: "listen: \"127.0.0.1:\(server.port)\"")
                let loaded = try ConfigurationFile.compile(text: text, name: "h", directory: ".", environment: [:])
                let failure = await #expect(throws: GatewayStartFailure.self) {
                    try await GatewayServer.start(
                        loaded, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
                }
                #expect(try #require(failure).description.contains("the port is in use"))
                #expect(try #require(failure).description.contains("gateway.listen"))
            }
        }
    }
}
