import ArgumentParser
import HoldfastAPI

struct KeysIssueCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "issue",
        abstract: "Make a key for a client through the management plane, and print it, this once.",
        discussion: """
            The key alone goes to standard output, what there is to say about it to standard error. Gateways know it \
            within seconds. An id means one key for ever. The first key that is issued ends open access: from then on \
            no client goes without a key.

            EXAMPLES
              holdfast keys issue triage-app --workload triage > triage.key
              holdfast keys issue batch --workload nightly --note 'team data, ticket 4711' --json

            EXIT CODES
              0   made
              1   there is, or was, a key of this id, or nothing was published yet
              65  the request is not valid; every field is named with its mend
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @Argument(help: "Who holds it: 1 to 64 of a-z, 0-9 and '-'.")
    var id: String

    @Option(help: "The workload in the newest configuration that the key speaks for.")
    var workload: String

    @Option(help: ArgumentHelp("What it is for.", valueName: "TEXT"))
    var note: String?

    @OptionGroup var match: IfMatchOption
    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let made = try await client.issue(NewKeyView(id: id, workload: workload, note: note), ifMatch: match.ifMatch)
        if options.json {
            console.writeJSON(made.view)
        } else {
            var report = Report()
            report.line(
                "client key ", .bold(made.view.id), " for the workload \(made.view.workload)",
                "\(made.generation.map { ", in force with generation \($0)" } ?? "")",
                "; shown this once and nowhere kept")
            console.showError(report)
            console.write(PlainText.visible(made.view.key ?? "") + "\n")
        }
        return .success
    }
}

struct KeysListCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the keys that the management plane has issued; never their texts.",
        discussion: """
            Those that stand in the document are listed there: holdfast config show.

            EXAMPLES
              holdfast keys list
              holdfast keys list --all --json | jq -r '.items[].id'

            EXIT CODES
              0   shown
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @Flag(help: "Also those that have ended.")
    var all = false

    @OptionGroup var most: MostOption
    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        var page = try await client.keys(most: most.most)
        if !all { page.items.removeAll { $0.revokedAt != nil } }
        show(page, console) { [page] in
            var report = Report()
            report.table(
                Table(
                    header: ["KEY", "WORKLOAD", "MADE", "BY", "STATE", "NOTE"],
                    rows: page.items.map { key in
                        [
                            .bold(key.id), "\(key.workload)", "\(key.madeAt.prefix(19))Z", "\(key.madeBy)",
                            key.revokedAt.map { .faint("revoked \($0.prefix(19))Z") } ?? "good", "\(key.note)",
                        ]
                    }))
            report.rest(of: page, most: most.most)
            return report
        }
        return .success
    }
}

struct KeysRevokeCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End an issued key.",
        discussion: """
            Every gateway that is reached refuses it within 5 s; one that is cut off does so once it is back. Ending what \
            has ended changes nothing.

            EXAMPLES
              holdfast keys revoke triage-app

            EXIT CODES
              0   ended
              1   no such key was issued
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @Argument(help: "Its id.")
    var id: String

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        try await client.revokeKey(id)
        show(Revoked(id: id), console) {
            var report = Report()
            report.line("client key ", .bold(id), " is refused by every gateway within seconds")
            return report
        }
        return .success
    }
}
