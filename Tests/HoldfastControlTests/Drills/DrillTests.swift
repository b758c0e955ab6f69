import Crypto
import Foundation
import HoldfastAPI
import HoldfastCore
import Synchronization
import Testing

@testable import HoldfastControl

/// Drills over the wire, with gateways that say what they are told to.
@Suite("Drills", .serialized)
struct DrillTests {
    @Test("From the order to the verdict: each phase on record, the order out and in again, numbers summed")
    func passes() async throws {
        try await TestControl.run { control in
            let gateways = try await control.gatewaysForDrill(["a", "b"])
            let started = try await control.startDrill()
            #expect(
                started.phase == .starting && started.order?.target == "deployment"
                    && started.order?.name == "openai/gpt")
            #expect(started.generation == 1 && started.author == "first-admin" && started.verdict == nil)
            let order = try #require(started.overrideId)
            for gateway in gateways { try await gateway.pull(control) }
            #expect(gateways.allSatisfy { $0.overrides == [order] && $0.has == 2 })
            let override = try #require(control.server.snapshots.newest?.payload.overrides.first)
            #expect(override.effect.kind == "fault" && override.reason == "before the release")
            #expect(override.expiresAt - override.createdAt == 20_000 + 3_000 + 45_000, "it ends by itself")

            try await control.bring(started, to: .fault, gateways)
            // What it is made of is as of the last look, and that may have been between the two gateways.
            try await control.server.drills.advance(.read())
            let live = try await control.drill(started.id)
            #expect(live.measures?.met == 20 && live.measures?.standard.degraded == 20 && live.faultAt != nil)
            #expect(live.seconds.map(\.counts.degraded) == [0, 20] && live.gateways.map(\.id) == ["a", "b"])
            try await control.until(.recovery, started, gateways) { Told.recovery($0) }
            for gateway in gateways { try await gateway.pull(control) { $0.drills = [Told.recovery(order)] } }
            #expect(gateways.allSatisfy { $0.overrides.isEmpty }, "it is taken away when it is over")
            let done = try await control.until(.done, started, gateways) { Told.over($0) }
            #expect(done.verdict == .pass && done.mend == nil, "\(done.because)")
            #expect(done.because.first == "recovered after 40 ms; the target is 30 s")
            #expect(done.measures?.recoveryTime == 40 && done.measures?.answerers.first?.count == 60)

            let started1 = try await control.audited("drills.start")
            #expect(started1.map(\.phase) == [.intended, .completed] && started1[0].details["override"] == order)
            let steps = try await control.audited("drills.advance")
            #expect(
                steps.filter { $0.phase == .completed }.map { $0.details["to"] } == ["baseline", "fault", "recovery"])
            let ends = try await control.audited("drills.finish")
            // The server's own look may have come at the same moment, and then one of the two was overtaken.
            #expect(ends.filter { $0.phase == .completed }.map { $0.details["verdict"] } == ["pass"])
            let events = try await control.ask("GET", "/v1/events", token: control.admin).view(EventPage.self)
            #expect(events.items.map(\.type).filter { $0.hasPrefix("drill.") }.first == "drill.started")
            #expect(events.items.last { $0.type == "drill.ended" }?.subject == started.id)
        }
    }

    @Test("A pass is what a fallback is known by, and another configuration takes it back")
    func fallbacks() async throws {
        try await TestControl.run(rollout: .forTests) { control in
            let gateways = try await control.gatewaysForDrill()
            func fallbacks() async throws -> [FallbackView] {
                try await control.ask("GET", "/v1/fallbacks", token: control.admin).view(Page<FallbackView>.self).items
            }
            #expect(try await fallbacks().map(\.state) == [.untested])
            let drill = try await control.startDrill()
            try await control.bring(drill, to: .recovery, gateways)
            try await control.until(.done, drill, gateways) { Told.over($0) }
            let tested = try #require(try await fallbacks().first)
            #expect(tested.route == "assistant" && tested.deployment == "local/qwen" && tested.state == .tested)
            #expect(tested.passes == 1 && tested.confidencePercent == 5 && tested.lastDrill == drill.id)
            #expect(tested.lastRecoveryMilliseconds == 40 && tested.changes.isEmpty)
            let status = try await control.ask("GET", "/v1/status", token: control.admin).view(StatusView.self)
            #expect(status.drills?.fallbacks?.tested == 1 && status.drills?.fallbacks?.untested == 0)

            let moved = TestControl.document.replacingOccurrences(of: "127.0.0.1:9/v1", with: "127.0.0.1:10/v1")
            #expect(try await control.publish(moved).status == 201)
            let outdated = try #require(try await fallbacks().first)
            #expect(outdated.state == .outdated && outdated.passes == 1)
            #expect(
                outdated.changes == ["the provider's base_url: http://127.0.0.1:9/v1 then, http://127.0.0.1:10/v1 now"])
        }
    }

    @Test("What cannot be is refused, with the field and the mend, and nothing is on record")
    func badInput() async throws {
        try await TestControl.run { control in
            let nobody = try await control.ask("POST", "/v1/drills", token: control.admin, body: TestControl.drill)
            #expect(nobody.status == 409 && nobody.problem?.detail.contains("no configuration") == true)
            try await control.publish()
            let alone = try await control.ask("POST", "/v1/drills", token: control.admin, body: TestControl.drill)
            #expect(alone.status == 409 && alone.problem?.detail.contains("no gateway") == true)
            let gateway = try await FakeGateway.make(["a"], at: control)[0]
            try await gateway.pull(control)
            func with(_ change: (inout NewDrillView) -> Void) -> NewDrillView {
                var new = TestControl.drill
                change(&new)
                return new
            }
            let wrong: [(NewDrillView, String)] = [
                (with { $0.plan = "kill-everything" }, "plan"), (with { $0.route = "nowhere" }, "route"),
                (with { $0.route = "\u{1B}[2J" }, "route"), (with { $0.route = nil }, "route"),
                (with { $0.name = "openai/gpt" }, "name"), (with { $0.fault = "explode" }, "fault"),
                (with { $0.share = 0 }, "share"), (with { $0.share = 101 }, "share"),
                (with { $0.lease = "0s" }, "lease"),
                (with { $0.lease = "16m" }, "lease"), (with { $0.lease = "soon" }, "lease"),
                (with { $0.lease = "999999999d" }, "lease"), (with { $0.baseline = "61s" }, "baseline"),
                (with { $0.probes = -1 }, "probes"), (with { $0.probes = 51 }, "probes"),
                (with { $0.target = "0s" }, "target"), (with { $0.stopLostCritical = 0 }, "stop_lost_critical"),
                (with { $0.reason = "" }, "reason"), (with { $0.reason = "two\nlines" }, "reason"),
                (with { $0.reason = String(repeating: "x", count: 501) }, "reason"),
                (with { $0.steps = ["a"] }, "steps"),
                (with { ($0.plan, $0.route, $0.name) = ("kill-vendor", nil, "\u{202E}evil") }, "vendor"),
                (with { ($0.plan, $0.route) = ("tabletop", nil) }, "steps"),
            ]
            for (new, field) in wrong {
                let answer = try await control.ask("POST", "/v1/drills", token: control.admin, body: new)
                #expect(answer.status == 422, "\(field): \(answer.status)")
                let name = field == "vendor" ? "name" : field
                #expect(answer.problem?.fields?.map(\.field) == [name], "\(String(describing: answer.problem))")
                #expect(answer.problem?.fields?.first?.mend.isEmpty == false)
            }
            let empty = try await control.ask("GET", "/v1/drills", token: control.admin).view(Page<DrillView>.self)
            #expect(empty.items.isEmpty && control.server.snapshots.newest?.number == 1)
            #expect(try await control.audited("drills.start").isEmpty)
            for path in ["/v1/drills/nobody", "/v1/drills/nobody/evidence"] {
                let status = try await control.ask("GET", path, token: control.admin).status
                #expect(status == 404, "\(path)")
            }
            let stopped = try await control.stop("nobody").status
            #expect(stopped == 404)
        }
    }

    @Test("One at a time, none during a roll-out, and a fault is made by a drill alone")
    func oneAtATime() async throws {
        try await TestControl.run(rollout: .forTests) { control in
            let gateways = try await control.gatewaysForDrill()
            let first = try await control.startDrill()
            let second = try await control.ask("POST", "/v1/drills", token: control.admin, body: TestControl.drill)
            #expect(second.status == 409 && second.problem?.detail.contains(first.id) == true)
            #expect(second.problem?.mend.contains("drill stop") == true)
            var effect = OverrideEffectView(kind: "fault")
            effect.fault = first.order
            let direct = try await control.ask(
                "POST", "/v1/overrides", token: control.admin,
                body: NewOverrideView(effect: effect, reason: "by hand", for: "1h"))
            #expect(direct.status == 422 && direct.problem?.mend.contains("holdfast drill run") == true)

            #expect(try await control.publish(TestControl.second).status == 201)
            let ended = try await control.until(.done, first, gateways) { Told.baseline($0) }
            #expect(ended.verdict == .inconclusive && ended.because.first?.contains("another configuration") == true)
            let during = try await control.ask("POST", "/v1/drills", token: control.admin, body: TestControl.drill)
            #expect(during.status == 409 && during.problem?.detail.contains("roll-out") == true)
        }
    }

    @Test("Taking its override away ends the drill", arguments: [DrillView.Phase.starting, .baseline, .fault])
    func overrideCleared(phase: DrillView.Phase) async throws {
        try await TestControl.run { control in
            let gateways = try await control.gatewaysForDrill()
            let drill = try await control.startDrill()
            try await control.bring(drill, to: phase, gateways)
            let order = try #require(drill.overrideId)
            let cleared = try await control.ask(
                "POST", "/v1/overrides/\(order)/clear", token: control.admin, body: ReasonView(reason: "away with it"))
            #expect(cleared.status == 200)
            let done = try await control.until(.done, drill, gateways) { Told.all(phase, $0) }
            #expect(done.verdict == .inconclusive && done.because.first?.contains("taken away") == true)
        }
    }

    @Test("A gateway that does not hear of it, falls silent, or lies: never a pass")
    func liars() async throws {
        var limits = DrillRun.Limits()
        limits.takeNanoseconds = 3 * Span.second
        limits.slackNanoseconds = Span.second
        try await TestControl.run(drills: limits) { control in
            let gateways = try await control.gatewaysForDrill()
            let unheard = try await control.startDrill()
            let ignored = try await eventual(control, unheard, gateways) { _ in nil }
            #expect(ignored.verdict == .inconclusive && ignored.because == ["no gateway took the order"])

            let contradicted = try await control.startDrill()
            try await control.bring(contradicted, to: .fault, gateways)
            let done = try await eventual(control, contradicted, gateways) { Told.fault($0, degraded: 9) }
            #expect(done.verdict == .inconclusive, "\(done.because)")
            #expect(done.because.contains { $0.contains("cannot be") })
            #expect(control.server.snapshots.newest?.payload.overrides.isEmpty == true)
        }
    }

    private func eventual(
        _ control: TestControl, _ drill: DrillView, _ gateways: [FakeGateway],
        _ told: @escaping (String) -> DrillObservationView?
    ) async throws -> DrillView {
        let order = try #require(drill.overrideId)
        for _ in 0..<400 {
            for gateway in gateways { try await gateway.pull(control) { $0.drills = told(order).map { [$0] } } }
            let found = try await control.drill(drill.id)
            if found.phase == .done { return found }
        }
        Issue.record("it does not end: \(try await control.drill(drill.id))")
        return drill
    }

    /// In each round a drain of the only fallback and the drill race; either may come first.
    @Test("Who is left to answer is judged by the overrides that are in force when the drill begins")
    func drainedMeanwhile() async throws {
        try await TestControl.run { control in
            _ = try await control.gatewaysForDrill()
            var effect = OverrideEffectView(kind: "drain")
            effect.provider = "local"
            let drain = NewOverrideView(effect: effect, reason: "it is down", for: "1h")
            for round in 0..<12 {
                async let drained = control.ask("POST", "/v1/overrides", token: control.admin, body: drain)
                async let started = control.ask("POST", "/v1/drills", token: control.admin, body: TestControl.drill)
                let (override, drill) = try await (drained, started)
                #expect(override.status == 201)
                if drill.status == 201 {
                    let view = try drill.view(DrillView.self)
                    let next = try await control.server.audit.store.read {
                        try GenerationStore.find(view.generation + 1, in: $0)
                    }
                    let orders = next?.payload.overrides.map(\.id) ?? []
                    #expect(orders == [view.overrideId], "round \(round): nothing came between plan and order")
                    #expect(try await control.stop(view.id).status == 200)
                } else {
                    #expect([409, 422].contains(drill.status), "\(drill.problem.debugDescription)")
                }
                try await control.clear(try override.view(OverrideView.self))
            }
        }
    }

    @Test("What no gateway can have seen is refused as a report")
    func reports() async throws {
        try await TestControl.run { control in
            let gateway = try await control.gatewaysForDrill()[0]
            let wrong: [(inout DrillObservationView) -> Void] = [
                { $0.met = -1 }, { $0.critical.lost = -1 }, { $0.order = "" },
                { $0.order = String(repeating: "x", count: 101) },
                { $0.recoveredAfterMilliseconds = .max }, { $0.answerers = [.init(deployment: "not one", count: 1)] },
                { $0.answerers = Array(repeating: .init(deployment: "a/b", count: 1), count: 513) },
                { $0.seconds = Array(repeating: .init(second: 0, counts: .init()), count: 181) },
                { $0.seconds = [.init(second: .max, counts: .init())] },
            ]
            for (place, change) in wrong.enumerated() {
                var seen = Told.fault("fault-1")
                change(&seen)
                let status = try await gateway.pull(control) { [seen] in $0.drills = [seen] }
                #expect(status == 422, "\(place)")
            }
            let many = Array(repeating: Told.fault("fault-1"), count: DrillObservationView.most + 1)
            let status = try await gateway.pull(control) { $0.drills = many }
            #expect(status == 422)
        }
    }

    @Test(
        "A restart in the middle: the fault is taken away, and the drill is open, never passed",
        arguments: [DrillView.Phase.starting, .baseline, .fault, .recovery])
    func restart(phase: DrillView.Phase) async throws {
        let folder = try TestFolder()
        let id = Mutex("")
        let admin = Mutex("")
        try await TestControl.run(in: folder) { control in
            try await control.server.firstTokenWasShown()
            let gateways = try await control.gatewaysForDrill()
            let drill = try await control.startDrill()
            try await control.bring(drill, to: phase, gateways)
            id.withLock { $0 = drill.id }
            admin.withLock { $0 = control.admin }
        }
        let (drillID, token) = (id.withLock { $0 }, admin.withLock { $0 })
        try await TestControl.run(in: folder, admin: token) { control in
            let found = try await control.drill(drillID)
            #expect(found.phase == .done && found.verdict == .inconclusive)
            #expect(found.because == ["the management plane restarted in the middle of it"])
            #expect(control.server.snapshots.newest?.payload.overrides.isEmpty == true)
            let ends = try await control.audited("drills.finish")
            #expect(ends.map(\.phase) == [.intended, .completed] && ends[1].details["from"] == phase.rawValue)
            #expect(ends[1].details["verdict"] == "inconclusive")
            let fallbacks = try await control.ask("GET", "/v1/fallbacks", token: token).view(Page<FallbackView>.self)
            #expect(fallbacks.items.map(\.state) == [.untested])
            let gateway = try await FakeGateway.make(["b"], at: control)[0]
            try await gateway.pull(control)
            let next = try await control.startDrill()
            #expect(next.phase == .starting, "the next one may begin")
        }
    }

    @Test("What a gateway has ended because of what it did has failed, whatever became of the rest")
    func restartAfterFailure() async throws {
        let folder = try TestFolder()
        let known = Mutex(("", ""))
        try await TestControl.run(in: folder) { control in
            try await control.server.firstTokenWasShown()
            let gateways = try await control.gatewaysForDrill()
            let drill = try await control.startDrill()
            try await control.bring(drill, to: .fault, gateways)
            try await control.until(.recovery, drill, gateways) { order in
                var seen = Told.recovery(order)
                seen.ended = "lost_critical"
                return seen
            }
            known.withLock { $0 = (drill.id, control.admin) }
        }
        let (id, admin) = known.withLock { $0 }
        try await TestControl.run(in: folder, admin: admin) { control in
            let found = try await control.drill(id)
            #expect(found.phase == .done && found.verdict == .fail, "\(found.because)")
            #expect(found.because.count == 2 && found.because.last?.contains("restarted") == true)
            let fallbacks = try await control.ask("GET", "/v1/fallbacks", token: admin).view(Page<FallbackView>.self)
            #expect(fallbacks.items.map(\.state) == [.failed])
        }
    }

    @Test("A person ends it; whoever may not, does not")
    func stop() async throws {
        try await TestControl.run { control in
            let gateways = try await control.gatewaysForDrill()
            let drill = try await control.startDrill()
            try await control.bring(drill, to: .fault, gateways)
            let viewer = try await control.token(.viewer)
            let refused = try await control.stop(drill.id, token: viewer)
            #expect(refused.status == 403)
            let answer = try await control.stop(drill.id)
            let stopped = try answer.view(DrillView.self)
            #expect(stopped.phase == .done && stopped.verdict == .inconclusive)
            #expect(stopped.because.first == "stopped by first-admin: enough" && stopped.measures?.met == 10)
            #expect(control.server.snapshots.newest?.payload.overrides.isEmpty == true)
            let again = try await control.stop(drill.id)
            #expect(again.status == 200, "what has ended has ended")
            let events = try await control.audited("drills.stop")
            #expect(events.map(\.phase) == [.intended, .completed] && events[0].details["reason"] == "enough")
        }
    }

    @Test("The lever ends what runs and refuses what is new, over restarts, until a person releases it")
    func lever() async throws {
        let folder = try TestFolder()
        let admin = Mutex("")
        try await TestControl.run(in: folder) { control in
            try await control.server.firstTokenWasShown()
            admin.withLock { $0 = control.admin }
            let gateways = try await control.gatewaysForDrill()
            let drill = try await control.startDrill()
            try await control.bring(drill, to: .fault, gateways)
            let halted = try await control.lever("halt")
            #expect(try halted.view(DrillHaltView.self).by == "first-admin")
            let ended = try await control.drill(drill.id)
            #expect(ended.verdict == .inconclusive && ended.because.first?.contains("all drills were ended") == true)
        }
        let token = admin.withLock { $0 }
        try await TestControl.run(in: folder, admin: token) { control in
            let gateway = try await FakeGateway.make(["b"], at: control)[0]
            try await gateway.pull(control)
            let refused = try await control.ask("POST", "/v1/drills", token: token, body: TestControl.drill)
            #expect(refused.status == 409 && refused.problem?.detail.contains("a real incident") == true)
            let status = try await control.ask("GET", "/v1/status", token: token).view(StatusView.self)
            #expect(status.drills?.halt.halted == true && status.drills?.halt.reason == "a real incident")
            let later = WallClock.readMilliseconds() + 60_000
            let robot = try await control.token(
                .automation, grants: [Grant(.drillsStart, expiresAtMilliseconds: later, includesRecovery: true)])
            let byRobot = try await control.lever("resume", token: robot)
            #expect(byRobot.status == 403)
            let released = try await control.lever("resume")
            #expect(try released.view(DrillHaltView.self) == DrillHaltView(halted: false))
            _ = try await control.startDrill()
            let log = try await control.audited("drills.halt")
            #expect(log.map(\.phase) == [.intended, .completed])
        }
    }
}
