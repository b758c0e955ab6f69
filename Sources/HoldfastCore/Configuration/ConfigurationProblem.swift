/// One thing wrong with the configuration, or one thing worth knowing about it: where it stands, what it is, and what
/// to write instead.
package struct ConfigurationProblem: Error, Sendable, Hashable, Codable {
    /// From 1; 0 where the problem is the file as a whole.
    package var line: Int
    /// From 1; 0 where the problem is the file as a whole.
    package var column: Int
    /// The dotted way to the value; empty for the document itself.
    package var path: String
    package var message: String
    package var mend: String

    package init(line: Int, column: Int, path: String, message: String, mend: String) {
        self.line = line
        self.column = column
        self.path = path
        self.message = message
        self.mend = mend
    }
}

/// What one compilation has found so far. A class, since every reader of every section adds to the same list; it
/// lives and dies inside one call.
final class ConfigurationFindings {
    private static let longestReport = ConfigurationOutcome.longestReport

    private var problems: [ConfigurationProblem] = []
    private var notes: [(kind: String, note: ConfigurationProblem, more: Int)] = []

    /// Names compared in search of what was meant. A document that is wrong ten thousand times gets its suggestions for
    /// the first of them, not a report that takes minutes.
    private var comparisonsLeft = 50_000

    func nearest(to name: String, among candidates: [String]) -> String? {
        guard comparisonsLeft > 0 else { return nil }
        comparisonsLeft -= candidates.count
        return Spelling.nearest(to: name, among: candidates)
    }

    var hasProblems: Bool { !problems.isEmpty }

    func add(_ position: ConfigurationNode.Position, _ path: String, _ fault: Fault) {
        problems.append(
            ConfigurationProblem(
                line: position.line, column: position.column, path: path, message: fault.message, mend: fault.mend))
    }

    func add(_ found: [ConfigurationProblem]) {
        problems.append(contentsOf: found)
    }

    /// One note for each kind: the first place, and how many more there are.
    func note(kind: String, _ position: ConfigurationNode.Position, _ path: String, _ fault: Fault) {
        if let index = notes.firstIndex(where: { $0.kind == kind }) {
            notes[index].more += 1
            return
        }
        let note = ConfigurationProblem(
            line: position.line, column: position.column, path: path, message: fault.message, mend: fault.mend)
        notes.append((kind, note, 0))
    }

    var sortedProblems: [ConfigurationProblem] {
        let sorted = Self.sorted(problems)
        guard sorted.count > Self.longestReport else { return sorted }
        let rest = ConfigurationProblem(
            line: sorted[Self.longestReport].line, column: sorted[Self.longestReport].column, path: "",
            message: "\(sorted.count - Self.longestReport) more problems from here on are not listed",
            mend: "mend those above and check again")
        return sorted.prefix(Self.longestReport) + [rest]
    }

    var sortedNotes: [ConfigurationProblem] {
        Self.sorted(
            notes.map { entry in
                var note = entry.note
                if entry.more > 0 {
                    note.message += " (and \(entry.more) more)"
                }
                return note
            })
    }

    /// By place; what stands in the same place stays in the order in which it was found.
    private static func sorted(_ list: [ConfigurationProblem]) -> [ConfigurationProblem] {
        list.enumerated().sorted {
            ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
        }.map(\.element)
    }
}

/// What is wrong with a value, before its place is known.
struct Fault: Error, Hashable {
    var message: String
    var mend: String

    init(_ message: String, mend: String) {
        self.message = message
        self.mend = mend
    }
}
