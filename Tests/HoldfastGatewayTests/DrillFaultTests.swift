import Foundation
import HoldfastAPI
import HoldfastCore
import HoldfastPractice
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// Failures that a gateway makes by itself, under a lease.
    struct DrillFaultTests {
        /// With the class of the failure.
        static let faults: [(InjectedFault, String)] = [
            (.refuse, "transient"), (.silence, "silent"), (.slow, "silent"), (.cut, "transient"),
            (.revoke, "credential"), (.status500, "transient"), (.status503, "transient"), (.status429, "rate_limit"),
        ]

        @Test(arguments: faults)
        func `the next candidate answers, and it is said why`(fault: InjectedFault, failure: String) async throws {
            try await DrillSetup.run(DrillSetup.order(fault)) {
                $0.timeouts = Setup.brisk
            } _: { rig in
                let reply = try await rig.ask(chat())
                #expect(reply.status == 200 && reply.deployment == DrillSetup.backup && reply.degraded == "failover")
                let attempts = try await rig.attempts(of: reply)
                // A short wait that a provider asks for is waited for, and met again.
                #expect(attempts.count == (fault == .status429 ? 3 : 2))
                #expect(attempts.first?["failure"]?.string == failure && attempts.first?["injected"] == "o")
                #expect(attempts.last?["failure"] == nil && attempts.last?["injected"] == nil)
                #expect(rig.primary.requests().requests.count == (fault == .cut ? 1 : 0))
                let metrics = try await rig.gateway.operations("/metrics").body
                let label = "{deployment=\"\(DrillSetup.primary)\",fault=\"\(fault.rawValue)\"}"
                #expect(metrics.contains("holdfast_attempts_injected_total\(label) \(attempts.count - 1)"))
                #expect(metrics.contains("holdfast_drill_faults 1"))
                let state = try await rig.gateway.stateOfDeployment(DrillSetup.primary)
                #expect(state["last_failure"]?["detail"]?.string?.hasSuffix("(injected by the override o)") == true)
                let seen = try rig.seen()
                #expect(seen.met == 1 && seen.standard.degraded == 1 && seen.phase == .fault)
                let (detected, acted) = (seen.detectedAfterMilliseconds, seen.actedAfterMilliseconds)
                #expect(detected.map { $0 >= 0 } == true && acted.map { $0 >= detected ?? .max } == true)
                #expect(seen.answerers == [.init(deployment: DrillSetup.backup, count: 1)])
            }
        }

        @Test func `a stream that a drill cuts is continued by the next candidate`() async throws {
            try await DrillSetup.run(DrillSetup.order(.cut)) { rig in
                let reply = try await rig.ask(chat(stream: true, tokens: 9))
                let whole = try await rig.ask(chat(DrillSetup.backup, stream: true, tokens: 9))
                #expect(reply.isComplete && reply.hasWholeEventsOnly && reply.events.last == "[DONE]")
                #expect(reply.streamedText == whole.streamedText && !reply.streamedText.isEmpty)
                #expect(reply.comments.first?.hasPrefix("continued by backup/practice-large") == true)
                let attempts = try await rig.attempts(of: reply)
                #expect(attempts.first?["failure"] == "truncated" && attempts.first?["injected"] == "o")
            }
        }

        @Test(arguments: [false, true]) func `a slow attempt is made after its delay`(stream: Bool) async throws {
            let order = DrillSetup.order(.slow) { $0.delayMilliseconds = 300 }
            try await DrillSetup.run(order) { rig in
                let began = MonotonicClock.read()
                let reply = try await rig.ask(chat(stream: stream))
                #expect(MonotonicClock.read().nanoseconds(since: began) >= 300 * Span.millisecond)
                #expect(reply.deployment == DrillSetup.primary && reply.degraded == nil)
                #expect(try await rig.attempts(of: reply).first?["injected"] == "o")
                #expect(try rig.seen().met == 1)
            }
        }

        @Test func `nobody's key leaves with an attempt that does not`() async throws {
            try await withScripted({ _ in [.close] }) { server in
                try await withPractice { backup in
                    var setup = Setup(server.port, backup.port)
                    setup.providers[0].more += ", api_key: \"sk-secret\""
                    for fault in [InjectedFault.refuse, .revoke, .status500, .status503] {
                        let first = try DrillSetup.adopted(setup, [("o", DrillSetup.order(fault))])
                        try await withGateway(first) { gateway in
                            let reply = try await gateway.ask(chat())
                            #expect(reply.deployment == DrillSetup.backup, "\(fault)")
                        }
                    }
                    #expect(server.log.opened == 0)
                }
            }
        }

        @Test func `a sham fails nothing and is looked at all the same`() async throws {
            try await DrillSetup.run(DrillSetup.order(.sham)) { rig in
                #expect(try await rig.ask(chat()).deployment == DrillSetup.primary)
                let seen = try rig.seen()
                #expect(seen.phase == .fault && seen.met == 1 && seen.standard.answered == 1)
                #expect(seen.detectedAfterMilliseconds == nil)
            }
        }

        @Test func `it is of its route and of its share`() async throws {
            let order = DrillSetup.order(.slow) { order in
                order.delayMilliseconds = 1
                order.sharePercent = 40
                order.route = "assistant"
            }
            try await DrillSetup.run(order) {
                $0.tail = "  spare: {candidates: [primary/practice-large]}\n"
            } _: { rig in
                let client = try await RawClient.connect(rig.gateway.port)
                for _ in 0..<200 { _ = try await client.exchange(chat()) }
                _ = try await client.exchange(get("/v1/models"))
                let seen = try rig.seen()
                #expect((50...115).contains(seen.met) && seen.standard.answered == 200, "\(seen.met) of 200")
                for _ in 0..<20 { _ = try await client.exchange(chat("spare")) }
                _ = try await client.exchange(get("/v1/models"))
                await client.close()
                #expect(try rig.seen().standard.answered == 200)
            }
        }

        // MARK: - Its end

        @Test func `it ends with its lease, and what waits in it goes out`() async throws {
            let order = DrillSetup.order(.silence) { $0.leaseMilliseconds = 1_000 }
            try await DrillSetup.run(order) { rig in
                let reply = try await rig.ask(chat())
                #expect(reply.deployment == DrillSetup.primary, "it was not waited for to its own limit")
                let seen = try rig.seen()
                #expect(seen.phase == .recovery && seen.ended == "lease" && seen.endedAfterMilliseconds == 1_000)
                #expect(try await rig.ask(chat()).deployment == DrillSetup.primary)
                try await eventually("it is steady again") { try rig.seen().isSteadyAgain }
            }
        }

        @Test func `a cleared order ends at once and never begins again`() async throws {
            let order = DrillSetup.order(.silence)
            try await DrillSetup.run(order) { rig in
                let client = try await RawClient.connect(rig.gateway.port)
                try await client.send(chat())
                try await eventually("it waits") {
                    try await rig.gateway.stateOfDeployment(DrillSetup.primary)["in_flight"] == 1
                }
                try rig.adopt([])
                let reply = Reply(try await client.wait { Reply($0).isComplete })
                #expect(reply.deployment == DrillSetup.primary)
                await client.close()
                #expect(try rig.seen().ended == "cleared")
                try rig.adopt([("o", order)])
                #expect(try await rig.ask(chat()).deployment == DrillSetup.primary)
            }
        }

        @Test func `what a gateway finds on its disk is never begun`() async throws {
            let order = DrillSetup.order(.refuse)
            try await DrillSetup.run(order, source: .ring) { rig in
                #expect(try await rig.ask(chat()).deployment == DrillSetup.primary)
                #expect(rig.gateway.report(version: "test").drills == nil)
                try rig.adopt([("o", order)])
                #expect(try await rig.ask(chat()).deployment == DrillSetup.primary)
                try rig.adopt([("o", order), ("p", order)])
                #expect(try await rig.ask(chat()).deployment == DrillSetup.backup)
            }
        }

        @Test func `it ends where too much is lost`() async throws {
            let order = DrillSetup.order(.refuse, .vendor("primary")) { $0.stop.lostPercent = 90 }
            try await DrillSetup.run(order) {
                $0.providers.removeLast()
                $0.route = ", retries: {same_deployment: 0}"
            } _: { rig in
                for _ in 0..<FaultOrder.StopConditions.fewestExchanges {
                    #expect(try await rig.ask(chat()).status != 200)
                }
                let seen = try rig.seen()
                #expect(seen.phase == .recovery && seen.ended == "lost_percent" && seen.standard.lost == 20)
                try await eventually("it answers again") { try await rig.ask(chat()).status == 200 }
            }
        }

        @Test func `nothing is failed where the state is not steady`() async throws {
            let order = DrillSetup.order(.refuse) { $0.baselineMilliseconds = 20_000 }
            try await DrillSetup.run(order) {
                $0.providers.removeLast()
                $0.route = ", retries: {same_deployment: 0}"
            } _: { rig in
                #expect(try rig.seen().phase == .baseline && rig.seen().ageMilliseconds == nil)
                try await rig.primary.setFault(.status(500, code: nil))
                _ = try await rig.ask(chat())
                let seen = try rig.seen()
                #expect(seen.phase == .refused && seen.ended == "unsteady" && seen.baseline.lost == 1)
                #expect((seen.endedAfterMilliseconds ?? 0) < 0)
            }
        }

        @Test func `a key that was refused on purpose is tried again when the drill is over`() async throws {
            let order = DrillSetup.order(.revoke)
            try await DrillSetup.run(order) { rig in
                for _ in 0..<3 { #expect(try await rig.ask(chat()).deployment == DrillSetup.backup) }
                #expect(try rig.seen().met == 3, "one met it, and two went round what it took out")
                try rig.adopt([])
                try await eventually("the primary answers") {
                    try await rig.ask(chat()).deployment == DrillSetup.primary
                }
                try await eventually("it is steady again") { try rig.seen().isSteadyAgain }
            }
        }
    }
}
