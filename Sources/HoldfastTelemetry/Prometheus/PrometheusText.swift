/// Writes the Prometheus text format, version 0.0.4. Ours, since no maintained package is at hand.
package struct PrometheusText {
    package static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    package static func page(_ metrics: [Metric]) -> String {
        var text = PrometheusText()
        for metric in metrics { text.write(metric) }
        return text.text
    }

    mutating func write(_ metric: Metric) {
        // The conventions of OpenTelemetry have dots where this format has underscores.
        let name = metric.name.replacing(".", with: "_")
        text += "# HELP \(name) \(metric.help)\n# TYPE \(name) \(Self.word(metric.kind))\n"
        for point in metric.points {
            switch point.value {
            case .integer(let value):
                sample(name, point.labels, String(value))
            case .histogram(let bounds, let counts, let sum):
                var total = 0
                for (bound, count) in zip(bounds, counts) {
                    total += count
                    sample("\(name)_bucket", point.labels + [("le", Self.spell(bound))], String(total))
                }
                total += counts.last ?? 0
                sample("\(name)_bucket", point.labels + [("le", "+Inf")], String(total))
                sample("\(name)_sum", point.labels, "\(sum)")
                sample("\(name)_count", point.labels, String(total))
            }
        }
    }

    private mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
        text += name
        text += Self.spell(labels)
        text += " \(value)\n"
    }

    private static func word(_ kind: Metric.Kind) -> String {
        switch kind {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }

    private static func spell(_ bound: Double) -> String {
        bound == bound.rounded() && bound < 1e15 ? String(Int64(bound)) : "\(bound)"
    }

    private static func spell(_ labels: [(String, String)]) -> String {
        guard !labels.isEmpty else { return "" }
        let pairs = labels.map { name, value in
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            return "\(name.replacing(".", with: "_"))=\"\(escaped)\""
        }
        return "{\(pairs.joined(separator: ","))}"
    }
}
