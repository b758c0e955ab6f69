import HoldfastAPI
import HoldfastCore
import NIOCore
import Synchronization

/// The gateways that report, and what each is to have in force.
///
/// Kept in memory alone: each says of itself every two seconds what there is to know.
final class Gateways: Sendable {
    /// Reports that are older are of gateways that are gone.
    static let forgottenNanoseconds = 24 * Span.hour

    private struct Seen {
        var report: GatewayReportView
        var at: Instant
    }

    private struct State {
        var seen: [String: Seen] = [:]
        var admission: PullAdmission
        var pulls: (taken: Int, deferred: Int) = (0, 0)
        var random: SeededRandom
    }

    private let state: Mutex<State>
    private let snapshots: Snapshots

    init(snapshots: Snapshots, now: Instant) {
        var system = SystemRandomNumberGenerator()
        let random = SeededRandom(seed: system.next())
        state = Mutex(State(admission: PullAdmission(now: now), random: random))
        self.snapshots = snapshots
    }

    /// A gateway reports and asks for what is newer.
    func pull(_ id: String, _ report: GatewayReportView, now: Instant) throws -> SignedSnapshot? {
        let answer = state.withLock { state in
            state.seen[id] = Seen(report: report, at: now)
            let answer = state.admission.arrive(now: now, random: &state.random)
            if case .retryAfter = answer { state.pulls.deferred += 1 } else { state.pulls.taken += 1 }
            return answer
        }
        if case .retryAfter(let nanoseconds) = answer {
            throw ProblemView.busy(seconds: Int((nanoseconds + Span.second - 1) / Span.second))
        }
        guard let newest = snapshots.newest, newest.number > report.generation || report.source != "control" else {
            return nil
        }
        return newest.signed
    }

    /// Since the start.
    var pulls: (taken: Int, deferred: Int) { state.withLock(\.pulls) }

    func all(now: Instant) -> [GatewayView] {
        let target = snapshots.newest?.number ?? 0
        return state.withLock { state in
            state.seen = state.seen.filter { now.nanoseconds(since: $0.value.at) < Self.forgottenNanoseconds }
            return state.seen.sorted { $0.key < $1.key }.map { id, seen in
                GatewayView(
                    id: id, silentForMilliseconds: now.nanoseconds(since: seen.at) / Span.millisecond, target: target,
                    report: seen.report)
            }
        }
    }
}

extension ProblemView {
    static func busy(seconds: Int) -> ProblemView {
        var problem = ProblemView(
            "busy", "Too many gateways at once", status: 503, detail: "more gateways ask than are answered at a time",
            mend: "come again in \(seconds) s; gateways do by themselves")
        problem.retryAfter = seconds
        return problem
    }
}
