import HoldfastAPI
import HoldfastCore

extension APISchema {
    static let criticality = oneOf(Criticality.allCases.map(\.rawValue))
    private static let names = array(of: .string)

    static let map = object([
        ("generation?", .count), ("observed", .boolean), ("components", array(of: component)),
        ("cut_sets", array(of: cutSets)), ("same", array(of: object([("failure", .string), ("same", names)]))),
    ])

    static let component = object([
        ("id", .string), ("kind", oneOf(ComponentKind.allCases.map(\.rawValue))),
        ("sources", array(of: oneOf(MapView.Component.Source.allCases.map(\.rawValue)))), ("owner?", .string),
        ("criticality", criticality), ("recovery_target?", .string), ("latency_tolerance?", .string),
        ("cost_per_minute?", .string), ("domains", names),
        ("needs", array(of: object([("least", .count), ("of", names)]))), ("backs_up?", .string),
    ])

    static let cutSets = object([
        ("component", .string), ("sets", array(of: names)), ("more", .count), ("exact_order", .count),
    ])

    static let assessment = object([
        ("generation?", .count), ("day", .string), ("observed", .boolean),
        (
            "counts",
            object([("critical", .count), ("warning", .count), ("notice", .count), ("accepted", .count)])
        ), ("findings", array(of: finding)), ("more_pairs", .count), ("more_triples", .count),
        ("exact_order", .count),
    ])

    static let finding = object([
        ("id", .string), ("kind", oneOf(FindingKind.allCases.map(\.rawValue))),
        ("severity", oneOf(Finding.Severity.allCases.map(\.rawValue))), ("title", .string), ("reason", .string),
        ("mend", .string), ("subjects", names), ("stops", names), ("cost_per_minute?", .string),
        ("acceptance?", object([("reason", .string), ("until", .string), ("expired", .boolean)])),
    ])

    static let outlook = object([
        ("generation?", .count), ("without", names), ("lines", array(of: outlookLine)), ("stopped", names),
        ("cost_per_minute?", .string),
    ])

    private static let outlookLine = object([
        ("component", .string), ("criticality", criticality),
        ("state", oneOf(Outlook.State.allCases.map(\.rawValue))), ("cost_per_minute?", .string),
        ("carriers", array(of: carrier)),
    ])

    private static let carrier = object([
        ("route", .string), ("deployment", .string), ("primary", .boolean),
        ("state", oneOf(FallbackState.State.allCases.map(\.rawValue))),
        (
            "capacity",
            array(
                of: object([
                    ("dimension", oneOf(RouteCapacity.Dimension.allCases.map(\.rawValue))), ("all", .count),
                    ("left", .count),
                ]))
        ),
    ])
}
