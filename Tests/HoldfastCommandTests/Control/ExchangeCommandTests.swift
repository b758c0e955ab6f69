import HoldfastAPI
import HoldfastCore
import Testing

@testable import holdfast

/// Exchanges by command, against a real management plane with a gateway that told of two.
@Suite(.serialized) struct ExchangeCommandTests {
    private static let ids = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"]

    private static func receipt(_ id: String, end: String, degraded: String?, workload: String?) -> ExchangeReceiptView
    {
        let failed = ExchangeReceiptView.Attempt(
            deployment: "openai/gpt", startedMilliseconds: 1, firstTokenMilliseconds: nil, endedMilliseconds: 12,
            failure: "transient", continues: nil)
        let answered = ExchangeReceiptView.Attempt(
            deployment: "local/qwen", startedMilliseconds: 12, firstTokenMilliseconds: 30, endedMilliseconds: nil,
            failure: nil, continues: nil)
        return ExchangeReceiptView(
            id: id, endedAt: "2027-03-31T12:00:00.000Z", route: "assistant", workload: workload, generation: 1,
            operation: "chat", stream: true, criticality: "standard", delivery: "splice", end: end,
            status: end == "answered" ? 200 : 502, degraded: degraded, milliseconds: 40, firstTokenMilliseconds: 30,
            inputTokens: 3, outputTokens: nil, candidates: ["openai/gpt", "local/qwen"],
            attempts: end == "answered" ? [failed, answered] : [failed],
            exclusions: [.init(deployment: "local/qwen", reason: "breaker_open", atMilliseconds: 2)])
    }

    @Test func theyAreListedAndShown() async throws {
        try await ControlRig.run { control in
            let none = try await control.admin.run("exchanges", "list")
            #expect(none.status == .success && none.output.contains("no gateway has told of such an exchange"))
            try await control.report("gw-1") { report in
                report.receipts = ReceiptsView(
                    items: [
                        Self.receipt(Self.ids[1], end: "answered", degraded: "failover", workload: "triage"),
                        Self.receipt(Self.ids[0], end: "every_candidate_failed", degraded: nil, workload: nil),
                    ], leftOut: 7, operations: "127.0.0.1:8081")
            }
            let viewer = try await control.rig("viewer")
            let listed = try await viewer.run("exchanges", "list", "--json").view(ExchangePage.self)
            #expect(listed.items.map(\.receipt.id) == Self.ids.reversed() && listed.leftOut == 7)
            #expect(listed.items.map(\.gateway) == ["gw-1", "gw-1"])
            let text = try await viewer.run("exchanges", "list").output
            #expect(text.contains("failover") && text.contains("local/qwen") && text.contains("nobody"))
            #expect(text.contains("gateways have left out 7 others"))
            for (arguments, id) in [
                (["--degraded"], Self.ids[1]), (["--workload", "triage"], Self.ids[1]),
                (["--end", "every_candidate_failed"], Self.ids[0]), (["--most", "1"], Self.ids[1]),
            ] {
                let found = try await viewer.run(["exchanges", "list", "--json"] + arguments).view(ExchangePage.self)
                #expect(found.items.map(\.receipt.id) == [id], "\(arguments)")
            }
            let other = try await viewer.run("exchanges", "list", "--route", "other", "--json").view(ExchangePage.self)
            #expect(other.items.isEmpty)

            let shown = try await viewer.run("exchanges", "show", Self.ids[1])
            #expect(shown.status == .success)
            for words in ["triage", "after 30 ms", "3 in, unknown out", "breaker_open", "transient", "failover"] {
                #expect(shown.output.contains(words), "\(words): \(shown.output)")
            }
            let unknown = try await viewer.run("exchanges", "show", String(repeating: "0", count: 32))
            #expect(unknown.status == .failure && unknown.errors.contains("gw-1 at 127.0.0.1:8081"))
            let auditor = try await control.rig("auditor")
            #expect(try await auditor.run("exchanges", "list").status == .noPermission)
        }
    }
}
