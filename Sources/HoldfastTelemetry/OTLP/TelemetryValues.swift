package import HoldfastCore

/// One fact about a span, an event, a log record or a resource.
package struct Attribute: Sendable, Hashable {
    package enum Value: Sendable, Hashable {
        case string(String)
        case integer(Int64)
        case double(Double)
        case boolean(Bool)
        case strings([String])
    }

    package var name: String
    package var value: Value

    package init(_ name: String, _ value: Value) {
        (self.name, self.value) = (name, value)
    }

    package init(_ name: String, _ text: String) {
        self.init(name, .string(text))
    }

    package init(_ name: String, _ number: Int) {
        self.init(name, .integer(Int64(number)))
    }
}

/// A finished span. Times are nanoseconds since 1970.
package struct TraceSpan: Sendable, Hashable {
    package enum Kind: UInt64, Sendable {
        case `internal` = 1
        case server = 2
        case client = 3
    }

    package enum Status: Sendable, Hashable {
        case unset
        case error(String)
    }

    package struct Event: Sendable, Hashable {
        package var name: String
        package var atNanoseconds: Int64
        package var attributes: [Attribute]

        package init(_ name: String, atNanoseconds: Int64, attributes: [Attribute] = []) {
            (self.name, self.atNanoseconds, self.attributes) = (name, atNanoseconds, attributes)
        }
    }

    /// Its own place in the trace.
    package var context: TraceContext
    /// Nil: the trace begins here.
    package var parent: UInt64?
    /// The parent is another process's.
    package var hasRemoteParent = false
    package var state: TraceState?
    package var name: String
    package var kind: Kind
    package var startNanoseconds: Int64
    package var endNanoseconds: Int64
    package var attributes: [Attribute] = []
    package var events: [Event] = []
    package var status = Status.unset

    package init(
        _ context: TraceContext, parent: UInt64?, name: String, kind: Kind, startNanoseconds: Int64,
        endNanoseconds: Int64
    ) {
        self.context = context
        self.parent = parent
        self.name = name
        self.kind = kind
        self.startNanoseconds = startNanoseconds
        // A wall clock may step back; an end before its start would have the span thrown away.
        self.endNanoseconds = max(endNanoseconds, startNanoseconds)
    }
}

/// One metric with all its series, as they are now. The one list of them serves `/metrics` and collectors alike.
package struct Metric: Sendable {
    package enum Kind: Sendable {
        /// Only grows, from the start of the process.
        case counter
        case gauge
        case histogram
    }

    package enum Value: Sendable {
        case integer(Int)
        /// `counts` has one more than `bounds`, which are upper bounds and ascend.
        case histogram(bounds: [Double], counts: [Int], sum: Double)
    }

    package struct Point: Sendable {
        package var labels: [(String, String)]
        package var value: Value

        package init(_ labels: [(String, String)], _ value: Value) {
            (self.labels, self.value) = (labels, value)
        }
    }

    /// With dots where conventions have them; Prometheus text has underscores in their place.
    package var name: String
    package var kind: Kind
    /// As UCUM spells it; empty: a count of what the name says.
    package var unit: String
    package var help: String
    package var points: [Point] = []

    package init(_ name: String, _ kind: Kind, unit: String = "", _ help: String) {
        (self.name, self.kind, self.unit, self.help) = (name, kind, unit, help)
    }
}

/// One operational event.
package struct LogRecord: Sendable, Hashable {
    /// Since 1970.
    package var atNanoseconds: Int64
    /// 1 … 24, as OTLP numbers severities.
    package var severity: UInt64
    package var severityText: String
    package var message: String
    package var attributes: [Attribute]

    package init(
        atNanoseconds: Int64, severity: UInt64, severityText: String, message: String, attributes: [Attribute]
    ) {
        self.atNanoseconds = atNanoseconds
        self.severity = severity
        self.severityText = severityText
        self.message = message
        self.attributes = attributes
    }
}

extension LogRecord {
    /// About what it takes when it is encoded.
    var bytes: Int {
        attributes.reduce(64 + message.utf8.count) { sum, attribute in
            let value =
                switch attribute.value {
                case .string(let text): text.utf8.count
                case .strings(let texts): texts.reduce(0) { $0 + $1.utf8.count + 8 }
                case .integer, .double, .boolean: 10
                }
            return sum + attribute.name.utf8.count + value + 16
        }
    }
}

/// Which process speaks.
package struct TelemetryResource: Sendable, Hashable {
    package var service: String
    package var version: String
    /// Another one for each start of a process.
    package var instance: String

    package init(service: String, version: String, instance: String) {
        (self.service, self.version, self.instance) = (service, version, instance)
    }

    var attributes: [Attribute] {
        [
            Attribute("service.name", service), Attribute("service.version", version),
            Attribute("service.instance.id", instance),
        ]
    }
}
