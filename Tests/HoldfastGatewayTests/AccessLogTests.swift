import Foundation
import HoldfastCore
import HoldfastPractice
import NIOCore
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    struct AccessLogTests {
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
                    try await eventually("the lines are written") { try accessLogLines(of: file).count == 4 }
                    let text = try String(contentsOf: file, encoding: .utf8)
                    #expect(!text.contains("SECRET") && !text.contains("hello") && !text.contains("hf_client"))
                    let found = try accessLogLines(of: file)
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
                        try await eventually("the lines are written") { try accessLogLines(of: file).count == 6 }
                        let found = try accessLogLines(of: file)
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

        /// A log into a pipe that holds less than its first line.
        private func withFullPipe(_ body: (AccessLog, _ reader: Int32) async throws -> Void) async throws {
            try await withFolder { folder in
                let path = folder.appending(path: "pipe").path
                try #require(mkfifo(path, 0o600) == 0)
                let reader = open(path, O_RDONLY | O_NONBLOCK)
                try #require(reader >= 0)
                let log = try AccessLog(.file(path: path))
                log.submit(ByteBuffer(string: String(repeating: "x", count: 200_000) + "\n"), lines: 1)
                try await body(log, reader)
            }
        }

        /// Takes all that stands in the pipe; tells how many lines ended in it.
        private func lines(from reader: Int32) -> Int {
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            var lines = 0
            var count = read(reader, &bytes, bytes.count)
            while count > 0 {
                lines += bytes[..<count].count { $0 == UInt8(ascii: "\n") }
                count = read(reader, &bytes, bytes.count)
            }
            return lines
        }

        @Test func `a full pipe costs lines and no time`() async throws {
            try await withFullPipe { log, reader in
                let submitted = AccessLog.longestQueue * 3
                for _ in 0..<submitted { log.submit(ByteBuffer(string: "{}\n"), lines: 1) }
                // One round may be with the writer and one in the queue.
                #expect(log.droppedLines >= AccessLog.longestQueue - 1)
                var found = 0
                try await eventually("the rest is written") {
                    found += lines(from: reader)
                    return found == submitted + 1 - log.droppedLines
                }
                log.close()
                close(reader)
            }
        }

        @Test func `a reader that hangs does not hold up the end`() async throws {
            try await withFullPipe { log, reader in
                let start = MonotonicClock.read()
                log.close()
                #expect(MonotonicClock.read().nanoseconds(since: start) < 5 * Span.second)
                close(reader)
                // Now the writer's line is lost, and the loss of a pipe's reader ends nothing else.
                try await eventually("the line is counted") { log.droppedLines == 1 }
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
