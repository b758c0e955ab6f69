/// What can be wrong with a fleet, one name for each: in the configuration, the API, labels and types of events.
package enum AlertKind: String, Sendable, Hashable, CaseIterable {
    /// A deployment is not asked any more, since it keeps failing.
    case breaker
    /// A deployment or provider is out for what trying again does not mend.
    case suspension
    case restriction
    case retirement
    case configRefused = "config-refused"
    case gatewaySilent = "gateway-silent"
    /// A gateway has something else in force than it is to have.
    case staleConfig = "stale-config"
    case backupUntested = "backup-untested"
    case rolloutReturned = "rollout-returned"
    /// A drill has shown that a fallback does not answer.
    case fallbackFailed = "fallback-failed"

    /// As Prometheus rules name theirs.
    package var alertName: String {
        switch self {
        case .breaker: "HoldfastBreakerOpen"
        case .suspension: "HoldfastSuspension"
        case .restriction: "HoldfastRestriction"
        case .retirement: "HoldfastRetirement"
        case .configRefused: "HoldfastConfigRefused"
        case .gatewaySilent: "HoldfastGatewaySilent"
        case .staleConfig: "HoldfastStaleConfig"
        case .backupUntested: "HoldfastBackupUntested"
        case .rolloutReturned: "HoldfastRolloutReturned"
        case .fallbackFailed: "HoldfastFallbackFailed"
        }
    }

    /// What happened, as `noun.verb`.
    package func event(of change: AlertChange.Phase) -> String {
        let (noun, fired, resolved) = words
        return switch change {
        case .fired: "\(noun).\(fired)"
        case .changed: "\(noun).changed"
        case .resolved: "\(noun).\(resolved)"
        }
    }

    private var words: (noun: String, fired: String, resolved: String) {
        switch self {
        case .breaker: ("breaker", "opened", "closed")
        case .suspension: ("suspension", "began", "ended")
        case .restriction: ("restriction", "began", "ended")
        case .retirement: ("retirement", "announced", "settled")
        case .configRefused: ("config", "refused", "accepted")
        case .gatewaySilent: ("gateway", "silent", "back")
        case .staleConfig: ("config", "stale", "fresh")
        case .backupUntested: ("backup", "untested", "tested")
        case .rolloutReturned: ("rollout", "returned", "settled")
        case .fallbackFailed: ("fallback", "failed", "recovered")
        }
    }

    // MARK: - Against flapping

    /// For how long without a break it must hold before anybody is told.
    package var holdNanoseconds: Int64 {
        switch self {
        // Two reports: what one report said and the next did not is nothing to wake anybody for.
        case .breaker: 4 * Span.second
        // A new generation reaches every gateway within a pull or two; roll-outs give a canary a minute.
        case .staleConfig: 2 * Span.minute
        // The first backup is made half a minute after the first start.
        case .backupUntested: 2 * Span.minute
        case .suspension, .restriction, .retirement, .configRefused, .gatewaySilent, .rolloutReturned, .fallbackFailed:
            0
        }
    }

    /// For how long without a break it must be seen to be over.
    package var clearNanoseconds: Int64 {
        switch self {
        // Longer than a breaker's first waits, so that one that opens again and again is one alert.
        case .breaker: Span.minute
        case .gatewaySilent, .suspension: 10 * Span.second
        case .restriction, .retirement, .configRefused, .staleConfig, .backupUntested, .rolloutReturned,
            .fallbackFailed:
            0
        }
    }
}

package enum AlertSeverity: String, Sendable, Hashable, CaseIterable {
    /// Somebody should look at it today.
    case warning
    /// Somebody should look at it now.
    case critical
}

/// Which alert: there is one of each at a time.
package struct AlertKey: Sendable, Hashable, Comparable {
    package var kind: AlertKind
    /// What it is about: a deployment, an override, a gateway.
    package var subject: String

    package init(_ kind: AlertKind, _ subject: String) {
        self.kind = kind
        self.subject = subject
    }

    package static func < (left: AlertKey, right: AlertKey) -> Bool {
        (left.kind.rawValue, left.subject) < (right.kind.rawValue, right.subject)
    }
}

/// Something that holds now.
package struct Condition: Sendable, Hashable {
    package var key: AlertKey
    package var severity: AlertSeverity
    package var summary: String
    package var mend: String
    /// Who says so, by id in order; empty: the management plane itself.
    package var gateways: [String]

    package init(
        _ kind: AlertKind, _ subject: String, _ severity: AlertSeverity, summary: String, mend: String,
        gateways: [String] = []
    ) {
        key = AlertKey(kind, subject)
        self.severity = severity
        self.summary = summary
        self.mend = mend
        self.gateways = gateways
    }
}

/// A condition that held for long enough.
package struct Alert: Sendable, Hashable {
    package var condition: Condition
    /// Milliseconds since 1970.
    package var startedAt: Int64

    package init(_ condition: Condition, startedAt: Int64) {
        self.condition = condition
        self.startedAt = startedAt
    }

    package var key: AlertKey { condition.key }
}

package struct AlertChange: Sendable, Hashable {
    package enum Phase: String, Sendable, Hashable, CaseIterable {
        case fired
        /// It is more serious, or less, than it was.
        case changed
        case resolved
    }

    package var phase: Phase
    package var alert: Alert
    /// Milliseconds since 1970.
    package var at: Int64

    package init(_ phase: Phase, _ alert: Alert, at: Int64) {
        self.phase = phase
        self.alert = alert
        self.at = at
    }

    /// The same each time it is sent, and no other change's: for receivers that throw away what they have.
    package var id: String {
        let key = alert.key
        return "\(key.kind.rawValue)/\(key.subject)/\(alert.startedAt)/\(phase.rawValue)"
            + (phase == .changed ? "-\(at)" : "")
    }

    package var event: String { alert.key.kind.event(of: phase) }
}
