import Foundation
import HoldfastAPI
import HoldfastCore
import HoldfastPractice
import NIOCore
import Testing

@testable import HoldfastGateway

extension GatewayTests {
    /// What a gateway sees and says of an order, and what it does for it beside failing attempts.
    struct DrillObservationTests {
        @Test func `it measures when it was noticed, acted on and over`() async throws {
            let order = DrillSetup.order(.status500) { order in
                order.baselineMilliseconds = 500
                order.leaseMilliseconds = 2_000
            }
            try await DrillSetup.run(order) { rig in
                let client = try await RawClient.connect(rig.gateway.port)
                var asked = 0
                while try rig.seen().phase != .recovery {
                    _ = try await client.exchange(chat())
                    asked += 1
                }
                await client.close()
                _ = try await rig.gateway.ask(get("/v1/models"))
                let seen = try rig.seen()
                #expect(seen.ended == "lease" && seen.endedAfterMilliseconds == 2_000)
                #expect(seen.baseline.answered > 0 && seen.baseline.lost == 0)
                #expect(seen.standard.lost == 0 && seen.standard.degraded > 5)
                let all = seen.baseline.answered + seen.standard.answered + seen.standard.degraded
                // One may have ended with the observation's last instant on either side.
                #expect(all == asked && seen.seconds.reduce(0) { $0 + $1.counts.all } == asked)
                #expect(seen.seconds.first?.second == -1 && seen.probes == 0)
                #expect((0...1_000).contains(seen.detectedAfterMilliseconds ?? -1))
                #expect((0...1_000).contains(seen.actedAfterMilliseconds ?? -1))
                #expect((0...1_000).contains(seen.recoveredAfterMilliseconds ?? -1) && !seen.recoveryIsFinal)
                #expect(seen.met >= Breaker.consecutiveFailures && seen.met <= seen.standard.degraded)
                let drills = try await rig.gateway.state()["drills"]?.array
                #expect(drills?.first?["order"] == "o" && drills?.first?["phase"] == "recovery")
                #expect(drills?.first?["fault"]?["fault"] == "500" && drills?.first?["ended"] == "lease")
                #expect((1...90_000).contains(drills?.first?["ends_in_milliseconds"]?.integer ?? 0))
            }
        }

        @Test func `it brings its own traffic along, past keys and through everything else`() async throws {
            try await withFolder { folder in
                let file = folder.appending(path: "access.log")
                let order = DrillSetup.order(.refuse) { order in
                    order.baselineMilliseconds = 500
                    order.route = "assistant"
                    order.probesPerSecond = 40
                }
                try await DrillSetup.run(order) {
                    $0.tail = TestKeys.sections
                    $0.accessLog = file.path
                } _: { rig in
                    #expect(try await rig.ask(chat()).status == 401)
                    try await eventually("probes meet the fault") { try rig.seen().met >= 20 }
                    try rig.adopt([])
                    let seen = try rig.seen()
                    #expect(seen.baseline.answered > 0 && seen.critical.degraded >= 20 && seen.critical.lost == 0)
                    #expect(seen.probes >= 20 && seen.standard == DrillObservationView.Counts())
                    #expect(seen.answerers.contains { $0.deployment == DrillSetup.backup })
                    try await eventually("the log has lines of probes") {
                        try accessLogLines(of: file).filter { $0["workload"] == "drill-probe" }.count >= 20
                    }
                    let lines = try accessLogLines(of: file).filter { $0["workload"] == "drill-probe" }
                    #expect(lines.allSatisfy { $0["key"] == nil && $0["end"] == "answered" })
                    #expect(Set(lines.map { $0["stream"]?.bool }) == [true, false])
                    #expect(lines.contains { $0["attempts"]?.array?.first?["injected"] == "o" })
                }
            }
        }

        @Test func `what is shed on its routes is counted`() async throws {
            try await DrillSetup.run(DrillSetup.order(.sham)) {
                $0.tail = TestKeys.sections.replacing("workload: some}", with: "workload: some, in_flight: 1}")
            } _: { rig in
                try await rig.primary.setFault(.silence)
                let client = try await RawClient.connect(rig.gateway.port)
                let key = [TestKeys.bearer(TestKeys.narrow)]
                try await client.send(chat(headers: key))
                try await eventually("it is under way") {
                    try await rig.gateway.state()["exchanges_in_flight"] == 1
                }
                #expect(try await rig.ask(chat(headers: key)).status == 429)
                #expect(try rig.seen().deferrable.shed == 1)
                await client.close()
            }
        }

