import HoldfastCore
import Logging
import NIOCore
import Synchronization

/// Which day it is, for whatever happens on a date. Read many times a second and set once in a while.
final class Today: Sendable {
    private let days: Atomic<Int64>

    init() {
        days = Atomic(Self.read().daysSince1970)
    }

    /// UTC, as providers' dates are read.
    var value: CalendarDay { CalendarDay(daysSince1970: days.load(ordering: .relaxed)) }

    /// True on the first call of a day, for one caller.
    func advance() -> Bool {
        let day = Self.read().daysSince1970
        return days.exchange(day, ordering: .relaxed) != day
    }

    private static func read() -> CalendarDay {
        CalendarDay(unixMilliseconds: WallClock.readMilliseconds())
    }
}

extension Deployment {
    /// `Deprecation` (RFC 9745) and `Sunset` (RFC 8594), each with its line end; empty without a date.
    var retirementHeaders: ByteBuffer {
        guard let retires else { return ByteBuffer() }
        let announced = Retirement.announced(from: retires)
        return ByteBuffer(string: "deprecation: \(announced.structuredDate)\r\nsunset: \(retires.httpDate)\r\n")
    }
}

extension InForce {
    /// Candidates of some route that a provider takes away soon or has taken away, and what is done about it.
    func logRetirements(today: CalendarDay, to logger: Logger) {
        let used = Set(routes.flatMap { route in route.candidates.map(\.deployment.id) })
        for deployment in snapshot.deployments where used.contains(deployment.id) {
            let retirement = Retirement(retires: deployment.retires, today: today)
            guard let severity = retirement.severity, let retires = deployment.retires else { continue }
            let replacement = deployment.replacedBy.map { snapshot.deployments[$0].id }
            let facts: Logger.Metadata = [
                "deployment": "\(deployment.id)", "retires": "\(retires)",
                "mend":
                    "\(replacement.map { "\($0) takes over on that day" } ?? "name another model, or set replaced_by")",
            ]
            switch severity {
            case .notice: logger.notice("a model is taken away within a quarter", metadata: facts)
            case .warning: logger.warning("a model is taken away within a month", metadata: facts)
            case .urgent where retirement == .retired:
                logger.error("a model's last day is over: it is asked after all others", metadata: facts)
            case .urgent: logger.error("a model is taken away within a week", metadata: facts)
            }
        }
    }

    /// Says where new prices change who is asked first.
    func logRerankings(from old: InForce, to logger: Logger) {
        for change in PriceRanking.rerankings(from: old.pricedRoutes, to: pricedRoutes) {
            logger.notice(
                "new prices change who is asked first",
                metadata: [
                    "route": "\(change.route)", "from": "\(change.old.joined(separator: ", "))",
                    "to": "\(change.new.joined(separator: ", "))",
                ])
        }
    }

    private var pricedRoutes: [PriceRanking.PricedRoute] {
        snapshot.routes.filter { $0.strategy == .cheapest }.map { route in
            PriceRanking.PricedRoute(
                name: route.name,
                candidates: route.candidates.map {
                    PriceRanking.PricedRoute.Candidate(
                        id: snapshot.deployments[$0].id, price: snapshot.deployments[$0].price)
                })
        }
    }
}
