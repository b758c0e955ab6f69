/// What a roll-out knows of one gateway.
struct RolloutGateway: Sendable, Hashable {
    struct Sight: Sendable, Hashable {
        var generation: UInt64
        var at: Instant
    }

    let id: String
    /// On the snapshot in force before.
    var good = GatewayTally()
    /// The part of `good` that was counted before the canary was chosen.
    var goodBeforeCanary = RequestCounts.none
    var proposed = GatewayTally()
    /// When it last said anything, true or not.
    var heardAt: Instant?
    /// The last report that can be true; nil: there was none.
    var seen: Sight?
    var firstOnProposed: Instant?
    var lastOnProposed: Instant?

    init(id: String) {
        self.id = id
    }

    mutating func forgetProposed() {
        proposed = GatewayTally()
        (firstOnProposed, lastOnProposed) = (nil, nil)
    }

    /// The one that serves least of those that serve enough to prove something: it does the least harm. Where none serves
    /// enough, the one that serves most, since somebody has to prove it. Of equals the first by id, so that the same
    /// reports choose the same gateway. A gateway that began lately looks as if it served little, which does no harm.
    static func canary(among gateways: [RolloutGateway]) -> RolloutGateway? {
        func load(_ gateway: RolloutGateway) -> Int64 { gateway.good.counts.requests }
        let enough = gateways.filter { load($0) >= ErrorGate.leastRequests }
        return enough.min { (load($0), $0.id) < (load($1), $1.id) }
            ?? gateways.min { (-load($0), $0.id) < (-load($1), $1.id) }
    }
}

/// What one gateway has counted on one generation. Gateways report totals, so a report that is lost or comes twice does
/// no harm; where a total falls, the gateway began anew, and what it had counted before is kept.
struct GatewayTally: Sendable, Hashable {
    private var carried = RequestCounts.none
    private var latest = RequestCounts.none

    var counts: RequestCounts { carried + latest }

    mutating func note(_ total: RequestCounts) {
        let beganAnew = total.requests < latest.requests || total.errors < latest.errors
        // Whoever makes up totals to make up restarts is heard so long as no sum of them can overflow.
        if beganAnew, counts.requests <= RequestCounts.most { carried = counts }
        latest = total
    }
}
