import Testing

@testable import HoldfastCore

/// Orders that come, go and come again, under traffic that is lost or not, seen by loops whose clocks differ by a little.
@Suite struct DrillPropertyTests {
    /// What the world itself knows of one order.
    private struct Truth {
        var order: FaultOrder
        var begunAt: Int64
        var isGone = false
        /// When somebody was told that it is effective.
        var effective: [Int64] = []
        var fates: [DrillFate] = []
        var probes = 0

        /// Give or take what clocks are read too early.
        func mayBeEffective(_ now: Int64) -> Bool {
            (-2..<order.leaseMilliseconds + 2).contains(now - begunAt - order.baselineMilliseconds)
        }
    }

    private struct World {
        var leases = FaultLeases()
        var random: SeededRandom
        /// In force, oldest first.
        var inForce: [(id: String, order: FaultOrder)] = []
        var truths: [String: Truth] = [:]
        var everSeen: Set<String> = []
        var now: Int64 = 0
        var made = 0
        let lossPercent: Int64

        init(seed: UInt64) {
            random = SeededRandom(seed: seed)
            lossPercent = [0, 2, 30, 90][Int(random.below(4))]
        }

        /// In milliseconds; loops read their clocks up to 2 ms before they are heard.
        mutating func seen() -> Instant {
            Instant(nanoseconds: Span.hour + (now - random.below(3)) * Span.millisecond)
        }

        mutating func change() throws {
            switch random.below(4) {
            case 0, 1:
                var order = FaultOrder(
                    random.below(8) == 0 ? .sham : .refuse, .deployment("east/big"),
                    leaseMilliseconds: 1_000 + random.below(20_000))
                order.baselineMilliseconds = random.below(3) * 500
                order.stop.lostCritical = 1 + Int(random.below(20))
                order.stop.lostPercent = 1 + Int(random.below(100))
                made += 1
                inForce.append(("o\(made)", order))
            case 2 where !inForce.isEmpty: inForce.remove(at: Int(random.below(Int64(inForce.count))))
            default: break
            }
            try publish(isLive: random.below(5) > 0)
        }

        mutating func publish(isLive: Bool) throws {
            let overrides = inForce.enumerated().map {
                OverrideRig.override($1.id, .fault($1.order), ago: Int64(inForce.count - $0))
            }
            let (snapshot, effects) = try OverrideRig.applied(overrides)
            let before = Set(leases.watches.map(\.id))
            leases.adopt(effects, of: snapshot, isLive: isLive, now: seen())
            for watch in leases.watches where !before.contains(watch.id) {
                try #require(isLive && !everSeen.contains(watch.id), "\(watch.id) is begun again, or from a disk")
                truths[watch.id] = Truth(order: watch.order, begunAt: now)
            }
            for (id, _) in inForce { everSeen.insert(id) }
            for id in Array(truths.keys) where !inForce.contains(where: { $0.id == id }) { truths[id]?.isGone = true }
        }

        mutating func exchange() {
            let criticality = Criticality.allCases[Int(random.below(3))]
            let fate: DrillFate =
                random.below(100) < lossPercent ? .lost : random.below(10) == 0 ? .shed : .degraded
            var exchange = DrilledExchange(
                route: random.below(6) == 0 ? "lone" : "chat", criticality: criticality, fate: fate, startedAt: seen())
            exchange.isProbe = random.below(3) == 0
            if let hit = leases.fault(for: "east/big", on: exchange.route, now: seen(), isMeant: { _ in true }) {
                truths[hit.id]?.effective.append(now)
                exchange.attempts = [
                    .init(deployment: "east/big", startedAt: seen(), failedAt: seen(), order: hit.id),
                    .init(deployment: "west/big", startedAt: seen()),
                ]
            }
            let counting = leases.watches.filter(\.isUnderWay).map(\.id)
            leases.ended(exchange, now: seen())
            guard exchange.route == "chat" else { return }
            for watch in leases.watches where counting.contains(watch.id) {
                // One that is over by this very instant has not counted it.
                let total = watch.baseline.all + Criticality.allCases.reduce(0) { $0 + watch.counts(of: $1).all }
                guard total > truths[watch.id]?.fates.count ?? 0 else { continue }
                truths[watch.id]?.fates.append(fate)
                if exchange.isProbe { truths[watch.id]?.probes += 1 }
            }
        }
    }

