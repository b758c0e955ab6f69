import HoldfastCore
package import Logging

extension TelemetryExporter {
    /// Longest value of a field, in characters; the rest is cut and marked.
    static let longestField = 1_024

    /// The same logger, whose events are offered here as well.
    ///
    /// - Parameter fields: those that may leave; of any other only the name does, as in the log itself.
    package func tapping(_ logger: Logger, fields: Set<String>) -> Logger {
        guard takesLogs else { return logger }
        return Logger(label: logger.label) { label in
            TelemetryLogHandler(label: label, fields: fields, inner: logger.handler, exporter: self)
        }
    }
}

/// Hands every event on to the handler that it wraps, and a copy to the exporter. The exporter has a logger that was not
/// wrapped: what it says of itself never comes back to it.
struct TelemetryLogHandler: LogHandler {
    let label: String
    let fields: Set<String>
    var inner: any LogHandler
    let exporter: TelemetryExporter

    var logLevel: Logger.Level {
        get { inner.logLevel }
        set { inner.logLevel = newValue }
    }
    var metadata: Logger.Metadata {
        get { inner.metadata }
        set { inner.metadata = newValue }
    }
    var metadataProvider: Logger.MetadataProvider? {
        get { inner.metadataProvider }
        set { inner.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { inner[metadataKey: key] }
        set { inner[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        inner.log(event: event)
        exporter.offer(record(of: event))
    }

    private func record(of event: LogEvent) -> LogRecord {
        var all = metadataProvider?.get() ?? [:]
        all.merge(metadata) { _, own in own }
        all.merge(event.metadata ?? [:]) { _, given in given }
        // Sorted, because a dictionary's order changes from run to run.
        let names = all.keys.sorted()
        var attributes = [Attribute("logger", label)]
        attributes += names.filter(fields.contains).compactMap { name in
            all[name].map { Attribute(name, Self.value($0)) }
        }
        let withheld = names.filter { !fields.contains($0) }
        if !withheld.isEmpty { attributes.append(Attribute("withheld", .strings(withheld))) }
        return LogRecord(
            atNanoseconds: TelemetryClock.unixNanoseconds(), severity: Self.severity(event.level),
            severityText: event.level.rawValue, message: "\(event.message)", attributes: attributes)
    }

    private static func value(_ value: Logger.MetadataValue) -> Attribute.Value {
        switch value {
        case .stringConvertible(let value):
            switch value {
            case let flag as Bool: .boolean(flag)
            case let number as any FixedWidthInteger: Int64(exactly: number).map { .integer($0) } ?? .string("\(value)")
            case let number as Double: .double(number)
            default: .string(cut(value.description))
            }
        case .string, .array, .dictionary: .string(cut("\(value)"))
        }
    }

    private static func cut(_ text: String) -> String {
        text.count <= TelemetryExporter.longestField ? text : text.prefix(TelemetryExporter.longestField) + "…"
    }

    /// `logs/v1/logs.proto`, `SeverityNumber`; "notice" is the second grade of information, "critical" that of errors.
    private static func severity(_ level: Logger.Level) -> UInt64 {
        switch level {
        case .trace: 1
        case .debug: 5
        case .info: 9
        case .notice: 10
        case .warning: 13
        case .error: 17
        case .critical: 18
        }
    }
}
