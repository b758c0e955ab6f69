import HoldfastCore

/// What a snapshot says of the one route that all clients ask.
struct SimulatedSnapshot: Sendable {
    /// Providers in the order of the file, without a stand-in.
    var candidates: [Int]
    var timeouts = RouteTimeouts()
    var retries = RouteRetries()
    var strategy = RouteStrategy.ordered
    var delivery = Delivery.splice
    var hold = RouteHold()
    var hedges = false
    /// What a gateway is told to keep to, of each provider.
    var limits: [DeploymentLimits]
    /// No provider can answer in the time that it leaves.
    var isHopeless = false
}

/// The snapshots of a world, and when which of them reaches which gateway: late, twice, in the wrong order or never, but
/// the last one always.
struct Publication: Sendable {
    struct Delivery: Sendable {
        var gateway: Int
        var number: UInt64
        var at: Instant
    }

    /// The first is in force from the start.
    private let snapshots: [SimulatedSnapshot]
    let deliveries: [Delivery]

    /// By its number, from 1.
    subscript(number: UInt64) -> SimulatedSnapshot { snapshots[Int(number) - 1] }

    var numbers: ClosedRange<UInt64> { 1...UInt64(snapshots.count) }

    /// - Parameter limits: what each provider's contract says.
    init(
        gateways: Int, ordinary: Int, limits: [DeploymentLimits], healsAt: Instant,
        silliness: [WorldOptions.Silliness], hasHedges: Bool = false, random: inout SeededRandom
    ) {
        // Whoever set something silly sees it sooner or later, or never does.
        let isSillyForGood = random.oneIn(4)
        let mends = !silliness.isEmpty && !isSillyForGood
        let count = max(random.oneIn(2) ? 1 : 2 + Int(random.below(4)), mends ? 2 : 1)
        var snapshots: [SimulatedSnapshot] = []
        for number in 1...count {
            let isLast = number == count
            if number > 1, !(isLast && mends), random.oneIn(3) {
                // Back to what was before, under a new number.
                snapshots.append(snapshots.draw(&random))
            } else {
                snapshots.append(
                    SimulatedSnapshot(
                        ordinary: ordinary, limits: limits, silliness: isLast && mends ? [] : silliness,
                        hasHedges: hasHedges, random: &random))
            }
        }
        self.snapshots = snapshots
        deliveries = Self.drawDeliveries(gateways: gateways, count: count, healsAt: healsAt, random: &random)
    }

    private static func drawDeliveries(
        gateways: Int, count: Int, healsAt: Instant, random: inout SeededRandom
    ) -> [Delivery] {
        let last = healsAt.advanced(byNanoseconds: WorldOptions.settlingNanoseconds)
        var published = Instant.zero
        var deliveries: [Delivery] = []
        for number in 1...UInt64(count) {
            for gateway in 0..<gateways {
                let isLost = number < count && random.oneIn(8)
                // What was in force from the start may come again like any other.
                let times = (number == 1 || isLost ? 0 : 1) + (random.oneIn(4) ? 1 : 0)
                for _ in 0..<times {
                    let delay = random.below(random.oneIn(3) ? 20 * Span.second : Span.second)
                    deliveries.append(
                        Delivery(
                            gateway: gateway, number: number,
                            at: min(published.advanced(byNanoseconds: delay), last)))
                }
            }
            published = published.advanced(byNanoseconds: random.below(healsAt.nanoseconds * 2 / Int64(count)))
        }
        return deliveries
    }
}

extension SimulatedSnapshot {
    init(
        ordinary: Int, limits: [DeploymentLimits], silliness: [WorldOptions.Silliness], hasHedges: Bool,
        random: inout SeededRandom
    ) {
        // The file's order, begun somewhere, and sometimes without one of them.
        let first = Int(random.below(Int64(ordinary)))
        candidates = (0..<ordinary).map { (first + $0) % ordinary }
        if ordinary > 1, random.oneIn(4) { candidates.removeLast() }
        self.limits = limits
        if random.oneIn(6) {
            for provider in limits.indices where random.oneIn(2) {
                self.limits[provider].concurrent = random.oneIn(2) ? nil : Int(1 + random.below(20))
            }
        }
        timeouts.firstTokenNanoseconds = random.oneIn(4) ? nil : Span.second + random.below(4 * Span.second)
        timeouts.idleNanoseconds = Span.second + random.below(4 * Span.second)
        timeouts.responseNanoseconds = 2 * Span.second + random.below(8 * Span.second)
        timeouts.totalNanoseconds = 10 * Span.second + random.below(20 * Span.second)
        retries.sameDeployment = Int(random.below(2))
        retries.attempts = Int(1 + random.below(5))
        strategy = RouteStrategy.allCases.draw(&random)
        delivery = random.oneIn(2) ? .splice : Delivery.allCases.draw(&random)
        hold.bytes = random.oneIn(2) ? 60 : 1_000
        hold.heartbeatNanoseconds = random.oneIn(2) ? nil : Span.second / 2 + random.below(2 * Span.second)
        hedges = hasHedges && !random.oneIn(4)
        for option in silliness { beSilly(option) }
    }

    private mutating func beSilly(_ option: WorldOptions.Silliness) {
        switch option {
        case .noRetries:
            retries.sameDeployment = 0
        case .oneAttempt:
            retries.attempts = 1
        case .instantTimeouts:
            timeouts.connectNanoseconds = Span.millisecond
            timeouts.firstByteNanoseconds = Span.millisecond
            timeouts.firstTokenNanoseconds = Span.millisecond
            timeouts.idleNanoseconds = Span.millisecond
            timeouts.responseNanoseconds = Span.millisecond
            hold.heartbeatNanoseconds = Span.millisecond
            isHopeless = true
        case .deadlineBeforeConnection:
            timeouts.totalNanoseconds = timeouts.connectNanoseconds / 20
            isHopeless = true
        case .oneCandidate:
            candidates = [candidates[0]]
        case .oneAtATime:
            for provider in limits.indices { limits[provider].concurrent = 1 }
        case .everythingRestricted, .extremeWeights:
            // The providers see to these.
            break
        }
    }
}
