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
    /// In columns; nil: no line is broken or cut, as in a file or a pipe.
    var width: Int?

    func styled(_ text: String, _ style: Style?) -> String {
        guard let style, usesColor, !text.isEmpty else { return text }
        return "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m"
    }

    /// Columns as wide as their widest cell, two spaces apart, nothing after the last one. A header is optional.
    func table(header: [String] = [], rows: [[String]], indent: Int = 2) -> String {
        Table(header: header, rows: rows.map { $0.map { Piece($0) } }, indent: indent).lines(self)
            .map { $0 + "\n" }.joined()
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

    /// Columns and rows; nil where it is no terminal, or does not say.
    static func size(of descriptor: Int32 = STDOUT_FILENO) -> (columns: Int, rows: Int)? {
        var size = winsize()
        guard isatty(descriptor) == 1, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return nil
        }
        return (Int(size.ws_col), Int(size.ws_row))
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
