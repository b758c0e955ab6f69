import Testing

@testable import HoldfastCore

@Suite struct TelemetrySectionTests {
    private static func compile(_ telemetry: [(String, ConfigurationNode)]?) -> ConfigurationOutcome {
        var document: [(String, ConfigurationNode)] = [
            ("version", .text("1")),
            ("providers", .map([("e", .map([("base_url", .text("https://e.example"))]))])),
            ("routes", .map([("all", .map([("candidates", .list(["e/m"]))]))])),
        ]
        if let telemetry { document.append(("telemetry", .map(telemetry))) }
        let references = ConfigurationReferences(
            environment: { $0 == "TOKEN" ? "hidden" : nil },
            file: { _ in .failed(reason: "is not there", mend: "none") })
        return ConfigurationCompiler.compile(.map(document), references: references)
    }

    private static func headers(_ pairs: (String, String)...) -> ConfigurationNode {
        ConfigurationNode(
            position: ConfigurationNode.here,
            value: .sequence(pairs.map { .map([("name", .text($0)), ("value", .text($1))]) }))
    }

    @Test func nothingIsSentUnlessItIsAskedFor() throws {
        #expect(try #require(Self.compile(nil).snapshot).telemetry == nil)
    }

    @Test func anEndpointIsEnough() throws {
        let settings = try #require(
            Self.compile([("endpoint", .text("http://otel-collector:4318"))]).snapshot?.telemetry)
        #expect(settings.endpoint.description == "http://otel-collector:4318")
        #expect(settings.traces && settings.metrics && settings.logs)
        #expect(settings.intervalNanoseconds == 10 * Span.second)
        #expect(settings.headers.isEmpty)
    }

    @Test func everyFieldIsRead() throws {
        let settings = try #require(
            Self.compile([
                ("endpoint", .text("https://collector.example/otlp")), ("traces", .text("false")),
                ("metrics", .text("false")), ("logs", .text("false")), ("interval", .text("1m")),
                ("traces_per_second", .text("20")),
                ("headers", Self.headers(("Authorization", "Bearer ${TOKEN}"))),
            ]).snapshot?.telemetry)
        #expect(!settings.traces && !settings.metrics && !settings.logs)
        #expect(settings.intervalNanoseconds == Span.minute)
        #expect(settings.tracesPerSecond == 20)
        #expect(settings.headers.map(\.name) == ["authorization"])
        #expect(settings.headers.map { $0.value.reveal() } == ["Bearer hidden"])
        #expect(!"\(settings)".contains("hidden"))
    }

    static let mistakes: [(telemetry: [(String, ConfigurationNode)], path: String, fragment: String)] = [
        ([], "telemetry.endpoint", "missing"),
        ([("endpoint", .text("collector:4318"))], "telemetry.endpoint", "neither https:// nor http://"),
        ([("endpoint", .text("https://u:p@c.example"))], "telemetry.endpoint", "user name"),
        (
            [("endpoint", .text("https://c.example")), ("interval", .text("10ms"))], "telemetry.interval",
            "out of bounds"
        ),
        ([("endpoint", .text("https://c.example")), ("traces", .text("yes"))], "telemetry.traces", "neither true"),
        (
            [("endpoint", .text("https://c.example")), ("trace", .text("true"))], "telemetry.trace",
            "did you mean traces?"
        ),
        (
            [("endpoint", .text("http://c.example")), ("headers", headers(("a", "b")))], "telemetry.endpoint",
            "in clear"
        ),
        (
            [("endpoint", .text("https://c.example")), ("headers", headers(("a", "b"), ("A", "c")))],
            "telemetry.headers[1].name", "set twice"
        ),
        (
            [("endpoint", .text("https://c.example")), ("headers", headers(("Host", "b")))],
            "telemetry.headers[0].name", "set by Holdfast"
        ),
        (
            [("endpoint", .text("https://c.example")), ("headers", headers(("a b", "b")))],
            "telemetry.headers[0].name", "not the name of a header"
        ),
        (
            [("endpoint", .text("https://c.example")), ("headers", headers(("a", "b\nc")))],
            "telemetry.headers[0].value", "line break"
        ),
    ]

    @Test(arguments: mistakes.indices)
    func everyMistakeIsNamedWithItsMend(place: Int) {
        let mistake = Self.mistakes[place]
        let outcome = Self.compile(mistake.telemetry)
        #expect(outcome.snapshot == nil)
        #expect(outcome.problems.map(\.path) == [mistake.path], "\(outcome.problems)")
        #expect(outcome.problems.first?.message.contains(mistake.fragment) == true, "\(outcome.problems)")
        #expect(outcome.problems.first?.mend.isEmpty == false)
    }
}
