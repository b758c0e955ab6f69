import HoldfastCore

/// A 64-bit hash of everything that happened, FNV-1a taken a word at a time for speed; and the last of it in words.
struct Trace: Sendable {
    struct Entry: Sendable, CustomStringConvertible {
        var now: Instant
        var exchange: Int
        var event: ExchangeEvent
        var step: ExchangeStep

        var description: String {
            let micros = now.nanoseconds / Span.microsecond
            return
                "\(micros) µs exchange \(exchange) \(event) -> \(step.cancelsAttempt ? "cancel, " : "")\(step.action)"
        }
    }

    /// How many events are kept, to be told in words.
    var kept = 40
    private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var count = 0
    private var last: [Entry] = []

    mutating func add(_ entry: Entry) {
        mix(entry.now.nanoseconds)
        mix(Int64(entry.exchange))
        mix(Self.code(entry.event))
        mix(entry.step.cancelsAttempt ? 1 : 0)
        mix(Self.code(entry.step.action))
        if last.count < kept { last.append(entry) } else { last[count % kept] = entry }
        count += 1
    }

    var lastEvents: [String] {
        let oldest = last.count < kept ? 0 : count % kept
        return (last[oldest...] + last[..<oldest]).map(\.description)
    }

    private mutating func mix(_ value: Int64) {
        hash = (hash ^ UInt64(bitPattern: value)) &* 0x0000_0100_0000_01b3
        // A word at a time leaves the high bits of a value without influence on the low bits of the hash.
        hash ^= hash >> 32
    }

    private static func code(_ event: ExchangeEvent) -> Int64 {
        switch event {
        case .started: 1
        case .attemptConnected: 2
        case .connectionStale: 3
        case .headReceived: 4
        case .chunkReceived(let hasToken): hasToken ? 5 : 6
        case .upstreamEnded: 7
        case .timerFired: 8
        case .clientGone: 9
        case .chunkRepeated: 10
        case .becameUncontinuable: 11
        case .holdFilled: 12
        case .slotGranted: 13
        case .slotRefused: 14
        case .secondTryForbidden: 15
        case .hedged(let candidate): 2_000 + Int64(candidate)
        case .attemptFailed(let failure, _): 100 + code(failure)
        }
    }

    private static func code(_ action: ExchangeStep.Action) -> Int64 {
        switch action {
        case .none: 1
        case .hold: 2
        case .forward: 3
        case .heartbeat: 9
        case .hedge: 10
        case .sendAttempt(let candidate): 1_000 + Int64(candidate)
        case .finish(.answered): 4
        case .finish(.clientGone): 5
        case .finish(.interrupted(let failure)): 100 + code(failure)
        case .finish(.refused(.deadlinePassed)): 6
        case .finish(.refused(.noneLawful)): 8
        case .finish(.refused(.noneAvailable(let wait))): 7 ^ (wait << 8)
        case .finish(.refused(.upstreamAnswer(let failure))): 200 + code(failure)
        case .finish(.refused(.everyCandidateFailed(let failure))): 300 + code(failure)
        }
    }

    private static func code(_ failure: FailureClass) -> Int64 {
        Int64(FailureClass.allCases.firstIndex(of: failure) ?? -1)
    }
}
