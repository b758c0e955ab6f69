import HoldfastAPI
import HoldfastCore
import HoldfastPractice
import Logging
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// What became of an exchange can be asked for by its id; and work that is refused before it becomes one.
    struct ReceiptTests {
        @Test func `a receipt tells who was asked, who was not, and why`() async throws {
            try await withPair {
                $0.timeouts = Setup.brisk
            } _: { gateway, primary, _ in
                try await primary.setFault(.refuse)
                for _ in 0..<Breaker.consecutiveFailures { _ = try await gateway.ask(chat()) }
                let reply = try await gateway.ask(chat(stream: true, tokens: 7))
                let id = try #require(reply["x-request-id"])
                let receipt = try #require(try await gateway.operations("/state/exchanges/\(id)").json)
                #expect(receipt["id"]?.string == id && receipt["route"] == "assistant" && receipt["stream"] == true)
                #expect(receipt["end"] == "answered" && receipt["status"] == 200 && receipt["generation"] == 1)
                #expect(receipt["delivery"] == "splice" && receipt["criticality"] == "standard")
                #expect(receipt["degraded"] == "failover" && receipt["output_tokens"] == 7)
                let attempts = receipt["attempts"]?.array ?? []
                #expect(attempts.map { $0["deployment"] } == ["backup/practice-large"])
                #expect(attempts.first?["first_token_milliseconds"]?.integer != nil)
                let exclusions = receipt["exclusions"]?.array ?? []
                #expect(exclusions.map { $0["deployment"] } == ["primary/practice-large"])
                #expect(exclusions.first?["reason"] == "breaker_open")
                let list = try await gateway.operations("/state/exchanges").json?["exchanges"]?.array ?? []
                #expect(list.count == Breaker.consecutiveFailures + 1 && list.first?["id"]?.string == id)
                let failedOver = try #require(list.last?["attempts"]?.array)
                #expect(failedOver.map { $0["failure"] } == ["transient", nil])
            }
        }

        @Test func `only the last ones are kept`() async throws {
            try await withPair {
                $0.gateway = ", receipts: 2"
            } _: { gateway, _, _ in
                var ids: [String] = []
                for _ in 0..<3 { ids.append(try await gateway.ask(chat())["x-request-id"] ?? "none") }
                let first = try await gateway.operations("/state/exchanges/\(ids[0])")
                #expect(first.status == 404 && first.body.contains("access log"))
                for id in ids[1...] {
                    let reply = try await gateway.operations("/state/exchanges/\(id)")
                    #expect(reply.status == 200)
                }
            }
        }

        // MARK: - Shedding

        private func shares(_ gateway: GatewayServer) async throws -> [String] {
            var found: [String] = []
            for criticality in ["deferrable", "standard", "critical"] {
                let reply = try await gateway.ask(chat(headers: ["x-holdfast-criticality: \(criticality)"]))
                found.append("\(reply.status) \(reply.code ?? "ok")")
                if reply.status == 503 {
                    let wait = try #require(reply["retry-after"].flatMap { Int($0) })
                    #expect((1...24).contains(wait))
                }
            }
            return found
        }

        @Test func `near the bound of its memory it takes nothing more`() async throws {
            try await withPair {
                $0.limits = "memory: 16MiB"
                $0.tail = "workloads: {w: {criticality: critical}}"
            } _: { gateway, _, _ in
                try await eventually("it sheds") { try await gateway.state()["shedding"] == "everything" }
                let found = try await shares(gateway)
                #expect(found == Array(repeating: "503 gateway_overloaded", count: 3))
            }
        }

        @Test func `before that the deferrable go first`() async throws {
            try await withPair {
                $0.alter = { $0.gateway.limits.memoryBytes = (ProcessMemory.residentBytes() ?? 0) / 9 * 10 }
            } _: { gateway, _, _ in
                try await eventually("it sheds") { try await gateway.state()["shedding"] == "deferrable" }
                let found = try await shares(gateway)
                #expect(found == ["503 gateway_overloaded", "200 ok", "200 ok"])
            }
        }

        @Test func `loops that run late shed, and recover`() {
            let gate = LoadGate(loops: 1)
            let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            let start = MonotonicClock.read()
            func observe(lag: Int64, at seconds: Int64) {
                let now = start.advanced(byNanoseconds: seconds * Span.second)
                for _ in 0..<3 { gate.record(lagNanoseconds: lag, now: now) }
                gate.observe(residentBytes: 0, boundBytes: nil, now: now, logger: logger)
            }
            var random = SeededRandom(seed: 1)
            for second in 0...4 { observe(lag: 80 * Span.millisecond, at: Int64(second)) }
            let (critical, standard) = (
                gate.refusal(of: .critical, random: &random), gate.refusal(of: .standard, random: &random)
            )
            #expect(gate.word == "deferrable and standard" && critical == nil && standard != nil)
            for second in 5...13 { observe(lag: 0, at: Int64(second)) }
            let deferrable = gate.refusal(of: .deferrable, random: &random)
            #expect(deferrable == nil)
        }
    }
}
