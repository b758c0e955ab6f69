import Foundation
import HoldfastAPI
import Testing

@testable import holdfast

/// What happened, what is wrong and who is told, by command.
@Suite("Events by command", .serialized)
struct EventCommandTests {
    @Test("Events are lines, alerts end with 1, and receivers show whether they were ever reached")
    func commands() async throws {
        try await ControlRig.run { rig in
            let quiet = try await rig.admin.run("alerts")
            #expect(quiet.status == .success)
            try await rig.publish(
                ControlRig.document
                    + "control: {notifications: {hook: {format: webhook, url: \"http://127.0.0.1:9\"}}}\n")
            let made = try await rig.admin.run(
                "restrict", "--provider", "openai", "--reason", "the ruling of today", "--for", "1h")
            #expect(made.status == .success, "\(made.errors)")
            var alerts = try await rig.admin.run("alerts")
            for _ in 0..<200 where alerts.status == .success {
                try await Task.sleep(for: .milliseconds(50))
                alerts = try await rig.admin.run("alerts")
            }
            #expect(alerts.status == .failure)
            #expect(alerts.output.contains("restriction") && alerts.output.contains("mend:"))

            let events = try await rig.admin.run("events", "--types", "generation.published,override.created", "--json")
            let lines = events.output.split(separator: "\n")
            let views = try lines.map { try APICoding.decode(EventView.self, from: Data($0.utf8)) }
            #expect(views.map(\.type) == ["generation.published", "override.created"])
            let first = try #require(views.first)
            let after = try await rig.admin.run("events", "--after", "\(first.id)")
            #expect(after.output.contains("override.created") && !after.output.contains("generation.published"))
            let old = try await rig.admin.run("events", "--after", "1")
            #expect(old.errors.contains("lost"))

            let receivers = try await rig.admin.run("notifications", "list", "--json")
            let hook = try #require(try receivers.view(Page<NotificationView>.self).items.first)
            #expect(hook.name == "hook" && hook.state != .working)
            let test = try await rig.admin.run("notifications", "test", "hook")
            #expect(test.status == .unavailable)
            #expect(test.errors.contains("Connection refused"), "\(test.errors)")
        }
    }
}
