/// One thing wrong with an override, and what to write instead.
package struct OverrideProblem: Error, Sendable, Hashable {
    /// The field as the API names it.
    package var field: String
    package var message: String
    package var mend: String

    package init(_ field: String, _ message: String, mend: String) {
        self.field = field
        self.message = message
        self.mend = mend
    }
}

extension Override {
    /// Everything that is wrong with a new override; empty: it may be added. Checked where it is made: later it is in
    /// force as it is, also beside a snapshot in which it names nothing any more.
    package func problems(in snapshot: Snapshot, nowMilliseconds: Int64) -> [OverrideProblem] {
        var found: [OverrideProblem] = []
        for (field, text) in [("id", id), ("author", author)] where !KeyText.isLegalID(text) {
            found.append(
                OverrideProblem(
                    field, "\(ConfigurationQuote.quoted(text)) is not an id",
                    mend: "use 1 to \(KeyText.longestID) of a-z, 0-9 and '-'"))
        }
        if let problem = reasonProblem { found.append(problem) }
        if let problem = timeProblem(nowMilliseconds) { found.append(problem) }
        return found + effect.problems(in: snapshot)
    }

    private var reasonProblem: OverrideProblem? {
        let scalars = reason.unicodeScalars
        guard scalars.contains(where: { !$0.properties.isWhitespace }) else {
            return OverrideProblem("reason", "there is no reason", mend: "say why, for whoever reads it at night")
        }
        guard scalars.count <= Self.longestReason else {
            return OverrideProblem(
                "reason", "the reason is \(scalars.count) characters long",
                mend: "use at most \(Self.longestReason), and name a ticket for the rest")
        }
        guard !scalars.contains(where: Self.canDisguise) else {
            return OverrideProblem(
                "reason", "the reason holds a line break or a control character", mend: "write it on one line of text")
        }
        return nil
    }

    /// What could drive a terminal, or make a line read as another one. Joiners stay: names need them.
    private static func canDisguise(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
        }
    }

    private func timeProblem(_ now: Int64) -> OverrideProblem? {
        guard createdAtMilliseconds <= now else {
            return OverrideProblem(
                "created_at", "\(TimeOfDay.text(milliseconds: createdAtMilliseconds)) has not come yet",
                mend: "leave it out: the time is taken when the override arrives")
        }
        guard expiresAtMilliseconds > now else {
            return OverrideProblem(
                "expires_at", "\(TimeOfDay.text(milliseconds: expiresAtMilliseconds)) has passed",
                mend: "name a time in the future; it is \(TimeOfDay.text(milliseconds: now))")
        }
        let (span, overflow) = expiresAtMilliseconds.subtractingReportingOverflow(createdAtMilliseconds)
        guard !overflow, span <= Self.longestMilliseconds else {
            let latest = createdAtMilliseconds.addingReportingOverflow(Self.longestMilliseconds).partialValue
            return OverrideProblem(
                "expires_at", "an override lasts at most \(Self.longestMilliseconds / 86_400_000) days",
                mend:
                    "name a time until \(TimeOfDay.text(milliseconds: latest)), or change the file, where it is meant to stay"
            )
        }
        return nil
    }
}

extension OverrideEffect {
    func problems(in snapshot: Snapshot) -> [OverrideProblem] {
        switch self {
        case .drain(let target): Self.unknown(target, in: snapshot)
        case .restrict(let target): Self.unknown(target, in: snapshot)
        case .pin(let route, let candidate, _): Self.pinProblems(route, candidate, in: snapshot)
        case .shed(let criticality, let route): Self.shedProblems(criticality, route, in: snapshot)
        case .cap(let deployment, let limits): Self.capProblems(deployment, limits, in: snapshot)
        case .price(let deployment, let price): Self.priceProblems(deployment, price, in: snapshot)
        case .fault(let order): Self.faultProblems(order, in: snapshot)
        }
    }

    private static func unknown(_ target: DrainTarget, in snapshot: Snapshot) -> [OverrideProblem] {
        switch target {
        case .deployment(let id): unknown("deployment", id, among: snapshot.deployments.map(\.id))
        case .provider(let id): unknown("provider", id, among: snapshot.providers.map(\.id))
        case .route(let name): unknown("route", name, among: snapshot.routes.map(\.name))
        }
    }

    private static func unknown(_ target: RestrictTarget, in snapshot: Snapshot) -> [OverrideProblem] {
        switch target {
        case .deployment(let id): unknown("deployment", id, among: snapshot.deployments.map(\.id))
        case .provider(let id): unknown("provider", id, among: snapshot.providers.map(\.id))
        case .vendor(let name): unknown("vendor", name, among: snapshot.providers.map(\.vendor))
        case .jurisdiction(let name):
            unknown("jurisdiction", name, among: snapshot.providers.compactMap(\.jurisdiction))
        }
    }

    /// - Parameter whose: of what it has to be one, as the end of "there is no candidate 'x' …".
    private static func unknown(
        _ noun: String, _ name: String, among known: [String], whose: String = ""
    ) -> [OverrideProblem] {
        guard !known.contains(name) else { return [] }
        let meant = Spelling.nearest(to: name, among: known)
        let question = meant.map { "; did you mean \($0)?" } ?? ""
        // Enough to find it in; all of them would bury the message.
        let some = known.prefix(5).joined(separator: ", ") + (known.count > 5 ? ", …" : "")
        let mend =
            meant.map { "write \($0)" } ?? (known.isEmpty ? "the configuration names none" : "name one of \(some)")
        return [
            OverrideProblem(
                noun, "there is no \(noun) \(ConfigurationQuote.quoted(name))\(whose)\(question)", mend: mend)
        ]
    }

