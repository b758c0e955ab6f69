/// Rows in aligned columns, as wide as the terminal allows: first every cell as it is, then the widest columns cut, and
/// where even that does not fit each row as a card of its own. The first column is never cut, since it holds what is
/// typed into the next command.
struct Table: Sendable {
    /// A column is cut down to this, or to its header.
    private static let narrowest = 8
    private static let gap = 2

    var header: [String]
    var rows: [[Piece]]
    var indent = 2

    func lines(_ renderer: Renderer) -> [String] {
        let cells = rows.map { $0.map { Piece(PlainText.visible($0.text), $0.style) } }
        guard let widths = widths(cells, room: renderer.width) else { return cards(cells, renderer) }
        let heads = header.isEmpty ? [] : [header.map { Piece.bold($0) }]
        return (heads + cells).map { draw($0, widths, renderer) }
    }

    /// Nil: no table fits.
    private func widths(_ cells: [[Piece]], room: Int?) -> [Int]? {
        let heads = header.map { PlainText.columns($0) }
        let count = max(heads.count, cells.map(\.count).max() ?? 0)
        var widths = (0..<count).map { column in
            let widest = cells.map { column < $0.count ? PlainText.columns($0[column].text) : 0 }.max() ?? 0
            return max(widest, column < heads.count ? heads[column] : 0)
        }
        guard let room else { return widths }
        let least = widths.enumerated().map { column, width in
            column == 0 ? width : min(width, max(Self.narrowest, column < heads.count ? heads[column] : 0))
        }
        let available = room - indent - Self.gap * max(count - 1, 0)
        guard least.reduce(0, +) <= available else { return nil }
        while widths.reduce(0, +) > available {
            // The one that loses least by losing a column.
            let candidates = widths.indices.filter { widths[$0] > least[$0] }
            guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { return nil }
            widths[widest] -= 1
        }
        return widths
    }

    private func draw(_ row: [Piece], _ widths: [Int], _ renderer: Renderer) -> String {
        var line = String(repeating: " ", count: indent)
        for (column, cell) in row.enumerated() {
            let text = PlainText.cut(cell.text, to: widths[column])
            let rest = column == row.count - 1 ? 0 : widths[column] - PlainText.columns(text) + Self.gap
            line += renderer.styled(text, cell.style) + String(repeating: " ", count: rest)
        }
        while line.last == " " { line.removeLast() }
        return line
    }

    private func cards(_ cells: [[Piece]], _ renderer: Renderer) -> [String] {
        let names = (header.map { PlainText.columns($0) }.max() ?? 0) + Self.gap
        let room = max((renderer.width ?? .max) - indent - names, Self.narrowest)
        var lines: [String] = []
        for (place, row) in cells.enumerated() {
            if place > 0 { lines.append("") }
            for (column, cell) in row.enumerated() where !cell.text.isEmpty {
                let name = column < header.count ? header[column] : ""
                for (number, part) in PlainText.wrap(cell.text, to: room).enumerated() {
                    let label = number == 0 ? name : ""
                    let gap = String(repeating: " ", count: names - PlainText.columns(label))
                    lines.append(
                        String(repeating: " ", count: indent) + renderer.styled(label, .bold) + gap
                            + renderer.styled(part, cell.style))
                }
            }
        }
        return lines
    }
}
