/// The map as a graph for programs that draw: whatever needs something points to it; what stops a service, a workload or
/// a route alone is marked.
package enum MapDrawing {
    /// Graphviz.
    package static func dot(_ map: MapView) -> String {
        let single = singles(map)
        var lines = ["digraph map {", "  rankdir=LR;", "  node [shape=box, fontname=\"sans-serif\"];"]
        for component in map.components {
            let marks =
                (single.contains(component.id) ? ", color=red, penwidth=2" : "")
                + (component.criticality == "critical" ? ", style=bold" : "")
                + (component.kind == "group" ? ", shape=hexagon" : "")
            lines.append("  \(quoted(component.id)) [label=\(quoted(label(component)))\(marks)];")
        }
        for domain in domains(map) {
            let mark = single.contains(domain) ? ", color=red, penwidth=2" : ""
            lines.append("  \(quoted(domain)) [shape=ellipse, style=dashed\(mark)];")
        }
        for edge in edges(map) {
            let style = edge.isOne ? "" : " [style=dashed]"
            lines.append("  \(quoted(edge.from)) -> \(quoted(edge.to))\(style);")
        }
        return (lines + ["}"]).joined(separator: "\n") + "\n"
    }

    /// Mermaid, as code hosts draw it.
    package static func mermaid(_ map: MapView) -> String {
        let single = singles(map)
        let names = map.components.map(\.id) + domains(map)
        let places = Dictionary(names.enumerated().map { ($1, "n\($0)") }) { first, _ in first }
        var lines = ["graph LR"]
        for component in map.components {
            let text = entities(label(component))
            lines.append(
                "  \(places[component.id] ?? "")\(component.kind == "group" ? "{{\"\(text)\"}}" : "[\"\(text)\"]")")
        }
        for domain in domains(map) { lines.append("  \(places[domain] ?? "")([\"\(entities(domain))\"])") }
        for edge in edges(map) {
            lines.append("  \(places[edge.from] ?? "") \(edge.isOne ? "-->" : "-.->") \(places[edge.to] ?? "")")
        }
        let marked = names.filter(single.contains).compactMap { places[$0] }
        if !marked.isEmpty {
            lines.append("  classDef single stroke:#c00,stroke-width:3px")
            lines.append("  class \(marked.joined(separator: ",")) single")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: - What is drawn

    private struct Edge {
        var from: String
        var to: String
        /// It is needed, and no other stands beside it.
        var isOne: Bool
    }

    private static func label(_ component: MapView.Component) -> String {
        guard component.kind == "group", let need = component.needs.first else { return component.id }
        return "\(component.id) (\(need.least) of \(need.of.count))"
    }

    private static func edges(_ map: MapView) -> [Edge] {
        map.components.flatMap { component in
            component.needs.flatMap { need in
                need.of.map { Edge(from: component.id, to: $0, isOne: need.least == need.of.count) }
            }
                + component.domains.filter { $0 != component.id }.map {
                    Edge(from: component.id, to: $0, isOne: true)
                }
        }
    }

    /// Those that are no component themselves.
    private static func domains(_ map: MapView) -> [String] {
        let known = Set(map.components.map(\.id))
        return Set(map.components.flatMap(\.domains)).subtracting(known).sorted()
    }

    /// Failures that stop a service, workload or route alone, with what they stand for.
    package static func singles(_ map: MapView) -> Set<String> {
        let alone = Set(map.cutSets.flatMap(\.sets).filter { $0.count == 1 }.flatMap(\.self))
        return alone.union(map.same.filter { alone.contains($0.failure) }.flatMap(\.same))
    }

    // MARK: - Escaping

    private static func quoted(_ text: String) -> String {
        "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }

    /// Mermaid reads `#NUMBER;` as that character; whatever else might mean something to it is written so.
    private static func entities(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            let isPlain =
                scalar.isASCII
                && (scalar.properties.isAlphabetic || "0123456789:._/@+- ()".unicodeScalars.contains(scalar))
            return isPlain ? String(scalar) : "#\(scalar.value);"
        }.joined()
    }
}
