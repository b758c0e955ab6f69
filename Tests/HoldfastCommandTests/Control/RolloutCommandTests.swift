import HoldfastAPI
import HoldfastCore
import Testing

@testable import holdfast

/// A roll-out by command, against a real management plane with a gateway that reports once.
@Suite(.serialized) struct RolloutCommandTests {
    private func until(_ phase: String, _ control: ControlRig) async throws -> RolloutView {
        for _ in 0..<2_000 {
            let told = try await control.admin.run("rollout", "show", "--json")
            let found = try told.view(NewestRolloutView.self).rollout
            if let found, found.phase == phase { return found }
        }
        let told = try await control.admin.run("rollout", "show")
        throw Missed(description: "\(phase) was not reached: \(told.output)")
    }

    private struct Missed: Error, CustomStringConvertible {
        var description: String
    }

    @Test func itIsShownReleasedAndTakenBack() async throws {
        try await ControlRig.run { control in
            let none = try await control.admin.run("rollout", "show")
            #expect(none.status == .success && none.output.contains("there was no roll-out yet"))
            let nothing = try await control.admin.run("rollout", "return", "--reason", "because")
            #expect(nothing.status == .failure && nothing.errors.contains("mend: "))

            let first = try await control.publish()
            #expect(!first.output.contains("roll-out"))
            try await control.report("gw-1")
            let second = try await control.publish(ControlRig.document + "# second\n", reason: "a comment")
            #expect(second.status == .success && second.output.contains("published as generation 2"))
            #expect(second.output.contains("its roll-out has begun"))

            let canary = try await until("canary", control)
            #expect(canary.canary == "gw-1" && canary.good == 1 && canary.reason == "a comment")
            let shown = try await control.admin.run("rollout", "show")
            #expect(shown.output.contains("Roll-out of generation 2\n"))
            #expect(shown.output.contains("at one gateway, gw-1") && shown.output.contains("not there"))
            let status = try await control.admin.run("status")
            #expect(status.status == .failure)
            #expect(status.output.contains("under way: generation 2 is rolled out: the first gateway"))
            #expect(status.output.contains("of generation 2, at one gateway, gw-1"))

            let viewer = try await control.rig("viewer")
            #expect(try await viewer.run("rollout", "show").status == .success)
            #expect(try await viewer.run("rollout", "release", "--reason", "I like it").status == .noPermission)
            let operatorRig = try await control.rig("operator")
            let released = try await operatorRig.run("rollout", "release", "--reason", "it answered me")
            #expect(released.status == .success && released.output.contains("released: generation 2 goes on"))
            let back = try await operatorRig.run("rollout", "return", "--reason", "too short")
            #expect(back.status == .success)
            #expect(
                back.output.contains("taken back: all gateways get the document of generation 1 again, as generation 3")
            )
            let after = try await control.admin.run("rollout", "show")
            #expect(after.output.contains("taken back by operator-1: too short"))
            let note = try await control.admin.run("status")
            #expect(note.output.contains("note: the roll-out of generation 2 came back: taken back by operator-1"))
            #expect(try await control.admin.run("config", "show", "newest", "--document").output == ControlRig.document)
        }
    }
}
