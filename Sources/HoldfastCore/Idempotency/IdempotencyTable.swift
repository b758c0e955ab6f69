/// Remembers under which names requests came, so that a repeat is not answered, and paid for, twice.
///
/// Providers have no such key for inference: a client that lost its connection and tries again pays again. Here the
/// repeat of a request in flight waits for the same answer, and the repeat of an answered one gets what was stored.
/// A stream has no single answer to wait for or to store, so its repeat is a conflict: while it flows, and also after
/// its end. To begin anew there would be kinder to whoever lost the last bytes, but it would silently do what the name
/// was sent to prevent; a new name does it knowingly. For the same reason an answer too large to store is a conflict
/// afterwards. An exchange that failed frees its name, because a retry that cannot succeed is none.
///
/// What it does not know: whether the answer reached its client, and whether a failed exchange was paid for. It is a
/// memory and no ledger: what its bounds push out, or a restart, is forgotten, and a repeat begins anew.
package struct IdempotencyTable<Result: Sendable>: Sendable {
    package enum Kind: Sendable, Hashable {
        case unary, stream
    }

    package enum Arrival: Sendable {
        /// In flight from now on, until `finish`.
        case begin(exchange: UInt64)
        /// The answer of this exchange is the joiner's as well: `finish` names it.
        case join(exchange: UInt64, joiner: UInt64)
        case replay(Result)
        case conflict(Conflict)
        /// The name stands for another request.
        case mismatch
        /// No room to keep the promise of a name; to go on without it would break it.
        case full
    }

    package enum Conflict: Sendable, Hashable {
        /// A stream; ends by waiting.
        case inFlight
        /// Answered, and the answer was not stored; does not end by waiting.
        case answered
    }

    package enum Ending: Sendable {
        /// - Parameter bytes: what the result takes in memory.
        case answered(Result, bytes: Int)
        /// A stream that came to its proper end.
        case streamed
        /// Any other: joiners get the same failure, and the name is free.
        case failed
    }

    private enum State: Sendable {
        case inFlight(Flight)
        /// Without a result where it was streamed or too large.
        case answered(Result?, bytes: Int, until: Instant)
        case unused
    }

    private struct Flight: Sendable {
        var exchange: UInt64
        var kind: Kind
        var ownerWaits = true
        /// In the order of their arrival.
        var joiners: [UInt64] = []
    }

    private struct Slot: Sendable {
        var name: IdempotencyName?
        var digest: RequestDigest
        var state: State
    }

    /// Expired names that one call clears away. One call adds one name, so that four are always ahead of it, and no
    /// request pays for an idle hour's worth.
    static var clearedPerCall: Int { 4 }

    package let limits: IdempotencyLimits
    private var slots: [Slot] = []
    private var unused: [Int] = []
    private var places: [IdempotencyName: Int] = [:]
    private var exchanges: [UInt64: Int] = [:]
    /// From the joiner to its exchange.
    private var joiners: [UInt64: UInt64] = [:]
    /// Answered ones: the least recently used first, the same of those alone that hold bytes, because to forget a
    /// stream's name for the sake of bytes frees none, and the soonest to expire first.
    private var byUse = SlotOrder()
    private var holdingBytes = SlotOrder()
    private var byAge = SlotOrder()
    private var lastTicket: UInt64 = 0
    package private(set) var resultBytes = 0

    package init(limits: IdempotencyLimits = IdempotencyLimits()) {
        self.limits = limits
    }

    /// Names, in flight and answered.
    package var count: Int { places.count }
    package var inFlight: Int { exchanges.count }
    /// Joiners.
    package var waiting: Int { joiners.count }

    package mutating func arrive(
        _ name: IdempotencyName, digest: RequestDigest, kind: Kind, now: Instant
    ) -> Arrival {
        clearExpired(now: now)
        guard let place = places[name], !isExpired(place, now: now) else {
            return begin(name, digest: digest, kind: kind)
        }
        guard slots[place].digest == digest else { return .mismatch }
        switch slots[place].state {
        case .inFlight(var flight):
            if case .stream = flight.kind { return .conflict(.inFlight) }
            guard flight.joiners.count < limits.joinersPerExchange else { return .full }
            let joiner = ticket()
            flight.joiners.append(joiner)
            joiners[joiner] = flight.exchange
            slots[place].state = .inFlight(flight)
            return .join(exchange: flight.exchange, joiner: joiner)
        case .answered(let result, let bytes, _):
            use(place, bytes: bytes)
            return result.map { .replay($0) } ?? .conflict(.answered)
        case .unused:
            preconditionFailure("\(name) leads to slot \(place), which is not in use")
        }
    }

    /// The exchange has ended. Returns who joined it and still waits, in the order of arrival: they get what it ended
    /// with. Does nothing for an exchange that nobody waited for any more.
    package mutating func finish(_ exchange: UInt64, _ ending: Ending, now: Instant) -> [UInt64] {
        clearExpired(now: now)
        guard let (place, flight) = flight(exchange) else { return [] }
        end(flight)
        switch ending {
        case .failed:
            forget(place)
        case .streamed:
            remember(place, nil, bytes: 0, now: now)
        case .answered(let result, let bytes):
            precondition(bytes >= 0, "a result of \(bytes) bytes")
            let isKept = bytes <= min(limits.largestResultBytes, limits.resultBytes)
            remember(place, isKept ? result : nil, bytes: isKept ? bytes : 0, now: now)
        }
        return flight.joiners
    }

    /// The client that began the exchange is gone. Returns whether anybody still waits for it; where nobody does it may
    /// be given up, and its name is free. Who lets it run on all the same, for a repeat to find, does not call this.
    package mutating func ownerLeft(_ exchange: UInt64) -> Bool {
        guard var found = flight(exchange) else { return false }
        found.flight.ownerWaits = false
        return isStillWanted(found.flight, at: found.place)
    }

    /// A joiner is gone. Returns the exchange that nobody waits for any more, as after `ownerLeft`.
    package mutating func leave(joiner: UInt64) -> UInt64? {
        guard let exchange = joiners.removeValue(forKey: joiner), var found = flight(exchange) else { return nil }
        found.flight.joiners.removeAll { $0 == joiner }
        return isStillWanted(found.flight, at: found.place) ? nil : exchange
    }

    // MARK: - In flight

    private mutating func begin(_ name: IdempotencyName, digest: RequestDigest, kind: Kind) -> Arrival {
        if let expired = places[name] { forget(expired) }
        if places.count >= limits.entries {
            guard let oldest = byUse.first else { return .full }
            forget(oldest)
        }
        let exchange = ticket()
        let slot = Slot(
            name: name, digest: digest, state: .inFlight(Flight(exchange: exchange, kind: kind)))
        let place = unused.popLast() ?? slots.endIndex
        if place == slots.endIndex { slots.append(slot) } else { slots[place] = slot }
        places[name] = place
        exchanges[exchange] = place
        return .begin(exchange: exchange)
    }

    private func flight(_ exchange: UInt64) -> (place: Int, flight: Flight)? {
        guard let place = exchanges[exchange] else { return nil }
        guard case .inFlight(let flight) = slots[place].state else {
            preconditionFailure("exchange \(exchange) leads to slot \(place), where nothing is in flight")
        }
        return (place, flight)
    }

    private mutating func isStillWanted(_ flight: Flight, at place: Int) -> Bool {
        guard flight.ownerWaits || !flight.joiners.isEmpty else {
            end(flight)
            forget(place)
            return false
        }
        slots[place].state = .inFlight(flight)
        return true
    }

    private mutating func end(_ flight: Flight) {
        exchanges[flight.exchange] = nil
        for joiner in flight.joiners { joiners[joiner] = nil }
    }

    /// For exchanges and joiners alike, so that one can never be taken for the other.
    private mutating func ticket() -> UInt64 {
        lastTicket += 1
        return lastTicket
    }

    // MARK: - Answered

    private mutating func remember(_ place: Int, _ result: Result?, bytes: Int, now: Instant) {
        while resultBytes > limits.resultBytes - bytes, let oldest = holdingBytes.first { forget(oldest) }
        resultBytes += bytes
        let until = now.advanced(byNanoseconds: limits.lifetimeNanoseconds)
        slots[place].state = .answered(result, bytes: bytes, until: until)
        use(place, bytes: bytes)
        byAge.append(place)
    }

    private mutating func use(_ place: Int, bytes: Int) {
        byUse.remove(place)
        byUse.append(place)
        guard bytes > 0 else { return }
        holdingBytes.remove(place)
        holdingBytes.append(place)
    }

    private mutating func forget(_ place: Int) {
        if case .answered(_, let bytes, _) = slots[place].state { resultBytes -= bytes }
        byUse.remove(place)
        holdingBytes.remove(place)
        byAge.remove(place)
        if let name = slots[place].name { places[name] = nil }
        slots[place] = Slot(name: nil, digest: RequestDigest(high: 0, low: 0), state: .unused)
        unused.append(place)
    }

    private mutating func clearExpired(now: Instant) {
        for _ in 0..<Self.clearedPerCall {
            guard let oldest = byAge.first, isExpired(oldest, now: now) else { return }
            forget(oldest)
        }
    }

    private func isExpired(_ place: Int, now: Instant) -> Bool {
        guard case .answered(_, _, let until) = slots[place].state else { return false }
        return now >= until
    }
}

extension IdempotencyTable.Arrival: Equatable where Result: Equatable {}
