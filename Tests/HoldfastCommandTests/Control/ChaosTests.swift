import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastCore
import Testing

@testable import holdfast

@Suite struct ChaosTests {
    private static let exports: [[String]] = [
        ["--plan", "kill-primary", "--route", "assistant", "--probes", "2", "--lease", "20s"],
        [
            "--plan", "kill-vendor", "--name", "acme inc", "--fault", "slow", "--delay", "2s", "--share", "10%",
            "--target", "5s",
        ],
        ["--plan", "kill-local", "--sham", "--reason", "it's a \"test\" | $(rm -rf) `x`"],
        ["--plan", "kill-control", "--confirm-outage", "--stop-lost-critical", "3", "--stop-lost-percent", "9"],
    ]

    @Test(arguments: exports)
    func whatIsExportedIsImportedAsTheSame(options: [String]) async throws {
        let exported = try await CommandRig().run(["drill", "export", "--chaostoolkit"] + options)
        #expect(exported.status == .success)
        let file = NSTemporaryDirectory() + "holdfast-chaos-\(UUID().uuidString).json"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Data(exported.output.utf8).write(to: URL(fileURLWithPath: file))
        let imported = try await CommandRig().run("drill", "import", file, "--json")
        #expect(imported.status == .success, "\(imported.errors)")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(imported.output.utf8)) as? [String: Any])
        let drills = try #require(object["drills"] as? [[String: Any]])
        #expect(drills.count == 1)
        let view = try APICoding.decode(NewDrillView.self, from: JSONSerialization.data(withJSONObject: drills[0]))
        let command = try #require(
            try Holdfast.parseAsRoot(["drill", "export", "--chaostoolkit"] + options) as? DrillExportCommand)
        let meant = try command.shape.view(
            plan: command.plan ?? "", reason: command.reason ?? "an experiment of the Chaos Toolkit")
        #expect(view.arguments == meant.arguments)
        let shown = try await CommandRig().run("drill", "import", file)
        #expect(shown.output.contains("holdfast drill run \(meant.plan)"))
    }

    private static func experiment(_ provider: String, type: String = "action") -> String {
        #"{"title": "t", "method": [{"type": "\#(type)", "name": "n", "provider": \#(provider)}]}"#
    }

    @Test(arguments: [
        (
            #"{"type": "http", "url": "http://c/v1/drills", "method": "POST", "arguments": {"plan": "kill-local", "reason": "r", "probes": 2}}"#,
            "drill run kill-local --probes 2 --reason r"
        ),
        (
            #"{"type": "process", "path": "/usr/bin/holdfast", "arguments": "drill run kill-provider --name east --reason 'two words'"}"#,
            "drill run kill-provider --name east --reason 'two words'"
        ),
        (
            #"{"type": "python", "module": "chaostoxi.proxy.actions", "func": "disable_proxy", "arguments": {"proxy_name": "east"}}"#,
            "drill run kill-provider --name east --fault refuse --reason 'chaos experiment: t'"
        ),
        (
            #"{"type": "python", "module": "chaostoxi.toxic.actions", "func": "create_latency_toxic", "arguments": {"for_proxy": "east", "toxic_name": "x", "latency": 2000}}"#,
            "drill run kill-provider --name east --fault slow --delay 2000ms --reason 'chaos experiment: t'"
        ),
    ])
    func whatOthersWriteIsUnderstoodWhereItHasACounterpart(provider: String, command: String) throws {
        let found = try ChaosImport(Data(Self.experiment(provider).utf8))
        #expect(found.drills.map(\.commandLine) == ["holdfast \(command)"])
    }

    @Test(arguments: [
        ("{", "the file"), ("[]", "the file"), (#"{"title": "t"}"#, "method"),
        (#"{"title": "t", "method": []}"#, "method"),
        (experiment(#"{"type": "process", "path": "kubectl", "arguments": "delete pod"}"#), "method[0].provider.path"),
        (
            experiment(#"{"type": "process", "path": "holdfast", "arguments": "drain --provider x"}"#),
            "method[0].provider.arguments"
        ),
        (
            experiment(#"{"type": "process", "path": "holdfast", "arguments": "drill run x --nonsense"}"#),
            "method[0].provider.arguments"
        ),
        (experiment(#"{"type": "http", "url": "http://c/v1/drills"}"#), "method[0].provider.url"),
        (
            experiment(#"{"type": "http", "url": "http://c/v1/drills", "method": "POST"}"#),
            "method[0].provider.arguments"
        ),
        (
            experiment(#"{"type": "python", "module": "chaosk8s.pod.actions", "func": "terminate_pods"}"#),
            "method[0].provider.module"
        ),
        (
            experiment(#"{"type": "python", "module": "chaostoxi.toxic.actions", "func": "create_slicer_toxic"}"#),
            "method[0].provider.func"
        ),
        (
            experiment(#"{"type": "python", "module": "chaostoxi.proxy.actions", "func": "disable_proxy"}"#),
            "method[0].provider.arguments"
        ),
        (experiment(#"{"type": "probe", "path": "x"}"#, type: "probe"), "method"),
        (experiment("{}", type: "control"), "method[0].provider.type"),
    ])
    func whatHasNoCounterpartIsRefusedByItsPlace(text: String, place: String) {
        let refusal = #expect(throws: ChaosImport.Refusal.self) { try ChaosImport(Data(text.utf8)) }
        #expect(refusal?.place == place, "\(String(describing: refusal))")
        #expect(refusal?.mend.isEmpty == false)
    }
}
