import HoldfastAPI
import HoldfastCore
import Synchronization

/// What this process says of itself: the snapshot in force, whether it drains, and the last configuration it refused.
final class GatewayStatus: Sendable {
    private struct State {
        var inForce: InForce
        var isDraining = false
        var needRestart: [String] = []
        var refused: ConfigurationProblems?
        var refusals = 0
        var source: AdoptedSnapshot.Source
        var pullRefusal: PullRefusal?
    }

    private let state: Mutex<State>
    let startedAt = MonotonicClock.read()

    init(inForce: InForce, source: AdoptedSnapshot.Source) {
        state = Mutex(State(inForce: inForce, source: source))
    }

    var inForce: InForce { state.withLock { $0.inForce } }
    var isDraining: Bool { state.withLock { $0.isDraining } }
    var refused: ConfigurationProblems? { state.withLock { $0.refused } }
    var refusals: Int { state.withLock { $0.refusals } }
    var needRestart: [String] { state.withLock { $0.needRestart } }

    var source: AdoptedSnapshot.Source { state.withLock { $0.source } }
    var pullRefusal: PullRefusal? { state.withLock { $0.pullRefusal } }

    func confirm() { state.withLock { $0.source = .control } }

    func refuse(pull refusal: PullRefusal?) { state.withLock { $0.pullRefusal = refusal } }

    func adopt(_ next: InForce, source: AdoptedSnapshot.Source, needRestart: [String]) {
        state.withLock {
            $0.inForce = next
            $0.source = source
            $0.needRestart = needRestart
            $0.refused = nil
        }
    }

    func refuse(_ problems: ConfigurationProblems) {
        state.withLock {
            $0.refused = problems
            $0.refusals += 1
        }
    }

    func beginDraining() {
        state.withLock { $0.isDraining = true }
    }

    /// Whether at least one route has a candidate that is not suspended and whose breaker lets traffic through.
    var isReady: Bool {
        let (inForce, isDraining) = state.withLock { ($0.inForce, $0.isDraining) }
        guard !isDraining else { return false }
        let now = MonotonicClock.read()
        return inForce.routes.contains { route in
            route.candidates.contains { candidate in
                guard candidate.providerState.refusal(now: now) == nil else { return false }
                return candidate.state.withLock { shared in
                    guard shared.health.suspension.refusal(now: now) == nil else { return false }
                    return if case .open = shared.health.breaker.state { false } else { true }
                }
            }
        }
    }
}

extension ConfigurationProblems {
    var firstLine: String {
        problems.first.map { "\($0.line):\($0.column): \($0.path): \($0.message)" } ?? "none"
    }
}
