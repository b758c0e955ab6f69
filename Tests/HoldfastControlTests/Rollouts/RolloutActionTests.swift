import Foundation
import GRDB
import HoldfastAPI
import HoldfastCore
import Testing

@testable import HoldfastControl

/// What people do with a roll-out, and gateways that are gone or do not tell the truth.
@Suite("Acting on roll-outs", .serialized)
struct RolloutActionTests {
    private static func with(
        _ ids: [String] = ["a", "b", "c"],
        _ body: @escaping @Sendable (TestControl, [FakeGateway]) async throws -> Void
    ) async throws {
        try await TestControl.run(rollout: .forTests) { control in
            try await body(control, try await FakeGateway.make(ids, at: control))
        }
    }

    private func act(_ verb: String, _ control: TestControl) async throws -> TestControl.Answer {
        try await control.ask(
            "POST", "/v1/rollout/\(verb)", token: control.admin, body: ReasonView(reason: "because"))
    }

    @Test("A person vouches for what no measurement shows, once for each phase; where there is nothing, it is said")
    func release() async throws {
        try await Self.with { control, gateways in
            for verb in ["release", "return"] {
                let none = try await act(verb, control)
                #expect(none.status == 409 && none.problem?.mend.isEmpty == false)
            }
            try await control.publish()
            for gateway in gateways.dropLast() { try await gateway.pull(control) }
            try await control.publish(TestControl.second)
            let early = try await act("release", control)
            #expect(early.status == 409 && early.problem?.detail.contains("nothing to vouch for") == true)
            try await control.until("one has it", gateways) { _ in gateways[0].has == 2 }
            #expect(try await act("release", control).status == 200)
            try await control.until("all have it", gateways) { _ in gateways.allSatisfy { $0.has == 2 } }
            try await control.until("it waits again", gateways) { $0?.detail.contains("too few requests") == true }
            #expect(try await act("release", control).status == 200)
            try await control.until("it is done", gateways) { $0?.phase == "done" }
            #expect(try await act("release", control).status == 409)
            let entries = try await control.audited("rollouts.release")
            #expect(entries.count == 4 && entries.allSatisfy { $0.details["reason"] == "because" })
        }
    }

    @Test("What a person vouches for is what that person has seen")
    func releaseOfAnother() throws {
        let numbers = Rollout.Generations(good: 1, proposed: 2, restored: 3)
        func rollout(_ phase: Rollout.Phase) -> Rollout {
            Rollout(resuming: .init(generations: numbers, phase: phase, canary: "a"), gateways: ["a", "b"], now: .zero)
        }
        let seen = rollout(.canary)
        var later = seen
        later.tick(now: .zero)
        try Rollouts.check(later, isStill: seen)
        #expect(throws: ProblemView.overtaken) { try Rollouts.check(rollout(.spreading), isStill: seen) }
        later.supersede(Rollout.Generations(good: 4, proposed: 5, restored: 6), now: .zero)
        #expect(throws: ProblemView.overtaken) { try Rollouts.check(later, isStill: seen) }
    }

    @Test("A person takes it back, and all get the good document under a new number")
    func takeBack() async throws {
        try await Self.with { control, gateways in
            try await control.beginRollout(gateways)
            let back = try await act("return", control)
            #expect(back.status == 200 && back.generation == 3)
            #expect(try back.view(RolloutView.self).cause == "by-a-person")
            for gateway in gateways { try await gateway.pull(control) }
            #expect(gateways.map(\.had) == [[1, 2, 3], [1, 3], [1, 3]])
            #expect(gateways.allSatisfy { $0.document == TestControl.document })
            #expect(try await act("return", control).status == 409)
            #expect(try await control.audited("rollouts.return").map(\.principal) == ["first-admin", "first-admin"])
        }
    }

