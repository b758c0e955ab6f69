import HoldfastAPI
import HoldfastCore

/// One picture of what `holdfast top` knows.
struct TopFrame: Sendable {
    var model: TopModel
    var now: Instant

    var report: Report {
        var report = Report()
        controlPart(&report)
        report.blank()
        gatewayPart(&report)
        return report
    }

    /// Of at most so many lines; what is left out is counted.
    func lines(_ renderer: Renderer, rows: Int) -> [String] {
        let lines = report.lines(renderer)
        guard lines.count > rows else { return lines }
        return lines.prefix(max(rows - 1, 0)) + [renderer.styled("… \(lines.count - rows + 1) more lines", .faint)]
    }

    // MARK: - The management plane

    private func controlPart(_ report: inout Report) {
        report.line(.bold("Management plane"), .faint("  \(model.controlAddress)"))
        if let silence = model.control.silence(now: now) { report.line(.red(silence), indent: 2) }
        guard let status = model.control.view else { return }
        report.line(
            model.control.failure == nil ? "" : .faint("heard last: "),
            "generation \(status.generation), \(Words.count(status.overrides, "override")) in force", indent: 2)
        guard !status.gateways.isEmpty else {
            report.line(.yellow("no gateway has reported"), indent: 2)
            return
        }
        report.table(StatusReport.table(of: status.gateways))
    }

    // MARK: - The gateway

    private func gatewayPart(_ report: inout Report) {
        report.line(.bold("Gateway"), .faint("  \(model.operationsAddress)"))
        if let silence = model.gateway.silence(now: now) { report.line(.red(silence), indent: 2) }
        guard let state = model.gateway.view else { return }
        let shedding: Piece = state.shedding == "none" ? "" : .yellow(", shedding \(state.shedding)")
        report.line(
            model.gateway.failure == nil ? "" : .faint("heard last: "),
            state.ready ? .green("ready") : .red("not ready"), state.draining ? .yellow(", draining") : "",
            ", up \(Words.span(milliseconds: state.uptimeMilliseconds)), generation \(state.configuration.generation)",
            ", \(state.exchangesInFlight) in flight, \(Words.count(state.clientConnections, "connection"))", shedding,
            indent: 2)
        configuration(state.configuration, &report)
        report.blank()
        report.table(routes(state))
        report.blank()
        report.table(deployments(state))
        suspensions(state, &report)
    }

    private func configuration(_ configuration: GatewayStateView.Configuration, _ report: inout Report) {
        report.line(
            "configuration from \(configuration.source)",
            configuration.stale ? .yellow(", stale: the management plane has not been heard") : "", indent: 2)
        if let refusal = configuration.refusedSnapshot {
            let number = refusal.generation.map { "generation \($0)" } ?? "the newest snapshot"
            report.line(.red("refused"), " \(number): \(refusal.message)", indent: 2)
        }
        for problem in configuration.refused.prefix(3) {
            report.line(.red("refused"), ": \(problem.file):\(problem.line): \(problem.message)", indent: 2)
        }
        for override in configuration.overrides.prefix(5) {
            report.line(
                .yellow(override.id), " \(override.effect.sentence)",
                override.overdue ? .red(", overdue for review") : override.idle ? ", which names nothing here" : "",
                indent: 2)
        }
        if configuration.overrides.count > 5 {
            report.line(.yellow("… \(configuration.overrides.count - 5) more overrides"), indent: 2)
        }
    }

    private func routes(_ state: GatewayStateView) -> Table {
        Table(
            header: ["ROUTE", "PER S", "FAILED PER S", "FAILOVERS", "CANDIDATES"],
            rows: state.routes.map { route in
                let rate = model.rates.routes[route.name]
                return [
                    .bold(route.name), Self.rate(rate?.all), Self.rate(rate?.failed, style: .red),
                    "\(route.failovers)", "\(candidates(of: route))",
                ]
            })
    }

    /// A fallback never without what is known of it.
    private func candidates(of route: GatewayStateView.Route) -> String {
        route.candidates.map { candidate in
            let known = model.fallbacks.first { $0.route == route.name && $0.deployment == candidate }
            return known.map { "\(candidate) (\($0.state.rawValue))" } ?? candidate
        }.joined(separator: ", ")
    }

    private func deployments(_ state: GatewayStateView) -> Table {
        Table(
            header: [
                "DEPLOYMENT", "BREAKER", "PER S", "FAILED PER S", "IN FLIGHT", "WAITING", "FIRST TOKEN", "WARMTH",
            ],
            rows: state.deployments.map { deployment in
                let rate = model.rates.deployments[deployment.id]
                let limit = deployment.concurrencyLimit.map { " of \($0)" } ?? ""
                return [
                    .bold(deployment.id), Self.breaker(deployment), Self.rate(rate?.all),
                    Self.rate(rate?.failed, style: .red), "\(deployment.inFlight)\(limit)", "\(deployment.waiting)",
                    deployment.medianFirstTokenMilliseconds.map { "\($0) ms" } ?? .faint("unknown"),
                    Piece(deployment.warmth.state, deployment.warmth.state == "doubtful" ? .yellow : nil),
                ]
            })
    }

    private static func breaker(_ deployment: GatewayStateView.Deployment) -> Piece {
        if deployment.suspension != nil { return .red("suspended") }
        switch deployment.breaker {
        case "closed": return .green("closed")
        case "open":
            return .red(
                deployment.opensForMilliseconds.map { "open, \(Words.span(milliseconds: $0))" } ?? "open")
        default: return .yellow(deployment.breaker)
        }
    }

    /// Absence is not zero: before the second answer nobody knows.
    private static func rate(_ value: Double?, style: Renderer.Style? = nil) -> Piece {
        guard let value else { return .faint("unknown") }
        let tenths = Int((min(value, 1e12) * 10).rounded())
        return Piece("\(tenths / 10).\(tenths % 10)", tenths == 0 ? nil : style)
    }

    private func suspensions(_ state: GatewayStateView, _ report: inout Report) {
        let found =
            state.providers.compactMap { item in item.suspension.map { ("provider \(item.id)", $0) } }
            + state.deployments.compactMap { item in item.suspension.map { (item.id, $0) } }
        guard !found.isEmpty else { return }
        report.blank()
        for (name, suspension) in found {
            let end = suspension.endsInMilliseconds.map { "a trial in \(Words.span(milliseconds: $0))" }
            report.line(
                .red(name), " suspended for \(suspension.failure), \(end ?? "until a person clears it"): ",
                "\(suspension.mend)", indent: 2)
        }
    }
}
