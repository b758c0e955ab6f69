import ArgumentParser
import HoldfastAPI
import HoldfastCore

struct StatusCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show whether everything is as it is meant to be.",
        discussion: """
            Generation, roll-out, overrides, backup and each gateway, and in words what is wrong: a gateway that is silent, not ready, \
            or not on the generation it is to have. That no gateway reports at all is wrong too: nobody knows whether \
            anybody serves then.

            EXAMPLES
              holdfast status
              holdfast status --json | jq .generation
              until holdfast status > /dev/null; do sleep 2; done     wait until a change is everywhere

            EXIT CODES
              0   as it is meant to be
              1   something is wrong, or a change is not everywhere yet; the report says what
              69  the management plane does not answer
              77  no valid token
            """
    )

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let status = try await client.status()
        let diagnosis = Diagnosis(status)
        show(status, console) { StatusReport(status: status, diagnosis: diagnosis).report }
        return diagnosis.wrong.isEmpty && diagnosis.unfinished.isEmpty ? .success : .failure
    }
}

struct GatewaysCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateways",
        abstract: "List the gateways that have reported within a day.",
        discussion: """
            SOURCE is where the snapshot in force came from: control, the ring of those kept on the gateway's disk, or \
            its file. TARGET is the generation it is to have.

            EXAMPLES
              holdfast gateways
              holdfast gateways --json | jq -r '.items[] | select(.silent_for_milliseconds > 30000) | .id'

            EXIT CODES
              0   shown
              69  the management plane does not answer
              77  no valid token
            """
    )

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let page = try await client.gateways()
        show(page, console) {
            var report = Report()
            if page.items.isEmpty {
                report.line("no gateway has reported within a day")
            } else {
                report.table(StatusReport.table(of: page.items))
            }
            return report
        }
        return .success
    }
}

/// What is not as it is meant to be, in words. Absence is never success: what nobody reports is not fine.
struct Diagnosis: Sendable {
    private(set) var wrong: [String] = []
    /// What will be well, and is not yet.
    private(set) var unfinished: [String] = []
    private(set) var notes: [String] = []

    init(_ status: StatusView) {
        if status.generation == 0 {
            wrong.append("nothing has been published: holdfast config publish FILE --reason …")
        }
        if status.gateways.isEmpty {
            wrong.append("no gateway has reported, so nobody knows whether anybody serves")
        }
        for gateway in status.gateways { wrong += Self.faults(of: gateway) }
        if let rollout = status.rollout { note(rollout, status.gateways) }
        switch status.lastVerifiedBackupAgeMilliseconds {
        case nil: notes.append("no backup has been verified: what is in the store is nowhere else")
        case let age?: notes.append("the newest verified backup is \(Words.span(milliseconds: age)) old")
        }
        if let drills = status.drills { note(drills) }
    }

    private mutating func note(_ drills: DrillsStatusView) {
        if let running = drills.running {
            notes.append("the drill \(running) is under way (\(drills.plan ?? "?")): holdfast drill show \(running)")
        }
        if drills.halt.halted {
            notes.append("all drills are halted by \(drills.halt.by ?? "?"): \(drills.halt.reason ?? "")")
        }
        guard let counts = drills.fallbacks else { return }
        let unknown = counts.untested + counts.outdated + counts.failed
        if unknown > 0 {
            notes.append(
                "\(unknown) of \(Words.count(unknown + counts.tested, "fallback")) "
                    + "\(unknown == 1 ? "is" : "are") not known to work: holdfast drill fallbacks")
        }
    }

    private mutating func note(_ rollout: RolloutView, _ gateways: [GatewayView]) {
        switch (rollout.isOpen, rollout.phase) {
        case (true, _):
            let words = "generation \(rollout.proposed) is rolled out: \(rollout.detail); holdfast rollout show"
            let isEverywhere = gateways.allSatisfy { $0.target == rollout.proposed && Self.isOnTarget($0) }
            if isEverywhere, !gateways.isEmpty { notes.append(words) } else { unfinished.append(words) }
        case (false, "returned"):
            notes.append("the roll-out of generation \(rollout.proposed) came back: \(rollout.detail)")
        default: break
        }
    }

    static func isSilent(_ gateway: GatewayView) -> Bool {
        gateway.silentForMilliseconds > PullSchedule.staleNanoseconds / Span.millisecond
    }

