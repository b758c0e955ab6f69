import Foundation
import HoldfastAPI
import HoldfastCore
import Testing

@testable import holdfast

/// Drills by command, against a real management plane with gateways that say what they are told to.
@Suite(.serialized) struct DrillCommandTests {
    private static func seen(
        _ order: String, _ phase: DrillObservationView.Phase, degraded: Int = 30
    ) -> DrillObservationView {
        var seen = DrillObservationView(order: order, phase: phase)
        seen.baseline.answered = 4
        guard phase != .baseline else { return seen }
        seen.ageMilliseconds = 900
        seen.met = degraded
        seen.standard.degraded = degraded
        (seen.detectedAfterMilliseconds, seen.actedAfterMilliseconds, seen.recoveredAfterMilliseconds) = (20, 21, 40)
        seen.answerers = [DrillObservationView.Answerer(deployment: "local/qwen", count: degraded)]
        seen.seconds = [
            DrillObservationView.Second(second: -1, counts: seen.baseline),
            DrillObservationView.Second(second: 0, counts: seen.standard),
        ]
        if phase == .over {
            (seen.ended, seen.isSteadyAgain, seen.recoveryIsFinal) = ("lease", true, true)
        }
        return seen
    }

    /// Reports, each second as a gateway does, until it is cancelled: what it says of the order that it finds.
    private static func gateway(
        _ control: ControlRig, token: String, _ told: @escaping @Sendable (String, Int) -> DrillObservationView?
    ) async {
        let client = ControlClient(base: control.base, token: Secret(token))
        var report = GatewayReportView(
            version: "test", generation: 1, source: "control", ready: true, exchangesInFlight: 0, exchanges: 0,
            failures: 0, refused: nil, shedding: "none")
        let admin = ControlClient(
            base: control.base, token: Secret(control.admin.environment["HOLDFAST_TOKEN"] ?? ""))
        var looks = 0
        while !Task.isCancelled {
            let order = try? await admin.drills(most: 1).items.first { $0.phase != .done }?.overrideId
            if order != nil { looks += 1 }
            report.drills = order.flatMap { told($0, looks) }.map { [$0] }
            _ = try? await client.pull(report)
            try? await Task.sleep(for: .milliseconds(400))
        }
        await client.shutDown()
        await admin.shutDown()
    }

