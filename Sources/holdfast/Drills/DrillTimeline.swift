import HoldfastAPI
import HoldfastCore

/// A drill as it goes on: a line for each phase that it comes to, and on a terminal one more that is drawn again and again.
struct DrillTimeline {
    private var phase: DrillView.Phase?
    private var isDrawn = false
    let isTerminal: Bool

    init(isTerminal: Bool) {
        self.isTerminal = isTerminal
    }

    /// What to write now; the last line may be one that the next text takes back.
    mutating func text(of drill: DrillView, _ renderer: Renderer) -> String {
        var text = takeBack
        if drill.phase != phase {
            phase = drill.phase
            var report = Report()
            report.line(.faint(Self.clock(drill)), " \(drill.phase.sentence)", indent: 2)
            if drill.phase != .done { text += report.text(renderer) }
        }
        guard isTerminal, drill.phase != .done else { return text }
        isDrawn = true
        return text + String(live(drill, renderer))
    }

    /// Removes the line that is drawn again and again.
    var takeBack: String { isDrawn ? "\r\u{1B}[K" : "" }

    /// Without a line end, and never longer than the terminal is wide: what is broken cannot be taken back.
    private func live(_ drill: DrillView, _ renderer: Renderer) -> String {
        let width = max((renderer.width ?? 80) - 1, 20)
        let counts = drill.seconds.reduce((answered: 0, degraded: 0, lost: 0)) { sum, second in
            (
                sum.answered + second.counts.answered, sum.degraded + second.counts.degraded,
                sum.lost + second.counts.lost
            )
        }
        let words =
            "  \(Self.clock(drill)) \(counts.answered) answered, \(counts.degraded) degraded, \(counts.lost) lost "
        let marks = Self.marks(drill.seconds, most: max(width - words.count, 0))
        return PlainText.cut(PlainText.visible(words + marks), to: width)
    }

    /// Since t₀, right-aligned.
    private static func clock(_ drill: DrillView) -> String {
        let age = drill.gateways.compactMap { $0.observation?.ageMilliseconds }.max()
        let text = age.map { "+\($0 / 1_000) s" } ?? "-"
        return String(repeating: " ", count: max(6 - text.count, 0)) + text
    }

    /// Seconds: no drill comes near.
    private static let longest = 1_000_000

    /// A character for each second, the newest; `|` stands before the first of the fault. What no gateway spoke of is a
    /// gap, and not nothing.
    static func marks(_ seconds: [DrillObservationView.Second], most: Int) -> String {
        let seconds = seconds.filter { -longest...longest ~= $0.second }
        let places = seconds.map(\.second)
        guard let first = places.min(), let last = places.max(), most > 0 else { return "" }
        let known = Dictionary(seconds.map { ($0.second, $0.counts.mark) }, uniquingKeysWith: { first, _ in first })
        var text = ""
        for second in max(first, last - most + 1)...last {
            if second == 0 { text.append("|") }
            text.append(known[second] ?? " ")
        }
        return String(text.suffix(most))
    }
}
