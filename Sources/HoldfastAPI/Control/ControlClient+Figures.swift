extension ControlClient {
    /// What goes through the gateways, as they said last. Whoever asks again within 15 s has them say it with every report.
    ///
    /// - Parameters:
    ///   - gateway: nil: all of them, page by page.
    ///   - place: `next` of the page before.
    package func figures(
        of gateway: String? = nil, after place: String? = nil
    ) async throws(ControlFailure) -> FleetFiguresView {
        let query = [("gateway", gateway), ("after", place)].compactMap { name, value in
            value.map { "\(name)=\(Self.encoded($0))" }
        }
        let path = query.isEmpty ? "/v1/figures" : "/v1/figures?\(query.joined(separator: "&"))"
        return try await get(path, as: FleetFiguresView.self)
    }

    /// Which exchanges are meant; what is nil does not matter.
    package struct ExchangeFilter: Sendable {
        package var route: String?
        package var workload: String?
        package var gateway: String?
        /// A word of a receipt's `end`, such as `answered`.
        package var end: String?
        package var isDegraded: Bool?

        package init() {}
    }

    /// The newest first, from the beginning until the end or until `most` are there.
    package func exchanges(
        _ filter: ExchangeFilter = ExchangeFilter(), most: Int
    ) async throws(ControlFailure) -> ExchangePage {
        let query = [
            ("route", filter.route), ("workload", filter.workload), ("gateway", filter.gateway), ("end", filter.end),
            ("degraded", filter.isDegraded.map { "\($0)" }),
        ].compactMap { name, value in value.map { "&\(name)=\(Self.encoded($0))" } }.joined()
        var found = ExchangePage(items: [], next: nil, leftOut: 0)
        repeat {
            let limit = min(most - found.items.count, Self.longestPage)
            let place = found.next.map { "&after=\(Self.encoded($0))" } ?? ""
            let page = try await get("/v1/exchanges?limit=\(limit)\(query)\(place)", as: ExchangePage.self)
            found.items += page.items.prefix(limit)
            // An empty page that names a next one would be asked for again for ever.
            (found.next, found.leftOut) = (page.items.isEmpty ? nil : page.next, page.leftOut)
        } while found.next != nil && found.items.count < most
        return found
    }

    package func exchange(_ id: String) async throws(ControlFailure) -> ExchangeView {
        try await get("/v1/exchanges/\(Self.encoded(id))", as: ExchangeView.self)
    }
}