    @Test(
        "Another document takes the place of the one under way: at the same gateway, and the others keep the good one")
    func supersede() async throws {
        try await Self.with { control, gateways in
            try await control.beginRollout(gateways)
            gateways[0].serve(20, failing: 4)
            for gateway in gateways { try await gateway.pull(control) }
            #expect(try await control.publish(TestControl.third).generation == 4)
            try await control.until("one has the third", gateways) { $0?.phase == "canary" && gateways[0].has == 4 }
            #expect(gateways.map(\.has) == [4, 3, 3] && gateways[1].document == TestControl.document)
            #expect(try await control.rollout?.proposed == 4)
            gateways[0].serve(20, failing: 4)
            try await control.until("it is judged anew", gateways) { $0?.detail.contains("too few") == true }
            gateways[0].serve(20, failing: 4)
            try await control.until("all are back", gateways) { _ in gateways.allSatisfy { $0.has == 5 } }
            #expect(gateways.allSatisfy { $0.document == TestControl.document })
        }
    }

    @Test("Superseded while it spreads, all but the first go back")
    func supersedeLater() async throws {
        try await Self.with { control, gateways in
            try await control.beginRollout(gateways)
            gateways[0].serve(40)
            try await control.until("all have it", gateways) { _ in gateways.allSatisfy { $0.has == 2 } }
            try await control.publish(TestControl.third)
            for gateway in gateways { try await gateway.pull(control) }
            #expect(gateways.map(\.has) == [4, 3, 3])
            #expect(gateways.map(\.document) == [TestControl.third, TestControl.document, TestControl.document])
        }
    }

    @Test("A rollback ends a roll-out and goes to all at once")
    func rollback() async throws {
        try await Self.with { control, gateways in
            try await control.beginRollout(gateways)
            let back = try await control.ask(
                "POST", "/v1/rollback", token: control.admin, body: RollbackView(to: 1, reason: "it was better"))
            #expect(back.status == 201 && back.generation == 3)
            for gateway in gateways { try await gateway.pull(control) }
            #expect(gateways.allSatisfy { $0.has == 3 && $0.document == TestControl.document })
            let view = try #require(try await control.rollout)
            #expect(view.phase == "returned" && view.detail == "rolled back by first-admin: it was better")
        }
    }

    @Test("A gateway is gone when its token is: nobody waits for it, and a first that is gone proved nothing")
    func revoked() async throws {
        try await Self.with { control, gateways in
            try await control.beginRollout(gateways)
            gateways[0].serve(40)
            try await control.until("it spreads", gateways) { $0?.phase == "spreading" }
            let rest = Array(gateways.dropLast())
            rest.forEach { $0.serve(40) }
            try await control.until("one is missing", rest) { view in
                rest.forEach { $0.serve(40) }
                return view?.notThere == ["c"]
            }
            #expect(try await control.rollout?.phase == "spreading")
            try await control.server.tokens.revoke("c", by: .system, now: WallClock.readMilliseconds())
            try await control.until("it is done", rest) { $0?.phase == "done" }
            try await control.publish(TestControl.third)
            try await control.until("one has it", rest) { $0?.phase == "canary" }
            let canary = try #require(try await control.rollout?.canary)
            try await control.server.tokens.revoke(canary, by: .system, now: WallClock.readMilliseconds())
            try await control.until("it is given up", rest.filter { $0.id != canary }) { $0?.cause == "canary-lost" }
        }
    }

    @Test("Why the first gateway refused it is said")
    func refused() async throws {
        var limits = Rollout.Limits.forTests
        limits.canaryNanoseconds = 0
        try await TestControl.run(rollout: limits) { control in
            let gateways = try await FakeGateway.make(["a"], at: control)
            try await control.publish()
            try await control.until("it has the first", gateways) { _ in gateways[0].has == 1 }
            gateways[0].refuse("OPENAI_API_KEY is not set")
            try await control.publish(TestControl.second)
            try await control.until("it is given up", gateways) { $0?.phase == "returned" }
            #expect(try await control.rollout?.detail == "gateway a refused it: OPENAI_API_KEY is not set")
        }
    }

