import HoldfastAPI
import HoldfastCore
import NIOCore
import Synchronization

/// The gateways that report.
///
/// Kept in memory alone: each says of itself every two seconds what there is to know.
final class Gateways: Sendable {
    /// Reports that are older are of gateways that are gone.
    static let forgottenNanoseconds = 24 * Span.hour

    struct Seen: Sendable {
        var report: GatewayReportView
        var at: Instant
    }

    private struct State {
        var seen: [String: Seen] = [:]
        var admission: PullAdmission
        var random: SeededRandom
    }

    private let state: Mutex<State>

    init(now: Instant) {
        var system = SystemRandomNumberGenerator()
        let random = SeededRandom(seed: system.next())
        state = Mutex(State(admission: PullAdmission(now: now), random: random))
    }

    /// A gateway reports, and asks for what it is to have.
    ///
    /// - Throws: `ProblemView.busy`, where it is to come again.
    func arrive(_ id: String, _ report: GatewayReportView, now: Instant) throws {
        let answer = state.withLock { state in
            state.seen[id] = Seen(report: report, at: now)
            return state.admission.arrive(now: now, random: &state.random)
        }
        if case .retryAfter(let nanoseconds) = answer {
            throw ProblemView.busy(seconds: Int((nanoseconds + Span.second - 1) / Span.second))
        }
    }

    /// By id.
    func seen(now: Instant) -> [(id: String, seen: Seen)] {
        state.withLock { state in
            state.seen = state.seen.filter { now.nanoseconds(since: $0.value.at) < Self.forgottenNanoseconds }
            return state.seen.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
    }

    func report(of id: String) -> GatewayReportView? { state.withLock { $0.seen[id]?.report } }

    /// - Parameter target: the generation that each is to have.
    func all(now: Instant, target: (String) -> UInt64) -> [GatewayView] {
        seen(now: now).map { id, seen in
            GatewayView(
                id: id, silentForMilliseconds: now.nanoseconds(since: seen.at) / Span.millisecond, target: target(id),
                report: seen.report)
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
