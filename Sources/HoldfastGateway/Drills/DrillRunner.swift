import HoldfastCore
import Logging
import NIOCore

/// Looks at the orders ten times a second: says what changes, lets go of attempts whose fault has ended, and makes the
/// exchanges that an order brings along. Nothing that ends a fault waits for it: see `DrillWatch`.
///
/// Confined to its loop.
final class DrillRunner {
    private static let interval = TimeAmount.milliseconds(100)

    private let shared: GatewayShared
    private let status: GatewayStatus
    private let loops: [NIOLoopBound<LoopServices>]

    init(shared: GatewayShared, status: GatewayStatus, loops: [NIOLoopBound<LoopServices>]) {
        self.shared = shared
        self.status = status
        self.loops = loops
    }

    /// Ends with the loop, which this is called on.
    func start(on loop: any EventLoop) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleRepeatedTask(initialDelay: .zero, delay: Self.interval) { _ in
            bound.value.look(now: MonotonicClock.read())
        }
    }

    private func look(now: Instant) {
        guard shared.faults.isOn else { return }
        let inForce = status.inForce
        let (changes, underWay) = shared.faults.look(inForce, now: now)
        for change in changes {
            say(change.watch)
            if change.watch.endedAt != nil, change.from != .recovery { ended(change.watch, inForce, now: now) }
        }
        // Where the process ends nothing new is begun.
        let probing = status.isDraining ? [] : underWay.filter { $0.order.probesPerSecond > 0 }
        for (place, services) in loops.enumerated() {
            // Each order on a loop of its own, so that two of them do not wait for each other.
            let own = probing.enumerated().filter { $0.offset % loops.count == place }.map(\.element)
            services.eventLoop.execute { services.value.keepProbing(own) }
        }
    }

    private func ended(_ watch: DrillWatch, _ inForce: InForce, now: Instant) {
        for services in loops {
            services.eventLoop.execute { services.value.releaseHeld() }
        }
        for deployment in inForce.deployments where watch.scope.targets.contains(deployment.deployment.id) {
            deployment.mayBeMended(since: watch.beginsAt, now: now)
        }
    }

    private func say(_ watch: DrillWatch) {
        var facts: Logger.Metadata = ["override": "\(watch.id)", "fault": "\(watch.order.fault.rawValue)"]
        switch watch.phase {
        case .baseline: shared.logger.notice("a drill looks on before it fails something on purpose", metadata: facts)
        case .fault:
            facts["seconds"] = "\(watch.order.leaseMilliseconds / 1_000)"
            shared.logger.warning("a drill fails something on purpose, until its lease ends", metadata: facts)
        case .recovery, .over, .refused:
            facts["reason"] = "\(watch.ending?.rawValue ?? "")"
            let words =
                switch watch.phase {
                case .refused: "a drill fails nothing"
                case .over: "a drill looks no longer"
                default: "a drill fails nothing any more"
                }
            shared.logger.notice("\(words)", metadata: facts)
        }
    }
}

extension DeploymentInForce {
    /// What suspended it was said on purpose and is said no longer, so the next exchange may see whether it is well: a real
    /// cause waits for as long as such causes last, and this one is known to be gone. Where there was a real one as well,
    /// that exchange finds it.
    fileprivate func mayBeMended(since: Instant, now: Instant) {
        if let facts = providerState.facts, facts.since >= since { providerState.mayBeMended(now: now) }
        state.withLock { shared in
            if let facts = shared.health.suspension.facts, facts.since >= since { shared.health.mayBeMended(now: now) }
        }
    }
}

extension LoopServices {
    /// An attempt that waits, for its delay or for the end of its order.
    func hold(_ attempt: InjectedAttempt) { heldAttempts[ObjectIdentifier(attempt)] = attempt }

    func giveUp(_ attempt: InjectedAttempt) {
        attempt.cancel()
        heldAttempts[ObjectIdentifier(attempt)] = nil
    }

    /// An order has ended: what waits in it goes out for real, and at once.
    func releaseHeld() {
        let now = MonotonicClock.read()
        for attempt in Array(heldAttempts.values) where !shared.faults.isEffective(attempt.order, now: now) {
            attempt.exchange.release(attempt)
        }
    }

    /// Makes probes for these orders and for no others.
    func keepProbing(_ watches: [DrillWatch]) {
        for (id, prober) in probers where !watches.contains(where: { $0.id == id }) {
            prober.stop()
            probers[id] = nil
        }
        for watch in watches where probers[watch.id] == nil && !isDraining {
            guard let route = watch.order.route else { continue }
            let prober = DrillProber(route: route, perSecond: watch.order.probesPerSecond, services: self)
            probers[watch.id] = prober
            prober.start()
        }
    }
}
