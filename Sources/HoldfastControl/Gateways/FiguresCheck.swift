import HoldfastAPI
import HoldfastCore

/// As `ReportCheck`, for what a report tells besides: figures and exchanges. What cannot be true is refused, free words are
/// cut and made plain.
struct TellingCheck {
    static let longestHost = 253
    static let mostServers = 8
    static let mostAddresses = 64
    static let mostOverrides = 100
    static let mostAttempts = 64

    private(set) var fields: [ProblemView.Field] = []

    mutating func check(_ field: String, _ isRight: Bool, _ message: String = "one of them cannot be") {
        guard !isRight, !fields.contains(where: { $0.field == field }) else { return }
        fields.append(.init(field: field, message: message, mend: "report it as /openapi.json says"))
    }

    private mutating func check<Item>(
        _ field: String, _ items: [Item], most: Int, _ isRight: (Item) -> Bool
    ) {
        check(field, items.count <= most, "there are more than \(most)")
        check(field, items.prefix(most).allSatisfy(isRight))
    }

    private static func isCount(_ counts: Int?...) -> Bool {
        counts.allSatisfy { $0.map { (0...APISchema.longestNumber).contains($0) } ?? true }
    }

    private static func isSpan(_ spans: Int64?...) -> Bool {
        spans.allSatisfy { $0.map { (0...Int64(APISchema.longestNumber)).contains($0) } ?? true }
    }

    private static func isRoute(_ name: String) -> Bool {
        NameKind.route.accepts(name) || NameKind.deployment.accepts(name)
    }

    private static func isRest(_ name: String?) -> Bool { name == NameTable.rest }

    private static func plain(_ text: inout String, longest: Int = GatewayReportView.longestWord) {
        text = GatewayReportView.plain(text, longest: longest)
    }

    private static func plain(_ text: inout String?) {
        text = text.map { GatewayReportView.plain($0, longest: GatewayReportView.longestWord) }
    }

    private static func plain(_ texts: inout [String]) {
        texts = texts.map { GatewayReportView.plain($0, longest: GatewayReportView.longestWord) }
    }

    // MARK: - Figures

    mutating func figures(_ figures: FiguresView) -> FiguresView {
        check("figures.routes", figures.routes, most: FiguresView.mostRoutes) { route in
            NameKind.route.accepts(route.name) && route.candidates.count <= ExchangePlan.longestCandidates
                && route.candidates.allSatisfy(NameKind.deployment.accepts)
                && Self.isCount(route.ended, route.failed, route.failovers, route.inFlight)
                && Self.isSpan(
                    route.medianMilliseconds, route.p99Milliseconds, route.medianFirstTokenMilliseconds,
                    route.p99FirstTokenMilliseconds)
        }
        check("figures.deployments", figures.deployments, most: FiguresView.mostDeployments) { deployment in
            NameKind.deployment.accepts(deployment.id) && FiguresView.breakers.contains(deployment.breaker)
                && FiguresView.warmths.contains(deployment.warmth)
                && (deployment.retires.map { CalendarDay($0) != nil } ?? true)
                && deployment.overrides.count <= Self.mostOverrides
                && deployment.overrides.allSatisfy(KeyText.isLegalID)
                && Self.isCount(deployment.inFlight, deployment.waiting, deployment.attempts, deployment.failures)
                && Self.isSpan(deployment.medianFirstTokenMilliseconds)
        }
        check("figures.calls", figures.calls, most: FiguresView.mostCalls) { call in
            (call.workload.map { NameKind.id.accepts($0) || Self.isRest($0) } ?? true)
                && (Self.isRoute(call.route) || Self.isRest(call.route))
                && (call.deployment.map { NameKind.deployment.accepts($0) || Self.isRest($0) } ?? true)
                && Self.isCount(call.count)
        }
        check("figures.endpoints", figures.endpoints, most: FiguresView.mostEndpoints) { endpoint in
            NameKind.id.accepts(endpoint.provider) && endpoint.addresses.count <= Self.mostAddresses
        }
        check("figures.name_servers", figures.nameServers, most: Self.mostServers) { _ in true }
        check("figures.left_out", Self.isCount(figures.leftOut))
        guard fields.isEmpty else { return FiguresView() }
        var plain = figures
        for place in plain.deployments.indices {
            Self.plain(&plain.deployments[place].vendor)
            Self.plain(&plain.deployments[place].region)
            Self.plain(&plain.deployments[place].jurisdiction)
            Self.plain(&plain.deployments[place].suspension)
        }
        for place in plain.endpoints.indices {
            Self.plain(&plain.endpoints[place].host, longest: Self.longestHost)
            Self.plain(&plain.endpoints[place].addresses)
        }
        Self.plain(&plain.nameServers)
        return plain
    }

    // MARK: - Exchanges

    mutating func receipts(_ receipts: ReceiptsView) -> ReceiptsView {
        check("receipts.items", receipts.items, most: ReceiptsView.most) { item in
            Self.isExchangeID(item.id) && Self.isRoute(item.route)
                && (item.workload.map(NameKind.id.accepts) ?? true)
                && Criticality(rawValue: item.criticality) != nil
                && item.candidates.count <= ExchangePlan.longestCandidates
                && item.candidates.allSatisfy(NameKind.deployment.accepts)
                && item.generation <= APISchema.longestNumber
                && Self.isCount(item.status, item.inputTokens, item.outputTokens)
                && Self.isSpan(item.milliseconds, item.firstTokenMilliseconds)
        }
        let attempts = receipts.items.prefix(ReceiptsView.most).flatMap { $0.attempts.prefix(Self.mostAttempts + 1) }
        check(
            "receipts.items.attempts",
            receipts.items.allSatisfy { $0.attempts.count <= Self.mostAttempts }
                && attempts.allSatisfy { attempt in
                    NameKind.deployment.accepts(attempt.deployment)
                        && Self.isSpan(
                            attempt.startedMilliseconds, attempt.firstTokenMilliseconds, attempt.endedMilliseconds)
                })
        check(
            "receipts.items.exclusions",
            receipts.items.allSatisfy { item in
                item.exclusions.count <= ExchangePlan.longestCandidates
                    && item.exclusions.allSatisfy {
                        NameKind.deployment.accepts($0.deployment) && Self.isSpan($0.atMilliseconds)
                    }
            })
        check("receipts.left_out", Self.isCount(receipts.leftOut))
        guard fields.isEmpty else { return ReceiptsView(items: [], leftOut: 0, operations: "") }
        var plain = receipts
        Self.plain(&plain.operations, longest: Self.longestHost)
        for place in plain.items.indices { Self.plain(&plain.items[place]) }
        return plain
    }

    /// As a gateway makes it: 128 bits.
    static func isExchangeID(_ text: String) -> Bool {
        text.utf8.count == 32
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private static func plain(_ item: inout ExchangeReceiptView) {
        plain(&item.endedAt)
        plain(&item.operation)
        plain(&item.delivery)
        plain(&item.end)
        plain(&item.degraded)
        for place in item.attempts.indices {
            plain(&item.attempts[place].failure)
            plain(&item.attempts[place].continues)
        }
        for place in item.exclusions.indices { plain(&item.exclusions[place].reason) }
    }
}

extension FiguresView {
    static let breakers = ["closed", "half-open", "open"]
    static let warmths = ["cold", "doubtful", "untested", "warm"]
}
