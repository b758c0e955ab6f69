@testable import HoldfastCore

/// An order against `east/big` on the route `chat`, whose other candidate is `west/big`; times in milliseconds from t₀.
final class WatchRig {
    static let target = "east/big"
    static let other = "west/big"
    static let baseline: Int64 = 3_000
    static let lease: Int64 = 60_000

    var watch: DrillWatch

    init(_ fault: InjectedFault = .refuse, _ change: (inout FaultOrder) -> Void = { _ in }) {
        var order = FaultOrder(fault, .deployment(Self.target), leaseMilliseconds: Self.lease)
        order.baselineMilliseconds = Self.baseline
        change(&order)
        watch = DrillWatch(
            id: "o", order: order, scope: DrillScope(targets: [Self.target], watched: ["chat", Self.target]),
            now: Self.time(-order.baselineMilliseconds))
    }

    static func time(_ milliseconds: Int64) -> Instant {
        Instant(nanoseconds: Span.hour + milliseconds * Span.millisecond)
    }

    static func milliseconds(_ instant: Instant?) -> Int64? {
        instant.map { $0.nanoseconds(since: time(0)) / Span.millisecond }
    }

    /// Answered by the target itself, as it would be on any day.
    static func good(from start: Int64, _ criticality: Criticality = .critical) -> DrilledExchange {
        var exchange = DrilledExchange(route: "chat", criticality: criticality, fate: .answered, startedAt: time(start))
        exchange.attempts = [.init(deployment: target, startedAt: time(start))]
        return exchange
    }

    /// Met the fault at `start`, and was answered by the other one from `moved` on.
    static func failedOver(from start: Int64, moved: Int64, order: String = "o") -> DrilledExchange {
        var exchange = DrilledExchange(route: "chat", criticality: .standard, fate: .degraded, startedAt: time(start))
        exchange.attempts = [
            .init(deployment: target, startedAt: time(start), failedAt: time(moved), order: order),
            .init(deployment: other, startedAt: time(moved)),
        ]
        return exchange
    }

    /// Went to the other one at once, since the target was out.
    static func passedOver(from start: Int64) -> DrilledExchange {
        var exchange = DrilledExchange(route: "chat", criticality: .standard, fate: .degraded, startedAt: time(start))
        exchange.attempts = [.init(deployment: other, startedAt: time(start))]
        exchange.passedOver = [target]
        return exchange
    }

    static func lost(from start: Int64, _ criticality: Criticality = .standard) -> DrilledExchange {
        var exchange = DrilledExchange(route: "chat", criticality: criticality, fate: .lost, startedAt: time(start))
        exchange.attempts = [
            .init(deployment: target, startedAt: time(start), failedAt: time(start), order: "o")
        ]
        return exchange
    }

    func ended(_ exchange: DrilledExchange, _ now: Int64) { watch.ended(exchange, now: Self.time(now)) }

    func look(_ now: Int64) -> DrillWatch.Phase {
        watch.look(now: Self.time(now))
        return watch.phase
    }

    func isEffective(_ now: Int64) -> Bool { watch.isEffective(now: Self.time(now)) }
}
