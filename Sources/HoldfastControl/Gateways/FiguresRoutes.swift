import HTTPTypes
import HoldfastAPI
import HoldfastCore

extension Gateways {
    /// Rows of one page, of all kinds: some megabytes. A page has one gateway at least, however much that says.
    private static let mostRows = 20_000

    var figuresRoutes: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/figures", permission: .gatewaysRead,
                summary:
                    "What goes through each gateway, as it said last, with its age. While somebody asks, gateways say it anew.",
                query: APISchema.pageParameters + [
                    APISchema.Parameter(name: "gateway", summary: "Only of this one.", schema: .string)
                ], response: .fleetFigures
            ) { request in
                .view(
                    self.figures(
                        of: request.query["gateway"], after: request.query["after"], limit: try request.limit,
                        now: MonotonicClock.read()))
            }
        ]
    }

    /// Whoever asks looks on: see `Audience`.
    private func figures(of id: String?, after place: String?, limit: Int, now: Instant) -> FleetFiguresView {
        let all = look(now: now).filter { seen in
            (id.map { $0 == seen.id } ?? true) && (place.map { $0 < seen.id } ?? true)
        }
        var found = FleetFiguresView(gateways: [], next: nil)
        var rows = 0
        for (id, seen) in all {
            rows += seen.figures.map(\.view.rows) ?? 1
            guard found.gateways.isEmpty || found.gateways.count < limit && rows <= Self.mostRows else {
                found.next = found.gateways.last?.id
                break
            }
            found.gateways.append(
                FleetFiguresView.Gateway(
                    id: id, silentForMilliseconds: now.nanoseconds(since: seen.at) / Span.millisecond,
                    figuresAgeMilliseconds: seen.figures.map { now.nanoseconds(since: $0.at) / Span.millisecond },
                    figures: seen.figures?.view))
        }
        return found
    }
}

extension FiguresView {
    fileprivate var rows: Int { routes.count + deployments.count + calls.count + endpoints.count + 1 }
}
