import ArgumentParser
import HoldfastAPI
import HoldfastCore

struct AlertsCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts",
        abstract: "Show what is wrong now, and what to do about it.",
        discussion: """
            What a gateway that is silent said last stays: that nobody hears of it is no sign that it is over.

            EXAMPLES
              holdfast alerts
              holdfast alerts --json | jq -r '.items[] | select(.severity == "critical") | .summary'

            EXIT CODES
              0   nothing is wrong
              1   something is
              69  the management plane does not answer
              77  no valid token
            """
    )

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let page = try await client.alerts()
        show(page, console) {
            var report = Report()
            if page.items.isEmpty { report.line(.green("nothing is wrong that anybody has seen")) }
            for alert in page.items {
                let style: Renderer.Style = alert.severity == AlertSeverity.critical.rawValue ? .red : .yellow
                report.line(Piece("\(alert.severity)  ", style), .bold(alert.kind), "  \(alert.summary)")
                report.line(.faint("since \(alert.since.prefix(19))Z"), indent: 2)
                if !alert.gateways.isEmpty {
                    report.line("seen by \(alert.gateways.joined(separator: ", "))", indent: 2)
                }
                report.line("mend: \(alert.mend)", indent: 2)
            }
            return report
        }
        return page.items.isEmpty ? .success : .failure
    }
}

struct NotificationsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notifications",
        abstract: "See and try who is told of alerts.",
        discussion: """
            Receivers stand in the configuration, under control.notifications.

            EXAMPLES
              holdfast notifications list
              holdfast notifications test oncall
            """,
        subcommands: [NotificationsListCommand.self, NotificationsTestCommand.self]
    )
}

struct NotificationsListCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the receivers of alerts and whether they take them.",
        discussion: """
            A receiver that has taken nothing since the start is untested: nobody knows whether it works.

            EXAMPLES
              holdfast notifications list
              holdfast notifications list --json | jq -r '.items[] | select(.state != "working") | .name'

            EXIT CODES
              0   shown
              69  the management plane does not answer
              77  no valid token
            """
    )

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let page = try await client.notifications()
        show(page, console) {
            var report = Report()
            guard !page.items.isEmpty else {
                report.line("nobody is told of alerts: see control.notifications in the configuration")
                return report
            }
            report.table(
                Table(
                    header: ["RECEIVER", "FORMAT", "STATE", "SENT", "DROPPED", "WAITING", "ADDRESS", "LAST FAILURE"],
                    rows: page.items.map { receiver in
                        [
                            .bold(receiver.name), "\(receiver.format)", Self.state(receiver.state), "\(receiver.sent)",
                            Piece("\(receiver.dropped)", receiver.dropped == 0 ? nil : .red), "\(receiver.waiting)",
                            "\(receiver.address)", "\(receiver.lastFailure ?? "")",
                        ]
                    }))
            return report
        }
        return .success
    }

    private static func state(_ state: NotificationView.State) -> Piece {
        switch state {
        case .working: .green(state.rawValue)
        case .untested: .yellow(state.rawValue)
        case .failing, .unusable: .red(state.rawValue)
        }
    }
}

struct NotificationsTestCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Send a receiver a test, and say whether it took it.",
        discussion: """
            An alert named HoldfastTest, which says that nothing is wrong and ends by itself.

            EXAMPLES
              holdfast notifications test oncall

            EXIT CODES
              0   it took it
              1   there is no such receiver, or it cannot be used
              69  it did not take it, or the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @Argument(help: ArgumentHelp("Of the receiver, as in the configuration.", valueName: "NAME"))
    var name: String

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let view = try await client.testNotification(name)
        show(view, console) {
            var report = Report()
            report.line(.green("taken"), ": \(view.name) at \(view.address)")
            return report
        }
        return .success
    }
}
