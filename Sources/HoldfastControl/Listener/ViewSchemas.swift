import HoldfastAPI
import HoldfastCore

/// What our views look like as JSON; a test holds each against the view itself.
extension APISchema {
    static let signedSnapshot = object([("payload", .string), ("signature", .string)])

    static let report = object([
        ("version", .string), ("generation", .count), ("source", oneOf(GatewayReportView.sources)),
        ("ready", .boolean), ("exchanges_in_flight", .count), ("exchanges", .count), ("failures", .count),
        ("refused?", .string), ("shedding", .string), ("troubles?", array(of: trouble, most: TroubleView.most)),
        ("more_troubles?", .count), ("drills?", array(ofUnique: drillObservation, most: DrillObservationView.most)),
        ("figures?", figures), ("receipts?", receipts),
    ])

    static let drillCounts = object([
        ("answered", .count), ("degraded", .count), ("lost", .count), ("shed", .count),
    ])

    /// Milliseconds, or seconds, from an instant of a drill.
    private static let drillSpan = APISchema(
        json: [
            "type": "integer", "minimum": .integer(-Int(DrillObservationView.longestMilliseconds)),
            "maximum": .integer(Int(DrillObservationView.longestMilliseconds)),
        ])

    static let drillSecond = object([("second", drillSpan), ("counts", drillCounts)])

    static let answerer = object([("deployment", .names([.deployment])), ("count", .count)])

    static let drillObservation = object([
        ("order", .names([.id])), ("phase", oneOf(DrillObservationView.Phase.allCases.map(\.rawValue))),
        ("ended?", oneOf(DrillWatch.Ending.allCases.map(\.rawValue))),
        ("ended_after_milliseconds?", drillSpan), ("age_milliseconds?", drillSpan), ("met", .count),
        ("detected_after_milliseconds?", drillSpan), ("acted_after_milliseconds?", drillSpan),
        ("recovered_after_milliseconds?", drillSpan), ("recovery_is_final", .boolean), ("baseline", drillCounts),
        ("critical", drillCounts), ("standard", drillCounts), ("deferrable", drillCounts), ("probes", .count),
        ("answerers", array(of: answerer, most: DrillObservationView.mostAnswerers)),
        ("seconds", array(of: drillSecond, most: DrillObservationView.mostSeconds)), ("is_steady_again", .boolean),
    ])

    static let trouble = object([
        ("subject", .names([.id, .deployment])), ("breaker?", oneOf(["open", "half-open"])),
        ("suspension?", .text(longest: TroubleView.longestSuspension)),
    ])

    static let gateway = object([
        ("id", .string), ("silent_for_milliseconds", .integer), ("target", .integer), ("report", report),
    ])

    static let rollout = object([
        ("phase", oneOf(RolloutView.phases)), ("cause?", oneOf(Rollout.Reason.allCases.map(\.rawValue))),
        ("good", .integer), ("proposed", .integer), ("canary?", .string), ("detail", .string), ("mend?", .string),
        ("not_there", array(of: .string)), ("author", .string), ("reason", .string), ("began_at", .time),
        ("changed_at", .time),
    ])

    static let newestRollout = object([("rollout?", rollout)])

    static let status = object([
        ("version", .string), ("generation", .integer), ("overrides", .integer), ("gateways", array(of: gateway)),
        ("rollout?", rollout), ("audit_entries", .integer), ("last_verified_backup_age_milliseconds?", .integer),
        ("backup_problem?", .string),
        ("principal", .string), ("kind", .string), ("drills?", drillsStatus),
    ])

    static let price = object([("input?", .string), ("cached_input?", .string), ("output?", .string)])

    static let effect = object([
        ("kind", oneOf(["drain", "restrict", "pin", "shed", "cap", "price", "fault"])), ("route?", .string),
        ("provider?", .string), ("deployment?", .string), ("vendor?", .string), ("jurisdiction?", .string),
        ("candidate?", .string), ("only?", .boolean), ("below?", oneOf(Criticality.allCases.map(\.rawValue))),
        ("concurrent?", .integer), ("requests_per_minute?", .integer), ("tokens_per_minute?", .integer),
        ("price?", price), ("fault?", fault),
    ])

    static let fault = object([
        ("fault", oneOf(InjectedFault.allCases.map(\.rawValue))), ("target", oneOf(FaultTarget.words)),
        ("name?", .string), ("route?", .string), ("share_percent", .integer), ("lease_milliseconds", .integer),
        ("delay_milliseconds", .integer), ("probes_per_second", .integer), ("baseline_milliseconds", .integer),
        ("stop_lost_critical", .integer), ("stop_lost_percent", .integer),
    ])