    private static func pinProblems(_ name: String, _ candidate: String, in snapshot: Snapshot) -> [OverrideProblem] {
        guard let route = snapshot.routes.first(where: { $0.name == name }) else {
            return unknown("route", name, among: snapshot.routes.map(\.name))
        }
        return unknown(
            "candidate", candidate, among: route.candidates.map { snapshot.deployments[$0].id },
            whose: " of the route \(name)")
    }

    private static func shedProblems(
        _ criticality: Criticality, _ route: String?, in snapshot: Snapshot
    ) -> [OverrideProblem] {
        let unknownRoute = route.map { unknown("route", $0, among: snapshot.routes.map(\.name)) } ?? []
        guard criticality == .deferrable else { return unknownRoute }
        return unknownRoute + [
            OverrideProblem(
                "below", "nothing is less critical than deferrable",
                mend: "write standard to refuse deferrable exchanges, critical to refuse standard ones too")
        ]
    }

    private static func capProblems(
        _ id: String, _ limits: DeploymentLimits, in snapshot: Snapshot
    ) -> [OverrideProblem] {
        guard let deployment = snapshot.deployments.first(where: { $0.id == id }) else {
            return unknown("deployment", id, among: snapshot.deployments.map(\.id))
        }
        guard limits != DeploymentLimits() else {
            return [
                OverrideProblem(
                    "limits", "the cap names no limit",
                    mend: "set one of requests_per_minute, tokens_per_minute and concurrent")
            ]
        }
        return LimitField.allCases.compactMap { field in
            guard let value = limits[keyPath: field.path] else { return nil }
            guard value >= 1 else {
                return OverrideProblem(
                    field.rawValue, "a cap of \(value) lets nothing through",
                    mend: "write 1 or more; to take nothing at all, drain the deployment")
            }
            guard let file = deployment.limits[keyPath: field.path], value >= file else { return nil }
            return OverrideProblem(
                field.rawValue, "a cap of \(value) changes nothing: the file says \(file)",
                mend: "write less than \(file), or raise it in the file")
        }
    }

    private static func faultProblems(_ order: FaultOrder, in snapshot: Snapshot) -> [OverrideProblem] {
        var found = order.route.map { unknown("route", $0, among: snapshot.routes.map(\.name)) } ?? []
        switch order.target {
        case .deployment(let id): found += unknown("deployment", id, among: snapshot.deployments.map(\.id))
        case .provider(let id): found += unknown("provider", id, among: snapshot.providers.map(\.id))
        case .vendor(let name): found += unknown("vendor", name, among: snapshot.providers.map(\.vendor))
        case .jurisdiction(let name):
            found += unknown("jurisdiction", name, among: snapshot.providers.compactMap(\.jurisdiction))
        case .owned where !snapshot.providers.contains(where: \.isOwned):
            found.append(
                OverrideProblem(
                    "target", "no provider is owned", mend: "write owned: true at the provider that you run yourself"))
        case .owned, .resolver, .control: break
        }
        let bounds: [(String, Int64, ClosedRange<Int64>)] = [
            ("share_percent", Int64(order.sharePercent), 1...100),
            (
                "lease_milliseconds", order.leaseMilliseconds,
                FaultOrder.shortestLeaseMilliseconds...FaultOrder.longestLeaseMilliseconds
            ),
            ("delay_milliseconds", order.delayMilliseconds, 1...FaultOrder.longestDelayMilliseconds),
            ("baseline_milliseconds", order.baselineMilliseconds, 0...FaultOrder.longestBaselineMilliseconds),
            ("probes_per_second", Int64(order.probesPerSecond), 0...Int64(FaultOrder.mostProbesPerSecond)),
            ("stop_lost_critical", Int64(order.stop.lostCritical), 1...1_000_000),
            ("stop_lost_percent", Int64(order.stop.lostPercent), 1...100),
        ]
        for (field, value, range) in bounds where !range.contains(value) {
            found.append(
                OverrideProblem(
                    field, "\(value) is out of bounds", mend: "write \(range.lowerBound) to \(range.upperBound)"))
        }
        if order.probesPerSecond > 0, order.route == nil {
            found.append(
                OverrideProblem(
                    "probes_per_second", "probes ask for one route", mend: "name the route, or leave them out"))
        }
        return found
    }

    private static func priceProblems(_ id: String, _ price: Price, in snapshot: Snapshot) -> [OverrideProblem] {
        let rows = [
            ("input", price.inputMicros), ("cached_input", price.cachedInputMicros), ("output", price.outputMicros),
        ]
        var found = unknown("deployment", id, among: snapshot.deployments.map(\.id))
        for case (let field, let micros?) in rows where !(0...ValueKind.highestPriceMicros).contains(micros) {
            found.append(
                OverrideProblem(
                    field, "the price is negative, or over a million dollars for a million tokens",
                    mend: "write US dollars for a million tokens"))
        }
        if rows.allSatisfy({ $0.1 == nil }) {
            found.append(
                OverrideProblem("price", "the price names no amount", mend: "set one of input, cached_input and output")
            )
        }
        return found
    }
}

/// The limits of a deployment, each under the name that it has in the file.
enum LimitField: String, CaseIterable {
    case requestsPerMinute = "requests_per_minute"
    case tokensPerMinute = "tokens_per_minute"
    case concurrent

    var path: WritableKeyPath<DeploymentLimits, Int?> {
        switch self {
        case .requestsPerMinute: \.requestsPerMinute
        case .tokensPerMinute: \.tokensPerMinute
        case .concurrent: \.concurrent
        }
    }
}
