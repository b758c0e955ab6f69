import HoldfastCore

/// Everything about a world that is drawn before it begins.
struct WorldOptions: Sendable {
    /// A gateway does nothing at all for a while, as where its machine is suspended; then it hears everything at once.
    struct Stall: Sendable {
        var gateway: Int
        var from: Instant
        var until: Instant
        /// It hears its timers before its sockets.
        var timersFirst: Bool
    }

    /// Options that nobody should set, and that somebody will.
    enum Silliness: CaseIterable, Sendable {
        case noRetries, oneAttempt, instantTimeouts, deadlineBeforeConnection, oneCandidate
        case everythingRestricted, extremeWeights, oneAtATime
    }

    /// Late messages and stalls are over so long after the world has healed.
    static let settlingNanoseconds = 5 * Span.second
    private static let longestStallNanoseconds = 20 * Span.second

    let healsAt: Instant
    let gateways: Int
    let providers: [SimulatedProvider]
    /// Of each provider: what it says, whether it is said to go on from a begun answer, and how much it is said to take.
    let voices: [Int]
    let prefills: [Bool]
    let contexts: [Int?]
    /// The last provider answers only where the first one's model is gone.
    let hasStandIn: Bool
    let publication: Publication
    let stalls: [Stall]
    let meanGapNanoseconds: Int64
    /// Its route hedges under some snapshots, many of its exchanges are critical, and its gateways have run for long
    /// enough to know how fast each provider is.
    let hasHedges: Bool
    /// A gateway stands still soon after the first hedge of the world.
    let stallsHedge: Bool
    /// When the world heals, everybody comes back at once.
    let hasHerd: Bool
    /// Clients ask again for what was refused.
    let clientsRetry: Bool
    /// Clients come once more when all is long over.
    let hasLastStretch: Bool

    init(random: inout SeededRandom) {
        let healsAt = Instant(nanoseconds: 15 * Span.second + random.below(30 * Span.second))
        // Small worlds show most, and are fast.
        let count = random.oneIn(8) ? 5 + Int(random.below(4)) : 1 + Int(random.below(4))
        let gateways = random.oneIn(4) ? 2 + Int(random.below(2)) : 1
        let silliness = Self.drawSilliness(random: &random)
        let conditions = SimulatedProvider.drawConditions(random: &random)
        let groups = (0..<count).map { $0 % max(1, count * 2 / 3) }
        let outages = Outage.draw(
            groups: groups, conditions: conditions, healsAt: healsAt,
            restrictsAll: silliness.contains(.everythingRestricted), random: &random)
        let isContested = random.oneIn(4)
        providers = (0..<count).map { provider in
            SimulatedProvider(
                group: groups[provider], healsAt: healsAt, conditions: conditions,
                outages: outages.filter { $0.providers.contains(provider) }, silliness: silliness,
                allowance: isContested ? 1 : gateways, random: &random)
        }
        voices = providers.map(\.voice)
        prefills = providers.map(\.declaresPrefill)
        contexts = providers.map { $0.isContextKnown ? $0.contextTokens : nil }
        hasStandIn = count > 1 && random.oneIn(3)
        let ordinary = hasStandIn ? count - 1 : count
        hasHedges = random.oneIn(3)
        publication = Publication(
            gateways: gateways, ordinary: ordinary, limits: providers.map(\.limits), healsAt: healsAt,
            silliness: silliness, hasHedges: hasHedges, random: &random)
        stalls = Self.drawStalls(gateways: gateways, healsAt: healsAt, random: &random)
        stallsHedge = hasHedges && stalls.isEmpty && random.oneIn(3)
        // From a quiet service to one busy enough for the breaker's rate window; more pairs need more exchanges before
        // each has had some, and only a busy provider that stands alone gets more second tries than its budget has.
        let isBusy = random.oneIn(count == 1 ? 3 : 10)
        let gap = (isBusy ? 20 : 100 + random.below(400)) * Span.millisecond
        meanGapNanoseconds = gap * 4 / Int64(max(4, gateways * count))
        hasHerd = random.oneIn(4)
        clientsRetry = random.oneIn(3)
        hasLastStretch = random.oneIn(4)
        self.healsAt = healsAt
        self.gateways = gateways
    }

    /// Providers that an exchange asks without being told to: all but a stand-in.
    var ordinary: Int { hasStandIn ? providers.count - 1 : providers.count }

    private static func drawSilliness(random: inout SeededRandom) -> [Silliness] {
        guard random.oneIn(6) else { return [] }
        return (0...random.below(2)).map { _ in Silliness.allCases.draw(&random) }
    }

    private static func drawStalls(gateways: Int, healsAt: Instant, random: inout SeededRandom) -> [Stall] {
        guard random.oneIn(5) else { return [] }
        var stalls: [Stall] = []
        for _ in 0...random.below(3) {
            let gateway = Int(random.below(Int64(gateways)))
            let from = Instant(nanoseconds: random.below(healsAt.nanoseconds))
            let longest = random.oneIn(2) ? Span.second : longestStallNanoseconds
            let length = Span.second / 10 + random.below(longest)
            let until = min(
                from.advanced(byNanoseconds: length), healsAt.advanced(byNanoseconds: settlingNanoseconds))
            let stall = Stall(gateway: gateway, from: from, until: until, timersFirst: random.oneIn(2))
            let isApart = stalls.allSatisfy {
                $0.gateway != gateway || until < $0.from.advanced(byNanoseconds: -Span.second)
                    || $0.until.advanced(byNanoseconds: Span.second) < from
            }
            if isApart { stalls.append(stall) }
        }
        return stalls
    }
}

extension SeededRandom {
    mutating func oneIn(_ count: Int64) -> Bool { below(count) == 0 }
}

extension Array {
    /// Any of them; there is at least one.
    func draw(_ random: inout SeededRandom) -> Element { self[Int(random.below(Int64(count)))] }
}
