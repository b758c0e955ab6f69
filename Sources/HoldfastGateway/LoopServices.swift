import HoldfastCore
import Logging
import NIOCore

/// Everything an event loop owns: its connection pools, timers, randomness and log buffer, and the snapshot in force as
/// it sees it. Made on its loop and touched only there; nothing in it is locked.
final class LoopServices {
    /// How long a line may wait in the loop's buffer.
    static let logFlushNanoseconds = 200 * Span.millisecond
    static let lagProbe = TimeAmount.nanoseconds(LagWindow.sampleNanoseconds)

    let loop: any EventLoop
    let timers: LoopTimers
    let resolver: NameResolver
    let shared: GatewayShared
    let receipts: ReceiptRing
    var inForce: InForce
    var random: SeededRandom
    /// Nil: nobody wants traces.
    var traceBudgets: TraceBudgets?
    var isDraining = false
    private var pools: [ObjectIdentifier: UpstreamPool] = [:]
    private var accessLog = AccessLogBuffer()
    private let logTimer = LoopTimer()
    private var connections: [ObjectIdentifier: ClientConnection] = [:]
    /// Whose client has gone while its exchange goes on.
    private var kept: [ObjectIdentifier: ClientConnection] = [:]
    /// Attempts that a drill lets wait.
    var heldAttempts: [ObjectIdentifier: InjectedAttempt] = [:]
    /// What makes exchanges for drills, by order.
    var probers: [String: DrillProber] = [:]
    /// Since the last flush; and what is being flushed, whose room is used again.
    private var written: [any WrittenConnection] = []
    private var flushing: [any WrittenConnection] = []
    private var lagTask: RepeatedTask?
    private var spelledAt = Instant(nanoseconds: -Span.second)
    private var spelledTime = ""

    /// - Parameter place: of the loop among all of them.
    init(loop: any EventLoop, place: Int, shared: GatewayShared, inForce: InForce) {
        self.loop = loop
        self.shared = shared
        receipts = shared.receipts[place]
        self.inForce = inForce
        resolver = shared.resolver
        timers = LoopTimers(loop: loop, now: MonotonicClock.read())
        var system = SystemRandomNumberGenerator()
        random = SeededRandom(seed: system.next())
        traceBudgets = TraceBudgets(shared)
        logTimer.fire = { [unowned self] _ in self.accessLog.flush(to: self.shared.accessLog) }
        watchLag()
    }

    func pool(for target: UpstreamTarget) -> UpstreamPool {
        if let pool = pools[ObjectIdentifier(target)] { return pool }
        let pool = UpstreamPool(target: target, services: self)
        pools[ObjectIdentifier(target)] = pool
        return pool
    }

    func adopt(_ next: InForce) {
        inForce = next
        // Pools of targets that are gone keep what is in use; idle connections close by age.
        let wanted = Set(next.targets.map { ObjectIdentifier($0) })
        let gone = pools.filter { !wanted.contains($0.key) && $0.value.open == 0 }
        for (target, pool) in gone {
            // Its timer may still be filed for idle connections that have closed since.
            pool.shutDown()
            pools[target] = nil
        }
    }

    // MARK: - Client connections

    func register(_ connection: ClientConnection) {
        connections[ObjectIdentifier(connection)] = connection
    }

    func unregister(_ connection: ClientConnection) {
        connections[ObjectIdentifier(connection)] = nil
    }

    /// Of a client that has gone while its exchange goes on.
    func keep(_ connection: ClientConnection) { kept[ObjectIdentifier(connection)] = connection }

    func release(_ connection: ClientConnection) { kept[ObjectIdentifier(connection)] = nil }

    /// Idle connections close now, the others after the answer in flight.
    func drain() {
        isDraining = true
        keepProbing([])
        for connection in Array(connections.values) { connection.drain() }
    }

    func shutDown() {
        keepProbing([])
        for connection in Array(connections.values) { connection.closeNow() }
        for connection in Array(kept.values) { connection.giveUp() }
        for pool in pools.values { pool.shutDown() }
        lagTask?.cancel()
        accessLog.flush(to: shared.accessLog)
        timers.stop()
    }

    // MARK: - Writes

    /// What was written to it goes out when everything that this tick has read is dealt with.
    ///
    /// Whoever waits at the other end is woken by the first of these writes and finds the others there. With each write
    /// on its own it would fall asleep between two of them, and to wake it is a good part of what an exchange costs.
    func flushWithTick(_ connection: any WrittenConnection) {
        written.append(connection)
        guard written.count == 1 else { return }
        // Held on to: what a stop writes is flushed after it.
        loop.assumeIsolated().execute { [self] in
            swap(&written, &flushing)
            for connection in flushing { connection.flush() }
            flushing.removeAll(keepingCapacity: true)
        }
    }

    // MARK: - Names

    func makeExchangeID() -> ExchangeID { ExchangeID(random.next(), random.next()) }

    // MARK: - Log

    /// Time of day for a log line. The wall clock is read and spelled once a millisecond at most.
    func timeText(now: Instant) -> String {
        if now.nanoseconds - spelledAt.nanoseconds >= Span.millisecond {
            spelledAt = now
            spelledTime = TimeOfDay.text(milliseconds: WallClock.readMilliseconds())
        }
        return spelledTime
    }

    func log(_ write: (inout ByteBuffer) -> Void) {
        guard shared.accessLog.isOn else { return }
        if accessLog.isEmpty {
            timers.arm(logTimer, at: MonotonicClock.read().advanced(byNanoseconds: Self.logFlushNanoseconds))
        }
        accessLog.append(to: shared.accessLog, write)
    }

    /// How late this loop comes round: the delay of everything that waits for it.
    private func watchLag() {
        let expected = NIOLoopBoundBox(
            MonotonicClock.read().advanced(byNanoseconds: Self.lagProbe.nanoseconds), eventLoop: loop)
        lagTask = loop.scheduleRepeatedTask(initialDelay: Self.lagProbe, delay: Self.lagProbe) {
            [shared] _ in
            let now = MonotonicClock.read()
            let late = max(now.nanoseconds(since: expected.value), 0)
            shared.lag.observe(nanoseconds: late)
            shared.load.record(lagNanoseconds: late, now: now)
            expected.value = now.advanced(byNanoseconds: Self.lagProbe.nanoseconds)
        }
    }
}

/// A connection that was written to. To flush it when it is closed does nothing.
protocol WrittenConnection: AnyObject {
    func flush()
}