    /// Milliseconds since 1970 in its times.
    static let override = object([
        ("id", .string), ("effect", effect), ("author", .string), ("reason", .string), ("created_at", .integer),
        ("expires_at", .integer), ("ended_at?", .integer), ("ended_by?", .string),
    ])

    static let newOverride = object([("effect", effect), ("reason", .why), ("for", .span)])

    static let reason = object([("reason", .why)])

    static let generation = object([
        ("number", .integer), ("made_at", .time), ("author", .string), ("reason", .string), ("name", .string),
        ("overrides", array(of: override)), ("document?", .string),
    ])

    static let newGeneration = object([
        ("document", .string), ("name", .line(longest: longestName)), ("reason", .why), ("confirmed?", .boolean),
    ])

    static let rollback = object([("to", .count), ("reason", .why)])

    static let kind = oneOf(PrincipalKind.allCases.map(\.rawValue))

    static let grant = object([("permission", .string), ("expires_at", .time), ("includes_recovery", .boolean)])

    static let token = object([
        ("id", .string), ("kind", kind), ("note", .string), ("grants", array(of: grant)), ("made_by", .string),
        ("made_at", .time), ("expires_at", .time), ("revoked_at?", .time), ("revoked_by?", .string),
        ("token?", .string),
    ])

    static let newToken = object([
        ("id", .id), ("kind", kind), ("note?", note), ("for?", .span),
        (
            "grants?",
            array(
                of: object([
                    ("permission", oneOf(Permission.allCases.map(\.rawValue))), ("for", .span),
                    ("includes_recovery?", .boolean),
                ]))
        ),
    ])

    private static let note = APISchema(
        json: [
            "type": "string", "maxLength": .integer(ProblemView.Field.longestNote),
            "pattern": #"^[^\u0000-\u001f\u007f-\u009f]*$"#,
        ])

    static let key = object([
        ("id", .string), ("workload", .string), ("note", .string), ("made_by", .string), ("made_at", .time),
        ("revoked_at?", .time), ("revoked_by?", .string), ("key?", .string),
    ])

    static let newKey = object([("id", .id), ("workload", .string), ("note?", note)])

    static let auditEntry = object([
        ("number", .integer), ("at", .integer), ("principal", .string), ("kind", .string), ("action", .string),
        ("target", .string), ("details", map(of: .string)),
        ("phase", oneOf(["intended", "completed", "failed", "interrupted", "noted"])), ("intent?", .integer),
    ])

    static let inclusionProof = object([
        ("size", .integer), ("root", .string), ("entry", .integer), ("leaf", .string), ("hashes", array(of: .string)),
    ])

    static let consistencyProof = object([
        ("size", .integer), ("root", .string), ("from", .integer), ("from_root", .string),
        ("hashes", array(of: .string)),
    ])

    static let backup = object([
        ("id", .string), ("state", oneOf(BackupView.State.allCases.map(\.rawValue))), ("folder", .string),
        ("bytes", .integer), ("made_at?", .time), ("age_milliseconds?", .integer), ("version?", .string),
        ("generation?", .integer), ("audit_entries?", .integer), ("checked_at?", .time), ("problem?", .string),
        ("mend?", .string),
    ])

    static let severity = oneOf(AlertSeverity.allCases.map(\.rawValue))

    static let event = object([
        ("id", .integer), ("at", .time), ("type", .string), ("subject", .string), ("summary", .string),
        ("severity?", severity), ("by?", .string), ("details", map(of: .string)),
    ])

    static let eventPage = object([("items", array(of: event)), ("next", .string), ("gap", .boolean)])

    static let alertKind = oneOf(AlertKind.allCases.map(\.rawValue))

    static let alert = object([
        ("kind", alertKind), ("subject", .string), ("severity", severity), ("summary", .string), ("mend", .string),
        ("gateways", array(of: .string)), ("since", .time),
    ])

    static let notification = object([
        ("name", .string), ("format", oneOf(NotificationSettings.Format.allCases.map(\.rawValue))),
        ("address", .string), ("kinds", array(of: alertKind)),
        ("state", oneOf(NotificationView.State.allCases.map(\.rawValue))), ("waiting", .integer), ("sent", .integer),
        ("failures", .integer), ("dropped", .integer), ("last_success_at?", .time), ("last_failure_at?", .time),
        ("last_failure?", .string),
    ])

    static let problem = object([
        ("type", .string), ("title", .string), ("status", .integer), ("detail", .string), ("mend", .string),
        ("instance?", .string),
        (
            "fields?",
            array(of: object([("field", .string), ("message", .string), ("mend", .string)]))
        ), ("retry_after?", .integer),
    ])
}
