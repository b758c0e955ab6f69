package import HoldfastCore

/// What an override does, flat, as the API and the command line speak of it: a kind, and the fields that this kind has.
package struct OverrideEffectView: Codable, Sendable, Hashable {
    package struct PriceView: Codable, Sendable, Hashable {
        /// US dollars per million tokens, in decimal.
        package var input: String?
        package var cachedInput: String?
        package var output: String?

        package init(input: String? = nil, cachedInput: String? = nil, output: String? = nil) {
            self.input = input
            self.cachedInput = cachedInput
            self.output = output
        }
    }

    /// `drain`, `restrict`, `pin`, `shed`, `cap`, `price`, or, of a drill, `fault`.
    package var kind: String
    package var route: String?
    package var provider: String?
    package var deployment: String?
    package var vendor: String?
    package var jurisdiction: String?
    /// Of a pin: the deployment that comes first.
    package var candidate: String?
    package var only: Bool?
    /// Of a shed: exchanges less critical than this are refused.
    package var below: String?
    package var concurrent: Int?
    package var requestsPerMinute: Int?
    package var tokensPerMinute: Int?
    package var price: PriceView?
    package var fault: FaultView?

    package init(kind: String) {
        self.kind = kind
    }
}

/// An override as it was made, and what became of it.
package struct OverrideView: Codable, Sendable, Hashable {
    package var id: String
    package var effect: OverrideEffectView
    package var author: String
    package var reason: String
    /// Milliseconds since 1970.
    package var createdAt: Int64
    package var expiresAt: Int64
    /// Ended before its time, or cleared by a person.
    package var endedAt: Int64?
    package var endedBy: String?

    package init(
        id: String, effect: OverrideEffectView, author: String, reason: String, createdAt: Int64, expiresAt: Int64,
        endedAt: Int64? = nil, endedBy: String? = nil
    ) {
        self.id = id
        self.effect = effect
        self.author = author
        self.reason = reason
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.endedAt = endedAt
        self.endedBy = endedBy
    }

    /// As the core knows it.
    package func override() throws(OverrideProblem) -> Override {
        Override(
            id: id, effect: try effect.effect(), author: author, reason: reason, createdAtMilliseconds: createdAt,
            expiresAtMilliseconds: expiresAt)
    }
}

extension OverrideEffectView {
    /// As the core knows it. Says which field is missing, not known to this kind, or not a value.
    package func effect() throws(OverrideProblem) -> OverrideEffect {
        try refuseOtherFields()
        switch kind {
        case "drain": return .drain(try drainTarget())
        case "restrict": return .restrict(try restrictTarget())
        case "pin":
            return .pin(
                route: try required("route", route), candidate: try required("candidate", candidate),
                only: only ?? false)
        case "shed":
            let name = try required("below", below)
            guard let criticality = Criticality(rawValue: name) else {
                throw OverrideProblem(
                    "below", "'\(name)' is no criticality", mend: "use standard or critical")
            }
            return .shed(below: criticality, route: route)
        case "cap":
            var limits = DeploymentLimits()
            limits.concurrent = concurrent
            limits.requestsPerMinute = requestsPerMinute
            limits.tokensPerMinute = tokensPerMinute
            return .cap(deployment: try required("deployment", deployment), limits)
        case "price":
            return .price(deployment: try required("deployment", deployment), try priceRow())
        case "fault":
            guard let fault else { throw OverrideProblem("fault", "fault needs a fault", mend: "name one") }
            return .fault(try fault.order())
        default:
            throw OverrideProblem(
                "kind", "there is no such kind of override",
                mend: "use \(Self.fieldsByKind.map(\.kind).joined(separator: ", "))")
        }
    }

    /// What each kind may say.
    private static let fieldsByKind: [(kind: String, fields: Set<String>)] = [
        ("drain", ["deployment", "provider", "route"]),
        ("restrict", ["deployment", "provider", "vendor", "jurisdiction"]),
        ("pin", ["route", "candidate", "only"]),
        ("shed", ["below", "route"]),
        ("cap", ["deployment", "concurrent", "requests_per_minute", "tokens_per_minute"]),
        ("price", ["deployment", "price"]),
        ("fault", ["fault"]),
    ]

    private func refuseOtherFields() throws(OverrideProblem) {
        guard let known = Self.fieldsByKind.first(where: { $0.kind == kind })?.fields else { return }
        let given: [(String, Bool)] = [
            ("route", route != nil), ("provider", provider != nil), ("deployment", deployment != nil),
            ("vendor", vendor != nil), ("jurisdiction", jurisdiction != nil), ("candidate", candidate != nil),
            ("only", only != nil), ("below", below != nil), ("concurrent", concurrent != nil),
            ("requests_per_minute", requestsPerMinute != nil), ("tokens_per_minute", tokensPerMinute != nil),
            ("price", price != nil), ("fault", fault != nil),
        ]
        for (field, isGiven) in given where isGiven && !known.contains(field) {
            throw OverrideProblem(
                field, "\(kind) has no field \(field)",
                mend: "leave it out; it has \(known.sorted().joined(separator: ", "))")
        }
    }

    private func required(_ field: String, _ value: String?) throws(OverrideProblem) -> String {
        guard let value else { throw OverrideProblem(field, "\(kind) needs a \(field)", mend: "name one") }
        return value
    }

    private func one(_ targets: [(field: String, name: String?)]) throws(OverrideProblem) -> (String, String) {
        let given = targets.filter { $0.name != nil }
        guard given.count == 1, let name = given[0].name else {
            let fields = targets.map(\.field).joined(separator: ", ")
            throw OverrideProblem(
                "kind", "\(kind) speaks of one thing, and \(given.count) are named",
                mend: "name exactly one of \(fields)")
        }
        return (given[0].field, name)
    }

    private func drainTarget() throws(OverrideProblem) -> DrainTarget {
        let (field, name) = try one([("deployment", deployment), ("provider", provider), ("route", route)])
        return switch field {
        case "deployment": .deployment(name)
        case "provider": .provider(name)
        default: .route(name)
        }
    }

    private func restrictTarget() throws(OverrideProblem) -> RestrictTarget {
        let (field, name) = try one([
            ("deployment", deployment), ("provider", provider), ("vendor", vendor), ("jurisdiction", jurisdiction),
        ])
        return switch field {
        case "deployment": .deployment(name)
        case "provider": .provider(name)
        case "vendor": .vendor(name)
        default: .jurisdiction(name)
        }
    }

    private func priceRow() throws(OverrideProblem) -> Price {
        guard let price else { throw OverrideProblem("price", "price needs a price", mend: "name input and output") }
        func micros(_ field: String, _ text: String?) throws(OverrideProblem) -> Int64? {
            guard let text else { return nil }
            guard let micros = ConfigurationUnits.money(text) else {
                throw OverrideProblem(
                    "price.\(field)", "this is no amount of US dollars",
                    mend: "write dollars per million tokens in decimal, such as \"0.40\"")
            }
            return micros
        }
        return Price(
            inputMicros: try micros("input", price.input),
            cachedInputMicros: try micros("cached_input", price.cachedInput),
            outputMicros: try micros("output", price.output))
    }
}
