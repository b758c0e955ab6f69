import ArgumentParser
import HoldfastAPI
import HoldfastCore

struct DrillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract: "Make something fail on purpose, and see whether the work goes on.",
        discussion: """
            Gateways inject the failure into their own attempts, under a lease that ends by itself, so nobody else's \
            provider is harmed. One drill at a time; holdfast drill halt ends all and refuses new ones.

            EXAMPLES
              holdfast drill run kill-primary --route assistant --probes 2 --reason 'before the release'
              holdfast drill fallbacks
              holdfast drill evidence drill-4k2m9x1c --format bundle -o evidence.json
              holdfast drill halt --reason 'a real incident'
            """,
        subcommands: [
            DrillRunCommand.self, DrillListCommand.self, DrillShowCommand.self, DrillStopCommand.self,
            DrillHaltCommand.self, DrillResumeCommand.self, DrillTickCommand.self, DrillPlansCommand.self,
            DrillSchedulesCommand.self, DrillFallbacksCommand.self, DrillEvidenceCommand.self, DrillVerifyCommand.self,
            DrillExportCommand.self, DrillImportCommand.self, DrillOutcomeCommand.self,
        ]
    )
}

struct DrillListCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List drills, the newest first.",
        discussion: """
            EXAMPLES
              holdfast drill list
              holdfast drill list --json | jq -r '.items[] | select(.verdict == "fail") | .id'

            EXIT CODES
              0   shown
              69  the management plane does not answer
              77  no valid token
            """
    )

    @OptionGroup var most: MostOption
    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let page = try await client.drills(most: most.most)
        show(page, console) {
            var report = Report()
            if page.items.isEmpty {
                report.line("there was no drill yet: whether any fallback works is not known")
                report.line("holdfast drill run kill-primary --route ROUTE --probes 2 --reason …", indent: 2)
            } else {
                report.drills(page.items)
            }
            report.rest(of: page, most: most.most)
            return report
        }
        return .success
    }
}

struct DrillShowCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one drill: what it did, what was measured and what it came to.",
        discussion: """
            EXAMPLES
              holdfast drill show drill-4k2m9x1c
              holdfast drill show drill-4k2m9x1c --json | jq .measures

            EXIT CODES
              0   shown
              1   there is no such drill
              69  the management plane does not answer
              77  no valid token
            """
    )

    @Argument(help: "Its id.")
    var id: String

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let found = try await client.drill(id)
        show(found, console) {
            var report = Report()
            report.drill(found)
            return report
        }
        return .success
    }
}

struct DrillStopCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "End a drill before its time.",
        discussion: """
            It is inconclusive then, unless it has failed already. With --outcome the drill is the one that \
            holdfast drill run --outcome has written down; where that is over, or never began, nothing is done.

            EXAMPLES
              holdfast drill stop drill-4k2m9x1c --reason 'a customer calls'

            EXIT CODES
              0   ended, now or before
              1   there is no such drill
              64  the command line cannot be understood
              65  the request is not valid
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @Argument(help: "Its id.")
    var id: String?

    @Option(help: ArgumentHelp("A file of holdfast drill run --outcome, instead of the id.", valueName: "FILE"))
    var outcome: String?

    @OptionGroup var why: ReasonOption
    @OptionGroup var options: ControlOptions

    func validate() throws {
        guard (id == nil) != (outcome == nil) else { throw ValidationError("Name either the drill or --outcome FILE.") }
    }

    private struct NothingToStop: Encodable {
        var stopped = false
    }

    func performOffline(_ console: Console) async throws -> ExitStatus? {
        guard let outcome, DrillOutcomeFile.read(outcome)?.drill == nil else { return nil }
        show(NothingToStop(), console) {
            var report = Report()
            report.line("no drill has begun, so there is nothing to end")
            return report
        }
        return .success
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let stopped = try await client.stopDrill(
            id ?? outcome.flatMap { DrillOutcomeFile.read($0)?.drill } ?? "", reason: why.reason)
        show(stopped, console) {
            var report = Report()
            report.drill(stopped)
            return report
        }
        return .success
    }
}

struct DrillHaltCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "halt",
        abstract: "Pull the safety lever: end every drill, and refuse new ones.",
        discussion: """
            Holds until holdfast drill resume, also over restarts; holdfast status shows it. Schedules start nothing \
            meanwhile. A table-top, in which nothing fails, goes on.

            EXAMPLES
              holdfast drill halt --reason 'a real incident'

            EXIT CODES
              0   halted
              65  the request is not valid
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @OptionGroup var why: ReasonOption
    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let halt = try await client.haltDrills(reason: why.reason)
        show(halt, console) {
            var report = Report()
            report.line(.yellow("halted"), ": no drill runs, and none begins")
            report.line("holdfast drill resume --reason …", indent: 2)
            return report
        }
        return .success
    }
}

