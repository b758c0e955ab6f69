import HoldfastCore

/// The drills of one world: what is ordered, and when which gateway hears of what is in force. The management plane may
/// be killed at any time; then nobody clears anything any more, and the leases are all that ends a fault.
struct DrillPlan: Sendable {
    struct Order: Sendable {
        var offer: FaultLeases.Offer
        /// Whose attempts it fails.
        var provider: Int
    }

    /// A gateway comes to know what is in force.
    struct Delivery: Sendable {
        var gateway: Int
        var at: Instant
        /// Places of `orders`.
        var inForce: [Int]
        /// It comes from the management plane, and not from the gateway's own disk.
        var isLive: Bool
    }

    static let route = "route"
    private static let longestDelayNanoseconds = Span.second
    /// What stands still in between is heard later.
    private static let marginNanoseconds = 4 * Span.second

    private(set) var orders: [Order] = []
    private(set) var deliveries: [Delivery] = []

    static func deployment(_ provider: Int) -> String { "provider/\(provider)" }

    /// Of its own randomness, so that a world without drills is what it was before there were any.
    init(_ options: WorldOptions, seed: UInt64) {
        var random = SeededRandom(seed: seed ^ 0x6472_696C_6C73)
        guard random.oneIn(3) else { return }
        var changes: [(at: Instant, order: Int, isAdded: Bool)] = []
        for number in 0...random.below(3) {
            guard let (order, publishedAt) = Self.draw(Int(number), options, &random) else { continue }
            changes.append((publishedAt, orders.count, true))
            if random.oneIn(2) {
                let after = random.below(20 * Span.second)
                changes.append((publishedAt.advanced(byNanoseconds: after), orders.count, false))
            }
            orders.append(order)
        }
        changes.sort { ($0.at, $0.order) < ($1.at, $1.order) }
        let killedAt = random.oneIn(3) ? Instant(nanoseconds: random.below(options.healsAt.nanoseconds)) : nil
        for gateway in 0..<options.gateways { deliver(changes, to: gateway, until: killedAt, options, &random) }
    }

    private static func draw(
        _ number: Int, _ options: WorldOptions, _ random: inout SeededRandom
    ) -> (Order, publishedAt: Instant)? {
        let provider = Int(random.below(Int64(options.providers.count)))
        let publishedAt = Instant(nanoseconds: random.below(options.healsAt.nanoseconds))
        // Hardly any state here is steady for long.
        let baseline = random.oneIn(2) ? 0 : random.below(4) * Span.second
        // The world heals of drills too: what is looked at then is whether everybody comes back.
        let room =
            options.healsAt.nanoseconds(since: publishedAt) - longestDelayNanoseconds - marginNanoseconds
            - baseline
        guard room >= Span.second else { return nil }
        let lease = min(Span.second + random.below(15 * Span.second), room)
        var order = FaultOrder(
            InjectedFault.allCases.draw(&random), .deployment(deployment(provider)),
            leaseMilliseconds: lease / Span.millisecond)
        order.baselineMilliseconds = baseline / Span.millisecond
        order.sharePercent = random.oneIn(3) ? Int(1 + random.below(100)) : 100
        order.delayMilliseconds = 1 + random.below(3_000)
        order.stop.lostCritical = random.oneIn(2) ? 1_000 : Int(1 + random.below(20))
        order.stop.lostPercent = random.oneIn(2) ? 100 : Int(10 + random.below(91))
        let scope = DrillScope(targets: [deployment(provider)], watched: [route])
        return (
            Order(offer: FaultLeases.Offer(id: "order \(number)", order: order, scope: scope), provider: provider),
            publishedAt
        )
    }

    private mutating func deliver(
        _ changes: [(at: Instant, order: Int, isAdded: Bool)], to gateway: Int, until killedAt: Instant?,
        _ options: WorldOptions, _ random: inout SeededRandom
    ) {
        var inForce: [Int] = []
        var last = Instant.zero
        for change in changes {
            if change.isAdded { inForce.append(change.order) } else { inForce.removeAll { $0 == change.order } }
            let delay = random.below(Self.longestDelayNanoseconds)
            let isLive = !random.oneIn(10)
            let isLost = random.oneIn(10)
            // What comes later is never heard before what came first.
            let at = max(change.at.advanced(byNanoseconds: delay), last)
            let isHeard = options.stalls.allSatisfy { $0.gateway != gateway || at < $0.from || at >= $0.until }
            if isLost || !isHeard || killedAt.map({ at >= $0 }) ?? false { continue }
            last = at
            deliveries.append(Delivery(gateway: gateway, at: at, inForce: inForce, isLive: isLive))
        }
    }
}
