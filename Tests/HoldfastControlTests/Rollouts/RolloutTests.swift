import Foundation
import HoldfastAPI
import HoldfastCore
import Synchronization
import Testing

@testable import HoldfastControl

/// Several gateways that pull over the wire, and a document that is good or bad.
@Suite("Roll-outs", .serialized)
struct RolloutTests {
    private static func with(
        _ ids: [String] = ["a", "b", "c"],
        _ body: @escaping @Sendable (TestControl, [FakeGateway]) async throws -> Void
    ) async throws {
        try await TestControl.run(rollout: .forTests) { control in
            try await body(control, try await FakeGateway.make(ids, at: control))
        }
    }

    private func drain(_ provider: String) -> NewOverrideView {
        var effect = OverrideEffectView(kind: "drain")
        effect.provider = provider
        return NewOverrideView(effect: effect, reason: "it is down", for: "1h")
    }

    @Test("One first, then the rest; the first document goes to all")
    func oneFirst() async throws {
        try await Self.with { control, gateways in
            try await control.publish()
            try await control.until("all have it", gateways) { _ in gateways.allSatisfy { $0.has == 1 } }
            #expect(try await control.rollout == nil)
            #expect(try await control.publish(TestControl.second).generation == 2)
            let begun = try #require(try await control.rollout)
            #expect(begun.good == 1 && begun.proposed == 2 && begun.author == "first-admin" && begun.mend != nil)
            try await control.until("one has it", gateways) { $0?.phase == "canary" && gateways[0].has == 2 }
            try await control.until("it is waited for", gateways) { $0?.detail.contains("too few requests") == true }
            #expect(gateways.map(\.has) == [2, 1, 1])
            let views = try await control.ask("GET", "/v1/gateways", token: control.admin).view(Page<GatewayView>.self)
            #expect(views.items.map(\.target) == [2, 1, 1])
            let status = try await control.ask("GET", "/v1/status", token: control.admin).view(StatusView.self)
            #expect(status.generation == 2 && status.rollout?.canary == "a" && status.rollout?.isOpen == true)

            gateways[0].serve(40)
            try await control.until("all have it", gateways) { $0?.phase == "spreading" && gateways[2].has == 2 }
            gateways.forEach { $0.serve(40) }
            try await control.until("it is done", gateways) { $0?.phase == "done" }
            #expect(gateways.map(\.had) == [[1, 2], [1, 2], [1, 2]])
            let steps = try await control.audited("rollouts.advance")
            #expect(
                steps.filter { $0.phase == .completed }.map { $0.details["to"] } == ["canary", "spreading", "done"])
            #expect(steps.first?.phase == .intended && steps.allSatisfy { $0.principal == "holdfast" })
        }
    }

    @Test("Many who look at once take one step between them, and one is on record")
    func manyLooks() async throws {
        try await Self.with { control, gateways in
            try await control.beginRollout(gateways)
            gateways[0].serve(40)
            try await gateways[0].pull(control)
            try await withThrowingTaskGroup(of: Void.self) { looks in
                for _ in 0..<8 {
                    looks.addTask {
                        do { try await control.server.rollouts.advance(.read()) } catch is ProblemView {}
                    }
                }
                try await looks.waitForAll()
            }
            #expect(try await control.rollout?.phase == "spreading")
            let steps = try await control.audited("rollouts.advance").filter { $0.phase == .completed }
            #expect(steps.map { $0.details["to"] } == ["canary", "spreading"])
        }
    }

    @Test("Errors that rise at the first bring the last good document back under a new number, and nobody else had it")
    func errorsRise() async throws {
        try await Self.with { control, gateways in
            try await control.beginRollout(gateways)
            gateways[0].serve(20, failing: 10)
            try await control.until("all are back", gateways) { _ in gateways.allSatisfy { $0.has == 3 } }
            #expect(gateways.map(\.had) == [[1, 2, 3], [1, 3], [1, 3]])
            #expect(gateways.allSatisfy { $0.document == TestControl.document })
            let view = try #require(try await control.rollout)
            #expect(view.phase == "returned" && view.cause == "errors-rose" && view.detail == "errors rose with it")
            let newest = try await control.ask("GET", "/v1/generations/newest", token: control.admin)
            #expect(newest.generation == 3)
            let generation = try newest.view(GenerationView.self)
            #expect(generation.author == "holdfast" && generation.reason.contains("generation 2 was taken back"))
            #expect(try await control.publish(TestControl.third, ifMatch: 2).status == 412)
            #expect(try await control.publish(TestControl.third, ifMatch: 3).status == 201)
            let back = try await control.audited("rollouts.return")
            // The server's own look may have come at the same moment, and then one of the two was overtaken.
            #expect(back.first?.phase == .intended && back.count { $0.phase == .completed } == 1)
            #expect(back.allSatisfy { $0.kind == "system" && $0.details["reason"] == "errors rose with it" })
            #expect(back.allSatisfy { $0.target == "2" && $0.details["canary"] == "a" })
        }
    }

    @Test("Errors that rise at the rest bring it back too")
    func errorsRiseLater() async throws {
        try await Self.with { control, gateways in
            try await control.beginRollout(gateways)
            gateways[0].serve(1_000)
            try await control.until("all have it", gateways) { _ in gateways.allSatisfy { $0.has == 2 } }
            gateways[1].serve(20, failing: 10)
            try await control.until("all are back", gateways) { _ in gateways.allSatisfy { $0.has == 3 } }
            #expect(try await control.rollout?.cause == "errors-rose")
        }
    }

    @Test("An override during a roll-out reaches everybody at once, under both documents, also after the return")
    func override() async throws {
        try await Self.with { control, gateways in
            try await control.beginRollout(gateways)
            let made = try await control.ask("POST", "/v1/overrides", token: control.admin, body: drain("openai"))
            #expect(made.status == 201 && made.generation == 4)
            let id = try made.view(OverrideView.self).id
            for gateway in gateways { try await gateway.pull(control) }
            #expect(gateways.map(\.has) == [4, 3, 3] && gateways.allSatisfy { $0.overrides == [id] })
            #expect(
                gateways.map(\.document) == [TestControl.second, TestControl.document, TestControl.document])
            gateways[0].serve(20, failing: 10)
            try await control.until("all are back", gateways) { _ in gateways.allSatisfy { $0.has == 5 } }
            #expect(gateways.allSatisfy { $0.overrides == [id] && $0.document == TestControl.document })

            // It is over: from here on an override is one generation again.
            let clear = try await control.ask(
                "POST", "/v1/overrides/\(id)/clear", token: control.admin, body: ReasonView(reason: "it is up"))
            #expect(clear.status == 200 && control.server.snapshots.newest?.number == 6)
        }
    }

    @Test("What was counted outlives an override")
    func overrideInTheMiddle() async throws {
        try await Self.with { control, gateways in
            try await control.beginRollout(gateways)
            gateways[0].serve(29)
            for gateway in gateways { try await gateway.pull(control) }
            _ = try await control.ask("POST", "/v1/overrides", token: control.admin, body: drain("openai"))
            gateways[0].serve(1)
            try await control.until("all have it", gateways) { _ in gateways.allSatisfy { $0.has == 4 } }
            #expect(gateways.allSatisfy { $0.document == TestControl.second })
        }
    }

    @Test("What only the document before has can be drained while most gateways have that")
    func overrideOfTheGoodOne() async throws {
        try await Self.with { control, gateways in
            let without = """
                version: 1
                providers: {local: {base_url: "http://127.0.0.1:9/v1", network: private}}
                routes: {assistant: {candidates: [local/qwen]}}
                """
            try await control.beginRollout(gateways, second: without)
            let made = try await control.ask("POST", "/v1/overrides", token: control.admin, body: drain("openai"))
            #expect(made.status == 201)
            let wrong = try await control.ask("POST", "/v1/overrides", token: control.admin, body: drain("opanai"))
            #expect(wrong.status == 422)
        }
    }

    @Test("It goes on after a restart, in whichever phase that comes", arguments: ["pending", "canary", "spreading"])
    func restart(phase: String) async throws {
        let folder = try TestFolder()
        let kept = Mutex<(admin: String, gateways: [FakeGateway])>(("", []))
        try await TestControl.run(in: folder, rollout: .forTests) { control in
            let gateways = try await FakeGateway.make(["a", "b", "c"], at: control)
            kept.withLock { $0 = (control.admin, gateways) }
            switch phase {
            case "pending":
                try await control.publish()
                // One of them is not there, so nobody is chosen.
                for gateway in gateways.dropLast() { try await gateway.pull(control) }
                try await control.publish(TestControl.second)
            default:
                try await control.beginRollout(gateways)
                if phase == "spreading" {
                    gateways[0].serve(40)
                    try await control.until("it spreads", Array(gateways.prefix(2))) { $0?.phase == "spreading" }
                }
            }
            #expect(try await control.rollout?.phase == phase)
        }
        let (admin, gateways) = kept.withLock { $0 }
        try await TestControl.run(in: folder, admin: admin, rollout: .forTests) { control in
            let resumed = try #require(try await control.rollout)
            #expect(resumed.phase == phase && resumed.proposed == 2 && resumed.good == 1)
            #expect(resumed.canary == (phase == "pending" ? nil : "a"))
            let target = control.server.snapshots.target(of: "b")?.number
            #expect(target == (phase == "spreading" ? 2 : 1))
            try await control.until("one has it", gateways) { _ in gateways[0].has == 2 }
            gateways[0].serve(40)
            try await control.until("it spreads", gateways) { _ in gateways.allSatisfy { $0.has == 2 } }
            gateways.forEach { $0.serve(40) }
            try await control.until("it is done", gateways) { $0?.phase == "done" }
        }
        try await TestControl.run(in: folder, admin: admin, rollout: .forTests) { control in
            let view = try await control.rollout
            #expect(view?.phase == "done")
            #expect(control.server.snapshots.target(of: "a")?.number == 2)
        }
    }

    @Test("What was returned stays returned after a restart, and a release is not lost in one")
    func restartAfterAPersonActed() async throws {
        let folder = try TestFolder()
        let kept = Mutex<(admin: String, gateways: [FakeGateway])>(("", []))
        try await TestControl.run(in: folder, rollout: .forTests) { control in
            let gateways = try await FakeGateway.make(["a", "b"], at: control)
            kept.withLock { $0 = (control.admin, gateways) }
            try await control.beginRollout(gateways)
            let released = try await control.ask(
                "POST", "/v1/rollout/release", token: control.admin, body: ReasonView(reason: "I asked it"))
            #expect(released.status == 200)
        }
        let (admin, gateways) = kept.withLock { $0 }
        try await TestControl.run(in: folder, admin: admin, rollout: .forTests) { control in
            try await control.until("it spreads", gateways) { _ in gateways.allSatisfy { $0.has == 2 } }
            let back = try await control.ask(
                "POST", "/v1/rollout/return", token: control.admin, body: ReasonView(reason: "too short"))
            #expect(back.status == 200 && back.generation == 3)
        }
        try await TestControl.run(in: folder, admin: admin, rollout: .forTests) { control in
            let view = try #require(try await control.rollout)
            #expect(view.cause == "by-a-person" && view.detail == "taken back by first-admin: too short")
            try await control.until("all are back", gateways) { _ in gateways.allSatisfy { $0.has == 3 } }
        }
    }
}