    @Test("Numbers that cannot be true move nothing and break nothing")
    func liars() async throws {
        try await Self.with { control, gateways in
            try await control.beginRollout(gateways)
            let lies: [(inout GatewayReportView) -> Void] = [
                { $0.generation = 2 }, { $0.generation = .max }, { $0.generation = 3 },
                { $0.exchanges = .max }, { $0.failures = .max }, { $0.exchanges = -1 }, { $0.failures = .min },
                { ($0.exchanges, $0.failures) = (1 << 48, 1 << 48) }, { $0.source = "heaven" },
            ]
            for lie in lies {
                #expect([200, 204, 422].contains(try await gateways[1].pull(control, lie)))
                do { try await control.server.rollouts.advance(.read()) } catch is ProblemView {}
                #expect(try await control.rollout?.phase == "canary")
                #expect(control.server.snapshots.target(of: "b")?.number == 1)
            }
        }
    }

    /// What the store does where a write fails in the middle of a transaction.
    @Test(
        "A step that cannot be written whole is not taken at all, and taken when it can be",
        arguments: ["generations", "rollout"])
    func halfAStep(table: String) async throws {
        try await Self.with { control, gateways in
            let store = control.server.audit.store
            try await control.beginRollout(gateways)
            try await store.write {
                try $0.execute(
                    sql: """
                        CREATE TRIGGER broken BEFORE INSERT ON \(table)
                        BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END
                        """)
            }
            gateways[0].serve(20, failing: 10)
            for gateway in gateways { try await gateway.pull(control) }
            let failure = await #expect(throws: StoreFailure.self) {
                try await control.server.rollouts.advance(.read())
            }
            #expect(failure?.reason.contains("the disk is gone") == true)
            #expect(try await control.publish(TestControl.third).status == 503)
            #expect(try await act("return", control).status == 503)
            let rows = try await store.read { database in
                try String.fetchAll(
                    database, sql: "SELECT phase || (SELECT max(number) FROM generations) FROM rollout")
            }
            #expect(rows == ["canary2"])
            #expect(control.server.snapshots.newest?.number == 2)
            #expect(try await control.rollout?.phase == "canary")
            for gateway in gateways { try await gateway.pull(control) }
            #expect(gateways.map(\.has) == [2, 1, 1])
            try await store.write { try $0.execute(sql: "DROP TRIGGER broken") }
            try await control.until("all are back", gateways) { _ in gateways.allSatisfy { $0.has == 3 } }
            let back = try await control.audited("rollouts.return")
            // The server's own look may have come at the same moment, and then one of the two was overtaken.
            #expect(back.contains { $0.phase == .failed } && back.count { $0.phase == .completed } == 1)
        }
    }

    @Test("A file whose document came back is not published again by a restart")
    func file() async throws {
        let folder = try TestFolder()
        try await TestControl.run(in: folder, rollout: .forTests) { control in
            let gateways = try await FakeGateway.make(["a"], at: control)
            _ = try await control.server.publish(file: "holdfast.yaml", text: TestControl.document)
            try await control.until("it has the first", gateways) { _ in gateways[0].has == 1 }
            guard case .published(2) = try await control.server.publish(file: "f", text: TestControl.second) else {
                Issue.record("a file that has changed is published")
                return
            }
            try await control.until("it has the second", gateways) { _ in gateways[0].has == 2 }
            gateways[0].serve(20, failing: 10)
            try await control.until("it is back", gateways) { _ in gateways[0].has == 3 }
            guard case .unchanged(3) = try await control.server.publish(file: "f", text: TestControl.second) else {
                Issue.record("it was published, and came back")
                return
            }
            guard case .published(4) = try await control.server.publish(file: "f", text: TestControl.third) else {
                Issue.record("a file that has changed is published")
                return
            }
        }
    }
}
