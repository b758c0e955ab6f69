import HTTPTypes
import HoldfastAPI
import HoldfastCore
package import HoldfastTelemetry
import Synchronization

/// Every metric of the management plane with its name, in one list: `/metrics` shows it, and a collector is sent it.
struct ControlMetrics: Sendable {
    let tokens: Tokens
    let snapshots: Snapshots
    let gateways: Gateways
    let drills: Drills
    let backups: Backups
    let audit: AuditLog
    let answers: AnswerCounts
    let startedAt: Instant

    var route: APIRoute {
        APIRoute(
            method: .get, path: "/metrics", permission: .gatewaysRead,
            summary: "Figures of the management plane as Prometheus reads them.", response: .string,
            mediaType: PrometheusText.mediaType
        ) { request in
            .text(
                PrometheusText.page(all(wall: request.now, now: MonotonicClock.read())), type: PrometheusText.mediaType)
        }
    }

    /// - Parameter wall: milliseconds since 1970.
    func all(wall: Int64, now: Instant) -> [Metric] {
        process(now) + desired + reported(now) + drilled + evidence(wall)
    }

    private func process(_ now: Instant) -> [Metric] {
        [
            Metric(
                "holdfast_control_uptime_seconds", .gauge, "Seconds since the start.",
                Int(now.nanoseconds(since: startedAt) / Span.second)),
            Metric(
                "holdfast_control_answers_total", .counter, "Requests to the API, by the status of their answer.",
                answers.value.map { ([("code", "\($0.status)")], $0.count) }),
        ]
    }

    private var desired: [Metric] {
        [
            Metric(
                "holdfast_control_generation", .gauge, "Newest generation: what gateways are to have in force.",
                Int(clamping: snapshots.newest?.number ?? 0)),
            Metric(
                "holdfast_control_overrides", .gauge, "Overrides in force.",
                snapshots.newest?.payload.overrides.count ?? 0),
        ]
    }

    private func reported(_ now: Instant) -> [Metric] {
        let pulls = gateways.pulls
        let reports = gateways.seen(now: now).map { (label: [("gateway", $0.id)], seen: $0.seen) }
        return [
            Metric(
                "holdfast_control_pulls_total", .counter, "Reports of gateways, by what they were answered.",
                [([("answer", "taken")], pulls.taken), ([("answer", "later")], pulls.deferred)]),
            Metric(
                "holdfast_control_gateway_silent_seconds", .gauge, "Seconds since a gateway last reported.",
                reports.map { ($0.label, Int(now.nanoseconds(since: $0.seen.at) / Span.second)) }),
            Metric(
                "holdfast_control_gateway_generation", .gauge, "Generation that a gateway has in force, as it says.",
                reports.map { ($0.label, Int(clamping: $0.seen.report.generation)) }),
            Metric(
                "holdfast_control_gateway_ready", .gauge, "1 for a gateway that says it can serve.",
                reports.map { ($0.label, $0.seen.report.ready ? 1 : 0) }),
            Metric(
                "holdfast_control_gateway_refusing", .gauge, "1 for a gateway that has refused the newest snapshot.",
                reports.map { ($0.label, $0.seen.report.refused == nil ? 0 : 1) }),
        ]
    }

    private var drilled: [Metric] {
        let status = drills.status
        let verdicts = drills.state.withLock(\.verdicts)
        let fallbacks = drills.knownFallbacks
        return [
            Metric(
                "holdfast_control_drills_running", .gauge, "1 while a drill is under way.",
                status.running == nil ? 0 : 1),
            Metric(
                "holdfast_control_drills_halted", .gauge, "1 while drills are refused.", status.halt.halted ? 1 : 0),
            Metric(
                "holdfast_control_drills_total", .counter, "Drills that have ended since the start, by verdict.",
                DrillView.Verdict.allCases.map { ([("verdict", $0.rawValue)], verdicts[$0] ?? 0) }),
            Metric(
                "holdfast_control_fallbacks", .gauge, "Fallbacks by what is known of them; absent: not known just now.",
                fallbacks.map { counts in
                    [
                        ([("state", "tested")], counts.tested), ([("state", "outdated")], counts.outdated),
                        ([("state", "untested")], counts.untested), ([("state", "failed")], counts.failed),
                    ]
                } ?? []),
        ]
    }

    private func evidence(_ wall: Int64) -> [Metric] {
        let live = tokens.all.filter { $0.isGood(now: wall) }
        return [
            Metric(
                "holdfast_control_tokens", .gauge, "Tokens that are good.",
                PrincipalKind.allCases.map { kind in ([("kind", kind.rawValue)], live.count { $0.kind == kind }) }),
            Metric("holdfast_control_audit_entries", .gauge, "Entries of the audit log.", audit.size),
            Metric(
                "holdfast_control_backup_age_seconds", .gauge,
                "Age of the newest backup that was restored on trial; absent: there is none.",
                backups.lastVerifiedAge(now: wall).map { [([], Int($0 / 1_000))] } ?? []),
            Metric(
                "holdfast_control_backup_failing", .gauge, "1 while the last backup or its trial restore has failed.",
                backups.problem == nil ? 0 : 1),
        ]
    }
}

extension ControlServer {
    /// Every metric as it is now, as on `/metrics`.
    package func metrics() -> [Metric] {
        figures.all(wall: WallClock.readMilliseconds(), now: MonotonicClock.read())
    }
}

/// Answers by status. There are as many statuses as the API has, about twenty.
final class AnswerCounts: Sendable {
    private let counts = Mutex<[Int: Int]>([:])

    func count(_ status: Int) {
        counts.withLock { $0[status, default: 0] += 1 }
    }

    var value: [(status: Int, count: Int)] {
        counts.withLock { $0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

extension Metric {
    fileprivate init(_ name: String, _ kind: Kind, _ help: String, _ rows: [([(String, String)], Int)]) {
        self.init(name, kind, help)
        points = rows.map { Point($0.0, .integer($0.1)) }
    }

    fileprivate init(_ name: String, _ kind: Kind, _ help: String, _ value: Int) {
        self.init(name, kind, help, [([], value)])
    }
}
