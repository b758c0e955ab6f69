import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastCore

struct ConsoleCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "console",
        abstract: "Print a link that signs you in to the console, once.",
        discussion: """
            The link alone goes to standard output. Whoever opens it first, within a quarter of an hour, is signed in for \
            eight hours by a token of its own, which shows under `holdfast tokens list` and can be revoked there. Its code \
            stands behind the `#`, which no browser sends anywhere. With --open it is given to xdg-open, whose arguments \
            others on this machine can read for a moment.

            EXAMPLES
              holdfast console
              holdfast console --kind viewer
              holdfast console --open

            EXIT CODES
              0   printed
              65  there is no such kind, or nobody of it sits before a console
              69  the management plane does not answer
              77  no valid token, or one that may not do this: only an admin's may
            """
    )

    @Option(
        help: ArgumentHelp(
            "What whoever opens it may do.", discussion: "viewer, operator, approver, auditor or admin.",
            valueName: "KIND"),
        completion: .list(["viewer", "operator", "approver", "auditor", "admin"]))
    var kind = PrincipalKind.admin.rawValue

    @Flag(help: "Open it in the browser of this desktop too.")
    var open = false

    @OptionGroup var options: ControlOptions

    /// What `--json` prints: the API's view does not know under which address it was asked.
    struct Printed: Encodable {
        var link: String
        var kind: String
        var expiresAt: String
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let base = try options.base(console.environment)
        let made = try await client.signInLink(kind: kind)
        let link = (base.hasSuffix("/") ? base : base + "/") + "#sign-in=" + made.code
        if options.json {
            console.writeJSON(Printed(link: link, kind: made.kind, expiresAt: made.expiresAt))
        } else {
            var report = Report()
            report.line("signs in once, of the kind \(made.kind), until \(made.expiresAt.prefix(19))Z:")
            console.showError(report)
            console.write(PlainText.visible(link) + "\n")
        }
        if open { try Self.show(link, console) }
        return .success
    }

    /// Does not wait for it: some desktops' browsers run in the foreground.
    private static func show(_ link: String, _ console: Console) throws(CommandFailure) {
        let folders = (console.environment["PATH"] ?? "").split(separator: ":")
        let found = folders.map { "\($0)/xdg-open" }.first { FileManager.default.isExecutableFile(atPath: $0) }
        do {
            guard let found else { throw CocoaError(.fileNoSuchFile) }
            _ = try Process.run(URL(fileURLWithPath: found), arguments: [link])
        } catch {
            throw CommandFailure(
                message: "no browser could be opened here: there is no xdg-open, or it does not start",
                mend: "open the link yourself", status: .unavailable)
        }
    }
}
