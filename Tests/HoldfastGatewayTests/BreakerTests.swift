import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    struct BreakerTests {
        private func open(_ gateway: GatewayServer, _ primary: PracticeServer) async throws {
            try await primary.setFault(.status(500, code: nil))
            for _ in 0..<5 {
                let reply = try await gateway.ask(chat())
                #expect(reply.deployment == "backup/practice-large" && reply.attempts == "2")
            }
            #expect(primary.requests().requests.count == 5)
            let state = try await gateway.stateOfDeployment("primary/practice-large")
            #expect(state["breaker"] == "open" && state["opens_for_milliseconds"]?.integer != nil)
            #expect(state["last_failure"]?["failure"] == "transient")
        }

        @Test func `five failures open it, and a probe brings traffic back`() async throws {
            try await withPair { gateway, primary, _ in
                try await open(gateway, primary)
                let skipping = try await gateway.ask(chat())
                #expect(skipping.deployment == "backup/practice-large" && skipping.attempts == "1")
                #expect(skipping.degraded == "failover" && primary.requests().requests.count == 5)
                await primary.clearFaults()
                // Open for a second; then one probe after the other.
                try await eventually("traffic returns") {
                    try await gateway.ask(chat()).deployment == "primary/practice-large"
                }
                try await eventually("the breaker closes") {
                    _ = try await gateway.ask(chat())
                    return try await gateway.stateOfDeployment("primary/practice-large")["breaker"] == "closed"
                }
            }
        }

        @Test func `a probe that fails keeps it open`() async throws {
            try await withPair { gateway, primary, _ in
                try await open(gateway, primary)
                try await eventually("a probe") {
                    let reply = try await gateway.ask(chat())
                    #expect(reply.status == 200)
                    return primary.requests().requests.count == 6
                }
                #expect(try await gateway.stateOfDeployment("primary/practice-large")["breaker"] == "open")
                #expect(try await gateway.ask(chat()).attempts == "1")
            }
        }

        @Test func `a client that leaves gives its probe back`() async throws {
            try await withPair { gateway, primary, _ in
                try await open(gateway, primary)
                await primary.clearFaults()
                try await primary.setFault(.silence)
                var probe: RawClient?
                // Begun is not enough: which fault it meets is decided a moment later.
                func hangs() -> Bool {
                    primary.requests().requests.contains { $0.outcome == .active && $0.fault == "silence" }
                }
                try await eventually("a probe hangs") {
                    let client = try await RawClient.connect(gateway.port)
                    try await client.send(chat())
                    try await eventually("it is answered, or it is the probe") {
                        Reply(client.seen).isComplete || hangs()
                    }
                    probe = client
                    return hangs()
                }
                await primary.clearFaults()
                // While the probe is out everybody else skips the primary.
                #expect(try await gateway.ask(chat()).deployment == "backup/practice-large")
                await probe?.close()
                try await eventually("the lease is back") {
                    try await gateway.ask(chat()).deployment == "primary/practice-large"
                }
            }
        }

        @Test func `with nothing else left an open one is the last resort`() async throws {
            try await withPractice { primary in
                var setup = Setup(primary.port)
                setup.route = ", retries: {same_deployment: 0}"
                try await withGateway(setup) { gateway in
                    try await primary.setFault(.status(500, code: nil))
                    for _ in 0..<5 { #expect(try await gateway.ask(chat()).status == 502) }
                    let refused = try await gateway.ask(chat())
                    #expect(refused.status == 503 && refused["retry-after"] != nil && refused.attempts == "0")
                    await primary.clearFaults()
                    var reply = refused
                    // Over one connection, since all of it has to be while the breaker is open.
                    let client = try await RawClient.connect(gateway.port)
                    for _ in 0..<12 where reply.status != 200 { reply = try await client.exchange(chat()) }
                    await client.close()
                    #expect(reply.status == 200 && reply.degraded == "last-resort")
                }
            }
        }

        @Test func `rate limits and callers' faults leave it closed`() async throws {
            try await withPair { gateway, primary, _ in
                // Few enough for the throttle to let them all through.
                for fault in [Fault.rateLimit(.none, delayNanoseconds: nil), .status(400, code: nil)] {
                    await primary.clearFaults()
                    try await primary.setFault(fault)
                    for _ in 0..<4 { _ = try await gateway.ask(chat()) }
                }
                let state = try await gateway.stateOfDeployment("primary/practice-large")
                #expect(state["breaker"] == "closed")
                // A 429 that names no wait is tried once more at once, a caller's fault is not.
                #expect(state["attempts"]?["neutral"]?.integer ?? 0 >= 8, "\(state.line)")
            }
        }

        @Test func `readiness follows the breakers`() async throws {
            try await withPractice { primary in
                try await withGateway(Setup(primary.port)) { gateway in
                    #expect(try await gateway.operations("/readyz").status == 200)
                    try await primary.setFault(.status(500, code: nil))
                    for _ in 0..<5 { _ = try await gateway.ask(chat()) }
                    let unready = try await gateway.operations("/readyz")
                    #expect(unready.status == 503 && unready.body == "no route has a usable candidate\n")
                    #expect(try await gateway.operations("/livez").status == 200)
                }
            }
        }
    }
}
