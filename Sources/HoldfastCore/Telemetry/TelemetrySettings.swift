/// Where a process sends its traces, metrics and logs. Absent: nowhere, which is the default.
package struct TelemetrySettings: Sendable, Hashable {
    /// Without `/v1/traces` and its like.
    package var endpoint: BaseURL
    package var headers: [TelemetryHeader] = []
    package var traces = true
    /// Exchanges that are traced in a second at most; and as many again that did not go as wished.
    package var tracesPerSecond = 1_000
    package var metrics = true
    package var logs = true
    /// Between two reports of metrics.
    package var intervalNanoseconds = 10 * Span.second

    package init(endpoint: BaseURL) {
        self.endpoint = endpoint
    }
}

/// What a collector asks for to know who sends.
package struct TelemetryHeader: Sendable, Hashable {
    /// Lower case.
    package var name: String
    package var value: Secret

    package init(name: String, value: Secret) {
        self.name = name
        self.value = value
    }
}
