import HoldfastCore
import Logging
import Synchronization

/// Refuses work before it begins while this process has too much of it: how late its loops run, and its memory. Asked
/// for each request, so the answer is one load from memory; what it rests on is looked at a few times a second.
final class LoadGate: Sendable {
    private struct State: Sendable {
        var lag: LagWindow
        var shedding = LoadShedding()
    }

    private let state: Mutex<State>
    private let level = Atomic<Int>(0)

    init(loops: Int) {
        state = Mutex(State(lag: LagWindow(loops: loops)))
    }

    var word: String { (LoadShedding.Level(rawValue: level.load(ordering: .relaxed)) ?? .none).word }
    var levelNumber: Int { level.load(ordering: .relaxed) }

    func record(lagNanoseconds: Int64, now: Instant) {
        state.withLock { $0.lag.record(lagNanoseconds: lagNanoseconds, now: now) }
    }

    /// - Parameter boundBytes: what the process may hold; nil: unknown.
    func observe(residentBytes: Int, boundBytes: Int?, now: Instant, logger: Logger) {
        let (isNew, shedding, lag) = state.withLock { state in
            let lag = state.lag.p99(now: now)
            let isNew = state.shedding.observe(
                lagP99Nanoseconds: lag, residentBytes: residentBytes, boundBytes: boundBytes, now: now)
            return (isNew, state.shedding, lag)
        }
        level.store(shedding.level.rawValue, ordering: .relaxed)
        guard isNew else { return }
        logger.log(
            level: shedding.level == .none ? .notice : .warning,
            shedding.level == .none ? "all exchanges are let in again" : "some exchanges are shed before they begin",
            metadata: [
                "state": "\(shedding.level.word)", "lag_ms": "\(lag / Span.millisecond)", "bytes": "\(residentBytes)",
            ])
    }

    /// Nil: let it in. Else how long its client is asked to wait.
    func refusal(of criticality: Criticality, random: inout SeededRandom) -> Int64? {
        guard level.load(ordering: .relaxed) > 0 else { return nil }
        let shedding = state.withLock { $0.shedding }
        return shedding.refuses(criticality)
            ? shedding.retryAfterNanoseconds(criticality, random: &random) : nil
    }
}

extension LoadShedding.Level {
    /// What is shed.
    var word: String {
        switch self {
        case .none: "none"
        case .deferrable: "deferrable"
        case .standard: "deferrable and standard"
        case .everything: "everything"
        }
    }
}
