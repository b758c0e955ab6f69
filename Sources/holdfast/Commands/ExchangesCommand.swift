import ArgumentParser
import HoldfastAPI
import HoldfastCore

struct ExchangesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exchanges",
        abstract: "See what became of exchanges: who was asked, who was not and why, who answered.",
        discussion: """
            Gateways tell the management plane of the newest ones, and of more while somebody looks. What they told is \
            kept in memory; a busy gateway leaves most of them out, and first of all those that went well. Each gateway \
            remembers more of its own, at its operations listener. No prompt and no answer is in any of this.

            EXAMPLES
              holdfast exchanges list --degraded
              holdfast exchanges show 4b1f0c6e9a7d4e3f8b2a1c0d9e8f7a6b
            """,
        subcommands: [ExchangesListCommand.self, ExchangesShowCommand.self]
    )
}

struct ExchangesListCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the newest exchanges that gateways told of.",
        discussion: """
            EXAMPLES
              holdfast exchanges list
              holdfast exchanges list --route assistant --degraded
              holdfast exchanges list --end every_candidate_failed --json | jq -r '.items[].receipt.id'

            EXIT CODES
              0   shown
              65  the request is not valid
              69  the management plane does not answer
              77  no valid token
            """
    )

    @Option(help: "Only of this route.")
    var route: String?

    @Option(help: "Only of this workload.")
    var workload: String?

    @Option(help: "Only those that this gateway served.")
    var gateway: String?

    @Option(help: ArgumentHelp("Only those that ended so, such as answered or interrupted.", valueName: "WORD"))
    var end: String?

    @Flag(help: "Only those that were not answered as they would be on a good day.")
    var degraded = false

    @OptionGroup var most: MostOption
    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        var filter = ControlClient.ExchangeFilter()
        (filter.route, filter.workload, filter.gateway, filter.end) = (route, workload, gateway, end)
        filter.isDegraded = degraded ? true : nil
        let page = try await client.exchanges(filter, most: most.most)
        show(page, console) {
            var report = Report()
            if page.items.isEmpty {
                report.line("no gateway has told of such an exchange; while somebody asks they tell every two seconds")
            } else {
                report.table(Self.table(of: page.items))
            }
            if page.next != nil { report.line(.yellow("there are more than these \(most.most): see --most")) }
            if page.leftOut > 0 {
                report.line(.faint("gateways have left out \(page.leftOut) others, which they may still remember"))
            }
            return report
        }
        return .success
    }

    private static func table(of items: [ExchangeView]) -> Table {
        Table(
            header: ["EXCHANGE", "ENDED", "ROUTE", "END", "DEGRADED", "BY", "TOOK", "WORKLOAD", "GATEWAY"],
            rows: items.map { item in
                let receipt = item.receipt
                return [
                    .bold(receipt.id), "\(receipt.endedAt.prefix(19))Z", "\(receipt.route)", receipt.outcome,
                    .yellow(receipt.degraded ?? ""), "\(receipt.answerer ?? "nobody")", "\(receipt.milliseconds) ms",
                    "\(receipt.workload ?? "")", "\(item.gateway)",
                ]
            })
    }
}

struct ExchangesShowCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show the receipt of one exchange.",
        discussion: """
            Where no gateway has told of it, the refusal says where it can be asked for.

            EXAMPLES
              holdfast exchanges show 4b1f0c6e9a7d4e3f8b2a1c0d9e8f7a6b
              holdfast exchanges show 4b1f0c6e9a7d4e3f8b2a1c0d9e8f7a6b --json | jq .receipt.attempts

            EXIT CODES
              0   shown
              1   no gateway has told of it
              69  the management plane does not answer
              77  no valid token
            """
    )

    @Argument(help: "Its id: the header x-request-id of its answer.")
    var id: String

    @OptionGroup var options: ControlOptions

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let found = try await client.exchange(id)
        show(found, console) {
            var report = Report()
            report.exchange(found)
            return report
        }
        return .success
    }
}

extension ExchangeReceiptView {
    fileprivate var outcome: Piece { end == "answered" ? .green(end) : .red(end) }

    /// Nil: nobody answered.
    fileprivate var answerer: String? { end == "answered" ? attempts.last { $0.failure == nil }?.deployment : nil }
}

extension Report {
    fileprivate mutating func exchange(_ exchange: ExchangeView) {
        let receipt = exchange.receipt
        line("Exchange ", .bold(receipt.id))
        var facts: [(String, Piece)] = [
            ("end", receipt.outcome), ("status", "\(receipt.status)"), ("by", "\(receipt.answerer ?? "nobody")"),
        ]
        if let degraded = receipt.degraded { facts.append(("degraded", .yellow(degraded))) }
        facts += [
            ("ended", "\(receipt.endedAt)"), ("took", "\(receipt.milliseconds) ms"),
            ("first token", "\(receipt.firstTokenMilliseconds.map { "after \($0) ms" } ?? "unknown")"),
            ("tokens", "\(Self.tokens(receipt))"), ("route", "\(receipt.route)"),
            ("operation", "\(receipt.operation)\(receipt.stream ? ", streamed" : "")"),
            ("workload", "\(receipt.workload ?? "none: it came without a key")"),
            ("criticality", "\(receipt.criticality)"), ("delivery", "\(receipt.delivery)"),
            ("generation", "\(receipt.generation)"), ("gateway", "\(exchange.gateway)"),
        ]
        self.facts(facts)
        heading("Attempts")
        if receipt.attempts.isEmpty { line("nobody was asked", indent: 2) }
        table(Self.attempts(receipt.attempts))
        guard !receipt.exclusions.isEmpty else { return }
        heading("Not asked")
        table(
            Table(
                header: ["DEPLOYMENT", "AT", "REASON"],
                rows: receipt.exclusions.map { ["\($0.deployment)", "\($0.atMilliseconds) ms", .yellow($0.reason)] }))
    }

    private static func attempts(_ attempts: [ExchangeReceiptView.Attempt]) -> Table {
        Table(
            header: ["DEPLOYMENT", "BEGAN", "FIRST TOKEN", "ENDED", "FAILURE", "CONTINUES"],
            rows: attempts.isEmpty
                ? []
                : attempts.map { attempt in
                    func at(_ milliseconds: Int64?) -> Piece { milliseconds.map { "\($0) ms" } ?? .faint("-") }
                    return [
                        "\(attempt.deployment)", at(attempt.startedMilliseconds), at(attempt.firstTokenMilliseconds),
                        at(attempt.endedMilliseconds), .red(attempt.failure ?? ""), "\(attempt.continues ?? "")",
                    ]
                })
    }

    /// Unknown is not zero.
    private static func tokens(_ receipt: ExchangeReceiptView) -> String {
        func text(_ count: Int?) -> String { count.map(String.init) ?? "unknown" }
        return "\(text(receipt.inputTokens)) in, \(text(receipt.outputTokens)) out"
    }
}
