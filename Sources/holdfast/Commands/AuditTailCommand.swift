import ArgumentParser
import Foundation
import HoldfastAPI
import HoldfastControl
import HoldfastCore

struct AuditTailCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Show the newest entries of the audit log, and those to come.",
        discussion: """
            A change has two entries: what was about to happen, and what became of it. With --json each entry is one line. \
            With --follow a management plane that does not answer is said, and waited for.

            EXAMPLES
              holdfast audit tail
              holdfast audit tail --follow
              holdfast audit tail --lines 1000 --json | jq -r 'select(.phase == "failed")'

            EXIT CODES
              0   shown
              69  the management plane does not answer
              77  no valid token, or one that may not read the audit log
            """
    )

    static let interval = Duration.seconds(1)

    @Option(help: ArgumentHelp("How many of those that are there.", valueName: "COUNT"))
    var lines = 20

    @Flag(name: .shortAndLong, help: "Go on with what comes, until it is stopped.")
    var follow = false

    @OptionGroup var options: ControlOptions

    func validate() throws {
        guard 0...100_000 ~= lines else { throw ValidationError("--lines is 0 to 100000.") }
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        guard let checkpoint = Checkpoint(unverified: try await client.auditCheckpoint()) else {
            throw ControlFailure.unreadable("the management plane answered with what is no checkpoint")
        }
        var next = max(checkpoint.size - lines, 0)
        try await showAll(from: &next, client, console)
        guard follow else { return .success }
        var isSilent = false
        while (try? await Task.sleep(for: Self.interval)) != nil {
            do throws(ControlFailure) {
                try await showAll(from: &next, client, console)
                if isSilent { console.writeError("holdfast: it answers again\n") }
                isSilent = false
            } catch {
                // Who may not read the log will not be allowed to by waiting.
                guard error.exitStatus() == .unavailable else { throw error }
                if Task.isCancelled { break }
                if !isSilent { console.writeError("holdfast: \(PlainText.visible(error.description)); waiting\n") }
                isSilent = true
            }
        }
        return .success
    }

    /// Whatever there is from `next` on.
    private func showAll(
        from next: inout Int, _ client: ControlClient, _ console: Console
    ) async throws(ControlFailure) {
        var hasMore = true
        while hasMore {
            let page = try await client.auditEntries(from: next)
            for entry in page.items {
                if options.json {
                    console.writeJSONLine(entry)
                } else {
                    var report = Report()
                    report.line(entry.pieces)
                    console.show(report)
                }
            }
            next = page.items.last.map { $0.number &+ 1 } ?? next
            hasMore = page.next != nil && !page.items.isEmpty
        }
    }
}

extension AuditEntry {
    /// On one line, the details in the order of their names.
    var pieces: [Piece] {
        let style: Renderer.Style? =
            switch phase {
            case .failed, .interrupted: .red
            case .noted: .yellow
            case .intended: .faint
            case .completed: nil
            }
        let details = details.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "  ")
        return [
            .faint("\(number)  \(Words.time(milliseconds: at))  "), Piece("\(phase.rawValue)  ", style),
            .bold(action), " \(target)  by \(principal), \(kind)", .faint(details.isEmpty ? "" : "  \(details)"),
        ]
    }
}
