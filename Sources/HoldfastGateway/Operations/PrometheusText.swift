import HoldfastCore

/// Writes the Prometheus text format, version 0.0.4. Ours, since no maintained package is at hand.
struct PrometheusText {
    private(set) var text = ""

    /// The lines before the samples of one metric.
    mutating func begin(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
        text += name
        text += Self.spell(labels)
        text += " \(value)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Int) {
        sample(name, labels, String(value))
    }

    mutating func histogram(_ name: String, _ labels: [(String, String)], _ histogram: Histogram) {
        var total = 0
        for (place, bound) in histogram.bounds.enumerated() {
            total += histogram.counts[place]
            sample("\(name)_bucket", labels + [("le", Self.spell(bound))], total)
        }
        sample("\(name)_bucket", labels + [("le", "+Inf")], histogram.count)
        sample("\(name)_sum", labels, "\(histogram.sum)")
        sample("\(name)_count", labels, histogram.count)
    }

    private static func spell(_ bound: Double) -> String {
        bound == bound.rounded() && bound < 1e15 ? String(Int64(bound)) : "\(bound)"
    }

    private static func spell(_ labels: [(String, String)]) -> String {
        guard !labels.isEmpty else { return "" }
        let pairs = labels.map { name, value in
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            return "\(name)=\"\(escaped)\""
        }
        return "{\(pairs.joined(separator: ","))}"
    }
}
