import HoldfastCore

/// The decisions of the product in a faulty world, from a seed: the machines and breakers are the real ones, everything
/// else is a script. The same seed gives the same run on every machine.
package enum Simulation {
    package static func run(seed: UInt64) -> SimulationReport {
        var world = SimulatedWorld(seed: seed)
        return world.run()
    }
}

/// What one run showed.
package struct SimulationReport: Sendable {
    package var seed: UInt64
    /// Over every event and step with its time, in order.
    package var traceHash: UInt64
    package var exchanges = 0
    package var events = 0
    package var answered = 0
    package var refused = 0
    /// Of these: no candidate was lawful.
    package var unlawful = 0
    package var interrupted = 0
    package var clientGone = 0
    /// Answers that one provider began and another ended.
    package var continued = 0
    /// Exchanges that waited for a slot, and those of them that got none.
    package var waits = 0
    package var waitsRefused = 0
    package var failovers = 0
    /// Attempts at a provider that the exchange had asked before.
    package var retries = 0
    package var lastResorts = 0
    package var probes = 0
    /// Nanoseconds from the healing of the world to the first answer of the slowest provider; nil: one never came back.
    package var slowestRecovery: Int64?
    package var violations: [String] = []
    /// The last events before the first violation, or before the end.
    package var lastEvents: [String] = []

    package init(seed: UInt64, traceHash: UInt64) {
        self.seed = seed
        self.traceHash = traceHash
    }

    package var passed: Bool { violations.isEmpty }

    /// Adds the counts of another run.
    package mutating func add(_ other: SimulationReport) {
        exchanges += other.exchanges
        events += other.events
        answered += other.answered
        refused += other.refused
        unlawful += other.unlawful
        interrupted += other.interrupted
        clientGone += other.clientGone
        continued += other.continued
        waits += other.waits
        waitsRefused += other.waitsRefused
        failovers += other.failovers
        retries += other.retries
        lastResorts += other.lastResorts
        probes += other.probes
    }
}

extension SimulationReport: CustomStringConvertible {
    package var description: String {
        guard !passed else {
            return "seed \(seed): \(exchanges) exchanges, \(events) events, answered \(answered), refused \(refused), "
                + "interrupted \(interrupted), left \(clientGone), hash \(traceHash)"
        }
        return
            (["seed \(seed) broke a promise:"] + violations.prefix(5).map { "  " + $0 } + ["the events before:"]
            + lastEvents.map { "  " + $0 }).joined(separator: "\n")
    }
}

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

    private static let kept = 40
    private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var count = 0
    private var last: [Entry] = []

    mutating func add(_ entry: Entry) {
        mix(entry.now.nanoseconds)
        mix(Int64(entry.exchange))
        mix(Self.code(entry.event))
        mix(entry.step.cancelsAttempt ? 1 : 0)
        mix(Self.code(entry.step.action))
        if last.count < Self.kept { last.append(entry) } else { last[count % Self.kept] = entry }
        count += 1
    }

    var lastEvents: [String] {
        let oldest = last.count < Self.kept ? 0 : count % Self.kept
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
