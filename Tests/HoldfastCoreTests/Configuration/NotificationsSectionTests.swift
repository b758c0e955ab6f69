import Testing

@testable import HoldfastCore

@Suite struct NotificationsSectionTests {
    private static func compile(
        _ receivers: [(String, ConfigurationNode)], variables: [String: String] = ["TOKEN": "hidden"],
        needsControl: Bool = true
    ) -> ConfigurationOutcome {
        let document: [(String, ConfigurationNode)] = [
            ("version", .text("1")), ("control", .map([("notifications", .map(receivers))])),
            ("providers", .map([("e", .map([("base_url", .text("https://e.example"))]))])),
            ("routes", .map([("all", .map([("candidates", .list(["e/m"]))]))])),
        ]
        let references = ConfigurationReferences(
            environment: { variables[$0] }, file: { _ in .failed(reason: "is not there", mend: "none") },
            needsControl: needsControl)
        return ConfigurationCompiler.compile(.map(document), references: references)
    }

    private static func receiver(_ fields: (String, ConfigurationNode)...) -> ConfigurationNode { .map(fields) }

    @Test func everyFieldIsRead() throws {
        let outcome = Self.compile([
            (
                "oncall",
                Self.receiver(
                    ("format", .text("alertmanager")), ("url", .text("https://am.example:9093/prefix")),
                    ("authorization", .text("Bearer ${TOKEN}")), ("kinds", .list(["breaker", "backup-untested"])),
                    ("resend", .text("30s")))
            ),
            ("log", Self.receiver(("format", .text("cloudevents")), ("url", .text("http://127.0.0.1:9")))),
        ])
        let found = try #require(outcome.snapshot?.control.notifications)
        #expect(found.map(\.name) == ["oncall", "log"])
        #expect(found[0].format == .alertmanager)
        #expect(found[0].url?.description == "https://am.example:9093/prefix")
        #expect(found[0].authorization?.reveal() == "Bearer hidden")
        #expect(found[0].kinds == [.breaker, .backupUntested])
        #expect(found[0].resendNanoseconds == 30 * Span.second)
        #expect(found[1].kinds == Set(AlertKind.allCases))
        #expect(found.map(\.isReadable) == [true, true])
        #expect(!"\(found)".contains("hidden"))
    }

    static let mistakes: [(fields: [(String, ConfigurationNode)], path: String, fragment: String)] = [
        ([("format", .text("webhook"))], "control.notifications.oncall.url", "missing"),
        ([("url", .text("https://a.example"))], "control.notifications.oncall.format", "missing"),
        (
            [("format", .text("pager")), ("url", .text("https://a.example"))],
            "control.notifications.oncall.format", "not known"
        ),
        (
            [("format", .text("webhook")), ("url", .text("http://a.example")), ("authorization", .text("Bearer x"))],
            "control.notifications.oncall.url", "in clear"
        ),
        (
            [("format", .text("webhook")), ("url", .text("https://a.example")), ("kinds", .list(["fire"]))],
            "control.notifications.oncall.kinds[0]", "not known"
        ),
        (
            [("format", .text("webhook")), ("url", .text("https://a.example")), ("authorization", .text("${NONE}"))],
            "control.notifications.oncall.authorization", "not set"
        ),
    ]

    @Test(arguments: mistakes.indices) func mistakesAreNamed(_ index: Int) {
        let mistake = Self.mistakes[index]
        let outcome = Self.compile([("oncall", .map(mistake.fields))])
        #expect(outcome.snapshot == nil)
        #expect(
            outcome.problems.contains { $0.path == mistake.path && $0.message.contains(mistake.fragment) },
            "\(outcome.problems)")
    }

    @Test func whatOnlyTheManagementPlaneReadsKeepsNoGatewayFromServing() throws {
        let receivers: [(String, ConfigurationNode)] = [
            (
                "oncall",
                Self.receiver(
                    ("format", .text("webhook")), ("url", .text("${HOOK}")), ("authorization", .text("file:token")))
            )
        ]
        #expect(Self.compile(receivers, variables: [:]).snapshot == nil)
        let elsewhere = Self.compile(receivers, variables: [:], needsControl: false)
        let found = try #require(elsewhere.snapshot?.control.notifications.first)
        #expect(!found.isReadable)
        #expect(found.url == nil && found.authorization == nil)
        let marked = Self.compile(
            receivers, variables: ["HOOK": ConfigurationReferences.elsewhere], needsControl: false)
        #expect(marked.snapshot?.control.notifications.first?.isReadable == false)
    }
}