    static func isOnTarget(_ gateway: GatewayView) -> Bool {
        // A file has no number that could be compared with a generation's.
        gateway.report.source != "file" && gateway.report.generation == gateway.target
    }

    private static func faults(of gateway: GatewayView) -> [String] {
        let name = "gateway \(gateway.id)"
        // What a silent one said last says nothing about what it does.
        guard !isSilent(gateway) else {
            return ["\(name) has been silent for \(Words.span(milliseconds: gateway.silentForMilliseconds))"]
        }
        var faults: [String] = []
        if !gateway.report.ready { faults.append("\(name) is not ready: it can serve no route") }
        if let refused = gateway.report.refused {
            faults.append("\(name) has refused the newest generation: \(refused)")
        }
        if gateway.report.source == "file" {
            faults.append("\(name) serves its own file, not generation \(gateway.target)")
        } else if gateway.report.generation != gateway.target {
            faults.append("\(name) is on generation \(gateway.report.generation), and is to have \(gateway.target)")
        }
        return faults
    }
}

struct StatusReport: Sendable {
    var status: StatusView
    var diagnosis: Diagnosis

    var report: Report {
        var report = Report()
        report.heading("Management plane")
        var facts: [(String, Piece)] = [("generation", "\(status.generation)")]
        if let rollout = status.rollout, rollout.isOpen {
            facts.append(("roll-out", .yellow("of generation \(rollout.proposed), \(rollout.step.text)")))
        }
        facts += [
            ("overrides", status.overrides == 0 ? "none" : .yellow("\(status.overrides) in force")),
            ("backup", backup), ("fallbacks", fallbacks), ("drills", drills),
            ("audit log", "\(Words.count(status.auditEntries, "entry", "entries"))"),
            ("version", "\(status.version)"), ("you are", "\(status.principal), \(status.kind)"),
        ]
        report.facts(facts)
        if !status.gateways.isEmpty {
            report.blank()
            report.heading("Gateways")
            report.table(Self.table(of: status.gateways))
        }
        report.blank()
        for fault in diagnosis.wrong { report.line(.red("wrong"), ": \(fault)") }
        for words in diagnosis.unfinished { report.line(.yellow("under way"), ": \(words)") }
        for note in diagnosis.notes { report.line(.faint("note: \(note)")) }
        if diagnosis.wrong.isEmpty, diagnosis.unfinished.isEmpty { report.line(.green("as it is meant to be")) }
        return report
    }

    private var backup: Piece {
        guard let age = status.lastVerifiedBackupAgeMilliseconds else {
            return .yellow("untested: none was ever verified")
        }
        return "verified \(Words.span(milliseconds: age)) ago"
    }

    /// A fallback without a fresh passing drill is untested, whatever anybody believes.
    private var fallbacks: Piece {
        guard let counts = status.drills?.fallbacks else { return .yellow("unknown") }
        let states = [
            (counts.failed, "failed"), (counts.untested, "untested"), (counts.outdated, "outdated"),
            (counts.tested, "tested"),
        ]
        let words = states.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        guard !words.isEmpty else { return .yellow("none") }
        return Piece(words, counts.failed > 0 ? .red : counts.untested + counts.outdated > 0 ? .yellow : .green)
    }

    private var drills: Piece {
        guard let drills = status.drills else { return "unknown" }
        if drills.halt.halted { return .yellow("halted since \(drills.halt.since?.prefix(19) ?? "?")Z") }
        guard let running = drills.running else { return "none under way" }
        return .yellow("\(running), \(drills.phase?.sentence ?? "")")
    }

    static func table(of gateways: [GatewayView]) -> Table {
        Table(
            header: [
                "GATEWAY", "READY", "SOURCE", "GENERATION", "TARGET", "SILENT", "IN FLIGHT", "SHEDDING", "VERSION",
            ],
            rows: gateways.map { gateway in
                let report = gateway.report
                let silent = Words.span(milliseconds: gateway.silentForMilliseconds)
                return [
                    .bold(gateway.id), report.ready ? .green("yes") : .red("no"), Piece(report.source),
                    Piece("\(report.generation)", Diagnosis.isOnTarget(gateway) ? nil : .red), "\(gateway.target)",
                    Piece(silent, Diagnosis.isSilent(gateway) ? .red : nil), "\(report.exchangesInFlight)",
                    Piece(report.shedding, report.shedding == "none" ? nil : .yellow), "\(report.version)",
                ]
            })
    }
}
