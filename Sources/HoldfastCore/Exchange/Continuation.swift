/// The text of a stream that has reached its client: what another candidate's answer is held against before it may go on
/// where this one broke off.
package struct SentText: Sendable {
    /// Kept for each stream that may be continued. Longer answers end where they break off: few are, and repeating one
    /// would take a candidate minutes.
    package static let longestBytes = 256 << 10

    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// - Parameter text: decoded, so that two ways to write the same text are the same.
    /// - Returns: whether all of it is still kept.
    package mutating func append(_ text: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count + text.count <= Self.longestBytes else { return false }
        bytes.append(contentsOf: text)
        return true
    }
}

/// Whether another candidate's answer goes on where the interrupted one broke off.
///
/// Two answers may be joined in one way only: the second says exactly what the client already has, and then more. A
/// candidate that was given the text as the beginning of its own answer says the rest alone; one that begins again all
/// the same is caught by its first words, and then held to the first rule.
package struct Continuation: Sendable {
    package enum Method: String, Sendable, Hashable {
        /// Asked the same question: must repeat what was sent.
        case repeated
        /// Given what was sent as the beginning of its answer.
        case prefilled
    }

    package enum Verdict: Sendable, Hashable {
        /// The client has this already, and whatever was undecided before it.
        case repeats
        /// New from this byte on, and whatever was undecided before it.
        case goesOn(from: Int)
        /// New from this byte on; what was undecided before it was a repetition.
        case goesOnAfterRepeating(from: Int)
        /// More must be seen.
        case undecided
        /// Not what was sent.
        case diverges
    }

    /// A continuation that begins with as many bytes as the answer itself did is the answer over again. Fewer could be
    /// chance.
    package static let restartBytes = 32

    private let sent: [UInt8]
    private var matched = 0
    private var method: Method
    private var hasSpoken = false

    package init(_ method: Method, of sent: SentText) {
        self.sent = sent.bytes
        self.method = method
    }

    /// The next part of the answer's text, decoded. Not to be called after it went on or diverged.
    package mutating func take(_ text: UnsafeRawBufferPointer) -> Verdict {
        hasSpoken = true
        if method == .prefilled { return takePrefilled(text) }
        let count = min(text.count, sent.count - matched)
        guard isSent(text, count) else { return .diverges }
        matched += count
        return count == text.count ? .repeats : .goesOn(from: count)
    }

    /// Whether the answer may end here and be whole. One that says nothing at all to what was begun has not shown that
    /// nothing is missing.
    package var mayEnd: Bool {
        method == .prefilled ? hasSpoken : matched == sent.count
    }

    private mutating func takePrefilled(_ text: UnsafeRawBufferPointer) -> Verdict {
        let count = min(text.count, sent.count - matched)
        guard sent.count >= Self.restartBytes, isSent(text, count) else { return .goesOn(from: 0) }
        matched += count
        guard matched >= Self.restartBytes else { return .undecided }
        method = .repeated
        return count == text.count ? .repeats : .goesOnAfterRepeating(from: count)
    }

    private func isSent(_ text: UnsafeRawBufferPointer, _ count: Int) -> Bool {
        sent[matched..<matched + count].elementsEqual(text[..<count])
    }
}
