import HoldfastCore
import HoldfastWire
import NIOCore

/// What the text of one attempt is to a continuation: kept for whoever may have to go on from it, and, where this one
/// goes on from another's, held against what the client has.
struct ContinuableText {
    /// What becomes of an event on its way to the client.
    enum Change {
        case none
        /// These events are left out.
        case leavesOut([Range<Int>], hasWords: Bool)
        /// Kept back until more is known.
        case holds
        /// The literal at `range` gives way to `text`, and these events are left out.
        case replaces(range: Range<Int>, text: ByteBuffer, leavingOut: [Range<Int>])
    }

    /// Judged and not sent yet.
    private var unsent: [UInt8] = []
    /// Something was said that another candidate cannot be held to.
    private var isOpaque: Bool
    private var continuation: Continuation?
    /// Events that may be new or not, and their text.
    private var undecided: [Range<Int>] = []
    private var undecidedText: [UInt8] = []

    init(isOpaque: Bool, continuing continuation: Continuation?) {
        self.isOpaque = isOpaque
        self.continuation = continuation
    }

    /// It has said nothing yet that is new to the client.
    var isProving: Bool { continuation != nil }

    /// Nothing of what was judged has to be kept.
    var isRepeating: Bool { continuation != nil && undecided.isEmpty }

    /// Keeps what the event says. Only while it is not proving anything.
    mutating func keep(_ facts: ChunkFacts, _ bytes: UnsafeRawBufferPointer) {
        // After its last word there is nothing to go on with.
        if facts.flags.meets(.opaqueOrFinish) { isOpaque = true }
        guard !isOpaque, !facts.text.isEmpty else { return }
        let start = unsent.count
        JSONScanner.appendUTF8(of: facts.text, in: bytes, to: &unsent)
        // Half a surrogate pair: two texts would look the same that are not.
        if facts.text.hasEscapes, Self.holdsReplacement(unsent[start...]) { isOpaque = true }
    }

    private static func holdsReplacement(_ text: ArraySlice<UInt8>) -> Bool {
        String(decoding: text, as: UTF8.self).unicodeScalars.contains("\u{FFFD}")
    }

    /// Holds the event against what the client has. Nil where it shows that this is not the answer that the client has
    /// the beginning of.
    mutating func prove(_ event: SSEEvent, _ facts: ChunkFacts, _ bytes: UnsafeRawBufferPointer) -> Change? {
        if facts.flags.contains(.opaque) { return nil }
        if facts.text.isEmpty { return takeWordless(event, facts) }
        var text: [UInt8] = []
        JSONScanner.appendUTF8(of: facts.text, in: bytes, to: &text)
        let verdict = text.withUnsafeBytes { continuation?.take($0) }
        switch verdict {
        case .undecided: undecidedText += text
        case .goesOn(let from): unsent = undecidedText + text[from...]
        case .goesOnAfterRepeating(let from): unsent = Array(text[from...])
        case .repeats, .diverges, nil: break
        }
        switch verdict {
        case .diverges, nil:
            return nil
        case .undecided:
            undecided.append(event.range)
            return .holds
        case .repeats where facts.flags.contains(.finish):
            guard continuation?.mayEnd == true else { return nil }
            unsent = []
            return goOn(facts, leavingOut: undecided)
        case .repeats:
            let repeated = undecided + [event.range]
            undecided = []
            undecidedText = []
            return .leavesOut(repeated, hasWords: true)
        case .goesOn(from: 0):
            _ = goOn(facts, leavingOut: [])
            return Change.none
        case .goesOn:
            return goOn(facts, leavingOut: [])
        case .goesOnAfterRepeating:
            return goOn(facts, leavingOut: undecided)
        }
    }

    /// Moves what is not sent yet to `sent`. False where that cannot be continued.
    mutating func moveUnsent(to sent: inout SentText) -> Bool {
        guard !isOpaque else { return false }
        guard !unsent.isEmpty else { return true }
        defer { unsent.removeAll(keepingCapacity: true) }
        return unsent.withUnsafeBytes { sent.append($0) }
    }

    private mutating func takeWordless(_ event: SSEEvent, _ facts: ChunkFacts) -> Change? {
        guard facts.flags.meets(.finishOrDone) else {
            // The client has had its role, and usage comes with the end.
            return .leavesOut([event.range], hasWords: false)
        }
        guard continuation?.mayEnd == true else { return nil }
        unsent = undecidedText
        _ = goOn(facts, leavingOut: [])
        return Change.none
    }

    /// From here on it is new: of this event what stands in `unsent`.
    private mutating func goOn(_ facts: ChunkFacts, leavingOut events: [Range<Int>]) -> Change {
        var text = ByteBuffer()
        text.writeJSONString(
            String(decoding: unsent.dropFirst(events.isEmpty ? undecidedText.count : 0), as: UTF8.self))
        continuation = nil
        undecided = []
        undecidedText = []
        if facts.flags.contains(.finish) { isOpaque = true }
        return .replaces(range: facts.text.literal, text: text, leavingOut: events)
    }
}
