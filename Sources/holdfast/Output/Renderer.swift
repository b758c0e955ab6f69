import Glibc

/// Turns facts into text for people. It returns strings and prints nothing, so that every report can be tested; the
/// commands hand the result to `Terminal`.
struct Renderer: Sendable {
    enum Style: String {
        case bold = "1"
        case faint = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
    }

    let usesColor: Bool

    func styled(_ text: String, _ style: Style) -> String {
        usesColor && !text.isEmpty ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// Columns as wide as their widest cell, two spaces apart, nothing after the last one. A header is optional.
    func table(header: [String] = [], rows: [[String]], indent: Int = 2) -> String {
        let lines = header.isEmpty ? rows : [header] + rows
        let columns = lines.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            lines.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        let margin = String(repeating: " ", count: indent)
        let drawn = lines.enumerated().map { place, row in
            var line = margin
            for (column, cell) in row.enumerated() {
                let shown = place == 0 && !header.isEmpty ? styled(cell, .bold) : cell
                let gap = column == row.count - 1 ? 0 : widths[column] - cell.count + 2
                line += shown + String(repeating: " ", count: gap)
            }
            return line + "\n"
        }
        return drawn.joined()
    }

    func heading(_ text: String) -> String {
        styled(text, .bold) + "\n"
    }
}

/// The process's own output streams.
enum Terminal {
    static func renderer(
        for descriptor: Int32 = STDOUT_FILENO, environment: [String: String]
    ) -> Renderer {
        Renderer(usesColor: usesColor(isTerminal: isatty(descriptor) == 1, environment: environment))
    }

    /// https://no-color.org: any value of NO_COLOR that is not empty turns colour off.
    static func usesColor(isTerminal: Bool, environment: [String: String]) -> Bool {
        isTerminal && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    static func write(_ text: String) {
        write(text, to: STDOUT_FILENO)
    }

    static func writeError(_ text: String) {
        write(text, to: STDERR_FILENO)
    }

    /// One system call for a whole text, so that lines of several processes on one stream do not mix.
    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = ContiguousArray(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                bytes = bytes.dropFirst(written)
            } else if errno != EINTR {
                // Nobody reads what this process says; there is nowhere left to say so.
                return
            }
        }
    }
}
