package import HoldfastCore

/// A fault that somebody holds, until it ends by itself.
package struct FaultLease: Equatable, Sendable {
    package var id: Int
    package var fault: Fault
    package var expires: Instant
    /// The part of the requests it meets, 0 < share <= 1.
    package var share: Double
    /// Empty: every model, and requests that name none.
    package var models: [String]

    package var idText: String { "fault-\(id)" }
}

/// The leases in force. A value: whoever owns it guards it.
package struct FaultBoard: Sendable {
    /// Leases held at once: more is a script gone wrong.
    package static let leaseLimit = 100
    package static let longestLeaseNanoseconds = Span.hour

    private var leases: [FaultLease] = []
    private var lastID = 0
    private var random: SeededRandom

    package init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    package mutating func add(
        _ fault: Fault, forNanoseconds span: Int64, share: Double, models: [String], now: Instant
    ) throws(FaultProblem) -> FaultLease {
        dropExpired(now: now)
        guard span > 0, span <= FaultBoard.longestLeaseNanoseconds else {
            throw FaultProblem(
                message: "'for' must be more than nothing and at most 1h: a fault ends by itself.", field: "for")
        }
        guard share > 0, share <= 1 else {
            throw FaultProblem(message: "'share' must be more than 0 and at most 1.", field: "share")
        }
        guard fault != .refuse || (share == 1 && models.isEmpty) else {
            throw FaultProblem(
                message: "'refuse' closes the listener for everyone, so it takes neither 'share' nor 'models'.",
                field: models.isEmpty ? "share" : "models")
        }
        guard leases.count < FaultBoard.leaseLimit else {
            throw FaultProblem(
                message: "\(FaultBoard.leaseLimit) faults are in force already. End some: DELETE /practice/faults.",
                field: nil)
        }
        lastID += 1
        let lease = FaultLease(
            id: lastID, fault: fault, expires: now.advanced(byNanoseconds: span), share: share, models: models)
        leases.append(lease)
        return lease
    }

    /// The fault that meets a request, with its lease: the oldest lease that fits and whose share draws it.
    package mutating func draw(model: String?, now: Instant) -> FaultLease? {
        guard !leases.isEmpty else { return nil }
        dropExpired(now: now)
        for lease in leases where lease.fault != .refuse && lease.covers(model: model) {
            if lease.share == 1 || Double(random.below(1_000_000)) < lease.share * 1_000_000 { return lease }
        }
        return nil
    }

    /// When the listener may open again; nil where it need not be closed.
    package func refusingUntil(now: Instant) -> Instant? {
        leases.filter { $0.fault == .refuse && $0.expires > now }.map(\.expires).max()
    }

    package mutating func list(now: Instant) -> [FaultLease] {
        dropExpired(now: now)
        return leases
    }

    /// True where the lease was in force.
    package mutating func end(id: String, now: Instant) -> Bool {
        dropExpired(now: now)
        let before = leases.count
        leases.removeAll { $0.idText == id }
        return leases.count < before
    }

    package mutating func endAll(now: Instant) -> Int {
        dropExpired(now: now)
        defer { leases.removeAll() }
        return leases.count
    }

    private mutating func dropExpired(now: Instant) {
        leases.removeAll { $0.expires <= now }
    }
}

extension FaultLease {
    fileprivate func covers(model: String?) -> Bool {
        guard !models.isEmpty else { return true }
        return model.map(models.contains) ?? false
    }
}
