import ArgumentParser
import HoldfastAPI
import HoldfastCore

struct EventsCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Show what happened of late, and what happens.",
        discussion: """
            Changes, gateways that come and go, alerts that begin and end. With --json each event is one line. With --follow a \
            management plane that does not answer is said, and waited for; whatever happened meanwhile is shown then, and \
            where some of it is lost, that is said too.

            EXAMPLES
              holdfast events
              holdfast events --follow
              holdfast events --follow --types breaker.opened,breaker.closed --json | jq -r .subject

            EXIT CODES
              0   shown
              69  the management plane does not answer
              77  no valid token
            """
    )

    private static let wait = Duration.seconds(3)

    @Option(help: ArgumentHelp("How many of those that are there.", valueName: "COUNT"))
    var lines = 20

    @Option(help: ArgumentHelp("Those after this id, and not the newest.", valueName: "ID"))
    var after: UInt64?

    @Option(help: ArgumentHelp("Only these, with commas between them.", valueName: "TYPES"))
    var types: String?

    @Flag(name: .shortAndLong, help: "Go on with what comes, until it is stopped.")
    var follow = false

    @OptionGroup var options: ControlOptions

    func validate() throws {
        guard 1...1_000 ~= lines else { throw ValidationError("--lines is 1 to 1000.") }
    }

    private var names: [String] { (types ?? "").split(separator: ",").map(String.init) }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let page = try await client.events(after: after, types: names, limit: lines)
        if page.gap { say(Self.lost, console) }
        for event in page.items { show(event, console) }
        guard follow else { return .success }
        var place = UInt64(page.next)
        var isSilent = false
        while !Task.isCancelled {
            do throws(ControlFailure) {
                try await client.followEvents(after: &place, types: names) { item in
                    switch item {
                    case .event(let event): show(event, console)
                    case .reset: say(Self.lost, console)
                    case .end(let notice): say("the stream ended: \(notice.reason); \(notice.mend)", console)
                    }
                }
                isSilent = false
            } catch {
                // Who may not read them will not be allowed to by waiting.
                guard error.exitStatus() == .unavailable else { throw error }
                if !isSilent { say("\(error.description); waiting", console) }
                isSilent = true
            }
            guard (try? await Task.sleep(for: Self.wait)) != nil else { break }
        }
        return .success
    }

    private static let lost = "some events are lost; look at the whole: holdfast status"

    private func say(_ text: String, _ console: Console) {
        console.writeError("holdfast: \(PlainText.visible(text))\n")
    }

    private func show(_ event: EventView, _ console: Console) {
        if options.json {
            console.writeJSONLine(event)
        } else {
            var report = Report()
            report.line(event.pieces)
            console.show(report)
        }
    }
}

extension EventView {
    /// On one line.
    var pieces: [Piece] {
        let style: Renderer.Style? =
            switch severity {
            case AlertSeverity.critical.rawValue?: .red
            case AlertSeverity.warning.rawValue?: .yellow
            default: nil
            }
        return [.faint("\(id)  \(at.prefix(19))Z  "), Piece("\(type)  ", style ?? .bold), "\(summary)"]
    }
}
