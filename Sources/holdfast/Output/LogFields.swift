import HoldfastCore
import Logging

/// The fields an operational event may carry. A field that is not listed is named in `withheld` and its value is not
/// written: a new field is a decision, because a prompt, a completion or a credential must never reach the log.
enum LogFields {
    static let allowed: Set<String> = [
        // Which process, and how it ended.
        "process", "pid", "exit_code", "signal", "signal_number", "delay_ms", "ran_ms", "restarts",
        // Where things are.
        "listen", "operations", "path", "file", "line", "column", "mend", "problem", "problems", "directory",
        // What is in force.
        "generation", "overrides", "source", "routes", "deployments", "providers", "keys", "version", "event_loops",
        // What failed, in our own words or the system's.
        "error", "reason", "errno", "state", "from", "to",
        // Who is called.
        "provider", "deployment", "route", "host", "port", "address", "dialect",
        // Who answers, by id only.
        "exchange", "key", "workload", "request",
        // How much and how long.
        "count", "dropped", "connections", "in_flight", "streams", "elapsed_ms", "bound_ms", "lag_ms", "bytes",
        "seconds", "retires", "exchanges_cut_off", "fields", "first",
        // Faults of the practice provider.
        "fault", "fault_id", "lease_ms", "name",
    ]

    /// Longest value written, in characters; the rest is cut and marked.
    static let longestValue = 1_024

    static func json(_ value: Logger.MetadataValue) -> JSONValue {
        switch value {
        case .string(let text): .string(cut(text))
        case .stringConvertible(let value):
            switch value {
            case let flag as Bool: .bool(flag)
            case let number as any FixedWidthInteger:
                Int(exactly: number).map(JSONValue.integer) ?? .string("\(value)")
            case let number as Double: .number(number)
            default: .string(cut(value.description))
            }
        case .array(let values): .array(values.map(json))
        case .dictionary(let fields):
            .object(fields.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: json($0.value)) })
        }
    }

    static func plain(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): cut(text)
        case .stringConvertible(let value): cut(value.description)
        case .array, .dictionary: json(value).line
        }
    }

    /// Control characters as `\u001b`, so that a value cannot move the cursor or fake a line.
    static func visible(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: JSONValue.isControl) else { return text }
        return JSONValue.escaped(text)
    }

    private static func cut(_ text: String) -> String {
        text.count <= longestValue ? text : text.prefix(longestValue) + "…"
    }
}
