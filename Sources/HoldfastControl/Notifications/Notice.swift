import HoldfastCore

/// What a receiver is told of one alert, whatever form that takes on the wire.
struct Notice: Sendable, Equatable {
    /// The same each time it is sent.
    var id: String
    var alertName: String
    /// `noun.verb`.
    var event: String
    var kind: String
    var subject: String
    var severity: AlertSeverity
    var summary: String
    var mend: String
    var gateways: [String]
    /// Milliseconds since 1970.
    var startedAt: Int64
    /// Nil: it is firing.
    var endedAt: Int64?
    /// When what is told happened.
    var at: Int64

    init(_ change: AlertChange) {
        let (alert, condition) = (change.alert, change.alert.condition)
        id = change.id
        alertName = alert.key.kind.alertName
        event = change.event
        kind = alert.key.kind.rawValue
        subject = alert.key.subject
        severity = condition.severity
        summary = condition.summary
        mend = condition.mend
        gateways = condition.gateways
        startedAt = alert.startedAt
        endedAt = change.phase == .resolved ? change.at : nil
        at = change.at
    }

    /// For seeing whether a receiver takes anything at all. Over as soon as it began, so that nobody has to end it.
    static func test(of receiver: String, now: Int64) -> Notice {
        let condition = Condition(
            .backupUntested, receiver, .warning, summary: "a test of the receiver \(receiver); nothing is wrong",
            mend: "nothing to do")
        var notice = Notice(AlertChange(.fired, Alert(condition, startedAt: now), at: now))
        notice.id = "test/\(receiver)/\(now)"
        notice.alertName = "HoldfastTest"
        notice.event = "notification.test"
        notice.kind = "test"
        return notice
    }

    /// Severity is a label, and labels are what an alert is known by: one that changes is another, and the one before it
    /// is over.
    static func before(_ change: AlertChange) -> Notice? {
        guard change.phase == .changed else { return nil }
        var notice = Notice(change)
        notice.id += "-before"
        notice.severity = notice.severity == .critical ? .warning : .critical
        notice.endedAt = change.at
        return notice
    }
}
