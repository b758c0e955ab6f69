/// The slots of one deployment: how many attempts are under way, how many may be, and who waits for one to end.
///
/// Two things are bounded. What the file allows (`concurrent`) counts attempts to their end, as providers count them. What
/// is learnt from the time to first token counts those that still wait for one: that is the time it follows, and a
/// thousand streams that are being read say nothing about how many more could begin.
///
/// A slot that comes free while somebody waits is handed over and not let go: whoever came by in between would take it,
/// and those who wait would wait for ever.
package struct DeploymentLoad: Sendable {
    package private(set) var inFlight = 0
    /// Of those in flight: whose first token has not come.
    private var beginning = 0
    private var concurrency = ConcurrencyLimit()
    private var bound: Int?
    private var queue = AdmissionQueue()
    /// Slots that were handed over and not taken up yet, by ticket. They count as in flight.
    private var granted: Set<UInt64> = []
    /// A part of the slots is kept for critical exchanges.
    private var hasReserve = false

    package init() {}

    package var waiting: Int { queue.count }

    /// Attempts in flight at once where the file bounds them; else those that may wait for a first token at once, as far
    /// as that is known.
    package var shownLimit: Int? {
        bound ?? (concurrency.isLearned ? concurrency.limit : nil)
    }

    package mutating func configure(concurrent: Int?, hasReserve: Bool) {
        bound = concurrent
        self.hasReserve = hasReserve
    }

    package func admits(_ criticality: Criticality) -> Bool {
        if let bound,
            !ConcurrencyLimit.hasRoom(bound, inFlight: inFlight, criticality: criticality, hasReserve: hasReserve)
        {
            return false
        }
        return concurrency.admits(inFlight: beginning, criticality: criticality, hasReserve: hasReserve)
    }

    package func isGranted(to ticket: UInt64) -> Bool { granted.contains(ticket) }

    /// - Parameter ticket: of an exchange that waited and may have a slot already.
    package mutating func enter(ticket: UInt64?) {
        if let ticket, granted.remove(ticket) != nil { return }
        inFlight += 1
        beginning += 1
    }

    /// How long a first token took, or was waited for in vain. Before `began` or `leave` of the same attempt.
    package mutating func observe(firstTokenNanoseconds: Int64, inputBytes: Int, now: Instant) {
        concurrency.observe(
            firstTokenNanoseconds: firstTokenNanoseconds, inputBytes: inputBytes, inFlight: beginning, now: now)
    }

    /// The first token of an attempt came.
    package mutating func began(now: Instant) -> Handover {
        beginning -= 1
        return handOver(now: now)
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
    package mutating func leave(hasBegun: Bool = false, now: Instant) -> Handover {
        inFlight -= 1
        if !hasBegun { beginning -= 1 }
        return handOver(now: now)
    }

    private mutating func handOver(now: Instant) -> Handover {
        guard !queue.isEmpty else { return Handover() }
        var handover = Handover()
        if admits(.deferrable) {
            handover.granted = queue.next(now: now, refused: &handover.refused)
        } else if admits(.critical) {
            handover.granted = queue.next(atLeast: .critical, now: now, refused: &handover.refused)
        }
        if let ticket = handover.granted {
            inFlight += 1
            beginning += 1
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
