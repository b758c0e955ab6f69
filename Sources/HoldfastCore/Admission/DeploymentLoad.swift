/// The slots of one deployment: how many attempts are under way, how many may be, and who waits for one to end.
///
/// A slot that comes free while somebody waits is handed over and not let go: whoever came by in between would take it,
/// and those who wait would wait for ever.
package struct DeploymentLoad: Sendable {
    package private(set) var inFlight = 0
    package private(set) var concurrency = ConcurrencyLimit()
    private var queue = AdmissionQueue()
    /// Slots that were handed over and not taken up yet, by ticket. They count as in flight.
    private var granted: Set<UInt64> = []
    /// A part of the slots is kept for critical exchanges.
    private var hasReserve = false

    package init() {}

    package var waiting: Int { queue.count }

    /// Attempts at once, as far as that is limited.
    package var shownLimit: Int? {
        concurrency.bound != nil || concurrency.isLearned ? concurrency.limit : nil
    }

    package mutating func configure(concurrent: Int?, hasReserve: Bool) {
        concurrency.setBound(concurrent)
        self.hasReserve = hasReserve
    }

    package func admits(_ criticality: Criticality) -> Bool {
        concurrency.admits(inFlight: inFlight, criticality: criticality, hasReserve: hasReserve)
    }

    package func isGranted(to ticket: UInt64) -> Bool { granted.contains(ticket) }

    /// - Parameter ticket: of an exchange that waited and may have a slot already.
    package mutating func enter(ticket: UInt64?) {
        if let ticket, granted.remove(ticket) != nil { return }
        inFlight += 1
    }

    package mutating func observe(firstTokenNanoseconds: Int64, inputBytes: Int, now: Instant) {
        concurrency.observe(
            firstTokenNanoseconds: firstTokenNanoseconds, inputBytes: inputBytes, inFlight: inFlight, now: now)
    }

    /// Who is to be told what.
    package struct Handover: Sendable, Hashable {
        /// Has the slot now, and gives it back by an attempt that ends, or by `leave`.
        package var granted: UInt64?
        package var refused: [UInt64] = []

        package init(granted: UInt64? = nil, refused: [UInt64] = []) {
            self.granted = granted
            self.refused = refused
        }

        package var isEmpty: Bool { granted == nil && refused.isEmpty }
    }

    /// An attempt has ended, or a slot that was granted was not used.
    package mutating func leave(now: Instant) -> Handover {
        inFlight -= 1
        guard !queue.isEmpty else { return Handover() }
        var handover = Handover()
        if admits(.deferrable) {
            handover.granted = queue.next(now: now, refused: &handover.refused)
        } else if admits(.critical) {
            handover.granted = queue.next(atLeast: .critical, now: now, refused: &handover.refused)
        }
        if let ticket = handover.granted {
            inFlight += 1
            granted.insert(ticket)
        }
        return handover
    }

    // MARK: - Waiting

    package enum Wait: Sendable, Hashable {
        /// Until somebody's patience may be over: then `expire` is to be called.
        case until(Instant)
        case full
    }

    /// - Parameter ticket: not waiting here yet.
    package mutating func wait(
        ticket: UInt64, criticality: Criticality, now: Instant, handover: inout Handover
    ) -> Wait {
        switch queue.enter(ticket: ticket, criticality: criticality, now: now) {
        case .full: return .full
        case .waitsInsteadOf(let other): handover.refused.append(other)
        case .waits: break
        }
        return .until(queue.nextExpiry ?? now)
    }

    /// Sends those away whose patience is over. Returns when to look again; nil where nobody waits.
    package mutating func expire(now: Instant, handover: inout Handover) -> Instant? {
        queue.expire(now: now, refused: &handover.refused)
        return queue.nextExpiry
    }

    /// It leaves the queue, or gives back the slot that it was granted. One that was refused has neither.
    package mutating func stopWaiting(ticket: UInt64, now: Instant) -> Handover {
        if queue.leave(ticket: ticket) || granted.remove(ticket) == nil { return Handover() }
        return leave(now: now)
    }
}
