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
        case .diverges, nil:
            return nil
        case .undecided:
            undecidedText += text
            undecided.append(event.range)
            return .holds
        case .repeats where facts.flags.contains(.finish):
            guard continuation?.mayEnd == true else { return nil }
            return goOn(facts, with: [], keepingUndecided: false)
        case .repeats:
            let repeated = undecided + [event.range]
            undecided = []
            undecidedText = []
            return .leavesOut(repeated, hasWords: true)
        case .goesOn(let from):
            let change = goOn(facts, with: text[from...], keepingUndecided: true)
            return from == 0 ? Change.none : change
        case .goesOnAfterRepeating(let from):
            return goOn(facts, with: text[from...], keepingUndecided: false)
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
        _ = goOn(facts, with: [], keepingUndecided: true)
        return Change.none
    }

    /// From here on it is new: of this event `text`, and what was undecided before it where that is kept.
    private mutating func goOn(
        _ facts: ChunkFacts, with text: ArraySlice<UInt8>, keepingUndecided: Bool
    ) -> Change {
        unsent = (keepingUndecided ? undecidedText : []) + text
        let repeated = keepingUndecided ? [] : undecided
        continuation = nil
        undecided = []
        undecidedText = []
        if facts.flags.contains(.finish) { isOpaque = true }
        var literal = ByteBuffer()
        literal.writeJSONString(String(decoding: text, as: UTF8.self))
        return .replaces(range: facts.text.literal, text: literal, leavingOut: repeated)
    }
}
