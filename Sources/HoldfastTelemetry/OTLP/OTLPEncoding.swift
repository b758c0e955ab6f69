import HoldfastCore

/// Requests of OTLP 1.x in binary protobuf: the one encoding that every collector takes over HTTP, JSON being optional.
///
/// Field numbers are those of https://github.com/open-telemetry/opentelemetry-proto, under `opentelemetry/proto`:
/// `common/v1/common.proto`, `resource/v1/resource.proto`, `trace/v1/trace.proto`, `metrics/v1/metrics.proto`,
/// `logs/v1/logs.proto`, and the requests of `collector/*/v1/*_service.proto`. Stable numbers are never used again for
/// anything else, so that a handful of them, written by hand, needs no generated code.
struct OTLPEncoding {
    private static let cumulative: UInt64 = 2

    let resource: TelemetryResource

    // MARK: - Requests

    /// `ExportTraceServiceRequest`.
    func request(_ spans: [TraceSpan]) -> [UInt8] {
        request { scope in
            for span in spans { scope.message(2) { Self.write(span, to: &$0) } }
        }
    }

    /// `ExportMetricsServiceRequest`. Metrics without a point are left out.
    ///
    /// - Parameters:
    ///   - startNanoseconds: since when counters count, since 1970.
    func request(_ metrics: [Metric], startNanoseconds: Int64, atNanoseconds: Int64) -> [UInt8] {
        request { scope in
            for metric in metrics where !metric.points.isEmpty {
                scope.message(2) {
                    Self.write(
                        metric, from: UInt64(clamping: startNanoseconds), at: UInt64(clamping: atNanoseconds), to: &$0)
                }
            }
        }
    }

    /// `ExportLogsServiceRequest`.
    func request(_ records: [LogRecord]) -> [UInt8] {
        request { scope in
            for record in records { scope.message(2) { Self.write(record, to: &$0) } }
        }
    }

    /// The shell that all three have in common: a request (1) of one resource (1) with one scope (2).
    private func request(_ write: (inout ProtobufWriter) -> Void) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { outer in
            outer.message(1) { Self.write(resource.attributes, 1, to: &$0) }
            outer.message(2) { scope in
                scope.message(1) {
                    $0.string(1, "holdfast")
                    $0.string(2, resource.version)
                }
                write(&scope)
            }
        }
        return writer.bytes
    }

    // MARK: - Spans

    private static func write(_ span: TraceSpan, to writer: inout ProtobufWriter) {
        writer.words(1, span.context.traceHigh, span.context.traceLow)
        writer.words(2, span.context.span)
        if let state = span.state { writer.string(3, state.text) }
        if let parent = span.parent { writer.words(4, parent) }
        writer.string(5, span.name)
        writer.varint(6, span.kind.rawValue)
        writer.fixed64(7, UInt64(clamping: span.startNanoseconds))
        writer.fixed64(8, UInt64(clamping: span.endNanoseconds))
        write(span.attributes, 9, to: &writer)
        for event in span.events {
            writer.message(11) {
                $0.fixed64(1, UInt64(clamping: event.atNanoseconds))
                $0.string(2, event.name)
                write(event.attributes, 3, to: &$0)
            }
        }
        if case .error(let message) = span.status {
            writer.message(15) {
                if !message.isEmpty { $0.string(2, message) }
                $0.varint(3, 2)
            }
        }
        // The flags of W3C trace context, and with bits 8 and 9 whether the parent is another process's: known, and so.
        writer.fixed32(16, (span.context.isSampled ? 1 : 0) | 0x100 | (span.hasRemoteParent ? 0x200 : 0))
    }

    // MARK: - Metrics

    private static func write(_ metric: Metric, from start: UInt64, at now: UInt64, to writer: inout ProtobufWriter) {
        writer.string(1, metric.name)
        writer.string(2, metric.help)
        if !metric.unit.isEmpty { writer.string(3, metric.unit) }
        let field: UInt64 =
            switch metric.kind {
            case .gauge: 5
            case .counter: 7
            case .histogram: 9
            }
        writer.message(field) { body in
            for point in metric.points {
                body.message(1) { writer in
                    switch point.value {
                    case .integer(let value):
                        // A gauge is what it is now, whenever the process began.
                        if metric.kind == .counter { writer.fixed64(2, start) }
                        writer.fixed64(3, now)
                        writer.fixed64(6, UInt64(bitPattern: Int64(value)))
                        write(point.labels.map { Attribute($0, $1) }, 7, to: &writer)
                    case .histogram(let bounds, let counts, let sum):
                        writer.fixed64(2, start)
                        writer.fixed64(3, now)
                        writer.fixed64(4, UInt64(counts.reduce(0, +)))
                        writer.double(5, sum)
                        writer.packed(6, counts.map { UInt64($0) })
                        writer.packed(7, bounds.map(\.bitPattern))
                        write(point.labels.map { Attribute($0, $1) }, 9, to: &writer)
                    }
                }
            }
            if metric.kind != .gauge { body.varint(2, cumulative) }
            if metric.kind == .counter { body.varint(3, 1) }
        }
    }

    // MARK: - Logs

    private static func write(_ record: LogRecord, to writer: inout ProtobufWriter) {
        writer.fixed64(1, UInt64(clamping: record.atNanoseconds))
        writer.varint(2, record.severity)
        writer.string(3, record.severityText)
        writer.message(5) { $0.string(1, record.message) }
        write(record.attributes, 6, to: &writer)
        writer.fixed64(11, UInt64(clamping: record.atNanoseconds))
    }

    // MARK: - Attributes

    private static func write(_ attributes: [Attribute], _ field: UInt64, to writer: inout ProtobufWriter) {
        for attribute in attributes {
            writer.message(field) {
                $0.string(1, attribute.name)
                $0.message(2) { write(attribute.value, to: &$0) }
            }
        }
    }

    /// `AnyValue`.
    private static func write(_ value: Attribute.Value, to writer: inout ProtobufWriter) {
        switch value {
        case .string(let text): writer.string(1, text)
        case .boolean(let flag): writer.varint(2, flag ? 1 : 0)
        case .integer(let number): writer.varint(3, UInt64(bitPattern: number))
        case .double(let number): writer.double(4, number)
        case .strings(let texts):
            writer.message(5) { list in
                for text in texts { list.message(1) { $0.string(1, text) } }
            }
        }
    }

    // MARK: - Answers

    /// How many of what was sent a collector threw away although it took the request: `partial_success` (1), and in it
    /// `rejected_spans`, `rejected_data_points` or `rejected_log_records` (1).
    static func rejected(in answer: [UInt8]) -> Int {
        var outer = ProtobufReader(answer[...])
        while let (field, value) = outer.next() {
            guard field == 1, case .bytes(let bytes) = value else { continue }
            var inner = ProtobufReader(bytes)
            while let (field, value) = inner.next() {
                if field == 1, case .number(let number) = value { return max(Int(Int64(bitPattern: number)), 0) }
            }
        }
        return 0
    }
}
