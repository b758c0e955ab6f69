import ArgumentParser
import HoldfastAPI
import HoldfastCore

struct TokensCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens",
        abstract: "Make, list and end tokens of the management plane.",
        discussion: """
            One kind each: viewer, operator, approver, auditor, admin, automation, and node for a gateway.

            EXAMPLES
              holdfast tokens create alice --kind operator
              holdfast tokens revoke alice
            """,
        subcommands: [TokensListCommand.self, TokensCreateCommand.self, TokensRevokeCommand.self]
    )
}

struct TokensListCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the tokens that can be used; never their texts.",
        discussion: """
            EXAMPLES
              holdfast tokens list
              holdfast tokens list --all --json | jq -r '.items[].id'

            EXIT CODES
              0   shown
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @Flag(help: "Also those that have ended.")
    var all = false

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        var page = try await client.tokens()
        // Both are RFC 3339 in UTC to the millisecond, which sorts as text.
        let now = TimeOfDay.text(milliseconds: console.now())
        if !all { page.items.removeAll { $0.revokedAt != nil || $0.expiresAt <= now } }
        show(page, console) { [page] in
            var report = Report()
            report.table(
                Table(
                    header: ["TOKEN", "KIND", "ENDS", "BY", "NOTE", "GRANTS"],
                    rows: page.items.map { token in
                        [
                            .bold(token.id), "\(token.kind)", Self.end(token, now: now), "\(token.madeBy)",
                            "\(token.note)", "\(token.grants.map(\.permission).joined(separator: " "))",
                        ]
                    }))
            return report
        }
        return .success
    }

    private static func end(_ token: TokenView, now: String) -> Piece {
        if let revoked = token.revokedAt { return .faint("revoked \(revoked.prefix(19))Z") }
        return token.expiresAt <= now
            ? .faint("ended \(token.expiresAt.prefix(19))Z") : "\(token.expiresAt.prefix(19))Z"
    }
}

struct TokensCreateCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a token and print it, this once.",
        discussion: """
            The token alone goes to standard output, what there is to say about it to standard error. An id means one \
            token for ever: it is what the audit log names. Automation does what it was granted, and nothing else.

            EXAMPLES
              holdfast tokens create alice --kind operator --note 'on call' > alice.token
              holdfast tokens create gateway-1 --kind node > node.token
              holdfast tokens create autopilot --kind automation --grant overrides.create=30d
              holdfast tokens create medic --kind automation --grant-recovery snapshots.rollback=7d

            EXIT CODES
              0   made
              1   there is, or was, a token of this id
              65  the request is not valid; every field is named with its mend
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @Argument(help: "Who holds it: 1 to 64 of a-z, 0-9 and '-'.")
    var id: String

    @Option(
        help: ArgumentHelp(
            "What it may do.", discussion: PrincipalKind.allCases.map(\.rawValue).joined(separator: ", ") + ".",
            valueName: "KIND"), completion: .list(PrincipalKind.allCases.map(\.rawValue)))
    var kind: String

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("How long it lives. Default: as is usual for its kind.", valueName: "SPAN"))
    var span: String?

    @Option(help: ArgumentHelp("What it is for.", valueName: "TEXT"))
    var note: String?

    @Option(help: ArgumentHelp("What automation may do, and for how long.", valueName: "PERMISSION=SPAN"))
    var grant: [String] = []

    @Option(
        help: ArgumentHelp(
            "The same for what is on the recovery path, which is granted only in these words.",
            valueName: "PERMISSION=SPAN"))
    var grantRecovery: [String] = []

    @OptionGroup var options: ControlOptions

    func validate() throws {
        for text in grant + grantRecovery where Self.parts(of: text) == nil {
            throw ValidationError("'\(PlainText.visible(text))' is no grant: write it like overrides.create=30d.")
        }
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let grants = grant.map { ($0, nil as Bool?) } + grantRecovery.map { ($0, true) }
        let made = try await client.create(
            NewTokenView(
                id: id, kind: kind, note: note, for: span,
                grants: grants.isEmpty
                    ? nil
                    : grants.compactMap { text, includesRecovery in
                        Self.parts(of: text).map {
                            .init(permission: $0.permission, for: $0.span, includesRecovery: includesRecovery)
                        }
                    }))
        if options.json {
            console.writeJSON(made)
        } else {
            var report = Report()
            report.line(
                "token ", .bold(made.id),
                " of the kind \(made.kind), until \(made.expiresAt.prefix(19))Z; ",
                "shown this once and nowhere kept")
            console.showError(report)
            console.write(PlainText.visible(made.token ?? "") + "\n")
        }
        return .success
    }

    private static func parts(of text: String) -> (permission: String, span: String)? {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty, ConfigurationUnits.duration(parts[1]) != nil else { return nil }
        return (parts[0], parts[1])
    }
}

struct TokensRevokeCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End a token now.",
        discussion: """
            From the next request on it is worth nothing, and so are sign-ins to the console by links that it made. Tokens \
            that it made stay. Ending what has ended changes nothing.

            EXAMPLES
              holdfast tokens revoke alice

            EXIT CODES
              0   ended
              1   there is no such token
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @Argument(help: "Its id.")
    var id: String

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        try await client.revokeToken(id)
        show(Revoked(id: id), console) {
            var report = Report()
            report.line("token ", .bold(id), " is worth nothing any more")
            return report
        }
        return .success
    }
}
