/// A map as an operator writes it: the section `map` of the configuration.
package enum MapText {
    /// - Parameter components: declared ones; groups go under `groups`.
    package static func yaml(_ components: [MapComponent]) -> String {
        let (groups, others) = (
            components.filter { $0.id.kind == .group }, components.filter { $0.id.kind != .group }
        )
        var lines = ["map:"]
        if !others.isEmpty { lines.append("  components:") }
        for component in others { lines.append("    \(component.id): \(fields(component))") }
        if !groups.isEmpty { lines.append("  groups:") }
        for group in groups {
            guard let need = group.needs.first else { continue }
            lines.append("    \(group.id.name): {least: \(need.least), of: \(list(need.of.map(\.description)))}")
        }
        return (lines.count == 1 ? "map: {}" : lines.joined(separator: "\n")) + "\n"
    }

    private static func fields(_ component: MapComponent) -> String {
        var fields: [String] = []
        if let owner = component.owner { fields.append("owner: \(owner)") }
        if let criticality = component.criticality { fields.append("criticality: \(criticality.rawValue)") }
        if let span = component.recoveryTargetNanoseconds {
            fields.append("recovery_target: \(ConfigurationUnits.durationText(span))")
        }
        if let span = component.latencyToleranceNanoseconds {
            fields.append("latency_tolerance: \(ConfigurationUnits.durationText(span))")
        }
        if let cost = component.minuteCostMicros {
            fields.append("cost_per_minute: \(ConfigurationUnits.moneyText(cost))")
        }
        if !component.domains.isEmpty {
            let domains = component.domains.sorted().map { "\($0.kind.rawValue): \($0.name)" }
            fields.append("domains: {\(domains.joined(separator: ", "))}")
        }
        if !component.needs.isEmpty {
            fields.append("needs: \(list(component.needs.flatMap(\.of).map(\.description)))")
        }
        if let original = component.backsUp { fields.append("backs_up: \(original)") }
        return "{\(fields.joined(separator: ", "))}"
    }

    private static func list(_ items: [String]) -> String { "[\(items.joined(separator: ", "))]" }
}
