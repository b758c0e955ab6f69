import HoldfastCore
import NIOCore
import Synchronization

/// What the loops share about one deployment: its breaker and its figures, behind one short lock. Outlives snapshots.
final class DeploymentState: Sendable {
    struct Shared: Sendable {
        var health = DeploymentHealth()
        /// Exchanges that wait for a slot, by ticket.
        var waiters: [UInt64: SlotWaiter] = [:]
        var waitsRefused = 0
        var checks = CheckSchedule()
        var checksByOutcome: [String: Int] = [:]
        var attemptsByOutcome = OutcomeCounts()
        var failuresByClass: [FailureClass: Int] = [:]
        var lastResorts = 0
        var retriesRefused = 0
        var timeToFirstToken = Histogram.seconds
        /// The last failure, for whoever looks at three in the morning.
        var lastFailure: LastFailure?
    }

    struct LastFailure: Sendable {
        var failure: FailureClass
        var detail: String
        var at: Instant
    }

    struct OutcomeCounts: Sendable {
        var ok = 0
        var fail = 0
        var neutral = 0

        mutating func count(_ outcome: AttemptOutcome) {
            switch outcome {
            case .ok: ok += 1
            case .fail: fail += 1
            case .neutral: neutral += 1
            }
        }
    }

    let id: String
    /// Figures of exchanges that asked for this deployment by its id.
    let directFacts = RouteFacts()
    private let shared = Mutex(Shared())

    init(id: String) {
        self.id = id
    }

    /// A copy for reports.
    struct Facts: Sendable {
        var breaker: Breaker.State
        var suspension: Suspension.Facts?
        var medianFirstTokenNanoseconds: Int64?
        var inFlight: Int
        var waiting: Int
        /// Nil: nothing is limited yet.
        var concurrencyLimit: Int?
        var waitsRefused: Int
        var attempts: OutcomeCounts
        var failures: [FailureClass: Int]
        var lastResorts: Int
        var retriesRefused: Int
        var timeToFirstToken: Histogram
        var lastFailure: LastFailure?
        var checkRecord: CheckRecord
        var checks: [String: Int]
    }

    func snapshot(now: Instant) -> Facts {
        shared.withLock {
            Facts(
                breaker: $0.health.breaker.state, suspension: $0.health.suspension.inEffect(now: now),
                medianFirstTokenNanoseconds: $0.health.firstToken.median, inFlight: $0.health.load.inFlight,
                waiting: $0.health.load.waiting, concurrencyLimit: $0.health.load.shownLimit,
                waitsRefused: $0.waitsRefused,
                attempts: $0.attemptsByOutcome,
                failures: $0.failuresByClass, lastResorts: $0.lastResorts, retriesRefused: $0.retriesRefused,
                timeToFirstToken: $0.timeToFirstToken,
                lastFailure: $0.lastFailure, checkRecord: $0.checks.record, checks: $0.checksByOutcome)
        }
    }

    /// `body` must be short: every loop waits for it.
    func withLock<Result: Sendable>(_ body: (inout Shared) -> Result) -> Result {
        shared.withLock { body(&$0) }
    }

    /// Changes what is shared and tells the exchanges whose wait that ends, each on its own loop.
    func withSlots<Result: Sendable>(
        _ body: (inout Shared, inout DeploymentLoad.Handover) -> Result
    ) -> Result {
        let (result, granted, refused) = shared.withLock { shared in
            var handover = DeploymentLoad.Handover()
            let result = body(&shared, &handover)
            shared.waitsRefused += handover.refused.count
            return (
                result, handover.granted.flatMap { shared.waiters.removeValue(forKey: $0) },
                handover.refused.compactMap { shared.waiters.removeValue(forKey: $0) }
            )
        }
        granted?.tell(isGranted: true)
        for waiter in refused { waiter.tell(isGranted: false) }
        return result
    }
}

/// An exchange that waits for a slot, as other loops may hold it.
struct SlotWaiter: Sendable {
    private let exchange: NIOLoopBound<Exchange>

    init(_ exchange: Exchange, on loop: any EventLoop) {
        self.exchange = NIOLoopBound(exchange, eventLoop: loop)
    }

    /// Not at once even on the same loop: whoever tells it is in the middle of something.
    func tell(isGranted: Bool) {
        exchange.eventLoop.execute { exchange.value.slotDecided(isGranted: isGranted) }
    }
}
