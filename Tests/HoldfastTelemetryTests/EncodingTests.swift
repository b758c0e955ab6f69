import Foundation
import HoldfastCore
import Testing

@testable import HoldfastTelemetry

/// The bytes of fixed values stand in `Conformance/goldens`, where OpenTelemetry's own Python classes read them. Here they
/// are held to stay as they were read there. `HOLDFAST_REWRITE_GOLDENS=1` writes them anew.
@Suite struct EncodingTests {
    static let encoding = OTLPEncoding(
        resource: TelemetryResource(service: "holdfast-gateway", version: "1.2.3", instance: "one"))
    static let start: Int64 = 1_750_000_000_000_000_000

    static let spans: [TraceSpan] = {
        let parent = TraceContext(
            traceHigh: 0x0af7_6519_16cd_43dd, traceLow: 0x8448_eb21_1c80_319c, span: 0xb7ad_6b71_6920_3331,
            isSampled: true)
        var random = SeededRandom(seed: 1)
        let own = parent.child(&random)
        var exchange = TraceSpan(
            own, parent: parent.span, name: "chat assistant", kind: .server, startNanoseconds: start,
            endNanoseconds: start + 1_500_000_000)
        exchange.hasRemoteParent = true
        exchange.state = TraceState("congo=t61rcWkgMzE")
        exchange.attributes = [
            Attribute("gen_ai.operation.name", "chat"), Attribute("gen_ai.usage.input_tokens", 300),
            Attribute("below_zero", -1), Attribute("zero", 0), Attribute("holdfast.stream", .boolean(true)),
            Attribute("not", .boolean(false)), Attribute("half", .double(0.5)), Attribute("empty", ""),
            Attribute("reasons", .strings(["stop", "größer"])),
        ]
        exchange.events = [
            TraceSpan.Event(
                "holdfast.candidate_passed_over", atNanoseconds: start + 1, attributes: [Attribute("reason", "busy")])
        ]
        var attempt = TraceSpan(
            own.child(&random), parent: own.span, name: "chat large", kind: .client, startNanoseconds: start + 1_000,
            endNanoseconds: start)
        attempt.status = .error("transient")
        return [exchange, attempt]
    }()

    static let metrics: [Metric] = {
        var counter = Metric("holdfast_exchanges_total", .counter, "Exchanges that ended, by how.")
        counter.points = [
            Metric.Point([("route", "assistant"), ("end", "answered")], .integer(7)),
            Metric.Point([("route", "assistant"), ("end", "client_gone")], .integer(0)),
        ]
        var gauge = Metric("holdfast_ready", .gauge, "1 while at least one route can be served.")
        gauge.points = [Metric.Point([], .integer(1))]
        var histogram = Metric("gen_ai.client.operation.duration", .histogram, unit: "s", "Seconds.")
        histogram.points = [
            Metric.Point(
                [("gen_ai.request.model", "assistant")],
                .histogram(bounds: [0.005, 1, 81.92], counts: [1, 200, 0, 3], sum: 12.75))
        ]
        return [counter, gauge, Metric("nothing", .gauge, "Left out."), histogram]
    }()

    static let logs = [
        LogRecord(
            atNanoseconds: start, severity: 13, severityText: "warning", message: "breaker open",
            attributes: [Attribute("deployment", "a/b"), Attribute("count", 3)])
    ]

    static var requests: [(name: String, bytes: [UInt8])] {
        [
            ("traces", encoding.request(spans)),
            ("metrics", encoding.request(metrics, startNanoseconds: start, atNanoseconds: start + 5)),
            ("logs", encoding.request(logs)),
        ]
    }

    @Test(arguments: [0, 1, 2])
    func theBytesAreThoseThatTheOthersHaveRead(place: Int) throws {
        let (name, bytes) = Self.requests[place]
        let file = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Conformance/goldens/otlp-\(name).hex")
        let hex = Self.hex(bytes)
        if ProcessInfo.processInfo.environment["HOLDFAST_REWRITE_GOLDENS"] == "1" {
            try hex.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == hex)
    }

    /// 32 bytes a line.
    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return stride(from: 0, to: digits.count, by: 32).map {
            digits[$0..<min($0 + 32, digits.count)].joined() + "\n"
        }.joined()
    }

    /// The examples of the encoding's own page.
    @Test func theWireTypes() {
        var writer = ProtobufWriter()
        writer.varint(1, 150)
        writer.string(2, "testing")
        #expect(writer.bytes == [0x08, 0x96, 0x01, 0x12, 0x07] + Array("testing".utf8))
        writer = ProtobufWriter()
        writer.message(3) { $0.varint(1, 150) }
        #expect(writer.bytes == [0x1a, 0x03, 0x08, 0x96, 0x01])
        writer = ProtobufWriter()
        writer.varint(16, UInt64.max)
        writer.fixed32(1, 1)
        writer.double(2, 1)
        writer.packed(3, [])
        #expect(
            writer.bytes == [0x80, 0x01] + [UInt8](repeating: 0xFF, count: 9) + [0x01, 0x0d, 1, 0, 0, 0, 0x11]
                + [0, 0, 0, 0, 0, 0, 0xf0, 0x3f])
    }

    @Test func aLongMessageHasALongLength() {
        var writer = ProtobufWriter()
        let text = String(repeating: "a", count: 300)
        writer.message(1) { $0.string(1, text) }
        #expect(writer.bytes == [0x0a, 0xaf, 0x02, 0x0a, 0xac, 0x02] + Array(text.utf8))
    }

    static let answers: [(bytes: [UInt8], rejected: Int)] = [
        ([], 0), ([0x0a, 0x00], 0), ([0x0a, 0x02, 0x08, 0x05], 5), ([0x0a, 0x05, 0x12, 0x01, 0x61, 0x08, 0x07], 7),
        // What is no message is no number either.
        ([0x0a, 0x7f, 0x08, 0x05], 0), ([0xff], 0), (Array("{\"partialSuccess\":{}}".utf8), 0),
        ([0x0a, 0x0b, 0x08] + [UInt8](repeating: 0xff, count: 9) + [0x01], 0),
    ]

    @Test(arguments: answers.indices)
    func aPartialSuccessIsRead(place: Int) {
        #expect(OTLPEncoding.rejected(in: Self.answers[place].bytes) == Self.answers[place].rejected)
    }

    @Test func damagedAnswersAreReadWithoutATrap() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<20_000 {
            let bytes = (0..<Int(random.below(24))).map { _ in UInt8(random.below(256)) }
            #expect(OTLPEncoding.rejected(in: bytes) >= 0)
        }
    }
}
