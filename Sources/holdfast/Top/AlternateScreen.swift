import Synchronization

/// The terminal's second screen: what was on the first one is there again afterwards. Lines are drawn over the old ones
/// without clearing first, so that nothing flickers.
final class AlternateScreen: Sendable {
    private static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[H\u{1B}[2J"
    private static let leave = "\u{1B}[?25h\u{1B}[?1049l"

    private let isOpen = Atomic(false)
    private let write: @Sendable (String) -> Void

    init(write: @escaping @Sendable (String) -> Void) {
        self.write = write
    }

    func enter() {
        if !isOpen.exchange(true, ordering: .relaxed) { write(Self.enter) }
    }

    /// May be called more than once, and from a signal's queue while another thread draws.
    func leave() {
        if isOpen.exchange(false, ordering: .relaxed) { write(Self.leave) }
    }

    func draw(_ lines: [String]) {
        guard isOpen.load(ordering: .relaxed) else { return }
        write("\u{1B}[H" + lines.map { $0 + "\u{1B}[K\r\n" }.joined() + "\u{1B}[J")
    }
}
