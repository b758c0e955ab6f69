import Testing

@testable import HoldfastCore

/// The limit before a server that works on `capacity` at once and lets the rest queue: answers begin after
/// `max(base, base · inFlight / capacity)`.
@Suite struct ConcurrencyServerTests {
    private struct Rig {
        static let tick = 10 * Span.millisecond

        var limit = ConcurrencyLimit()
        var capacity: Int64
        /// How many clients want an answer at any time.
        var demand: Int
        var base = 500 * Span.millisecond
        var now = Instant.zero
        var began: [(ends: Instant, latency: Int64)] = []
        var answered = 0

        init(capacity: Int64, demand: Int) {
            self.capacity = capacity
            self.demand = demand
        }

        mutating func run(seconds: Int64) {
            answered = 0
            let end = now.advanced(byNanoseconds: seconds * Span.second)
            while now < end {
                now = now.advanced(byNanoseconds: Self.tick)
                finish()
                // Not all in one instant, which no crowd of clients does either.
                for _ in 0..<8 where began.count < demand { begin() }
            }
        }

        private mutating func finish() {
            let inFlight = began.count
            var under: [(ends: Instant, latency: Int64)] = []
            for exchange in began {
                guard exchange.ends <= now else {
                    under.append(exchange)
                    continue
                }
                answered += 1
                limit.observe(
                    firstTokenNanoseconds: exchange.latency, inputBytes: 1_000, inFlight: inFlight, now: now)
            }
            began = under
        }

        private mutating func begin() {
            guard limit.admits(inFlight: began.count, criticality: .standard, hasReserve: false) else { return }
            let latency = max(base, base * Int64(began.count + 1) / capacity)
            began.append((now.advanced(byNanoseconds: latency), latency))
        }

        /// Answers a second, of what the server can do: 1,000 is all.
        func goodputMillis(seconds: Int64) -> Int64 {
            Int64(answered) * 1_000 / (capacity * seconds * Span.second / base)
        }
    }

    /// It grows by a tenth a minute there, since the long average follows what never ends.
    @Test func settlesAroundWhatTheServerCanDo() {
        var rig = Rig(capacity: 100, demand: 60)
        rig.run(seconds: 30)
        #expect(rig.limit.limit == 256, "\(rig.limit.limit): few in flight say nothing")
        rig.demand = 2_000
        rig.run(seconds: 60)
        for minute in 1...4 {
            rig.run(seconds: 60)
            let goodput = rig.goodputMillis(seconds: 60)
            #expect((110...300).contains(rig.limit.limit), "minute \(minute): \(rig.limit.limit)")
            #expect(goodput >= 950, "minute \(minute): \(goodput)")
        }
    }

    @Test func followsAServerThatLosesAndRegainsItsStrength() {
        var rig = Rig(capacity: 200, demand: 180)
        rig.run(seconds: 60)
        rig.capacity = 40
        rig.run(seconds: 60)
        let low = rig.limit.limit
        #expect((40...100).contains(low), "\(low)")
        rig.capacity = 200
        rig.run(seconds: 120)
        #expect(rig.limit.limit >= low + 60, "from \(low) to \(rig.limit.limit)")
    }

    @Test func doesNotHoldBackAServerThatIsWell() {
        var rig = Rig(capacity: 400, demand: 300)
        rig.run(seconds: 120)
        #expect(rig.limit.limit >= 300, "\(rig.limit.limit)")
        #expect(rig.answered >= 120 * 300 * 2 * 9 / 10, "\(rig.answered)")
    }

    @Test func aLoadThatDropsFindsRoomAtOnce() {
        var rig = Rig(capacity: 100, demand: 1_000)
        rig.run(seconds: 120)
        rig.demand = 90
        rig.run(seconds: 10)
        rig.run(seconds: 10)
        #expect(rig.began.count >= 85, "\(rig.began.count) in flight of 90, at a limit of \(rig.limit.limit)")
    }
}
