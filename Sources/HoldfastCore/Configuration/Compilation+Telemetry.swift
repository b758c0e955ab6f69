extension Compilation {
    /// Nil where nothing is to be sent.
    func readTelemetry() -> TelemetrySettings? {
        guard document.isWritten("telemetry") else { return nil }
        let reader = document.section("telemetry")
        let headers = telemetryHeaders(reader)
        let (traces, metrics, logs) = (reader.boolean("traces"), reader.boolean("metrics"), reader.boolean("logs"))
        let tracesPerSecond = reader.integer("traces_per_second")
        let interval = reader.nanoseconds("interval")
        guard let endpoint = reader.baseURL("endpoint") else { return nil }
        if !endpoint.isTLS, !ListenAddress(host: endpoint.host, port: endpoint.port).isLoopback, !headers.isEmpty {
            reader.report(
                "endpoint",
                Fault(
                    "plain http sends the collector's credentials in clear",
                    mend: "write https://, send to a collector on this machine, or remove the headers"))
        }
        var settings = TelemetrySettings(endpoint: endpoint)
        settings.headers = headers
        settings.traces = traces ?? settings.traces
        settings.tracesPerSecond = tracesPerSecond ?? settings.tracesPerSecond
        settings.metrics = metrics ?? settings.metrics
        settings.logs = logs ?? settings.logs
        settings.intervalNanoseconds = interval ?? settings.intervalNanoseconds
        return settings
    }

    private func telemetryHeaders(_ reader: SectionReader) -> [TelemetryHeader] {
        var names: Set<String> = []
        return reader.sections("headers").compactMap { reader in
            noteReadableFile(reader, "value")
            guard let name = reader.text("name")?.lowercased(), let value = reader.text("value") else { return nil }
            if !names.insert(name).inserted {
                reader.report(
                    "name", Fault("the header \(reader.shown("name")) is set twice", mend: "remove one of them"))
            }
            return TelemetryHeader(name: name, value: Secret(value))
        }
    }
}