struct DrillResumeCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Release the safety lever: drills may begin again.",
        discussion: """
            What it ended does not begin anew by itself.

            EXAMPLES
              holdfast drill resume --reason 'the incident is over'

            EXIT CODES
              0   released
              65  the request is not valid
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @OptionGroup var why: ReasonOption
    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let halt = try await client.resumeDrills(reason: why.reason)
        show(halt, console) {
            var report = Report()
            report.line(.green("released"), ": drills may begin again")
            return report
        }
        return .success
    }
}

struct DrillTickCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "tick",
        abstract: "Say how a step of a table-top went.",
        discussion: """
            Each step once, in any order; the last one ends the table-top, which has passed where every step worked.

            EXAMPLES
              holdfast drill tick drill-4k2m9x1c 1 --note 'paged, answered after 4 min'
              holdfast drill tick drill-4k2m9x1c 2 --failed --note 'nobody had the password'

            EXIT CODES
              0   noted
              1   there is no such step, or it is ticked already
              65  the request is not valid
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @Argument(help: "The table-top's id.")
    var id: String

    @Argument(help: "The step's number, from 1.")
    var step: Int

    @Option(help: ArgumentHelp("How it went.", valueName: "TEXT"))
    var note: String

    @Flag(help: "It did not work.")
    var failed = false

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let view = try await client.tickDrill(id, step: step, DrillTickView(note: note, worked: !failed))
        show(view, console) {
            var report = Report()
            report.drill(view)
            return report
        }
        return .success
    }
}

struct DrillPlansCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "plans",
        abstract: "List what can be made to fail, and how.",
        discussion: """
            EXAMPLES
              holdfast drill plans
              holdfast drill plans --json | jq -r '.plans[].name'

            EXIT CODES
              0   shown
            """
    )

    @OptionGroup var options: ControlOptions

    /// Known to the command itself, so that it needs nobody.
    private struct Plans: Encodable {
        struct Plan: Encodable {
            var name: String
            var fails: String
        }

        var plans: [Plan]
        var faults: [String]
    }

    func performOffline(_ console: Console) async throws -> ExitStatus? {
        let plans = DrillPlan.allCases.map { Plans.Plan(name: $0.rawValue, fails: $0.summary) }
        show(Plans(plans: plans, faults: InjectedFault.allCases.map(\.rawValue)), console) {
            var report = Report()
            report.table(Table(header: ["PLAN", "WHAT FAILS"], rows: plans.map { [.bold($0.name), "\($0.fails)"] }))
            report.blank()
            report.line("--fault: \(InjectedFault.allCases.map(\.rawValue).joined(separator: ", "))")
            return report
        }
        return .success
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus { .success }
}

struct DrillSchedulesCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedules",
        abstract: "List the drills that start by themselves.",
        discussion: """
            Schedules stand in the configuration, under drills.schedules. One that came due while the management plane \
            was down is missed, and not made up for.

            EXAMPLES
              holdfast drill schedules
              holdfast drill schedules --json | jq -r '.items[] | select(.missed > 0) | .name'

            EXIT CODES
              0   shown
              69  the management plane does not answer
              77  no valid token
            """
    )

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let page = try await client.drillSchedules()
        show(page, console) {
            var report = Report()
            guard !page.items.isEmpty else {
                report.line("no drill starts by itself: see drills.schedules in the configuration")
                return report
            }
            report.table(
                Table(
                    header: ["SCHEDULE", "PLAN", "FAULT", "NEXT", "ANNOUNCED", "LAST", "MISSED", "PROBLEM"],
                    rows: page.items.map { schedule in
                        [
                            .bold(schedule.name), "\(schedule.plan)\(schedule.route.map { " of \($0)" } ?? "")",
                            "\(schedule.fault)", "\(schedule.nextAt.map { "\($0.prefix(16))Z" } ?? "never")",
                            "\(schedule.announce.map { "\($0) before" } ?? "no")", Self.last(schedule),
                            Piece("\(schedule.missed)", schedule.missed == 0 ? nil : .yellow),
                            "\(schedule.lastProblem ?? "")",
                        ]
                    }))
            return report
        }
        return .success
    }

    private static func last(_ schedule: DrillScheduleView) -> Piece {
        guard let outcome = schedule.lastOutcome, let at = schedule.lastAt else { return .faint("not yet") }
        let words = "\(schedule.lastDrill ?? outcome.rawValue) \(at.prefix(16))Z"
        return Piece(words, outcome == .started ? nil : .yellow)
    }
}

struct DrillFallbacksCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "fallbacks",
        abstract: "Show how good each fallback is known to be.",
        discussion: """
            A fallback in which no drill has passed is untested, whatever anybody believes. It is outdated where \
            something that it rests on has changed since, or after 90 days. AT LEAST is the lower bound of its \
            reliability at 95 % confidence: one pass is 5 %, ten are 74 %.

            EXAMPLES
              holdfast drill fallbacks
              holdfast drill fallbacks --json | jq -r '.items[] | select(.state != "tested") | .deployment'

            EXIT CODES
              0   every fallback is tested
              1   one is not, or there is none
              69  the management plane does not answer
              77  no valid token
            """
    )

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let page = try await client.fallbacks()
        show(page, console) {
            var report = Report()
            if page.items.isEmpty {
                report.line(.yellow("no route has a fallback: each has one candidate"))
            } else {
                report.fallbacks(page.items)
            }
            return report
        }
        return !page.items.isEmpty && page.items.allSatisfy { $0.state == .tested } ? .success : .failure
    }
}
