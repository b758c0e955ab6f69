import HoldfastCore
import Logging

/// Operational events as JSON lines: constant messages, allow-listed fields, everything escaped. On a terminal the
/// same event is one readable line.
struct JSONLogHandler: LogHandler {
    enum Form: Sendable {
        case json, readable
    }

    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel: Logger.Level
    private let label: String
    private let form: Form
    private let clock: WallClock
    private let sink: @Sendable (String) -> Void

    init(
        label: String, form: Form, level: Logger.Level = .info, clock: WallClock = .system,
        sink: @escaping @Sendable (String) -> Void = Terminal.writeError
    ) {
        self.label = label
        self.form = form
        self.logLevel = level
        self.clock = clock
        self.sink = sink
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadataProvider?.get() ?? [:]
        all.merge(metadata) { _, own in own }
        all.merge(event.metadata ?? [:]) { _, given in given }
        sink(line(level: event.level, message: "\(event.message)", fields: all))
    }

    private func line(level: Logger.Level, message: String, fields: Logger.Metadata) -> String {
        let time = TimeOfDay.text(milliseconds: clock.read())
        // Sorted, because a dictionary's order changes from run to run.
        let names = fields.keys.sorted()
        let shown = names.filter(LogFields.allowed.contains)
        let withheld = names.filter { !LogFields.allowed.contains($0) }
        switch form {
        case .json:
            var line: [JSONMember] = [
                .init(name: "time", value: .string(time)),
                .init(name: "level", value: .string(level.rawValue)),
                .init(name: "message", value: .string(message)),
                .init(name: "logger", value: .string(label)),
            ]
            line += shown.compactMap { name in fields[name].map { .init(name: name, value: LogFields.json($0)) } }
            if !withheld.isEmpty {
                line.append(.init(name: "withheld", value: .strings(withheld)))
            }
            return JSONValue.object(line).line + "\n"
        case .readable:
            let clock = time.dropFirst(11).prefix(8)
            var line = "\(clock) \(level.rawValue): \(LogFields.visible(message))"
            for name in shown {
                if let value = fields[name] {
                    line += "  \(name)=\(LogFields.visible(LogFields.plain(value)))"
                }
            }
            if !withheld.isEmpty {
                line += "  withheld=\(withheld.joined(separator: ","))"
            }
            return line + "\n"
        }
    }
}
