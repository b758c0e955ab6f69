import HoldfastAPI
import HoldfastCore

/// A drill as an experiment of the Chaos Toolkit, for those who run theirs with that.
///
/// Its hypothesis is asked before the method and after, and cannot tell the two apart; so it asks a file that
/// `holdfast drill run` writes, which is not there before. The drill itself still ends by itself, whatever becomes of
/// `chaos`; its rollback only makes that sooner.
struct ChaosExperiment {
    /// What the experiment runs: found on the path, so that a file that was exported here runs elsewhere.
    static let program = "holdfast"
    private static let outcome = "${holdfast_outcome}"

    var view: NewDrillView
    var title: String

    var json: JSONValue {
        [
            "version": "1.0.0",
            "title": .string(title),
            "description": .string(
                "Holdfast makes it fail in its gateways, under a lease that ends by itself. The management plane is at "
                    + "$\(ControlOptions.addressVariable), and its token in $\(ControlOptions.tokenVariable)."),
            "tags": ["holdfast", "drill"],
            "configuration": configuration,
            "steady-state-hypothesis": [
                "title": "The gateway serves, the management plane answers, and the drill has not failed",
                "probes": [
                    Self.probe("the gateway can serve a route", "${holdfast_operations}/readyz"),
                    Self.probe("the management plane answers", "${holdfast_control}/livez"),
                    [
                        "type": "probe", "name": "the drill has passed, or has not begun", "tolerance": 0,
                        "provider": Self.process(["drill", "outcome", Self.outcome], seconds: 10),
                    ],
                ],
            ],
            "method": [
                [
                    "type": "action", "name": .string(title),
                    "provider": Self.process(view.arguments + ["--outcome", Self.outcome], seconds: longestSeconds),
                ]
            ],
            "rollbacks": [
                [
                    "type": "action", "name": "end the drill, where it is not over",
                    "provider": Self.process(
                        ["drill", "stop", "--outcome", Self.outcome, "--reason", "the experiment is over"], seconds: 30),
                ]
            ],
        ]
    }

    private var configuration: JSONValue {
        [
            "holdfast_control": [
                "type": "env", "key": .string(ControlOptions.addressVariable),
                "default": .string(ControlOptions.usualAddress),
            ],
            "holdfast_operations": [
                "type": "env", "key": "HOLDFAST_OPERATIONS", "default": .string(TopCommand.usualOperations),
            ],
            // The name of a file that is not there, for this run alone.
            "holdfast_outcome": [
                "type": "probe", "name": "a name for the drill's outcome",
                "provider": [
                    "type": "process", "path": "mktemp", "arguments": ["-u", "-t", "holdfast-drill.XXXXXXXX"],
                ],
            ],
        ]
    }

    /// As long as a drill can take, which its own bounds say; a gateway's silence is among them.
    private var longestSeconds: Int {
        func seconds(_ text: String?, _ usual: Int64) -> Int64 {
            (text.flatMap(ConfigurationUnits.duration) ?? usual * Span.millisecond) / Span.second
        }
        let limits = DrillRun.Limits()
        let bounds = limits.takeNanoseconds + 3 * limits.slackNanoseconds + limits.recoveryNanoseconds
        return Int(
            seconds(view.lease, DrillRequest.usualLeaseMilliseconds) + seconds(view.baseline, 3_000)
                + bounds / Span.second + 60)
    }

    private static func probe(_ name: String, _ url: String) -> JSONValue {
        [
            "type": "probe", "name": .string(name), "tolerance": 200,
            "provider": ["type": "http", "url": .string(url), "timeout": 5],
        ]
    }

    private static func process(_ arguments: [String], seconds: Int) -> JSONValue {
        [
            "type": "process", "path": .string(program), "arguments": .strings(arguments), "timeout": .integer(seconds),
        ]
    }
}

extension NewDrillView {
    /// The same drill, in other words: as it was run.
    init?(again drill: DrillView) {
        guard let order = drill.order else { return nil }
        self.init(plan: drill.plan, reason: drill.reason)
        func span(_ milliseconds: Int64) -> String { ConfigurationUnits.durationText(milliseconds * Span.millisecond) }
        let usual = FaultOrder.StopConditions()
        route = drill.route
        // What is killed by a route or by itself names nothing.
        name = DrillPlan(rawValue: drill.plan)?.noun == nil ? nil : order.name
        sham = order.fault == InjectedFault.sham.rawValue ? true : nil
        fault = order.fault == InjectedFault.sham.rawValue ? nil : order.fault
        share = order.sharePercent == 100 ? nil : order.sharePercent
        lease = span(order.leaseMilliseconds)
        delay = order.fault == InjectedFault.slow.rawValue ? span(order.delayMilliseconds) : nil
        baseline = span(order.baselineMilliseconds)
        probes = order.probesPerSecond == 0 ? nil : order.probesPerSecond
        target = drill.measures?.recoveryTarget.map(span)
        stopLostCritical = order.stopLostCritical == usual.lostCritical ? nil : order.stopLostCritical
        stopLostPercent = order.stopLostPercent == usual.lostPercent ? nil : order.stopLostPercent
    }

    /// As they stand on a command line after `holdfast`.
    var arguments: [String] {
        var words = ["drill", "run", plan]
        func add(_ option: String, _ value: String?) {
            if let value { words += [option, value] }
        }
        add("--route", route)
        add("--name", name)
        add("--fault", fault)
        add("--share", share.map { "\($0)%" })
        add("--lease", lease)
        add("--delay", delay)
        add("--baseline", baseline)
        add("--probes", probes.map(String.init))
        add("--target", target)
        add("--stop-lost-critical", stopLostCritical.map(String.init))
        add("--stop-lost-percent", stopLostPercent.map(String.init))
        if sham == true { words.append("--sham") }
        if confirmed == true { words.append("--confirm-outage") }
        add("--reason", reason)
        return words
    }

    var commandLine: String {
        (["holdfast"] + arguments).map { word in
            let isPlain =
                !word.isEmpty
                && word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./:%@+=,".contains($0)) }
            return isPlain
                ? word : "'\(word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
        }.joined(separator: " ")
    }
}
