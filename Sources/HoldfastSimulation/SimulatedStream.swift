import HoldfastCore

/// What the providers of a world would say to an exchange. Those of one voice say the same.
enum SimulatedText {
    static func bytes(_ range: Range<Int>, exchange: Int, voice: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            var word: UInt64 = 0
            for position in range {
                // Eight bytes from one draw: this is most of what a world's providers say.
                if position % 8 == 0 || position == range.lowerBound {
                    var random = SeededRandom(
                        seed: UInt64(exchange) << 32 ^ UInt64(voice) << 24 ^ UInt64(position / 8))
                    word = random.next()
                }
                buffer[position - range.lowerBound] = UInt8(truncatingIfNeeded: word >> UInt64(position % 8 * 8))
            }
            count = range.count
        }
    }
}

/// What a driver does with the text of a streamed exchange: holds it until the machine lets it go, and keeps what went
/// to the client.
struct SimulatedStream: Sendable {
    private(set) var sent = SentText()
    /// Came with the attempt in flight and has not been let go.
    private(set) var held: [UInt8] = []
    private var continuation: Continuation?

    mutating func beginAttempt(_ method: Continuation.Method?) {
        held = []
        continuation = method.map { Continuation($0, of: sent) }
    }

    /// What the machine is to be told of a part of an answer.
    mutating func receive(_ text: [UInt8]) -> ExchangeEvent {
        guard let verdict = text.withUnsafeBytes({ continuation?.take($0) }) else {
            held += text
            return .chunkReceived(hasToken: true)
        }
        switch verdict {
        case .repeats:
            held = []
            return .chunkRepeated
        case .undecided:
            held += text
            return .chunkRepeated
        case .diverges:
            return .attemptFailed(.diverged, retryAfterNanoseconds: nil)
        case .goesOnAfterRepeating(let from):
            held = Array(text[from...])
        case .goesOn(let from):
            held += text[from...]
        }
        continuation = nil
        return .chunkReceived(hasToken: true)
    }

    /// Whether an answer that ends now is a whole one.
    var mayEnd: Bool { continuation?.mayEnd ?? true }

    mutating func letGo() -> [UInt8] {
        defer { held = [] }
        _ = held.withUnsafeBytes { sent.append($0) }
        return held
    }
}
