import HoldfastAPI
import HoldfastCore

/// How the views of drills look.
extension APISchema {
    static let drill = object([
        ("id", .string), ("plan", oneOf(DrillPlan.allCases.map(\.rawValue))), ("route?", .string), ("order?", fault),
        ("override_id?", .string), ("author", .string), ("reason", .string), ("is_announced", .boolean),
        ("schedule?", .string), ("phase", oneOf(DrillView.Phase.allCases.map(\.rawValue))),
        ("verdict?", oneOf(DrillView.Verdict.allCases.map(\.rawValue))), ("because", array(of: .string)),
        ("mend?", .string), ("generation", .integer), ("began_at", .time), ("fault_at?", .time), ("ended_at?", .time),
        ("measures?", drillMeasures), ("seconds", array(of: drillSecond)), ("gateways", array(of: drillGateway)),
        ("steps", array(of: drillStep, most: Drills.mostSteps)),
    ])

    private static let drillMeasures = object([
        ("detected_after?", .integer), ("acted_after?", .integer), ("recovered_after?", .integer),
        ("recovery_time?", .integer), ("recovery_target?", .integer), ("met", .count), ("probes", .count),
        ("baseline", drillCounts), ("critical", drillCounts), ("standard", drillCounts), ("deferrable", drillCounts),
        ("answerers", array(of: answerer)), ("is_steady_again", .boolean),
    ])

    private static let drillGateway = object([("id", .string), ("observation?", drillObservation)])

    private static let drillStep = object([
        ("text", .string), ("done_at?", .time), ("done_by?", .string), ("note?", .string), ("worked?", .boolean),
    ])

    static let newDrill = object([
        ("plan", oneOf(DrillPlan.allCases.map(\.rawValue))), ("reason", .why), ("route?", .string), ("name?", .string),
        ("fault?", oneOf(InjectedFault.allCases.map(\.rawValue))), ("share?", .count), ("lease?", .span),
        ("delay?", .span), ("baseline?", .span), ("probes?", .count), ("target?", .span), ("sham?", .boolean),
        ("announced?", .boolean), ("stop_lost_critical?", .count), ("stop_lost_percent?", .count),
        ("confirmed?", .boolean), ("steps?", array(of: .why, most: Drills.mostSteps)),
    ])

    static let drillTick = object([("note", .why), ("worked?", .boolean)])

    static let drillHalt = object([
        ("halted", .boolean), ("by?", .string), ("reason?", .string), ("since?", .time),
    ])

    static let drillsStatus = object([
        ("running?", .string), ("plan?", .string), ("phase?", oneOf(DrillView.Phase.allCases.map(\.rawValue))),
        ("halt", drillHalt),
        (
            "fallbacks?",
            object([("tested", .count), ("outdated", .count), ("untested", .count), ("failed", .count)])
        ),
    ])

    static let fallback = object([
        ("route", .string), ("deployment", .string), ("state", oneOf(FallbackView.State.allCases.map(\.rawValue))),
        ("passes", .count), ("confidence_percent?", .count), ("last_passed_at?", .time),
        ("last_recovery_milliseconds?", .integer), ("last_drill?", .string), ("changes", array(of: .string)),
    ])

    static let drillSchedule = object([
        ("name", .string), ("plan", .string), ("route?", .string), ("fault", .string), ("next_at?", .time),
        ("announce?", .string), ("last_at?", .time),
        ("last_outcome?", oneOf(DrillScheduleView.Outcome.allCases.map(\.rawValue))), ("last_drill?", .string),
        ("last_problem?", .string), ("missed", .count),
    ])

    /// Base64 in both: the payload is JSON, and its bytes are what is signed.
    static let signedEvidence = object([("payload", .string), ("signature", .string)])
}
