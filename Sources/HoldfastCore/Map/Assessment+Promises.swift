/// What was promised, and what the document makes of it.
extension AssessmentSight {
    func promises() -> [Finding] {
        let promising = map.components.filter {
            $0.recoveryTargetNanoseconds != nil || $0.latencyToleranceNanoseconds != nil
        }
        return promising.flatMap { component in
            chain(component) + routes(of: component.id).flatMap { recovery(component, $0) + latency(component, $0) }
        } + snapshot.routes.compactMap(capacity)
    }

    private func span(_ nanoseconds: Int64) -> String { ConfigurationUnits.durationText(nanoseconds) }

    // MARK: - Recovery

    private func recovery(_ component: MapComponent, _ route: Route) -> [Finding] {
        guard let target = component.recoveryTargetNanoseconds, route.candidates.count > 1 else { return [] }
        var found: [Finding] = []
        let subjects = Self.subjects(component, route)
        let slow = slowest(route)
        if slow.nanoseconds > target {
            found.append(
                stopping(
                    concerned(route),
                    Finding(
                        .recoveryTarget, .warning, of: subjects,
                        "\(component.id) is to recover within \(span(target)), and route:\(route.name) waits longer for one candidate",
                        reason:
                            "a silent candidate is left after \(span(slow.nanoseconds)) (\(slow.limit)), and only then is the next one asked",
                        mend:
                            "set routes.\(route.name).timeouts.\(slow.limit) below \(span(target))\(streamedMend(slow.limit)), or the target higher"
                    )))
        }
        for fallback in route.candidates.dropFirst().map({ deployment($0).id }) {
            guard let measured = records[route.name, fallback]?.recoveryNanoseconds, measured > target else { continue }
            let isCritical = criticality(of: route) == .critical
            found.append(
                stopping(
                    concerned(route),
                    Finding(
                        .recoveryMeasured, isCritical ? .critical : .warning, of: subjects + [fallback],
                        "the last drill of route:\(route.name) took \(span(measured)) to recover on \(fallback), and \(component.id) promises \(span(target))",
                        reason: "it was measured, and it is longer than the target",
                        mend:
                            "shorten the route's timeouts, ask another candidate first, or set the target to what is kept"
                    )))
        }
        return found
    }

    /// How long the most patient kind of request waits for a candidate that says nothing. The breaker opens later: it
    /// needs some that have waited so long.
    private func slowest(_ route: Route) -> (nanoseconds: Int64, limit: String) {
        let limits = ExchangeLimits(route.timeouts, candidates: route.candidates.count)
        let patience = limits.withOthers
        let stream = max(patience.firstByteNanoseconds, patience.firstTokenNanoseconds)
        let streamLimit = patience.firstByteNanoseconds > patience.firstTokenNanoseconds ? "first_byte" : "first_token"
        guard route.unary == .direct, patience.responseNanoseconds > stream else { return (stream, streamLimit) }
        return (patience.responseNanoseconds, "response")
    }

    private func streamedMend(_ limit: String) -> String { limit == "response" ? " (or write unary: streamed)" : "" }

    private static func subjects(_ component: MapComponent, _ route: Route) -> [String] {
        [component.id.description, "route:\(route.name)"]
    }

    /// Nobody is back before what he needs is.
    private func chain(_ component: MapComponent) -> [Finding] {
        guard let target = component.recoveryTargetNanoseconds, let index = map.index(of: component.id) else {
            return []
        }
        return map.gates[index].filter { $0.defeat == 1 }.flatMap(\.members).compactMap { member in
            guard let other = map.components[member].recoveryTargetNanoseconds, other > target else { return nil }
            let severity: Finding.Severity = map.criticalities[index] == .critical ? .warning : .notice
            return stopping(
                component.id.kind.isTop ? [index] : [],
                Finding(
                    .recoveryChain, severity, of: [component.id.description, id(member).description],
                    "\(component.id) is to recover within \(span(target)), and needs \(id(member)), which has \(span(other))",
                    reason: "it is not back before what it needs is",
                    mend: "give it a second one that recovers sooner, or make the two targets agree"))
        }
    }

    // MARK: - Latency

    private func latency(_ component: MapComponent, _ route: Route) -> [Finding] {
        guard let tolerance = component.latencyToleranceNanoseconds else { return [] }
        let limits = ExchangeLimits(route.timeouts, candidates: route.candidates.count)
        let slow = slowest(route)
        let isCritical = criticality(of: route) == .critical
        let subjects = Self.subjects(component, route)
        func finding(_ severity: Finding.Severity, _ title: String, reason: String, mend: String) -> [Finding] {
            [stopping(concerned(route), Finding(.latency, severity, of: subjects, title, reason: reason, mend: mend))]
        }
        if slow.nanoseconds > tolerance {
            let next = route.candidates.count > 1 ? ", before the next one is asked" : ""
            return finding(
                isCritical ? .warning : .notice,
                "\(component.id) tolerates \(span(tolerance)), and route:\(route.name) waits up to \(span(slow.nanoseconds)) for one candidate",
                reason: "timeouts.\(slow.limit) is longer than the tolerance\(next)",
                mend:
                    "set routes.\(route.name).timeouts.\(slow.limit) below \(span(tolerance))\(streamedMend(slow.limit))"
            )
        }
        let attempts = min(route.retries.attempts, route.candidates.count)
        let sum = slow.nanoseconds.multipliedSaturating(by: Int64(attempts))
        let longest = min(sum, limits.totalNanoseconds)
        guard attempts > 1, longest > tolerance else { return [] }
        return finding(
            .notice,
            "\(component.id) tolerates \(span(tolerance)), and \(attempts) silent candidates of route:\(route.name) take up to \(span(longest))",
            reason: "each is waited for as long as timeouts.\(slow.limit), \(span(slow.nanoseconds))",
            mend:
                "set routes.\(route.name).timeouts.\(slow.limit) or timeouts.total so that all of them fit into \(span(tolerance))"
        )
    }

    // MARK: - Capacity

    /// What is left of a route when its largest candidate is gone.
    private func capacity(_ route: Route) -> Finding? {
        guard route.candidates.count > 1 else { return nil }
        let limits = route.candidates.map { deployment($0).limits }
        let short = RouteCapacity.all(of: limits, left: limits).compactMap { whole -> String? in
            let largest = limits.compactMap(whole.dimension.limit).max() ?? 0
            let left = whole.all - largest
            return left < largest ? "\(left) of \(whole.all) \(whole.dimension.rawValue)" : nil
        }
        guard !short.isEmpty else { return nil }
        return stopping(
            concerned(route),
            Finding(
                .capacity, criticality(of: route) == .critical ? .warning : .notice, of: ["route:\(route.name)"],
                "what is left of route:\(route.name) cannot carry what its largest candidate carries",
                reason: "without it \(Listing.text(short)) are left",
                mend: "raise the limits of the others, add a candidate, or know which work is shed (holdfast shed)"))
    }
}

extension Int64 {
    fileprivate func multipliedSaturating(by factor: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
