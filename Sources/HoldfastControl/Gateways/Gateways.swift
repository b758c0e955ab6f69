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

    /// Of the words in a report: a gateway that is not itself must not fill this process's memory.
    static let longestWord = 100
    static let longestRefusal = 1_000

    private struct Seen {
        var report: GatewayReportView
        var at: Instant
        var admission: PullAdmission
    }

    private struct State {
        var seen: [String: Seen] = [:]
        var admission: PullAdmission
        var random: SeededRandom
    }

    private let state: Mutex<State>
    private let snapshots: Snapshots

    /// Of each gateway by itself, ten times what one asks for: what one that floods takes is not taken from the others.
    private static var ownLimits: PullAdmission.Limits {
        var limits = PullAdmission.Limits()
        limits.perSecond = 5
        limits.burst = 10
        return limits
    }

    init(snapshots: Snapshots, now: Instant) {
        var system = SystemRandomNumberGenerator()
        let random = SeededRandom(seed: system.next())
        state = Mutex(State(admission: PullAdmission(now: now), random: random))
        self.snapshots = snapshots
    }

    /// A gateway reports and asks for what is newer.
    func pull(_ id: String, _ report: GatewayReportView, now: Instant) throws -> SignedSnapshot? {
        let (own, all) = state.withLock { state in
            var admission = state.seen[id]?.admission ?? PullAdmission(Self.ownLimits, now: now)
            let own = admission.arrive(now: now, random: &state.random)
            state.seen[id] = Seen(report: report.clipped, at: now, admission: admission)
            guard own == .admit else { return (own, PullAdmission.Answer.admit) }
            return (own, state.admission.arrive(now: now, random: &state.random))
        }
        if case .retryAfter(let nanoseconds) = own { throw ProblemView.flood(seconds: Self.seconds(nanoseconds)) }
        if case .retryAfter(let nanoseconds) = all { throw ProblemView.busy(seconds: Self.seconds(nanoseconds)) }
        guard let newest = snapshots.newest, newest.number > report.generation || report.source != "control" else {
            return nil
        }
        return newest.signed
    }

    /// As `Retry-After` has them.
    private static func seconds(_ nanoseconds: Int64) -> Int { Int((nanoseconds + Span.second - 1) / Span.second) }

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

extension GatewayReportView {
    /// What is kept of it. By scalars: one character may be of any length.
    fileprivate var clipped: GatewayReportView {
        func clip(_ text: String, _ most: Int) -> String {
            String(String.UnicodeScalarView(text.unicodeScalars.prefix(most)))
        }
        var kept = self
        kept.version = clip(version, Gateways.longestWord)
        kept.source = clip(source, Gateways.longestWord)
        kept.shedding = clip(shedding, Gateways.longestWord)
        kept.refused = refused.map { clip($0, Gateways.longestRefusal) }
        return kept
    }
}

extension ProblemView {
    static func flood(seconds: Int) -> ProblemView {
        var problem = ProblemView(
            "flood", "This gateway asks too often", status: 429,
            detail: "a gateway asks every two seconds, and what has this token asks far more often",
            mend: "look for what else uses its token, and revoke it where that is not known")
        problem.retryAfter = seconds
        return problem
    }

    static func busy(seconds: Int) -> ProblemView {
        var problem = ProblemView(
            "busy", "Too many gateways at once", status: 503, detail: "more gateways ask than are answered at a time",
            mend: "come again in \(seconds) s; gateways do by themselves")
        problem.retryAfter = seconds
        return problem
    }
}
