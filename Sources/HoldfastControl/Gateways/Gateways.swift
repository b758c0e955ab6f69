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
        var random: SeededRandom
    }

    private let state: Mutex<State>
    private let snapshots: Snapshots
    private let events: EventLog

    init(snapshots: Snapshots, events: EventLog, now: Instant) {
        var system = SystemRandomNumberGenerator()
        let random = SeededRandom(seed: system.next())
        state = Mutex(State(admission: PullAdmission(now: now), random: random))
        self.snapshots = snapshots
        self.events = events
    }

    /// A gateway reports and asks for what is newer.
    func pull(_ id: String, _ report: GatewayReportView, now: Instant) throws -> SignedSnapshot? {
        let report = try report.checked()
        let (answer, isNew) = state.withLock { state in
            let isNew = state.seen.updateValue(Seen(report: report, at: now), forKey: id) == nil
            return (state.admission.arrive(now: now, random: &state.random), isNew)
        }
        if isNew {
            events.add(
                EventLog.News(
                    type: "gateway.seen", subject: id,
                    summary: "the gateway \(id) reports for the first time since the start",
                    details: ["version": report.version, "generation": "\(report.generation)"]),
                now: WallClock.readMilliseconds())
        }
        if case .retryAfter(let nanoseconds) = answer {
            throw ProblemView.busy(seconds: Int((nanoseconds + Span.second - 1) / Span.second))
        }
        guard let newest = snapshots.newest, newest.number > report.generation || report.source != "control" else {
            return nil
        }
        return newest.signed
    }

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
    static func busy(seconds: Int) -> ProblemView {
        var problem = ProblemView(
            "busy", "Too many gateways at once", status: 503, detail: "more gateways ask than are answered at a time",
            mend: "come again in \(seconds) s; gateways do by themselves")
        problem.retryAfter = seconds
        return problem
    }
}