    /// An expectation costs more than what it is about here: what is wrong is gathered, and said once.
    @Test(arguments: 0..<40) func noFaultOutlivesItsLeaseOrIsEffectiveAfterItsEnd(seed: Int) throws {
        var world = World(seed: UInt64(seed))
        var ended: [String: DrillWatch.Ending] = [:]
        var wrong: [String] = []
        for step in 1...400 {
            world.now += world.random.below(200)
            if world.random.below(15) == 0 { try world.change() } else { world.exchange() }
            for watch in world.leases.watches {
                let truth = try #require(world.truths[watch.id])
                if let before = ended[watch.id], watch.ending != before { wrong.append("\(watch.id) ended twice") }
                ended[watch.id] = watch.ending
                wrong += problems(of: watch, truth, now: world.now)
                if step.isMultiple(of: 25) { wrong += miscounts(of: watch, truth) }
            }
            if world.leases.watches.count > FaultLeases.most { wrong.append("there are too many") }
            guard wrong.isEmpty else { break }
        }
        for id in world.truths.keys.sorted() {
            guard let truth = world.truths[id] else { continue }
            wrong += truth.effective.filter { !truth.mayBeEffective($0) }.map { "\(id) was met at \($0)" }
        }
        #expect(wrong.isEmpty, "seed \(seed)")
    }

    private func problems(of watch: DrillWatch, _ truth: Truth, now: Int64) -> [String] {
        var copy = watch
        guard copy.isEffective(now: Instant(nanoseconds: Span.hour + now * Span.millisecond)) else { return [] }
        var wrong: [String] = []
        if truth.isGone || watch.ending != nil { wrong.append("\(watch.id) is effective after its end") }
        if truth.order.fault == .sham { wrong.append("the sham \(watch.id) fails something") }
        if !truth.mayBeEffective(now) { wrong.append("\(watch.id) is effective at \(now)") }
        if watch.counts(of: .critical).lost >= truth.order.stop.lostCritical {
            wrong.append("\(watch.id) goes on although too much is lost")
        }
        return wrong
    }

    private func miscounts(of watch: DrillWatch, _ truth: Truth) -> [String] {
        var wrong: [String] = []
        let all = [watch.baseline] + Criticality.allCases.map(watch.counts)
        for fate in DrillFate.allCases
        where all.reduce(0, { $0 + $1.count(of: fate) }) != truth.fates.count(where: { $0 == fate }) {
            wrong.append("\(watch.id) miscounts what was \(fate)")
        }
        let answered = all.dropFirst().reduce(0) { $0 + $1.answered + $1.degraded }
        let timed = watch.seconds.reduce(0) { $0 + $1.counts.all }
        let isWhole = watch.seconds.count < DrillWatch.mostSeconds
        if watch.probes != truth.probes || watch.met > truth.fates.count
            || watch.answerers.reduce(0, { $0 + $1.count }) > answered || isWhole && timed != truth.fates.count
        {
            wrong.append("\(watch.id): what it counts does not add up")
        }
        let instants = [watch.detectedAt, watch.actedAt, watch.recoveredAt].compactMap { $0 }
        if instants.contains(where: { $0 < watch.beginsAt }) { wrong.append("\(watch.id) saw something before t0") }
        let seconds = watch.seconds.map(\.second)
        if seconds != seconds.sorted() { wrong.append("\(watch.id): its seconds are out of order") }
        return wrong
    }
}

extension DrillCounts {
    fileprivate func count(of fate: DrillFate) -> Int {
        switch fate {
        case .answered: answered
        case .degraded: degraded
        case .lost: lost
        case .shed: shed
        }
    }
}
