import HoldfastAPI
import HoldfastCore
import HoldfastWire
import NIOCore
import Synchronization

/// What became of one exchange, kept for whoever asks by its id. No content and no key.
///
/// Of an ordinary exchange nothing in it is allocated. Thousands of receipts that hold on to a few small objects each
/// would make every exchange work on memory that was last touched thousands of exchanges ago; measured, that cost a tenth
/// of its CPU time.
struct Receipt: Sendable {
    var id: ExchangeID
    var endedAtMilliseconds: Int64
    var route: RouteInForce
    /// Nil: there is no key, so there is no workload.
    var workload: NameMark?
    var generation: UInt64
    var endpoint: Endpoint
    var isStream: Bool
    var criticality: Criticality
    var end: ExchangeEnd
    var status: Int
    var startedAt: Instant
    var durationNanoseconds: Int64
    var firstTokenNanoseconds: Int64?
    var firstAttempt: AttemptRecord?
    var laterAttempts: [AttemptRecord]
    var exclusions: [CandidateExclusion]
    /// Attempts that a drill failed; nil where none is under way.
    var injected: [MetFaults.Mark]?
    var usage: TokenUsage?
    var degraded: StaticString?
}

/// The last exchanges of one event loop. Written by that loop, read by whoever asks.
final class ReceiptRing: Sendable {
    private struct State: Sendable {
        var receipts: [Receipt] = []
        var next = 0
        /// Since the start.
        var ended = 0
    }

    /// What ended since a mark.
    struct Newer: Sendable {
        /// The newest first, and not all of them where they are many.
        var receipts: [Receipt]
        /// How many there were.
        var ended: Int
        var mark: Int
    }

    /// Receipts that are looked through at once: the loop waits for whoever looks.
    static let longestLook = 1_024

    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int) {
        self.capacity = capacity
    }

    func add(_ receipt: Receipt) {
        guard capacity > 0 else { return }
        state.withLock { state in
            state.ended += 1
            if state.receipts.count < capacity {
                state.receipts.append(receipt)
            } else {
                state.receipts[state.next] = receipt
            }
            state.next = (state.next + 1) % capacity
        }
    }

    func find(_ id: ExchangeID) -> Receipt? {
        state.withLock { state in state.receipts.last { $0.id == id } }
    }

    /// Newest first.
    func newest(_ count: Int) -> [Receipt] {
        state.withLock { state in
            let split = state.receipts.count < capacity ? 0 : state.next
            return Array((state.receipts[split...] + state.receipts[..<split]).suffix(count).reversed())
        }
    }

    /// - Parameters:
    ///   - mark: of the last time; 0: of everything.
    ///   - most: receipts, half of them of exchanges that did not go as on a good day.
    func newer(than mark: Int, most: Int) -> Newer {
        state.withLock { state in
            let ended = max(state.ended - mark, 0)
            let looked = min(ended, state.receipts.count, Self.longestLook)
            // The newest stands before the place of the next.
            let places = (1...max(looked, 1)).prefix(looked).map { (state.next - $0 + capacity) % capacity }
            let chosen = ReceiptChoice.places(notable: places.map { state.receipts[$0].isNotable }, most: most)
            return Newer(receipts: chosen.map { state.receipts[places[$0]] }, ended: ended, mark: state.ended)
        }
    }
}

extension Exchange {
    var workloadMark: NameMark? { admitted.inForce.workloadMark(of: admitted.principal) }

    func receipt(_ end: ExchangeEnd, duration: Int64, firstToken: Int64?) -> Receipt {
        let attempts = allAttempts
        return Receipt(
            id: request.idNumber, endedAtMilliseconds: WallClock.readMilliseconds(), route: admitted.route,
            workload: workloadMark, generation: admitted.inForce.generation, endpoint: admitted.scan.endpoint,
            isStream: admitted.scan.isStream, criticality: admitted.criticality, end: end, status: sentStatus,
            startedAt: startedAt, durationNanoseconds: duration, firstTokenNanoseconds: firstToken,
            firstAttempt: attempts.first,
            laterAttempts: attempts.count > 1 ? Array(attempts.dropFirst()) : [], exclusions: machine.exclusions,
            injected: met?.marks, usage: usage, degraded: degraded)
    }
}

extension CandidateExclusion.Reason {
    var word: String {
        switch self {
        case .refused(.breaker(.open)): "breaker_open"
        case .refused(.breaker(.probing)): "breaker_probing"
        case .refused(.breaker(.slowStart)): "slow_start"
        case .refused(.suspended(let facts)): facts.failure.rawValue
        case .refused(.limited): "limit_used_up"
        case .refused(.scarce): "limit_scarce"
        case .refused(.busy): "busy"
        case .refused(.throttled): "throttled"
        case .tooSlow: "too_slow"
        case .retired: "retired"
        case .drained: "drained"
        case .unlawful: "unlawful"
        }
    }
}

extension ExchangeReceiptView {
    init(_ receipt: Receipt, _ known: KnownNames) {
        let names = receipt.route.candidates.map(\.deployment.id)
        self.init(
            id: receipt.id.text, endedAt: TimeOfDay.text(milliseconds: receipt.endedAtMilliseconds),
            route: receipt.route.route.name, workload: receipt.workload.map(known.name), generation: receipt.generation,
            operation: receipt.endpoint.operation, stream: receipt.isStream, criticality: receipt.criticality.rawValue,
            delivery: receipt.route.route.delivery.rawValue, end: receipt.end.word, status: receipt.status,
            degraded: receipt.degraded.map { "\($0)" }, milliseconds: receipt.durationNanoseconds / Span.millisecond,
            firstTokenMilliseconds: receipt.firstTokenNanoseconds.map { $0 / Span.millisecond },
            inputTokens: receipt.usage?.prompt, outputTokens: receipt.usage?.completion, candidates: names,
            attempts: ([receipt.firstAttempt].compactMap { $0 } + receipt.laterAttempts).map { attempt in
                func since(_ instant: Instant) -> Int64 {
                    instant.nanoseconds(since: receipt.startedAt) / Span.millisecond
                }
                return Attempt(
                    deployment: names[attempt.candidate], startedMilliseconds: since(attempt.startedAt),
                    firstTokenMilliseconds: attempt.firstTokenAt.map(since),
                    endedMilliseconds: attempt.endedAt.map(since), failure: attempt.failure?.rawValue,
                    continues: attempt.continuation?.rawValue, injected: receipt.injected?.order(of: attempt))
            },
            exclusions: receipt.exclusions.map { exclusion in
                Exclusion(
                    deployment: names[exclusion.candidate], reason: exclusion.reason.word,
                    atMilliseconds: exclusion.at.nanoseconds(since: receipt.startedAt) / Span.millisecond)
            })
    }
}
