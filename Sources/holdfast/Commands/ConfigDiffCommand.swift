import ArgumentParser
import Foundation
import HoldfastAPI

struct ConfigDiffCommand: ControlledCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what differs between two generations, or between one and a file.",
        discussion: """
            With no number: what the newest document has changed against the one before it. With one: from it to the \
            newest. With --file: from the generation, else from the newest, to the file.

            EXAMPLES
              holdfast config diff
              holdfast config diff 3 7
              holdfast config diff --file holdfast.yaml      what publishing it would change

            EXIT CODES
              0   they say the same
              1   they differ, or there is no such generation
              66  the file cannot be read
              69  the management plane does not answer
              77  no valid token
            """
    )

    @Argument(help: "A number, or newest.")
    var from: GenerationPlace?

    @Argument(help: "A number, or newest.")
    var to: GenerationPlace?

    @Option(
        help: ArgumentHelp("Compare with this file; - reads standard input.", valueName: "FILE"), completion: .file())
    var file: String?

    @OptionGroup var options: ControlOptions

    func validate() throws {
        guard file == nil || to == nil else {
            throw ValidationError("--file takes the place of the second generation.")
        }
    }

    func perform(_ client: ControlClient, _ console: Console) async throws -> ExitStatus {
        let (old, new) = try await sides(client)
        let diff = LineDiff(from: old.document, to: new.document)
        let comparison = Comparison(from: old.name, to: new.name, differs: diff.differs, lines: diff.lines)
        show(comparison, console) {
            var report = Report()
            guard diff.differs else {
                report.line("\(old.name) and \(new.name) say the same")
                return report
            }
            report.line(.bold("--- \(old.name)"))
            report.line(.bold("+++ \(new.name)"))
            for line in diff.lines {
                let text = line.mark + line.text
                switch line.mark {
                case "+": report.fixed(.green(text))
                case "-": report.fixed(.red(text))
                case "@": report.fixed(.faint(line.text))
                default: report.fixed(Piece(text))
                }
            }
            return report
        }
        return diff.differs ? .failure : .success
    }

    private struct Side {
        var name: String
        var document: String
    }

    /// What `--json` prints; there is no such view of the API, since the comparison is made here.
    private struct Comparison: Encodable {
        var from: String
        var to: String
        var differs: Bool
        var lines: [LineDiff.Line]
    }

    private func sides(_ client: ControlClient) async throws -> (Side, Side) {
        func side(_ place: GenerationPlace) async throws -> Side {
            let found = try await client.generation(place)
            return Side(name: "generation \(found.number)", document: found.document ?? "")
        }
        if let file {
            return (try await side(from ?? .newest), Side(name: file, document: try InputFile.text(of: file)))
        }
        if let from { return (try await side(from), try await side(to ?? .newest)) }
        let newest = try await client.generation(.newest)
        let before = try await client.predecessor(of: newest)
        return (
            Side(name: before.map { "generation \($0.number)" } ?? "nothing", document: before?.document ?? ""),
            Side(name: "generation \(newest.number)", document: newest.document ?? "")
        )
    }
}

/// Two texts line by line, with a little of what stays around each change.
struct LineDiff: Sendable {
    struct Line: Encodable, Sendable, Hashable {
        /// `+`, `-`, a space for what stays, `@` for where a part begins.
        var mark: String
        var text: String
    }

    static let context = 3
    /// Changed lines of both sides. The search for the least difference takes memory with their square: beyond this the
    /// changed part is shown as a whole.
    static let longestSearch = 4_000

    private(set) var lines: [Line] = []
    private(set) var differs: Bool

    init(from old: String, to new: String) {
        differs = old != new
        guard differs else { return }
        let (old, new) = (Self.lines(of: old), Self.lines(of: new))
        let start = zip(old, new).prefix { $0 == $1 }.count
        let end = zip(old.dropFirst(start).reversed(), new.dropFirst(start).reversed()).prefix { $0 == $1 }.count
        let changed = Self.script(Array(old[start..<(old.count - end)]), Array(new[start..<(new.count - end)]))
        let all =
            old.prefix(start).map { Line(mark: " ", text: $0) } + changed
            + old.suffix(end).map { Line(mark: " ", text: $0) }
        lines = Self.parts(of: all)
    }

    private static func lines(of text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }

    private static func script(_ old: [String], _ new: [String]) -> [Line] {
        guard old.count + new.count <= longestSearch else {
            return old.map { Line(mark: "-", text: $0) } + new.map { Line(mark: "+", text: $0) }
        }
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in new.difference(from: old) {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var lines: [Line] = []
        var (left, right) = (0, 0)
        while left < old.count || right < new.count {
            if left < old.count, removed.contains(left) {
                lines.append(Line(mark: "-", text: old[left]))
                left += 1
            } else if right < new.count, inserted.contains(right) {
                lines.append(Line(mark: "+", text: new[right]))
                right += 1
            } else {
                lines.append(Line(mark: " ", text: new[right]))
                left += 1
                right += 1
            }
        }
        return lines
    }

    /// Without what is far from every change.
    private static func parts(of all: [Line]) -> [Line] {
        var isShown = [Bool](repeating: false, count: all.count)
        for place in all.indices where all[place].mark != " " {
            for near in max(place - context, 0)...min(place + context, all.count - 1) { isShown[near] = true }
        }
        var lines: [Line] = []
        var newLine = 0
        for place in all.indices {
            if all[place].mark != "-" { newLine += 1 }
            guard isShown[place] else { continue }
            if place == 0 || !isShown[place - 1] {
                lines.append(Line(mark: "@", text: "@@ line \(max(newLine, 1))"))
            }
            lines.append(all[place])
        }
        return lines
    }
}