    private func with(
        _ told: @escaping @Sendable (String, Int) -> DrillObservationView?,
        _ body: @escaping @Sendable (ControlRig) async throws -> Void
    ) async throws {
        try await ControlRig.run { control in
            try await control.publish()
            let made = try await control.admin.run("tokens", "create", "gw-1", "--kind", "node")
            let token = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await Self.gateway(control, token: token, told) }
                for _ in 0..<200 {
                    guard try await control.admin.run("gateways").output.contains("no gateway") else { break }
                }
                try await body(control)
                tasks.cancelAll()
            }
        }
    }

    @Test func aDrillThatPassesIsFollowedShownAndProven() async throws {
        try await with { order, looks in
            Self.seen(order, looks < 4 ? .baseline : looks < 8 ? .fault : .over)
        } _: { control in
            let outcome = "\(control.folder)/outcome.json"
            let before = try await control.admin.run("drill", "outcome", outcome)
            #expect(before.status == .success && before.output == "not begun\n")
            let told = try await control.admin.run(
                "drill", "run", "kill-primary", "--route", "assistant", "--lease", "20s", "--reason", "a test",
                "--outcome", outcome)
            #expect(told.status == .success, "\(told.output)\(told.errors)")
            #expect(
                told.output.contains("kill-primary of assistant: refuses connections to deployment openai/gpt for 20 s")
            )
            #expect(told.output.contains("the fault is in effect") && told.output.contains("passed"))
            #expect(told.output.contains("recovered after 40 ms; the target is 30 s"))
            let after = try await control.admin.run("drill", "outcome", outcome)
            #expect(after.status == .success && after.output.contains("passed"))
            let id = try #require(DrillOutcomeFile.read(outcome)?.drill)
            #expect(
                try await control.admin.run("drill", "stop", "--outcome", outcome, "--reason", "over").status
                    == .success)

            let shown = try await control.admin.run("drill", "show", id)
            #expect(shown.output.contains("o|d") && shown.output.contains("answered by"))
            let list = try await control.admin.run("drill", "list")
            #expect(list.output.contains(id) && list.output.contains("40 ms"))
            let fallbacks = try await control.admin.run("drill", "fallbacks")
            #expect(fallbacks.status == .success && fallbacks.output.contains("5 %"))
            let status = try await control.admin.run("status")
            #expect(status.output.contains("1 tested"))

            let bundle = "\(control.folder)/bundle.json"
            let written = try await control.admin.run("drill", "evidence", id, "--format", "bundle", "-o", bundle)
            #expect(written.status == .success, "\(written.errors)")
            let key = "\(control.folder)/signing.pub"
            let verified = try await CommandRig().run("drill", "verify", bundle, "--key", key)
            #expect(
                verified.status == .success && verified.output.contains("as signed: \(id)"),
                "\(verified.output)\(verified.errors)")
            let page = try await control.admin.run("drill", "evidence", id)
            for part in ["# Drill \(id): PASS", "## Timeline", "| 0 | 0 | 30 | 0 | 0 |", "drills.start", "SHA-256"] {
                #expect(page.output.contains(part), "\(part)\n\(page.output)")
            }
            let again = try await control.admin.run("drill", "evidence", id, "--format", "bundle", "-o", bundle)
            #expect(again.status == .cannotCreate, "evidence is not written over")
            try Data(String(contentsOfFile: bundle, encoding: .utf8).replacing("A", with: "B").utf8)
                .write(to: URL(fileURLWithPath: bundle))
            let forged = try await CommandRig().run("drill", "verify", bundle, "--key", key)
            #expect(forged.status == .failure && forged.output.contains("NOT as signed"))

            let exported = try await control.admin.run("drill", "export", id, "--chaostoolkit")
            #expect(exported.status == .success && exported.output.contains("\"a test\""))
        }
    }

    @Test func aDrillThatFailsAndOneThatProvesNothingEndDifferently() async throws {
        try await with { order, looks in
            var seen = Self.seen(order, looks < 3 ? .baseline : .over)
            if looks >= 3 { seen.recoveredAfterMilliseconds = 800 }
            return seen
        } _: { control in
            let run = ["drill", "run", "kill-primary", "--route", "assistant", "--reason", "a test"]
            let failed = try await control.admin.run(run + ["--target", "500ms", "--json"])
            #expect(failed.status == .failure)
            let view = try failed.view(DrillView.self)
            #expect(view.because.first == "recovery took 800 ms, and the target is 500 ms")
            #expect(try await control.admin.run("drill", "fallbacks").status == .failure)
            let status = try await control.admin.run("status")
            #expect(
                status.output.contains("1 failed") && status.output.contains("1 of 1 fallback is not known to work"))
        }
        try await with { order, looks in
            Self.seen(order, looks < 3 ? .baseline : .over, degraded: 4)
        } _: { control in
            let open = try await control.admin.run(
                "drill", "run", "kill-primary", "--route", "assistant", "--reason", "a test")
            #expect(open.status == .inconclusive && open.output.contains("too little traffic"), "\(open.output)")
        }
    }

    @Test func theLeverAndTheTabletop() async throws {
        try await ControlRig.run { control in
            try await control.publish()
            #expect(try await control.admin.run("drill", "list").output.contains("there was no drill yet"))
            #expect(try await control.admin.run("drill", "halt", "--reason", "a real one").status == .success)
            let refused = try await control.admin.run(
                "drill", "run", "kill-primary", "--route", "assistant", "--reason", "x")
            #expect(refused.status == .failure && refused.errors.contains("mend: ask there"))
            let status = try await control.admin.run("status")
            #expect(status.output.contains("note: all drills are halted by first-admin: a real one"))
            let viewer = try await control.rig("viewer")
            #expect(try await viewer.run("drill", "resume", "--reason", "x").status == .noPermission)
            #expect(try await control.admin.run("drill", "resume", "--reason", "over").status == .success)

            let started = try await control.admin.run(
                "drill", "run", "tabletop", "--step", "page", "--step", "read", "--reason", "quarterly", "--json")
            let id = try started.view(DrillView.self).id
            _ = try await control.admin.run("drill", "tick", id, "1", "--note", "4 min")
            let done = try await control.admin.run("drill", "tick", id, "2", "--failed", "--note", "no page")
            #expect(done.output.contains("FAILED") && done.output.contains("step 2 did not work (read): no page"))
            let page = try await control.admin.run("drill", "evidence", id)
            #expect(page.output.contains("## Steps") && !page.output.contains("## Timeline"))
            #expect(try await control.admin.run("drill", "schedules").output.contains("no drill starts by itself"))
            #expect(try await control.admin.run("drill", "show", "nobody").status == .failure)
        }
    }

    @Test func whatPeopleWriteMarksNothingUp() {
        #expect(
            EvidenceMarkdown.plain("a|b\n# c <b>`x`*_ & [l](u)") == ##"a\|b\\u000a\# c \<b\>\`x\`\*\_ &amp; \[l\](u)"##)
    }

    @Test func aTimelineNeverGrowsBeyondItsLine() {
        var seconds: [DrillObservationView.Second] = []
        for (second, change) in [(-1, 0), (0, 1), (1, 2), (4, 0)] {
            var counts = DrillObservationView.Counts()
            if change == 0 { counts.answered = 1 } else if change == 1 { counts.lost = 1 } else { counts.degraded = 1 }
            seconds.append(.init(second: second, counts: counts))
        }
        #expect(DrillTimeline.marks(seconds, most: 80) == "o|xd  o")
        #expect(DrillTimeline.marks(seconds, most: 3) == "  o")
        seconds.append(.init(second: 80_000, counts: .init()))
        #expect(DrillTimeline.marks(seconds, most: 10).count == 10)
        #expect(DrillTimeline.marks([], most: 10).isEmpty)
    }
}
