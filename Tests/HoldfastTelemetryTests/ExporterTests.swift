import Foundation
import HoldfastCore
import Logging
import NIOHTTP1
import Synchronization
import Testing

@testable import HoldfastTelemetry

@Suite struct ExporterTests {
    /// What the exporter said of itself.
    final class Said: LogHandler, Sendable {
        private let lines = Mutex<[String]>([])
        var metadata: Logger.Metadata {
            get { [:] }
            set { _ = newValue }
        }
        var logLevel: Logger.Level {
            get { .trace }
            set { _ = newValue }
        }
        var all: [String] { lines.withLock { $0 } }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set { _ = newValue }
        }

        func log(event: LogEvent) {
            lines.withLock { $0.append("\(event.level) \(event.message) \(event.metadata?["name"] ?? "")") }
        }
    }

    struct Record: TraceRecord {
        var number: UInt64
        var bytes = 100

        func spans() -> [TraceSpan] {
            let context = TraceContext(traceHigh: 1, traceLow: number, span: number, isSampled: true)
            return [
                TraceSpan(
                    context, parent: nil, name: "n\(number)", kind: .server, startNanoseconds: 1, endNanoseconds: 2)
            ]
        }
    }

    private static let resource = TelemetryResource(service: "test", version: "0", instance: "i")

    private static func exporter(
        port: Int, said: Said = Said(), bounds: BatchQueue<any TraceRecord>.Bounds = .init(),
        _ change: (inout TelemetrySettings) -> Void = { _ in }
    ) -> TelemetryExporter {
        var settings = TelemetrySettings(
            endpoint: BaseURL(isTLS: false, host: "127.0.0.1", port: port, path: ""))
        settings.metrics = false
        change(&settings)
        return TelemetryExporter(
            settings, resource: resource, logger: Logger(label: "test", factory: { _ in said }), traceBounds: bounds)
    }

    private static func run(
        _ exporter: TelemetryExporter, metrics: @escaping @Sendable () -> [Metric] = { [] },
        _ body: () async throws -> Void
    ) async throws {
        async let running: Void = exporter.run(metrics: metrics)
        try await body()
        exporter.finish()
        await running
    }

    private static func withCollector(
        _ script: @escaping StubCollector.Script = { _, _ in .init() },
        _ body: (StubCollector, Int) async throws -> Void
    ) async throws {
        let collector = StubCollector(script)
        let port = try await collector.start()
        do {
            try await body(collector, port)
        } catch {
            await collector.stop()
            throw error
        }
        await collector.stop()
    }

    @Test func eachSignalGoesToItsPathWithItsHeaders() async throws {
        try await Self.withCollector { collector, port in
            let exporter = Self.exporter(port: port) {
                $0.endpoint.path = "/otlp"
                $0.metrics = true
                $0.headers = [TelemetryHeader(name: "authorization", value: Secret("Bearer t"))]
            }
            var gauge = Metric("up", .gauge, "Up.")
            gauge.points = [Metric.Point([], .integer(1))]
            try await Self.run(exporter, metrics: { [gauge] in [gauge] }) {
                exporter.offer(Record(number: 1))
                exporter.offer(Record(number: 2))
                exporter.offer(
                    LogRecord(atNanoseconds: 1, severity: 9, severityText: "info", message: "m", attributes: []))
            }
            let traces = collector.requests(to: "/otlp/v1/traces")
            #expect(traces.count == 1)
            let wanted = OTLPEncoding(resource: Self.resource).request((1...2).flatMap { Record(number: $0).spans() })
            #expect(traces.first?.body == wanted)
            #expect(traces.first?.headers["content-type"] == ["application/x-protobuf"])
            #expect(traces.first?.headers["authorization"] == ["Bearer t"])
            #expect(collector.requests(to: "/otlp/v1/logs").count == 1)
            #expect(collector.requests(to: "/otlp/v1/metrics").count == 1)
            #expect(exporter.figures(of: .traces) == ExportFigures(sent: 2))
            #expect(exporter.figures(of: .metrics).sent == 1 && exporter.figures(of: .logs).sent == 1)
        }
    }

    @Test func aFullBatchIsSentBeforeItIsDue() async throws {
        try await Self.withCollector { collector, port in
            let exporter = Self.exporter(port: port)
            try await Self.run(exporter) {
                for number in 1...512 { exporter.offer(Record(number: UInt64(number))) }
                try await eventually { exporter.figures(of: .traces).sent == 512 }
            }
            #expect(collector.requests.count == 1)
        }
    }

    @Test func aBusyCollectorIsAskedAgainWhenItSays() async throws {
        try await Self.withCollector({ _, number in
            number < 3 ? .init(status: .serviceUnavailable, headers: [("retry-after", "0")]) : .init()
        }) { collector, port in
            let said = Said()
            let exporter = Self.exporter(port: port, said: said)
            try await Self.run(exporter) {
                exporter.offer(Record(number: 1))
                try await eventually { exporter.figures(of: .traces).sent == 1 }
            }
            #expect(collector.requests.count == 3)
            #expect(Set(collector.requests.map(\.body)).count == 1)
            #expect(exporter.figures(of: .traces) == ExportFigures(sent: 1, dropped: [:], failures: 2))
            #expect(
                said.all == [
                    "warning telemetry is not taken; nothing else is concerned traces",
                    "notice telemetry is taken again traces",
                ])
        }
    }

    @Test func whatIsRefusedIsDroppedAtOnceAndSaidOnce() async throws {
        try await Self.withCollector({ _, _ in .init(status: .badRequest) }) { collector, port in
            let said = Said()
            var bounds = BatchQueue<any TraceRecord>.Bounds()
            bounds.batchCount = 1
            let exporter = Self.exporter(port: port, said: said, bounds: bounds)
            try await Self.run(exporter) {
                for number in 1...5 { exporter.offer(Record(number: UInt64(number))) }
                try await eventually { exporter.figures(of: .traces).failures == 5 }
            }
            #expect(collector.requests.count == 5)
            #expect(exporter.figures(of: .traces).dropped == [.refused: 5])
            #expect(said.all.count == 1)
        }
    }

    @Test func aPartialSuccessIsCountedAndNotSentAgain() async throws {
        try await Self.withCollector({ _, _ in .init(body: [0x0a, 0x02, 0x08, 0x01]) }) { collector, port in
            let exporter = Self.exporter(port: port)
            try await Self.run(exporter) { exporter.offer(Record(number: 1)) }
            #expect(collector.requests.count == 1)
            #expect(exporter.figures(of: .traces).dropped == [.rejected: 1])
        }
    }

    @Test func aRedirectIsNotFollowed() async throws {
        try await Self.withCollector({ request, _ in
            .init(status: .temporaryRedirect, headers: [("location", request.path + "/elsewhere")])
        }) { collector, port in
            let exporter = Self.exporter(port: port)
            try await Self.run(exporter) { exporter.offer(Record(number: 1)) }
            #expect(collector.requests.map(\.path) == ["/v1/traces"])
            #expect(exporter.figures(of: .traces).dropped == [.refused: 1])
        }
    }

    @Test func aSignalThatIsOffIsNotSent() async throws {
        try await Self.withCollector { collector, port in
            let exporter = Self.exporter(port: port) { $0.traces = false }
            #expect(!exporter.takesTraces)
            try await Self.run(exporter) { exporter.offer(Record(number: 1)) }
            #expect(collector.requests.isEmpty)
            #expect(exporter.figures(of: .traces) == ExportFigures())
        }
    }

    // MARK: - A dead collector

    /// A port that nobody listens on.
    private static func deadPort() async throws -> Int {
        let collector = StubCollector { _, _ in .init() }
        let port = try await collector.start()
        await collector.stop()
        return port
    }

    @Test func aDeadCollectorFillsTheQueueAndNothingElse() async throws {
        let said = Said()
        var bounds = BatchQueue<any TraceRecord>.Bounds()
        (bounds.count, bounds.batchCount) = (8, 2)
        let exporter = Self.exporter(port: try await Self.deadPort(), said: said, bounds: bounds)
        let begun = ContinuousClock().now
        try await Self.run(exporter) {
            try await eventually {
                exporter.offer(Record(number: 1))
                return exporter.figures(of: .traces).dropped[.queueFull] ?? 0 > 100
            }
            try await eventually { exporter.figures(of: .traces).failures > 1 }
        }
        // Refused at once, each of the few batches that were left: the end is not held up.
        #expect(begun.duration(to: ContinuousClock().now) < .seconds(20))
        let figures = exporter.figures(of: .traces)
        #expect(figures.sent == 0 && figures.dropped[.shutdown] ?? 0 >= 8)
        #expect(said.all == ["warning telemetry is not taken; nothing else is concerned traces"])
    }

    @Test func theEndHasABoundWhereTheCollectorHangs() async throws {
        try await Self.withCollector({ _, _ in .init(comes: false) }) { collector, port in
            let exporter = Self.exporter(port: port)
            async let running: Void = exporter.run { [] }
            for number in 1...600 { exporter.offer(Record(number: UInt64(number))) }
            try await eventually { collector.requests.count == 1 }
            let begun = ContinuousClock().now
            exporter.finish()
            await running
            let spent = begun.duration(to: ContinuousClock().now)
            #expect(spent > .seconds(2) && spent < .seconds(8), "\(spent)")
            #expect(exporter.figures(of: .traces).dropped == [.shutdown: 600])
        }
    }

    @Test func whoeverIsCancelledReturns() async throws {
        let exporter = Self.exporter(port: try await Self.deadPort()) { $0.metrics = true }
        exporter.offer(Record(number: 1))
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await exporter.run { [] } }
            tasks.cancelAll()
        }
        #expect(exporter.figures(of: .traces).sent == 0)
    }

    // MARK: - Logs

    @Test func aTappedLoggerSaysTheSameInBothPlaces() async throws {
        try await Self.withCollector({ _, _ in .init(status: .notFound) }) { collector, port in
            let said = Said()
            let exporter = Self.exporter(port: port, said: said) { $0.traces = false }
            let logger = exporter.tapping(Logger(label: "test", factory: { _ in said }), fields: ["count", "path"])
            try await Self.run(exporter) {
                logger.warning("seen", metadata: ["count": "\(3)", "prompt": "private", "path": "/x"])
                try await eventually { exporter.figures(of: .logs).failures == 1 }
            }
            // The exporter's own complaint is said, and not sent: one request, with one record.
            #expect(
                said.all == ["warning seen ", "warning telemetry is not taken; nothing else is concerned logs"])
            #expect(collector.requests.count == 1)
            let body = String(decoding: collector.requests[0].body, as: UTF8.self)
            #expect(body.contains("seen") && body.contains("/x") && body.contains("prompt"))
            #expect(!body.contains("private"))
        }
    }

    @Test func withoutLogsALoggerStaysAsItIs() {
        let exporter = Self.exporter(port: 1) { $0.logs = false }
        let logger = exporter.tapping(Logger(label: "test", factory: { _ in Said() }), fields: [])
        #expect(logger.handler is Said)
    }
}
