import Synchronization

package enum TelemetrySignal: String, Sendable, Hashable, CaseIterable {
    case traces, metrics, logs

    /// Behind the collector's base URL.
    var path: String { "/v1/\(rawValue)" }
}

/// What became of one signal, for `/metrics`. Of metrics each report counts once.
package struct ExportFigures: Sendable, Hashable {
    package var sent = 0
    package var dropped: [ExportDrop: Int] = [:]
    /// Requests that were not answered with success.
    package var failures = 0
}

/// Counts of the exporter, and whether the collector took the last of each signal.
final class ExportCounts: Sendable {
    private struct State {
        var figures: [TelemetrySignal: ExportFigures] = [:]
        var failing: Set<TelemetrySignal> = []
    }

    private let state = Mutex(State())

    func drop(_ signal: TelemetrySignal, _ reason: ExportDrop, _ count: Int) {
        guard count > 0 else { return }
        state.withLock { $0.figures[signal, default: ExportFigures()].dropped[reason, default: 0] += count }
    }

    func send(_ signal: TelemetrySignal, _ count: Int) {
        state.withLock { $0.figures[signal, default: ExportFigures()].sent += count }
    }

    func fail(_ signal: TelemetrySignal) {
        state.withLock { $0.figures[signal, default: ExportFigures()].failures += 1 }
    }

    /// True where this is a change.
    func note(_ signal: TelemetrySignal, isFailing: Bool) -> Bool {
        state.withLock { state in
            isFailing ? state.failing.insert(signal).inserted : state.failing.remove(signal) != nil
        }
    }

    func figures(of signal: TelemetrySignal) -> ExportFigures {
        state.withLock { $0.figures[signal] ?? ExportFigures() }
    }
}
