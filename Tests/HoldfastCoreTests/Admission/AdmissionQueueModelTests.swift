import Testing

@testable import HoldfastCore

/// The queue beside a list that follows the words of the rules, over random sequences.
@Suite struct AdmissionQueueModelTests {
    private struct Naive {
        struct Entry {
            var ticket: UInt64
            var criticality: Criticality
            var since: Instant
        }

        /// In order of entrance.
        var entries: [Entry] = []
        var notEmptySince = Instant.zero

        private func hasWaitedTooLong(_ entry: Entry, now: Instant) -> Bool {
            let waited = now.nanoseconds(since: entry.since)
            let isOverloaded = now.nanoseconds(since: notEmptySince) >= 100 * Span.millisecond
            return waited >= (isOverloaded ? 5 : 100) * Span.millisecond
        }

        mutating func enter(_ entry: Entry) -> AdmissionQueue.Entrance {
            var entrance = AdmissionQueue.Entrance.waits
            if entries.count == AdmissionQueue.capacity {
                let least = entries.map(\.criticality).min() ?? .critical
                guard least < entry.criticality, let away = entries.firstIndex(where: { $0.criticality == least })
                else { return .full }
                entrance = .waitsInsteadOf(ticket: entries.remove(at: away).ticket)
            }
            if entries.isEmpty { notEmptySince = entry.since }
            entries.append(entry)
            return entrance
        }

        mutating func expire(now: Instant) -> [UInt64] {
            let late = entries.filter { hasWaitedTooLong($0, now: now) }
            guard let highest = late.map(\.criticality).max() else { return [] }
            let isRefused = { (entry: Entry) in
                entry.criticality < highest || late.contains { $0.ticket == entry.ticket }
            }
            let refused = Criticality.allCases.flatMap { criticality in
                entries.filter { $0.criticality == criticality && isRefused($0) }.map(\.ticket)
            }
            entries.removeAll(where: isRefused)
            return refused
        }

        mutating func next(atLeast least: Criticality) -> UInt64? {
            for criticality in Criticality.allCases.reversed() where criticality >= least {
                if let place = entries.lastIndex(where: { $0.criticality == criticality }) {
                    return entries.remove(at: place).ticket
                }
            }
            return nil
        }

        mutating func leave(_ ticket: UInt64) -> Bool {
            let before = entries.count
            entries.removeAll { $0.ticket == ticket }
            return entries.count < before
        }
    }

    /// Both at once, and what became of each ticket.
    private struct Rig {
        var queue = AdmissionQueue()
        var naive = Naive()
        var random: SeededRandom
        var now = Instant.zero
        var classes: [Criticality] = []
        var left: Set<UInt64> = []
        var handedOut: Set<UInt64> = []

        init(seed: UInt64) {
            random = SeededRandom(seed: seed)
        }

        mutating func wait(_ span: Int64) {
            now = now.advanced(byNanoseconds: span)
        }

        mutating func enter() {
            let ticket = UInt64(classes.count)
            let criticality = Criticality.allCases[Int(random.below(3))]
            classes.append(criticality)
            let entrance = queue.enter(ticket: ticket, criticality: criticality, now: now)
            let expected = naive.enter(.init(ticket: ticket, criticality: criticality, since: now))
            #expect(entrance == expected)
            switch entrance {
            case .waits: break
            case .full: handOut(ticket)
            case .waitsInsteadOf(let other):
                #expect(classes[Int(other)] < criticality)
                handOut(other)
            }
        }

        mutating func next() {
            let least = random.below(4) == 0 ? Criticality.critical : .deferrable
            var refused: [UInt64] = [.max]
            let served = queue.next(atLeast: least, now: now, refused: &refused)
            checkRefused(refused)
            let expected = naive.next(atLeast: least)
            #expect(served == expected)
            if let served {
                #expect(classes[Int(served)] >= least)
                handOut(served)
            }
        }

        mutating func expire() {
            var refused: [UInt64] = [.max]
            let expected = queue.nextExpiry
            queue.expire(now: now, refused: &refused)
            #expect((refused.count > 1) == (expected.map { $0 <= now } ?? false), "the timer tells the time")
            checkRefused(refused)
        }

