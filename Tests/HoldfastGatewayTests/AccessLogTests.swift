import Foundation
import HoldfastCore
import HoldfastPractice
import NIOCore
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    struct AccessLogTests {
        private func lines(of file: URL) throws -> [JSONValue] {
            let text = try String(contentsOf: file, encoding: .utf8)
            return try text.split(separator: "\n", omittingEmptySubsequences: true).map {
                try JSONValue(parsing: Array($0.utf8))
            }
        }

        @Test func `one line of JSON for each exchange, and nothing of its content`() async throws {
            try await withFolder { folder in
                let file = folder.appending(path: "access.log")
                try await withPair {
                    $0.accessLog = file.path
                    $0.tail = TestKeys.sections
                } _: { gateway, primary, _ in
                    let header = [TestKeys.bearer(TestKeys.app)]
                    let reply = try await gateway.ask(chat(headers: header))
                    try await primary.setFault(.status(500, code: nil))
                    let secret = #","user":"SECRET-CONTENT""#
                    let failedOver = try await gateway.ask(
                        post(
                            "/v1/chat/completions?token=SECRET-QUERY",
                            chatBody("assistant", stream: true, tokens: 5, secret), headers: header))
                    _ = try await gateway.ask(chat("no-such-SECRET-model", headers: header))
                    _ = try await gateway.ask(chat(headers: [TestKeys.bearer(TestKeys.guessed)]))
                    try await eventually("the lines are written") { try lines(of: file).count == 4 }
                    let text = try String(contentsOf: file, encoding: .utf8)
                    #expect(!text.contains("SECRET") && !text.contains("hello") && !text.contains("hf_client"))
                    let found = try lines(of: file)
                    let first = found[0]
                    #expect(first["id"]?.string == reply["x-request-id"] && first["end"] == "answered")
                    #expect(first["route"] == "assistant" && first["operation"] == "chat" && first["stream"] == false)
                    #expect(first["status"] == 200 && first["deployment"] == "primary/practice-large")
                    #expect(first["input_tokens"]?.integer != nil && first["output_tokens"] == 4)
                    #expect(first["key"] == "app" && first["workload"] == "everything" && first["generation"] == 1)
                    #expect(first["degraded"] == nil && first["attempts"]?.array?.count == 1)
                    let second = found[1]
                    #expect(second["id"]?.string == failedOver["x-request-id"] && second["degraded"] == "failover")
                    #expect(second["first_token_microseconds"]?.integer != nil && second["output_tokens"] == 5)
                    let failures = second["attempts"]?.array?.map { $0["failure"] }
                    #expect(failures == ["transient", .null])
                    let rejections = found[2...].map { [$0["end"], $0["status"], $0["code"]] }
                    #expect(
                        rejections == [["rejected", 404, "model_not_found"], ["rejected", 401, "invalid_api_key"]])
                    let times = found.compactMap { $0["time"]?.string }
                    #expect(times.allSatisfy { $0.wholeMatch(of: #/20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/#) != nil })
                    let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions]
                    #expect(mode as? Int == 0o600)
                }
            }
        }

        @Test func `every end of an exchange has its word`() async throws {
            try await withFolder { folder in
                let file = folder.appending(path: "access.log")
                try await withPractice { primary in
                    var setup = Setup(primary.port)
                    setup.accessLog = file.path
                    setup.route = ", retries: {same_deployment: 0}"
                    try await withGateway(setup) { gateway in
                        try await primary.setFault(.status(400, code: nil))
                        _ = try await gateway.ask(chat())
                        await primary.clearFaults()
                        try await primary.setFault(.cut(afterTokens: 1))
                        _ = try await gateway.ask(chat(stream: true))
                        _ = try await gateway.ask(chat())
                        await primary.clearFaults()
                        try await primary.setFault(.rateLimit(.none, delayNanoseconds: nil))
                        _ = try await gateway.ask(chat())
                        await primary.clearFaults()
                        try await primary.setFault(.silence)
                        _ = try await gateway.ask(chat(headers: ["x-holdfast-timeout: 30ms"]))
                        let client = try await RawClient.connect(gateway.port)
                        try await client.send(chat())
                        try await eventually("it is at the provider") { primary.requests().counts[.active] == 1 }
                        await client.close()
                        try await eventually("the lines are written") { try lines(of: file).count == 6 }
                        let found = try lines(of: file)
                        let ends = found.map { $0["end"]?.string }
                        #expect(
                            ends == [
                                "refused_by_provider", "interrupted", "every_candidate_failed", "none_available",
                                "deadline_passed", "client_gone",
                            ])
                        #expect(found.map { $0["status"]?.integer } == [400, 200, 502, 503, 504, 0])
                    }
                }
            }
        }

        @Test func `what cannot be written is counted`() async throws {
            let log = try AccessLog(.file(path: "/dev/full"))
            log.submit(ByteBuffer(string: "{}\n{}\n"), lines: 2)
            try await eventually("two lines are counted") { log.droppedLines == 2 }
            log.submit(ByteBuffer(string: "{}\n"), lines: 1)
            log.close()
            #expect(log.droppedLines == 3)
            log.submit(ByteBuffer(string: "{}\n"), lines: 1)
            #expect(log.droppedLines == 4)
        }

        @Test func `a full pipe costs lines and no time`() async throws {
            try await withFolder { folder in
                let path = folder.appending(path: "pipe").path
                try #require(mkfifo(path, 0o600) == 0)
                let reader = open(path, O_RDONLY | O_NONBLOCK)
                try #require(reader >= 0)
                let log = try AccessLog(.file(path: path))
                // More than a pipe holds: the writer waits inside it while the queue fills.
                let buffer = ByteBuffer(string: String(repeating: "x", count: 200_000) + "\n")
                for _ in 0..<(AccessLog.longestQueue * 2 + 2) { log.submit(buffer, lines: 1) }
                #expect(log.droppedLines > 0)
                var bytes = [UInt8](repeating: 0, count: 1 << 16)
                var total = 0
                try await eventually("the rest is written") {
                    var count = read(reader, &bytes, bytes.count)
                    while count > 0 {
                        total += count
                        count = read(reader, &bytes, bytes.count)
                    }
                    return total == (AccessLog.longestQueue * 2 + 2 - log.droppedLines) * buffer.readableBytes
                }
                log.close()
                close(reader)
            }
        }

        @Test func `a log that cannot be opened stops the start`() throws {
            let failure = #expect(throws: AccessLogFailure.self) {
                try AccessLog(.file(path: "/no-such-folder/access.log"))
            }
            #expect(try #require(failure).description.contains("/no-such-folder/access.log"))
        }
    }
}
