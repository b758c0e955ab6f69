import HTTPTypes
import HoldfastAPI
import HoldfastCore

struct ExchangeRoutes: Sendable {
    let exchanges: Exchanges
    let gateways: Gateways

    var all: [APIRoute] {
        [
            APIRoute(
                method: .get, path: "/v1/exchanges", permission: .exchangesRead,
                summary:
                    "The newest exchanges that gateways told of, the newest first. While somebody asks, gateways tell of more.",
                query: APISchema.numberedPageParameters + Self.filters, response: .exchangePage
            ) { request in
                self.look()
                return .view(self.exchanges.list(try Self.filter(request), limit: try request.limit))
            },
            APIRoute(
                method: .get, path: "/v1/exchanges/{id}", permission: .exchangesRead,
                summary: "What became of one exchange, by the `x-request-id` of its answer.", response: .exchange
            ) { request in
                self.look()
                let id = (request.parameters["id"] ?? "").lowercased()
                guard let found = self.exchanges.find(id) else {
                    throw ProblemView.unknownExchange(id, askedAt: self.exchanges.operations)
                }
                return .view(found)
            },
        ]
    }

    /// Whoever asks looks on. What gateways told that nobody has heard of for a day is gone with them.
    private func look() {
        exchanges.forget(allBut: Set(gateways.look(now: MonotonicClock.read()).map(\.id)))
    }

    private static let filters = [
        APISchema.Parameter(name: "route", summary: "Only of this route.", schema: .string),
        APISchema.Parameter(name: "workload", summary: "Only of this workload.", schema: .string),
        APISchema.Parameter(name: "gateway", summary: "Only those that this gateway served.", schema: .string),
        APISchema.Parameter(name: "end", summary: "Only those that ended so, such as answered.", schema: .string),
        APISchema.Parameter(
            name: "degraded", summary: "Only those that were answered as on no good day, or only the others.",
            schema: .oneOf(["true", "false"])),
    ]

    private static func filter(_ request: APIRequest) throws -> Exchanges.Filter {
        var filter = Exchanges.Filter()
        filter.route = request.query["route"]
        filter.workload = request.query["workload"]
        filter.gateway = request.query["gateway"]
        filter.end = request.query["end"]
        filter.below = try request.number("after")
        if let text = request.query["degraded"] {
            guard let isDegraded = Bool(text) else {
                throw ProblemView.invalid([
                    .init(field: "degraded", message: "this is neither true nor false", mend: "write true or false")
                ])
            }
            filter.isDegraded = isDegraded
        }
        return filter
    }
}

extension ProblemView {
    private static let mostNamed = 8

    static func unknownExchange(_ id: String, askedAt gateways: [(gateway: String, address: String)]) -> ProblemView {
        let named = gateways.prefix(mostNamed).map { "\($0.gateway) at \($0.address)" }.joined(separator: ", ")
        let rest = gateways.count > mostNamed ? " and \(gateways.count - mostNamed) more" : ""
        let whom = gateways.isEmpty ? "the gateway that served it" : "\(named)\(rest)"
        return ProblemView(
            "not-found", "Not found", status: 404,
            detail: "no gateway has told of this exchange, or it is too long ago",
            mend: TellingCheck.isExchangeID(id)
                ? "each gateway remembers its own: ask for /state/exchanges/\(id) at its operations listener (\(whom)); "
                    + "older ones are in its access log"
                : "write the id as the header x-request-id of the answer has it: 32 hexadecimal digits")
    }
}
