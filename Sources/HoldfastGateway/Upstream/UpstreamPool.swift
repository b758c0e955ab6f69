import HoldfastCore
import NIOCore

/// The connections of one event loop to one provider. The newest idle one is used first, so that the others grow old
/// enough to be closed; only touched on its loop.
final class UpstreamPool {
    /// After its exchange left, a response may take this long to end before the connection is given up.
    static let settleNanoseconds = 1 * Span.second
    /// Exchanges that wait for a connection; more than that are turned away at once.
    static let longestQueue = 1_024

    let target: UpstreamTarget
    private unowned let services: LoopServices
    private var idle: [UpstreamConnection] = []
    private(set) var open = 0
    private var queue: [Exchange] = []
    /// Who waits for which opening connection.
    private var openers: [ObjectIdentifier: (connection: UpstreamConnection, exchange: Exchange)] = [:]
    private let timer = LoopTimer()
    private var settling: [(connection: UpstreamConnection, until: Instant)] = []

    init(target: UpstreamTarget, services: LoopServices) {
        self.target = target
        self.services = services
        timer.fire = { [unowned self] now in self.sweep(now: now) }
    }

    /// A usable idle connection at once, or nil: then the exchange hears `upstreamReady` or `upstreamUnavailable`,
    /// unless it withdraws.
    func acquire(_ exchange: Exchange, connectNanoseconds: Int64, now: Instant) -> UpstreamConnection? {
        while let connection = idle.popLast() {
            target.idleCount.add(-1)
            if connection.isUsable { return connection }
        }
        if open < target.provider.pool.connections {
            connect(for: exchange, connectNanoseconds: connectNanoseconds, now: now)
        } else if queue.count < Self.longestQueue {
            queue.append(exchange)
        } else {
            let loop = services.loop.assumeIsolated()
            loop.execute { exchange.upstreamUnavailable(UpstreamFault(.localExhaustion, "the pool's queue is full")) }
        }
        return nil
    }

    /// A new connection even where idle ones exist: one just proved to be stale, and its neighbours are as old.
    func acquireFresh(_ exchange: Exchange, connectNanoseconds: Int64, now: Instant) {
        closeIdle()
        connect(for: exchange, connectNanoseconds: connectNanoseconds, now: now)
    }

    /// Whether the exchange stood in the queue: it never got as far as the provider.
    func withdraw(_ exchange: Exchange) -> Bool {
        if let place = queue.firstIndex(where: { $0 === exchange }) {
            queue.remove(at: place)
            return true
        }
        if let (opener, entry) = openers.first(where: { $0.value.exchange === exchange }) {
            openers[opener] = nil
            entry.connection.abandoned()
        }
        return false
    }

    /// Whether somebody still wants this opening connection.
    func isAwaited(_ connection: UpstreamConnection) -> Bool {
        openers[ObjectIdentifier(connection)] != nil
    }

    func shutDown() {
        timer.invalidate()
        closeIdle()
        for entry in settling { entry.connection.close() }
        settling = []
    }

    private func closeIdle() {
        let old = idle
        idle = []
        target.idleCount.add(-old.count)
        for connection in old { connection.close() }
    }

    // MARK: - Opening

    private func connect(for exchange: Exchange, connectNanoseconds: Int64, now: Instant) {
        open += 1
        target.openCount.add(1)
        let connection = UpstreamConnection(pool: self, awaitsTLS: target.tls != nil)
        openers[ObjectIdentifier(connection)] = (connection, exchange)
        let boundConnection = NIOLoopBound(connection, eventLoop: services.loop)
        target.connect(on: services.loop, resolver: services.resolver, timeoutNanoseconds: connectNanoseconds, now: now)
        {
            try $0.addHandler(boundConnection.value)
        }
        .assumeIsolated()
        .whenFailure { error in
            self.failedToOpen(connection, UpstreamFault(error))
            self.closed(connection)
        }
    }

    func opened(_ connection: UpstreamConnection) {
        if let entry = openers.removeValue(forKey: ObjectIdentifier(connection)) {
            entry.exchange.upstreamReady(connection)
        } else {
            released(connection)
        }
    }

    func failedToOpen(_ connection: UpstreamConnection, _ fault: UpstreamFault) {
        openers.removeValue(forKey: ObjectIdentifier(connection))?.exchange.upstreamUnavailable(fault)
    }

    // MARK: - Coming back

    func released(_ connection: UpstreamConnection) {
        if !settling.isEmpty { settling.removeAll { $0.connection === connection } }
        guard connection.isUsable else { return }
        if !queue.isEmpty {
            queue.removeFirst().upstreamReady(connection)
            return
        }
        let now = MonotonicClock.read()
        connection.idleSince = now
        idle.append(connection)
        target.idleCount.add(1)
        if timer.dueAt == nil {
            services.timers.arm(timer, at: now.advanced(byNanoseconds: target.provider.pool.idleNanoseconds))
        }
    }

    func settles(_ connection: UpstreamConnection) {
        let until = MonotonicClock.read().advanced(byNanoseconds: Self.settleNanoseconds)
        settling.append((connection, until))
        if timer.dueAt.map({ until < $0 }) ?? true {
            services.timers.arm(timer, at: until)
        }
    }

    /// May be told more than once of the same connection: a failed connect has more than one messenger.
    func closed(_ connection: UpstreamConnection) {
        guard connection.leavesCount() else { return }
        open -= 1
        target.openCount.add(-1)
        if let place = idle.firstIndex(where: { $0 === connection }) {
            idle.remove(at: place)
            target.idleCount.add(-1)
        }
        settling.removeAll { $0.connection === connection }
        failedToOpen(connection, UpstreamFault(.transient, "connection closed"))
        if !queue.isEmpty {
            let exchange = queue.removeFirst()
            connect(
                for: exchange, connectNanoseconds: exchange.connectNanoseconds, now: MonotonicClock.read())
        }
    }

    private func sweep(now: Instant) {
        let oldest = now.advanced(byNanoseconds: -target.provider.pool.idleNanoseconds)
        // Appended in order of time: the oldest stand first.
        let expired = idle.prefix { $0.idleSince <= oldest }
        idle.removeFirst(expired.count)
        target.idleCount.add(-expired.count)
        for connection in expired { connection.close() }
        for entry in settling where entry.until <= now { entry.connection.close() }
        settling.removeAll { $0.until <= now }
        let nextIdle = idle.first?.idleSince.advanced(byNanoseconds: target.provider.pool.idleNanoseconds)
        let next = [nextIdle, settling.first?.until].compactMap { $0 }.min()
        services.timers.arm(timer, at: next)
    }
}