        private mutating func checkRefused(_ refused: [UInt64]) {
            #expect(refused.first == .max, "what the caller had there stays")
            let refused = Array(refused.dropFirst())
            let expected = naive.expire(now: now)
            #expect(refused == expected)
            let order = refused.map { classes[Int($0)] }
            #expect(order == order.sorted(), "the least critical first")
            for criticality in Criticality.allCases where order.contains(where: { $0 > criticality }) {
                #expect(queue.count(of: criticality) == 0, "\(criticality) stays while a more critical one is refused")
            }
            for ticket in refused { handOut(ticket) }
        }

        mutating func leave() {
            let ticket = UInt64(random.below(Int64(classes.count)))
            let isHere = queue.leave(ticket: ticket)
            let expected = naive.leave(ticket)
            #expect(isHere == expected)
            #expect(isHere == (!handedOut.contains(ticket) && !left.contains(ticket)))
            if isHere { left.insert(ticket) }
        }

        private mutating func handOut(_ ticket: UInt64) {
            #expect(!left.contains(ticket), "\(ticket) had left")
            let isFirst = handedOut.insert(ticket).inserted
            #expect(isFirst, "\(ticket) was handed out twice")
        }

        func check() {
            #expect(queue.count == naive.entries.count)
            #expect(queue.isEmpty == naive.entries.isEmpty)
            #expect(queue.count == classes.count - handedOut.count - left.count, "a ticket is lost")
        }

        mutating func step(arrivals: Int64) {
            switch random.below(arrivals + 6) {
            case 0..<arrivals: enter()
            case arrivals...(arrivals + 2): next()
            case arrivals + 3: expire()
            case arrivals + 4: if !classes.isEmpty { leave() }
            default: wait(random.below(4 * Span.millisecond))
            }
            check()
        }
    }

    @Test(arguments: [2, 4, 8, 20] as [Int64])
    func noTicketIsLostNorServedTwiceAndTheOrderHolds(arrivals: Int64) {
        for seed in 0..<20 as Range<UInt64> {
            var rig = Rig(seed: seed)
            for _ in 0..<600 { rig.step(arrivals: arrivals) }
            rig.wait(Span.second)
            rig.expire()
            rig.check()
            #expect(rig.queue.isEmpty && rig.handedOut.count + rig.left.count == rig.classes.count)
        }
    }

    @Test func theSameWhereItIsFull() {
        var rig = Rig(seed: 99)
        for _ in 0..<AdmissionQueue.capacity { rig.enter() }
        for _ in 0..<600 {
            for _ in 0..<3 { rig.enter() }
            if rig.random.below(3) == 0 { rig.next() }
            rig.check()
        }
        #expect(rig.handedOut.count > 600)
    }

    /// What the queue is for: at ten times the load every slot still serves somebody, soon, and the critical first.
    @Test func underTenTimesTheLoadEverySlotServesSomebodyFresh() {
        var queue = AdmissionQueue()
        var random = SeededRandom(seed: 4)
        var since: [Instant] = []
        var classes: [Criticality] = []
        var refused: [UInt64] = []
        var (empty, late) = (0, 0)
        var servedOf: [Criticality: Int] = [:]
        // A slot comes free every 2 ms; five newcomers a millisecond, one of twenty of them critical.
        for millisecond in 0..<5_000 as Range<Int64> {
            let now = Instant(nanoseconds: millisecond * Span.millisecond)
            for _ in 0..<5 {
                let roll = random.below(20)
                let criticality: Criticality = roll == 0 ? .critical : roll < 10 ? .standard : .deferrable
                _ = queue.enter(ticket: UInt64(since.count), criticality: criticality, now: now)
                since.append(now)
                classes.append(criticality)
            }
            refused.removeAll(keepingCapacity: true)
            guard millisecond % 2 == 0 else {
                queue.expire(now: now, refused: &refused)
                continue
            }
            guard let served = queue.next(now: now, refused: &refused) else {
                empty += 1
                continue
            }
            servedOf[classes[Int(served)], default: 0] += 1
            if now.nanoseconds(since: since[Int(served)]) > 5 * Span.millisecond { late += 1 }
        }
        // A critical one whose wait is over takes everybody with it, and the room goes to the next newcomer.
        #expect(empty <= 25, "\(empty) of 2500")
        #expect(late <= 125, "\(late) of 2500: only in a queue that was empty a moment ago somebody waits longer")
        let criticals = classes.count { $0 == .critical }
        #expect(servedOf[.critical, default: 0] * 100 >= criticals * 95, "\(servedOf) of \(criticals)")
    }
}
