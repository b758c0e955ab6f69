/// A piece of text in one style. Whatever it says is neutralised when it is drawn, so that no command has to remember to.
struct Piece: Sendable, Hashable, ExpressibleByStringInterpolation {
    var text: String
    var style: Renderer.Style?

    init(_ text: String, _ style: Renderer.Style? = nil) {
        self.text = text
        self.style = style
    }

    init(stringLiteral value: String) {
        self.init(value)
    }

    static func bold(_ text: String) -> Piece { Piece(text, .bold) }
    static func faint(_ text: String) -> Piece { Piece(text, .faint) }
    static func red(_ text: String) -> Piece { Piece(text, .red) }
    static func green(_ text: String) -> Piece { Piece(text, .green) }
    static func yellow(_ text: String) -> Piece { Piece(text, .yellow) }
}

/// What a command says, as facts: how wide it is drawn and whether in colour is up to the renderer.
struct Report: Sendable {
    private enum Block: Sendable {
        case line([Piece], indent: Int)
        case fixed(Piece)
        case facts([(String, Piece)])
        case table(Table)
        /// Line by line as it is, since breaking it would change what it says.
        case document(String)
    }

    private var blocks: [Block] = []

    mutating func line(_ pieces: Piece..., indent: Int = 0) {
        blocks.append(.line(pieces, indent: indent))
    }

    mutating func line(_ pieces: [Piece], indent: Int = 0) {
        blocks.append(.line(pieces, indent: indent))
    }

    /// Neither broken nor cut: a line whose every character counts.
    mutating func fixed(_ piece: Piece) {
        blocks.append(.fixed(piece))
    }

    mutating func blank() {
        blocks.append(.line([], indent: 0))
    }

    mutating func heading(_ text: String) {
        blocks.append(.line([.bold(text)], indent: 0))
    }

    /// Names, and what they are, one below the other.
    mutating func facts(_ facts: [(String, Piece)]) {
        blocks.append(.facts(facts))
    }

    mutating func table(_ table: Table) {
        blocks.append(.table(table))
    }

    mutating func document(_ text: String) {
        blocks.append(.document(text))
    }

    func text(_ renderer: Renderer) -> String {
        lines(renderer).map { $0 + "\n" }.joined()
    }

    func lines(_ renderer: Renderer) -> [String] {
        blocks.flatMap { block in
            switch block {
            case .line(let pieces, let indent): Self.draw(pieces, indent: indent, renderer)
            case .fixed(let piece):
                [renderer.styled(PlainText.visible(piece.text), piece.style)]
            case .facts(let facts): Self.draw(facts, renderer)
            case .table(let table): table.lines(renderer)
            case .document(let text):
                PlainText.visible(text.hasSuffix("\n") ? String(text.dropLast()) : text, keepsLines: true)
                    .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            }
        }
    }

    private static func draw(_ facts: [(String, Piece)], _ renderer: Renderer) -> [String] {
        let names = facts.map { PlainText.visible($0.0) }
        let column = (names.map { PlainText.columns($0) }.max() ?? 0) + 4
        return zip(names, facts).flatMap { name, fact in
            let room = renderer.width.map { max($0 - column, 16) } ?? .max
            let values = PlainText.wrap(PlainText.visible(fact.1.text), to: room)
            return values.enumerated().map { place, value in
                let label = place == 0 ? name : ""
                let gap = String(repeating: " ", count: column - 2 - PlainText.columns(label))
                return "  " + renderer.styled(label, .faint) + gap + renderer.styled(value, fact.1.style)
            }
        }
    }

    /// Broken between words. A style goes on over the break.
    private static func draw(_ pieces: [Piece], indent: Int, _ renderer: Renderer) -> [String] {
        let margin = String(repeating: " ", count: indent)
        guard let width = renderer.width else {
            return [margin + pieces.map { renderer.styled(PlainText.visible($0.text), $0.style) }.joined()]
        }
        var lines: [[Piece]] = [[]]
        var used = 0
        for piece in pieces {
            var run = ""
            for (place, word) in PlainText.visible(piece.text)
                .split(separator: " ", omittingEmptySubsequences: false).enumerated()
            {
                let space = place == 0 ? 0 : 1
                let columns = PlainText.columns(word)
                if used > 0, used + space + columns > width - indent {
                    lines[lines.count - 1].append(Piece(run, piece.style))
                    lines.append([])
                    (run, used) = (String(word), columns)
                } else {
                    run += (space == 0 ? "" : " ") + word
                    used += space + columns
                }
            }
            lines[lines.count - 1].append(Piece(run, piece.style))
        }
        return lines.map { line in
            line.allSatisfy(\.text.isEmpty)
                ? "" : margin + line.map { renderer.styled($0.text, $0.style) }.joined()
        }
    }
}
