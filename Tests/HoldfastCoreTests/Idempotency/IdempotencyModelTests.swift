import Testing

@testable import HoldfastCore

/// The rules once more, with a list and searches through all of it.
private struct NaiveTable {
    struct Entry {
        var name: IdempotencyName
        var digest: RequestDigest
        var exchange: UInt64
        var kind: IdempotencyTable<Int>.Kind
        var isOpen = true
        var ownerWaits = true
        var joiners: [UInt64] = []
        var result: Int?
        var bytes = 0
        var until = Instant.distantFuture
        var used = 0
    }

    var limits: IdempotencyLimits
    var entries: [Entry] = []
    var lastTicket: UInt64 = 0
    var uses = 0

    mutating func arrive(
        _ name: IdempotencyName, _ digest: RequestDigest, _ kind: IdempotencyTable<Int>.Kind, now: Instant
    ) -> IdempotencyTable<Int>.Arrival {
        entries.removeAll { !$0.isOpen && now >= $0.until }
        if let place = entries.firstIndex(where: { $0.name == name }) { return repeated(place, digest) }
        if entries.count >= limits.entries {
            let answered = entries.indices.filter { !entries[$0].isOpen }
            guard let oldest = answered.min(by: { entries[$0].used < entries[$1].used }) else { return .full }
            entries.remove(at: oldest)
        }
        lastTicket += 1
        entries.append(Entry(name: name, digest: digest, exchange: lastTicket, kind: kind))
        return .begin(exchange: lastTicket)
    }

    private mutating func repeated(_ place: Int, _ digest: RequestDigest) -> IdempotencyTable<Int>.Arrival {
        let entry = entries[place]
        if entry.digest != digest { return .mismatch }
        if entry.isOpen {
            if entry.kind == .stream { return .conflict(.inFlight) }
            if entry.joiners.count >= limits.joinersPerExchange { return .full }
            lastTicket += 1
            entries[place].joiners.append(lastTicket)
            return .join(exchange: entry.exchange, joiner: lastTicket)
        }
        uses += 1
        entries[place].used = uses
        return entry.result.map { .replay($0) } ?? .conflict(.answered)
    }

    mutating func finish(_ exchange: UInt64, _ ending: IdempotencyTable<Int>.Ending, now: Instant) -> [UInt64] {
        entries.removeAll { !$0.isOpen && now >= $0.until }
        guard let place = entries.firstIndex(where: { $0.isOpen && $0.exchange == exchange }) else { return [] }
        var entry = entries.remove(at: place)
        let waiting = entry.joiners
        switch ending {
        case .failed: return waiting
        case .streamed: break
        case .answered(let result, let bytes):
            if bytes <= limits.largestResultBytes, bytes <= limits.resultBytes {
                (entry.result, entry.bytes) = (result, bytes)
            }
        }
        while entries.map(\.bytes).reduce(entry.bytes, +) > limits.resultBytes {
            let holding = entries.indices.filter { entries[$0].bytes > 0 }
            guard let oldest = holding.min(by: { entries[$0].used < entries[$1].used }) else { break }
            entries.remove(at: oldest)
        }
        uses += 1
        entry.isOpen = false
        entry.joiners = []
        entry.used = uses
        entry.until = now.advanced(byNanoseconds: limits.lifetimeNanoseconds)
        entries.append(entry)
        return waiting
    }

    mutating func ownerLeft(_ exchange: UInt64) -> Bool {
        guard let place = entries.firstIndex(where: { $0.isOpen && $0.exchange == exchange }) else { return false }
        entries[place].ownerWaits = false
        if entries[place].joiners.isEmpty { entries.remove(at: place) }
        return entries.contains { $0.isOpen && $0.exchange == exchange }
    }

    mutating func leave(_ joiner: UInt64) -> UInt64? {
        guard let place = entries.firstIndex(where: { $0.joiners.contains(joiner) }) else { return nil }
        entries[place].joiners.removeAll { $0 == joiner }
        guard !entries[place].ownerWaits, entries[place].joiners.isEmpty else { return nil }
        return entries.remove(at: place).exchange
    }
}

@Suite struct IdempotencyModelTests {
    /// At most four names, so that the table, which clears four expired ones a call, never lags behind the model.
    private static func limits(_ random: inout SeededRandom) -> IdempotencyLimits {
        var limits = IdempotencyLimits()
        limits.entries = 1 + Int(random.below(4))
        limits.resultBytes = 4 + Int(random.below(20))
        limits.largestResultBytes = 4 + Int(random.below(8))
        limits.joinersPerExchange = 1 + Int(random.below(3))
        limits.lifetimeNanoseconds = 10 + random.below(100)
        return limits
    }

    @Test(arguments: 0..<100) func anySequenceAgreesWithTheNaiveTable(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let limits = Self.limits(&random)
        var table = IdempotencyTable<Int>(limits: limits)
        var model = NaiveTable(limits: limits)
        var now = Instant.zero
        for step in 0..<400 {
            now = now.advanced(byNanoseconds: random.below(8))
            // Any ticket that was given, or one that never was; the recent ones are mostly in use.
            let ticket = UInt64(max(Int64(model.lastTicket) - random.below(6), 0))
            let context: Comment = "seed \(seed), step \(step)"
            switch random.below(10) {
            case 0...4:
                let text = String(random.below(6))
                let name = try #require(IdempotencyName(principal: String(random.below(2)), text: text))
                let digest = RequestDigest(high: 0, low: random.below(8) == 0 ? 1 : 0)
                let kind: IdempotencyTable<Int>.Kind = text == "0" ? .stream : .unary
                let found = table.arrive(name, digest: digest, kind: kind, now: now)
                #expect(found == model.arrive(name, digest, kind, now: now), context)
            case 5...7:
                let ending = Self.ending(&random)
                #expect(
                    table.finish(ticket, ending, now: now) == model.finish(ticket, ending, now: now), context)
            case 8:
                #expect(table.ownerLeft(ticket) == model.ownerLeft(ticket), context)
            default:
                #expect(table.leave(joiner: ticket) == model.leave(ticket), context)
            }
            #expect(table.count == model.entries.count, context)
            #expect(table.inFlight == model.entries.count { $0.isOpen }, context)
            #expect(table.waiting == model.entries.map(\.joiners.count).reduce(0, +), context)
            #expect(table.resultBytes == model.entries.map(\.bytes).reduce(0, +), context)
            #expect(table.count <= limits.entries && table.resultBytes <= limits.resultBytes, context)
        }
    }

    private static func ending(_ random: inout SeededRandom) -> IdempotencyTable<Int>.Ending {
        switch random.below(5) {
        case 0: .failed
        case 1: .streamed
        default: .answered(Int(random.below(100)), bytes: Int(random.below(14)))
        }
    }

    @Test func anOrderAgreesWithAList() {
        var random = SeededRandom(seed: 7)
        var order = SlotOrder()
        var list: [Int] = []
        for _ in 0..<5_000 {
            let slot = Int(random.below(12))
            if list.contains(slot) || random.below(4) == 0 {
                order.remove(slot)
                list.removeAll { $0 == slot }
            } else {
                order.append(slot)
                list.append(slot)
            }
            #expect(order.first == list.first)
        }
    }
}
