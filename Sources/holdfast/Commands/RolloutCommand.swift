import ArgumentParser
import HoldfastAPI

struct RolloutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollout",
        abstract: "See how far a published configuration is, vouch for it, or take it back.",
        discussion: """
            A published document goes to one gateway first, and to the rest when that has served long enough without \
            more errors. Where errors rise, or that gateway does not come back, all get the last good document again. \
            Overrides and holdfast rollback do not wait for any of this.

            EXAMPLES
              holdfast rollout show
              holdfast rollout release --reason 'nothing calls at night, and it answered my request'
              holdfast rollout return --reason 'the answers are too short'
            """,
        subcommands: [RolloutShowCommand.self, RolloutReleaseCommand.self, RolloutReturnCommand.self]
    )
}

struct RolloutShowCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the newest roll-out: how far it is, and what it waits for.",
        discussion: """
            EXAMPLES
              holdfast rollout show
              holdfast rollout show --json | jq -r '.rollout.phase'
              until holdfast rollout show --json | jq -e '.rollout.phase | IN("done", "returned")' > /dev/null; do sleep 5; done

            EXIT CODES
              0   shown
              69  the management plane does not answer
              77  no valid token
            """
    )

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let found = try await client.rollout()
        show(NewestRolloutView(rollout: found), console) {
            var report = Report()
            if let found {
                report.rollout(found)
            } else {
                report.line("there was no roll-out yet: the first configuration goes to all gateways at once")
            }
            return report
        }
        return .success
    }
}

struct RolloutReleaseCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Vouch for what no measurement shows, so that the roll-out goes on.",
        discussion: """
            Where too few requests come, or gateways are silent, a roll-out waits for as long as it takes: that nothing \
            is heard is no proof. Whoever knows better says so here, once for each step. Nobody can vouch for errors \
            that rose.

            EXAMPLES
              holdfast rollout release --reason 'nothing calls at night, and it answered my request'

            EXIT CODES
              0   noted; it goes on within a second, or when the first gateway was watched long enough
              1   no roll-out is under way, or no gateway has it yet
              65  the request is not valid
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @OptionGroup var why: ReasonOption
    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let released = try await client.releaseRollout(reason: why.reason)
        show(released, console) {
            var report = Report()
            report.line(.green("released"), ": generation ", .bold("\(released.proposed)"), " goes on")
            report.line("holdfast rollout show says how far it is")
            return report
        }
        return .success
    }
}

struct RolloutReturnCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "return",
        abstract: "Take the roll-out back: all gateways get the last good document.",
        discussion: """
            The document that was in force before gets a new number; overrides in force stay. When the roll-out is over, \
            holdfast rollback does the same.

            EXAMPLES
              holdfast rollout return --reason 'the answers are too short'

            EXIT CODES
              0   taken back
              1   no roll-out is under way
              65  the request is not valid
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @OptionGroup var why: ReasonOption
    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let made = try await client.returnRollout(reason: why.reason)
        show(made.view, console) {
            var report = Report()
            let number = made.generation.map { ", as generation \($0)" } ?? ""
            report.line(
                .green("taken back"), ": all gateways get the document of generation ", .bold("\(made.view.good)"),
                " again\(number)")
            report.line("holdfast status says when every gateway has it")
            return report
        }
        return .success
    }
}

extension RolloutView {
    /// For a line of a report.
    var step: Piece {
        switch phase {
        case "pending": .yellow("not begun")
        case "canary": .yellow(canary.map { "at one gateway, \($0)" } ?? "at one gateway")
        case "spreading": .yellow("at all gateways, and watched")
        case "done": .green("done")
        case "returned": .red("taken back")
        default: Piece(phase)
        }
    }
}

extension Report {
    mutating func rollout(_ rollout: RolloutView) {
        line("Roll-out of generation ", .bold("\(rollout.proposed)"))
        var facts: [(String, Piece)] = [("step", rollout.step)]
        facts.append((rollout.isOpen ? "waits" : "outcome", "\(rollout.detail)"))
        if let mend = rollout.mend { facts.append(("mend", "\(mend)")) }
        if let canary = rollout.canary { facts.append(("first", "\(canary)")) }
        if !rollout.notThere.isEmpty { facts.append(("not there", "\(Self.some(rollout.notThere))")) }
        facts.append(("before it", "generation \(rollout.good)"))
        facts += [
            ("by", "\(rollout.author)"), ("reason", "\(rollout.reason)"), ("began", "\(rollout.beganAt)"),
            ("changed", "\(rollout.changedAt)"),
        ]
        self.facts(facts)
    }

    /// A line that people read; all of them are in the JSON.
    private static func some(_ names: [String]) -> String {
        let most = 8
        let rest = names.count > most ? " and \(names.count - most) more" : ""
        return names.prefix(most).joined(separator: ", ") + rest
    }
}
