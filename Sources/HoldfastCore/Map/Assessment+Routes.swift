/// What the candidates of a route are worth, from the document and from drills.
extension AssessmentSight {
    // MARK: - Who stands behind critical work

    func candidates() -> [Finding] {
        snapshot.routes.filter { criticality(of: $0) == .critical }.flatMap { route -> [Finding] in
            let providers = route.candidates.map { provider($0) }
            var found: [Finding] = []
            if !providers.contains(where: \.isOwned) {
                found.append(
                    stopping(
                        concerned(route),
                        Finding(
                            .noOwned, .warning, of: ["route:\(route.name)"],
                            "route:\(route.name) is critical and has no candidate on hardware that you control",
                            reason: "whoever runs the others can switch all of them off",
                            mend: "add a local model as the last candidate, with owned: true on its provider")))
            }
            let vendors = CutFamily.unique(providers.map(\.vendor))
            if vendors.count == 1 {
                found.append(
                    stopping(
                        concerned(route),
                        Finding(
                            .oneVendor, .warning, of: ["route:\(route.name)", vendors[0]],
                            "route:\(route.name) is critical and all of it is vendor:\(vendors[0])",
                            reason: "deployments of one vendor fail together",
                            mend: "add a candidate of another vendor")))
            }
            return found
        }
    }

    private func provider(_ deployment: Int) -> Provider { provider(ofDeployment: deployment) }

    // MARK: - Prices and dates

    func routeFacts() -> [Finding] { snapshot.routes.compactMap(prices) + retirements() }

    /// What runs on one's own hardware has no price by the token.
    private func prices(_ route: Route) -> Finding? {
        let unknown = route.candidates.filter { candidate in
            let price = deployment(candidate).price
            let isKnown = price?.inputMicros != nil && price?.outputMicros != nil
            return !isKnown && (!provider(candidate).isOwned || route.strategy == .cheapest)
        }.map { deployment($0).id }
        guard !unknown.isEmpty else { return nil }
        let decides = route.strategy == .cheapest
        return Finding(
            .unknownPrice, decides ? .warning : .notice, of: ["route:\(route.name)"] + unknown.sorted(),
            "no price is known of \(Listing.text(unknown)) on route:\(route.name)",
            reason: decides
                ? "strategy: cheapest asks whoever has no price last"
                : "what a failover costs cannot be said beforehand",
            mend: "write price: {input: …, output: …} under deployments")
    }

    private func retirements() -> [Finding] {
        var used: Set<Int> = []
        for candidate in snapshot.routes.flatMap(\.candidates) { used.insert(candidate) }
        return snapshot.deployments.indices.compactMap { index in
            let deployment = deployment(index)
            guard used.contains(index), deployment.replacedBy == nil, let day = deployment.retires else { return nil }
            let left = day.days(since: input.today)
            guard left <= Retirement.announcedDays else { return nil }
            let routes = snapshot.routes.filter { $0.candidates.contains(index) }
            let touched = Set(routes.flatMap(concerned))
            let isUrgent = left <= Retirement.warningDays
            return stopping(
                tops.filter(touched.contains),
                Finding(
                    .retirement, isUrgent ? .critical : .warning, of: [deployment.id],
                    left > 0
                        ? "\(deployment.id) is switched off in \(left) day\(left == 1 ? "" : "s"), on \(day)"
                        : "\(deployment.id) was to be switched off on \(day)",
                    reason: "nothing is named that replaces it on \(Listing.text(routes.map { "route:\($0.name)" }))",
                    mend: "write replaced_by under deployments.\(deployment.id), or take it out of the route"))
        }
    }

    // MARK: - What drills have shown

    func fallbackRecords() -> [Finding] {
        snapshot.routes.flatMap { route in
            FallbackState.State.allCases.compactMap { fallbacks(route, $0) }
        }
    }

    private func fallbacks(_ route: Route, _ state: FallbackState.State) -> Finding? {
        let found = route.candidates.dropFirst().map { deployment($0).id }.filter { id in
            (records[route.name, id]?.state ?? .untested) == state
        }
        guard !found.isEmpty else { return nil }
        let isCritical = criticality(of: route) == .critical
        let subjects = ["route:\(route.name)"] + found.sorted()
        let names = Listing.text(found)
        let mend = "holdfast drill run kill-primary --route \(route.name) --probes 2 --reason 'untested'"
        let finding: Finding
        switch state {
        case .tested: return nil
        case .untested:
            finding = Finding(
                .fallbackUntested, isCritical ? .warning : .notice, of: subjects,
                "no drill has shown that \(names) \(found.count == 1 ? "carries" : "carry") route:\(route.name)",
                reason: "an untested fallback is a hope", mend: mend)
        case .outdated:
            let changes = found.flatMap { records[route.name, $0]?.changes ?? [] }
            finding = Finding(
                .fallbackOutdated, isCritical ? .warning : .notice, of: subjects,
                "what drills have shown of \(names) on route:\(route.name) is out of date",
                reason: changes.isEmpty ? "it is too long ago" : Listing.text(changes), mend: mend)
        case .failed:
            finding = Finding(
                .fallbackFailed, isCritical ? .critical : .warning, of: subjects,
                "the last drill of \(names) on route:\(route.name) failed",
                reason: "what does not work in a drill does not work at night",
                mend: "read its record (holdfast drill list), mend it, and run it again: \(mend)")
        }
        return stopping(concerned(route), finding)
    }
}
