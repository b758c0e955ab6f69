import Foundation
import HoldfastCore
import HoldfastTelemetry
import Logging

/// What a process says of itself to a collector, where its configuration names one.
struct Telemetry: Sendable {
    /// Nil: nothing is sent.
    let exporter: TelemetryExporter?
    /// For everything but the exporter itself, which must not hear itself.
    let logger: Logger

    /// - Parameter process: such as `gateway`; in the name of the logger and of the service.
    init(_ settings: TelemetrySettings?, process: String) {
        let plain = Logger(label: "holdfast.\(process)")
        exporter = settings.map {
            TelemetryExporter(
                $0,
                resource: TelemetryResource(
                    service: "holdfast-\(process)", version: Version.text, instance: UUID().uuidString.lowercased()),
                logger: plain)
        }
        logger = exporter?.tapping(plain, fields: LogFields.allowed) ?? plain
    }

    /// Sends until `finish`; returns at once where there is nobody to send to.
    func run(metrics: @escaping @Sendable () -> [Metric]) async {
        await exporter?.run(metrics: metrics)
    }

    /// What is queued is still sent, within a bound.
    func finish() {
        exporter?.finish()
    }
}
