import HoldfastAPI
import HoldfastCore

/// What a report tells besides, and what is shown of it. `TellingCheck` takes what these allow.
extension APISchema {
    static let figures = object([
        ("routes", array(of: routeFigures, most: FiguresView.mostRoutes)),
        ("deployments", array(of: deploymentFigures, most: FiguresView.mostDeployments)),
        ("calls", array(of: call, most: FiguresView.mostCalls)),
        ("endpoints", array(of: endpoint, most: FiguresView.mostEndpoints)),
        ("name_servers", array(of: .string, most: TellingCheck.mostServers)), ("left_out?", .count),
    ])

    static let routeFigures = object([
        ("name", .names([.route])), ("candidates", array(of: deploymentName, most: ExchangePlan.longestCandidates)),
        ("ended", .count), ("failed", .count),
        ("failovers", .count), ("in_flight", .count), ("median_milliseconds?", .count), ("p99_milliseconds?", .count),
        ("median_first_token_milliseconds?", .count), ("p99_first_token_milliseconds?", .count),
    ])

    static let deploymentFigures = object([
        ("id", deploymentName), ("vendor", .string), ("region?", .string), ("jurisdiction?", .string),
        ("owned", .boolean), ("breaker", oneOf(FiguresView.breakers)), ("suspension?", .string),
        ("in_flight", .count), ("waiting", .count), ("attempts", .count), ("failures", .count),
        ("median_first_token_milliseconds?", .count), ("warmth", oneOf(FiguresView.warmths)), ("retires?", day),
        ("overrides", array(of: .id, most: TellingCheck.mostOverrides)),
    ])

    static let call = object([
        ("workload?", namesOrRest([.id])), ("route", namesOrRest([.route, .deployment])),
        ("deployment?", namesOrRest([.deployment])), ("count", .count),
    ])

    static let endpoint = object([
        ("provider", .names([.id])), ("host", .string),
        ("addresses", array(of: .string, most: TellingCheck.mostAddresses)),
    ])

    private static let deploymentName = names([.deployment])
    private static let day = APISchema(json: ["type": "string", "format": "date"])

    private static func namesOrRest(_ kinds: [NameKind]) -> APISchema {
        let patterns = kinds.map(\.pattern) + ["^\\*$"]
        return APISchema(json: ["type": "string", "anyOf": .array(patterns.map { ["pattern": .string($0)] })])
    }

    static let fleetFigures = object([
        (
            "gateways",
            array(
                of: object([
                    ("id", .string), ("silent_for_milliseconds", .integer), ("figures_age_milliseconds?", .integer),
                    ("figures?", figures),
                ]))
        ), ("next?", .string),
    ])

    // MARK: - Exchanges

    static let receipts = object([
        ("items", array(of: receipt, most: ReceiptsView.most)), ("left_out", .count), ("operations", .string),
    ])

    static let receipt = object([
        ("id", exchangeID), ("ended_at", .string), ("route", .names([.route, .deployment])),
        ("workload?", .names([.id])), ("generation", .count), ("operation", .string), ("stream", .boolean),
        ("criticality", oneOf(Criticality.allCases.map(\.rawValue))), ("delivery", .string), ("end", .string),
        ("status", .count), ("degraded?", .string), ("milliseconds", .count), ("first_token_milliseconds?", .count),
        ("input_tokens?", .count), ("output_tokens?", .count),
        ("candidates", array(of: deploymentName, most: ExchangePlan.longestCandidates)),
        ("attempts", array(of: attempt, most: TellingCheck.mostAttempts)),
        ("exclusions", array(of: exclusion, most: ExchangePlan.longestCandidates)),
    ])

    private static let attempt = object([
        ("deployment", deploymentName), ("started_milliseconds", .count), ("first_token_milliseconds?", .count),
        ("ended_milliseconds?", .count), ("failure?", .string), ("continues?", .string),
    ])

    private static let exclusion = object([
        ("deployment", deploymentName), ("reason", .string), ("at_milliseconds", .count),
    ])

    private static let exchangeID = APISchema(json: ["type": "string", "pattern": "^[0-9a-f]{32}$"])

    static let exchange = object([("number", .count), ("gateway", .string), ("receipt", receipt)])

    static let exchangePage = object([("items", array(of: exchange)), ("next?", .string), ("left_out", .count)])
}
