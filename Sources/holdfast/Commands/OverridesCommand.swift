import ArgumentParser
import HoldfastAPI
import HoldfastCore

struct OverridesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "overrides",
        abstract: "Look at run-time operations, and end them.",
        discussion: """
            They are made with holdfast drain, restrict, pin, shed, cap and price.

            EXAMPLES
              holdfast overrides list
              holdfast overrides clear drain-4k2m9x1c --reason 'the provider is back'
            """,
        subcommands: [OverridesListCommand.self, OverridesShowCommand.self, OverridesClearCommand.self]
    )
}

struct OverridesListCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the overrides in force, the newest first.",
        discussion: """
            EXAMPLES
              holdfast overrides list
              holdfast overrides list --all --most 1000 --json | jq -r '.items[].id'

            EXIT CODES
              0   shown
              69  the management plane does not answer
              77  no valid token
            """
    )

    @Flag(help: "Also those that have ended.")
    var all = false

    @OptionGroup var most: MostOption
    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        var page = try await client.overrides(most: most.most)
        if !all { page.items.removeAll { $0.endedAt != nil } }
        show(page, console) { [page] in
            var report = Report()
            if page.items.isEmpty {
                report.line(all ? "there never was an override" : "no override is in force")
            } else {
                report.overrides(page.items, now: console.now())
            }
            report.rest(of: page, most: most.most)
            return report
        }
        return .success
    }
}

struct OverridesShowCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one override.",
        discussion: """
            EXAMPLES
              holdfast overrides show drain-4k2m9x1c

            EXIT CODES
              0   shown
              1   there is no such override
              69  the management plane does not answer
              77  no valid token
            """
    )

    @Argument(help: "Its id.")
    var id: String

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let found = try await client.override(id)
        show(found, console) {
            var report = Report()
            report.override(found, now: console.now())
            return report
        }
        return .success
    }
}

struct OverridesClearCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "clear",
        abstract: "End an override before its time; the only end of a restriction.",
        discussion: """
            EXAMPLES
              holdfast overrides clear drain-4k2m9x1c --reason 'the provider is back'

            EXIT CODES
              0   ended, now or before
              1   there is no such override
              65  the request is not valid
              69  the management plane does not answer
              77  no valid token, or one that may not do this
            """
    )

    @Argument(help: "Its id.")
    var id: String

    @OptionGroup var why: ReasonOption
    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let ended = try await client.clearOverride(id, reason: why.reason)
        show(ended, console) {
            var report = Report()
            report.override(ended, now: console.now())
            return report
        }
        return .success
    }
}

extension OverrideEffectView {
    /// What it does, in words.
    var sentence: String {
        switch kind {
        case "drain": "drains \(target): it takes nothing new and finishes what runs"
        case "restrict": "restricts \(target): nothing is sent there, not even a check"
        case "pin":
            only == true
                ? "pins route \(route ?? "?") to \(candidate ?? "?") alone"
                : "pins route \(route ?? "?") to \(candidate ?? "?"), the others after it"
        case "shed":
            "sheds what is less critical than \(below ?? "?"), on \(route.map { "route \($0)" } ?? "every route")"
        case "cap": "caps \(target) at \(limits.isEmpty ? "nothing" : limits.joined(separator: ", "))"
        case "price": "prices \(target) at \(prices.joined(separator: ", ")) USD per million tokens"
        case "fault": "is a drill: it \(fault?.sentence ?? "injects what this version does not know")"
        default: "\(kind): of a kind that this version does not know"
        }
    }

    private var target: String {
        let named = [
            ("deployment", deployment), ("provider", provider), ("route", route), ("vendor", vendor),
            ("jurisdiction", jurisdiction),
        ]
        return named.compactMap { name, value in value.map { "\(name) \($0)" } }.joined(separator: ", ")
    }

    private var limits: [String] {
        let named = [
            (concurrent, "at once"), (requestsPerMinute, "requests a minute"), (tokensPerMinute, "tokens a minute"),
        ]
        return named.compactMap { value, name in value.map { "\($0) \(name)" } }
    }

    /// An unknown price is unknown, never zero.
    private var prices: [String] {
        [("input", price?.input), ("cached input", price?.cachedInput), ("output", price?.output)].map { name, value in
            "\(name) \(value ?? "unknown")"
        }
    }
}

extension OverrideView {
    /// When it ends, or how it ended. A restriction never ends by itself.
    func end(now: Int64) -> Piece {
        if let endedAt {
            return .faint("ended \(Words.time(milliseconds: endedAt, now: now)) by \(endedBy ?? "?")")
        }
        let time = Words.time(milliseconds: expiresAt, now: now)
        guard effect.kind == "restrict" else { return "ends \(time)" }
        return now >= expiresAt
            ? .red("overdue for review since \(time); a person clears it")
            : "to be reviewed \(time); a person clears it"
    }
}

extension Report {
    mutating func override(_ override: OverrideView, now: Int64) {
        line(.bold(override.id))
        facts([
            ("does", "\(override.effect.sentence)"), ("end", override.end(now: now)),
            ("reason", "\(override.reason)"), ("by", "\(override.author)"),
            ("since", "\(Words.time(milliseconds: override.createdAt, now: now))"),
        ])
    }

    mutating func overrides(_ overrides: [OverrideView], now: Int64) {
        table(
            Table(
                header: ["OVERRIDE", "DOES", "END", "REASON", "BY"],
                rows: overrides.map { override in
                    [
                        .bold(override.id), "\(override.effect.sentence)", override.end(now: now),
                        "\(override.reason)", "\(override.author)",
                    ]
                }))
    }
}
