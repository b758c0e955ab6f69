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
        /// Without the figures, and without receipts.
        var report: GatewayReportView
        var at: Instant
        var admission: PullAdmission
        /// The newest; nil: it sent none so far.
        var figures: SeenFigures?
    }

    struct SeenFigures: Sendable {
        var view: FiguresView
        var at: Instant
    }

    private struct State {
        var seen: [String: Seen] = [:]
        var admission: PullAdmission
        var pulls: (taken: Int, deferred: Int) = (0, 0)
        var audience = Audience()
        var random: SeededRandom
    }

    private let state: Mutex<State>
    private let events: EventLog

    /// Of each gateway by itself, ten times what one asks for: what one that floods takes is not taken from the others.
    private static var ownLimits: PullAdmission.Limits {
        var limits = PullAdmission.Limits()
        limits.perSecond = 5
        limits.burst = 10
        return limits
    }

    init(events: EventLog, now: Instant) {
        var system = SystemRandomNumberGenerator()
        let random = SeededRandom(seed: system.next())
        state = Mutex(State(admission: PullAdmission(now: now), random: random))
        self.events = events
    }

    /// A gateway reports, and asks for what it is to have.
    ///
    /// - Throws: `ProblemView.busy` or `.flood`, where it is to come again.
    func arrive(_ id: String, _ report: GatewayReportView, now: Instant) throws {
        var kept = report
        (kept.figures, kept.receipts) = (nil, nil)
        let (own, all, isNew) = state.withLock { [kept] state in
            let isNew = state.seen[id] == nil
            var admission = state.seen[id]?.admission ?? PullAdmission(Self.ownLimits, now: now)
            let own = admission.arrive(now: now, random: &state.random)
            let figures = report.figures.map { SeenFigures(view: $0, at: now) } ?? state.seen[id]?.figures
            state.seen[id] = Seen(report: kept, at: now, admission: admission, figures: figures)
            let all = own == .admit ? state.admission.arrive(now: now, random: &state.random) : own
            if all == .admit { state.pulls.taken += 1 } else { state.pulls.deferred += 1 }
            return (own, all, isNew)
        }
        if isNew {
            events.add(
                EventLog.News(
                    type: "gateway.seen", subject: id,
                    summary: "the gateway \(id) reports for the first time since the start",
                    details: ["version": report.version, "generation": "\(report.generation)"]),
                now: WallClock.readMilliseconds())
        }
        if case .retryAfter(let nanoseconds) = own { throw ProblemView.flood(seconds: Self.seconds(nanoseconds)) }
        if case .retryAfter(let nanoseconds) = all { throw ProblemView.busy(seconds: Self.seconds(nanoseconds)) }
    }

    /// As `Retry-After` has them.
    private static func seconds(_ nanoseconds: Int64) -> Int { Int((nanoseconds + Span.second - 1) / Span.second) }

    /// Since the start.
    var pulls: (taken: Int, deferred: Int) { state.withLock(\.pulls) }

    /// By id.
    func seen(now: Instant) -> [(id: String, seen: Seen)] {
        state.withLock { state in
            state.seen = state.seen.filter { now.nanoseconds(since: $0.value.at) < Self.forgottenNanoseconds }
            return state.seen.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
    }

    /// Somebody looks on: gateways are to tell more for a while. What they told last.
    func look(now: Instant) -> [(id: String, seen: Seen)] {
        state.withLock { $0.audience.look(now: now) }
        return seen(now: now)
    }

    /// Whether the next report of a gateway is to have figures and receipts.
    func wantsFigures(of id: String, now: Instant) -> Bool {
        state.withLock { state in
            let age = state.seen[id]?.figures.map { now.nanoseconds(since: $0.at) }
            return state.audience.wantsFigures(ageNanoseconds: age, gateways: state.seen.count, now: now)
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

extension GatewayView {
    /// What alerts are decided by.
    var sight: AlertSights.Gateway {
        // The numbers of a file are its own.
        let isOurs = report.source == "control" || report.source == "ring"
        return AlertSights.Gateway(
            id: id, silentNanoseconds: silentForMilliseconds * Span.millisecond,
            generation: isOurs ? report.generation : 0,
            target: target, refused: report.refused,
            troubles: (report.troubles ?? []).map {
                AlertSights.Trouble(
                    $0.subject, breaker: $0.breaker.flatMap(AlertSights.Trouble.Breaker.init(rawValue:)),
                    suspension: $0.suspension.flatMap(FailureClass.init(rawValue:)))
            }, saysAll: report.troubles != nil && report.moreTroubles ?? 0 == 0)
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
