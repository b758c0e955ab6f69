import ArgumentParser
import HoldfastAPI

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Make, list and verify backups of the management plane.",
        discussion: """
            A backup that was never restored is untested: each is restored on trial when it is made. They lie where \
            holdfast control keeps them (--backups), and holdfast restore brings one back.

            EXAMPLES
              holdfast backup create
              holdfast backup list
              holdfast backup verify 000042
            """,
        subcommands: [BackupCreateCommand.self, BackupListCommand.self, BackupVerifyCommand.self]
    )

    /// Seconds. The store is copied and restored in the time of the request.
    static let patience: Int64 = 900
}

struct BackupCreateCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a backup while everything serves, and restore it on trial.",
        discussion: """
            EXAMPLES
              holdfast backup create
              holdfast backup create --json | jq -r .folder

            EXIT CODES
              0   made, and restored on trial with success
              1   it was made and cannot be restored, one is running already, or there is no room
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )
    static let patienceSeconds = BackupCommand.patience

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let made = try await client.makeBackup()
        show(made, console) { Report(made) }
        return made.state == .verified ? .success : .failure
    }
}

struct BackupVerifyCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Restore a backup on trial, in a folder that is removed again.",
        discussion: """
            EXAMPLES
              holdfast backup verify 000042

            EXIT CODES
              0   it can be restored
              1   it cannot, there is no such backup, or another is being made or tried
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )
    static let patienceSeconds = BackupCommand.patience

    @Argument(help: "Its id.")
    var id: String

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let found = try await client.verifyBackup(id)
        show(found, console) { Report(found) }
        return found.state == .verified ? .success : .failure
    }
}

struct BackupListCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the backups, the newest first: verified, untested or failed.",
        discussion: """
            EXAMPLES
              holdfast backup list
              holdfast backup list --json | jq -r '.items[] | select(.state != "verified") | .id'

            EXIT CODES
              0   shown
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let page = try await client.backups()
        show(page, console) {
            var report = Report()
            if page.items.isEmpty {
                report.line("there is no backup: what is in the store is nowhere else")
            } else {
                report.table(
                    Table(
                        header: ["BACKUP", "STATE", "AGE", "GENERATION", "BYTES", "FOLDER"],
                        rows: page.items.map { backup in
                            [
                                .bold(backup.id), backup.shownState,
                                "\(backup.ageMilliseconds.map { Words.span(milliseconds: $0) } ?? "unknown")",
                                "\(backup.generation.map(String.init) ?? "unknown")", "\(backup.bytes)",
                                "\(backup.folder)",
                            ]
                        }))
            }
            return report
        }
        return .success
    }
}

extension Report {
    fileprivate init(_ backup: BackupView) {
        self.init()
        line(
            "backup ", .bold(backup.id), ": ", backup.shownState,
            ", \(Words.count(Int(clamping: backup.bytes), "byte"))")
        line("in \(backup.folder)")
        if let problem = backup.problem { line(.red("wrong"), ": \(problem)") }
        if let mend = backup.mend { line("mend: \(mend)") }
    }
}

extension BackupView {
    fileprivate var shownState: Piece {
        switch state {
        case .verified: .green("verified")
        case .untested: .yellow("untested")
        case .failed: .red("failed")
        }
    }
}
