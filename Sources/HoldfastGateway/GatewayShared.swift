import HoldfastCore
import HoldfastTelemetry
import Logging
import NIOCore
import Synchronization

/// What all event loops share. Small, and each part is either immutable or behind its own short lock.
final class GatewayShared: Sendable {
    let resolver: NameResolver
    let faults: FaultBoard
    let accessLog: AccessLog
    let logger: Logger
    /// Nil: nothing is sent to any collector.
    let telemetry: TelemetryExporter?
    /// The same; nil where it takes no traces.
    let traces: TelemetryExporter?
    let lag = LoopLag()
    let today = Today()
    let tickets = Tickets()
    let load: LoadGate
    let idempotency = IdempotencyStore()
    /// Requests that got the answer to an earlier one, by how.
    let repeats = RejectionCounts()
    /// One for each event loop.
    let receipts: [ReceiptRing]
    let clients = InFlightCount()
    let exchanges = InFlightCount()
    /// The management plane has not confirmed for a while that what is in force is what it means.
    let isConfigurationStale = Atomic<Bool>(false)
    /// Second runs that were begun.
    let hedges = InFlightCount()
    /// Connections that close once their client has taken the rest of its answer.
    let unflushed = InFlightCount()
    let addresses = AddressCounts()
    let rejections = RejectionCounts()
    let guesses = Mutex(GuessThrottle())

    /// - Parameter receipts: exchanges to remember in all.
    init(
        resolver: NameResolver, faults: FaultBoard, accessLog: AccessLog, logger: Logger,
        telemetry: TelemetryExporter? = nil, loops: Int, receipts: Int
    ) {
        self.telemetry = telemetry
        traces = telemetry?.takesTraces == true ? telemetry : nil
        load = LoadGate(loops: loops)
        self.receipts = (0..<loops).map { _ in ReceiptRing(capacity: (receipts + loops - 1) / loops) }
        self.resolver = resolver
        self.faults = faults
        self.accessLog = accessLog
        self.logger = logger
    }

    func logBreaker(of deployment: DeploymentInForce, _ state: Breaker.State) {
        let facts: Logger.Metadata = ["deployment": "\(deployment.deployment.id)"]
        switch state {
        case .closed: logger.notice("breaker closed: the deployment answers again", metadata: facts)
        case .open: logger.warning("breaker open: the deployment keeps failing", metadata: facts)
        case .halfOpen: logger.info("breaker half-open: one probe at a time", metadata: facts)
        }
    }

    func logSuspension(_ change: SuspensionChange, deployment: DeploymentInForce) {
        logSuspension(change, of: "deployment", named: deployment.deployment.id)
    }

    func logSuspension(_ change: SuspensionChange, provider: String) {
        logSuspension(change, of: "provider", named: provider)
    }

    private func logSuspension(_ change: SuspensionChange, of noun: String, named name: String) {
        var facts: Logger.Metadata = [noun: "\(name)"]
        guard case .began(let suspension) = change else {
            logger.notice("suspension ended: it answers again", metadata: facts)
            return
        }
        facts["reason"] = "\(suspension.failure.rawValue)"
        if let until = suspension.until {
            facts["seconds"] = "\(until.nanoseconds(since: suspension.since) / Span.second)"
        }
        guard suspension.failure.policy.alert else {
            logger.info("suspended until its limit ends", metadata: facts)
            return
        }
        facts["mend"] = "\(suspension.failure.mend)"
        logger.error("suspended: only an operator can mend this", metadata: facts)
    }
}

/// Names of waits: never the same twice in the life of a process.
final class Tickets: Sendable {
    private let last = Atomic<UInt64>(0)

    func next() -> UInt64 { last.add(1, ordering: .relaxed).newValue }
}

/// Event-loop lag of all loops.
final class LoopLag: Sendable {
    private let histogram = Mutex(
        Histogram(bounds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]))

    func observe(nanoseconds: Int64) {
        histogram.withLock { $0.observe(nanoseconds: nanoseconds) }
    }

    var value: Histogram { histogram.withLock { $0 } }
}

/// Client connections by address, for the bound that keeps one address from taking them all. Loopback is not counted:
/// everything behind a local proxy comes from there.
final class AddressCounts: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    func enter(_ address: String, bound: Int) -> Bool {
        counts.withLock { counts in
            guard counts[address, default: 0] < bound else { return false }
            counts[address, default: 0] += 1
            return true
        }
    }

    func leave(_ address: String) {
        counts.withLock { counts in
            if let count = counts[address], count > 1 {
                counts[address] = count - 1
            } else {
                counts[address] = nil
            }
        }
    }
}

/// Requests that never became an exchange, by reason.
final class RejectionCounts: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    func count(_ reason: String) {
        counts.withLock { $0[reason, default: 0] += 1 }
    }

    var value: [(reason: String, count: Int)] {
        counts.withLock { counts in counts.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 } }
    }
}
