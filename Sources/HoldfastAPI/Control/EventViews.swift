// What the management plane tells of by itself: events, alerts, and the receivers that it tells.

/// Something that happened. Ids rise, over restarts too; between two of them may be gaps.
package struct EventView: Codable, Sendable, Equatable {
    /// Below 2^53, so that every reader of JSON reads it as it is.
    package var id: UInt64
    /// RFC 3339.
    package var at: String
    /// `noun.verb`, such as `override.created` or `breaker.opened`.
    package var type: String
    /// What it is about: a generation, an override, a deployment, a gateway.
    package var subject: String
    package var summary: String
    /// Of alerts: `warning` or `critical`.
    package var severity: String?
    /// Of changes: who made it.
    package var by: String?
    package var details: [String: String]

    package init(
        id: UInt64, at: String, type: String, subject: String, summary: String, severity: String? = nil,
        by: String? = nil, details: [String: String] = [:]
    ) {
        self.id = id
        self.at = at
        self.type = type
        self.subject = subject
        self.summary = summary
        self.severity = severity
        self.by = by
        self.details = details
    }
}

/// Some of the newest events, the oldest first.
package struct EventPage: Codable, Sendable {
    package var items: [EventView]
    /// For `after`, to go on from here; there may be nothing yet.
    package var next: String
    /// Events between `after` and the first of these are lost: what was learnt from events before may be out of date.
    package var gap: Bool

    package init(items: [EventView], next: String, gap: Bool) {
        self.items = items
        self.next = next
        self.gap = gap
    }
}

/// What a stream of events says of itself, as the event `reset` or `end`.
package struct EventStreamNotice: Codable, Sendable, Equatable {
    package var reason: String
    package var mend: String

    package init(reason: String, mend: String) {
        self.reason = reason
        self.mend = mend
    }
}

/// An alert that is firing.
package struct AlertView: Codable, Sendable, Equatable {
    package var kind: String
    package var subject: String
    package var severity: String
    package var summary: String
    package var mend: String
    /// Who says so; empty: the management plane itself.
    package var gateways: [String]
    /// RFC 3339.
    package var since: String

    package init(
        kind: String, subject: String, severity: String, summary: String, mend: String, gateways: [String],
        since: String
    ) {
        self.kind = kind
        self.subject = subject
        self.severity = severity
        self.summary = summary
        self.mend = mend
        self.gateways = gateways
        self.since = since
    }
}

/// A receiver of alerts and what became of what it was sent.
package struct NotificationView: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable, CaseIterable {
        /// Nothing was ever taken since the start: nobody knows whether it works.
        case untested
        case working
        case failing
        /// Its address or credentials are references that cannot be read here.
        case unusable
    }

    package var name: String
    package var format: String
    /// Without the path, which with many services is a secret.
    package var address: String
    package var kinds: [String]
    package var state: State
    package var waiting: Int
    package var sent: Int
    package var failures: Int
    package var dropped: Int
    /// RFC 3339.
    package var lastSuccessAt: String?
    package var lastFailureAt: String?
    package var lastFailure: String?

    package init(
        name: String, format: String, address: String, kinds: [String], state: State, waiting: Int, sent: Int,
        failures: Int, dropped: Int, lastSuccessAt: String?, lastFailureAt: String?, lastFailure: String?
    ) {
        self.name = name
        self.format = format
        self.address = address
        self.kinds = kinds
        self.state = state
        self.waiting = waiting
        self.sent = sent
        self.failures = failures
        self.dropped = dropped
        self.lastSuccessAt = lastSuccessAt
        self.lastFailureAt = lastFailureAt
        self.lastFailure = lastFailure
    }
}

/// A deployment or provider that is not as it should be, as a gateway reports it.
package struct TroubleView: Codable, Sendable, Equatable {
    /// In one report.
    package static let most = 256

    /// `provider/model`, or a provider's id.
    package var subject: String
    /// `open` or `half-open`; absent: closed.
    package var breaker: String?
    /// The class of the failure for which it is out.
    package var suspension: String?

    package init(subject: String, breaker: String?, suspension: String?) {
        self.subject = subject
        self.breaker = breaker
        self.suspension = suspension
    }
}