        @Test func `names are not resolved where the resolver is out`() async throws {
            let order = DrillSetup.order(.refuse, .resolver)
            try await DrillSetup.run(order) {
                $0.providers[0].url = $0.providers[0].url.replacing("127.0.0.1", with: "localhost")
            } _: { rig in
                let reply = try await rig.ask(chat())
                #expect(reply.deployment == DrillSetup.backup)
                let attempts = try await rig.attempts(of: reply)
                #expect(attempts.first?["failure"] == "transient" && attempts.first?["injected"] == "o")
                let seen = try rig.seen()
                #expect(seen.met == 1 && seen.detectedAfterMilliseconds != nil && seen.standard.degraded == 1)
                try rig.adopt([])
                #expect(try await rig.ask(chat()).deployment == DrillSetup.primary)
            }
        }

        @Test func `addresses that are known stay in use where the resolver is out`() async throws {
            try await DrillSetup.run(nil) {
                $0.providers[0].url = $0.providers[0].url.replacing("127.0.0.1", with: "localhost")
            } _: { rig in
                #expect(try await rig.ask(chat()).deployment == DrillSetup.primary)
                try rig.adopt([("o", DrillSetup.order(.refuse, .resolver))])
                #expect(try await rig.ask(chat()).deployment == DrillSetup.primary)
                #expect(try rig.seen().met == 0)
            }
        }

        @Test func `a deployment is not checked while a drill fails it`() async throws {
            let order = DrillSetup.order(.silence)
            try await DrillSetup.run(order) {
                $0.checks = true
            } _: { rig in
                let checks = rig.gateway.operations.checks
                try await checks.eventLoop.submit {
                    let now = MonotonicClock.read()
                    checks.value.look(now: now)
                    checks.value.look(now: now.advanced(byNanoseconds: CheckSchedule.startNanoseconds))
                }.get()
                try await eventually("the other one is checked") {
                    try await rig.gateway.stateOfDeployment(DrillSetup.backup)["warmth"]?["state"] == "warm"
                }
                let warmth = try await rig.gateway.stateOfDeployment(DrillSetup.primary)["warmth"]
                #expect(warmth?["state"] == "untested" && warmth?["last_check"] == nil)
            }
        }

        @Test func `the management plane is not heard while a drill takes it out, and hears of it after`() async throws
        {
            try await withFolder { folder in
                try await withPractice { primary in
                    let setup = Setup(primary.port)
                    try await Plane.run(in: folder) { plane in
                        let order = DrillSetup.order(.refuse, .control) { order in
                            order.baselineMilliseconds = 3_000
                            order.leaseMilliseconds = 4_000
                        }
                        let first = try DrillSetup.adopted(setup, [("o", order)])
                        // Nothing is published there, so what the gateway has stays in force.
                        try await withPulling(plane.pull(), from: first, nil) { gateway in
                            func heard() async throws -> GatewayView? {
                                try await plane.admin.get("/v1/gateways", as: Page<GatewayView>.self).items.first
                            }
                            try await eventually("it reports the baseline") {
                                try await heard()?.report.drills?.first?.phase == .baseline
                            }
                            try await eventually("it is silent") {
                                try await heard().map { $0.silentForMilliseconds > 2_800 } == true
                            }
                            #expect(try await gateway.ask(chat()).status == 200)
                            #expect(try await heard()?.report.drills?.first?.phase == .baseline)
                            try await eventually("it says what it saw") {
                                try await heard()?.report.drills?.first?.endedAfterMilliseconds == 4_000
                            }
                            let seen = try #require(try await heard()?.report.drills?.first)
                            #expect(seen.order == "o" && seen.ended == "lease" && seen.standard.answered == 1)
                            #expect(seen.detectedAfterMilliseconds != nil && seen.actedAfterMilliseconds != nil)
                        }
                    }
                }
            }
        }
    }
}

extension DrillObservationView.Counts {
    fileprivate var all: Int { answered + degraded + lost + shed }
}
