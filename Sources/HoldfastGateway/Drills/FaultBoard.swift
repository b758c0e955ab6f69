import HoldfastAPI
import HoldfastCore
import Synchronization

/// The fault orders of this gateway, as its loops share them.
///
/// While none is held, and that is nearly always, all that an exchange pays is one look at a flag. Only `look` takes that
/// flag back, so that whoever runs beside an order has seen its end before nobody looks any more.
final class FaultBoard: Sendable {
    struct Injected: Sendable, Hashable {
        var deployment: String
        var fault: InjectedFault
    }

    private struct State {
        var leases = FaultLeases()
        /// Attempts that met a fault, since the start.
        var injected: [Injected: Int] = [:]
        /// Phases as they were seen last, by order.
        var told: [String: DrillWatch.Phase] = [:]
    }

    private let state = Mutex(State())
    private let isHeld = Atomic<Bool>(false)

    /// An order is under way.
    var isOn: Bool { isHeld.load(ordering: .relaxed) }

    /// - Parameter isLive: the management plane said so just now, and not a disk.
    func adopt(_ inForce: InForce, isLive: Bool, now: Instant) {
        guard isOn || !inForce.effects.faults.isEmpty || !inForce.effects.idle.isEmpty else { return }
        let unwell = inForce.unwell(now: now)
        state.withLock { state in
            state.leases.adopt(
                inForce.effects, of: inForce.snapshot, isLive: isLive, unwell: unwell, now: now)
            if state.leases.isAnyUnderWay { isHeld.store(true, ordering: .relaxed) }
        }
    }

    struct Change: Sendable {
        var watch: DrillWatch
        /// Nil: it is new.
        var from: DrillWatch.Phase?
    }

    /// What has changed since the last look, and all that is under way.
    func look(_ inForce: InForce, now: Instant) -> (changes: [Change], underWay: [DrillWatch]) {
        let unwell = inForce.unwell(now: now)
        return state.withLock { state in
            state.leases.saw(unwell: unwell, now: now)
            state.leases.look(now: now)
            let changes = state.leases.watches.filter { state.told[$0.id] != $0.phase }
                .map { Change(watch: $0, from: state.told[$0.id]) }
            state.told = Dictionary(
                state.leases.watches.map { ($0.id, $0.phase) }, uniquingKeysWith: { first, _ in first })
            let underWay = state.leases.watches.filter(\.isUnderWay)
            isHeld.store(!underWay.isEmpty, ordering: .relaxed)
            return (changes, underWay)
        }
    }

    // MARK: - What fails

    /// The order that an attempt meets; nil: none.
    func fault(
        for deployment: String, on route: String, draws: inout DrillDraws, random: inout SeededRandom, now: Instant
    ) -> (id: String, order: FaultOrder)? {
        state.withLock { state in
            state.leases.fault(for: deployment, on: route, now: now) { draws.isMeant(for: $0, random: &random) }
                .map { ($0.id, $0.order) }
        }
    }

    func isEffective(_ order: String, now: Instant) -> Bool {
        isOn && state.withLock { $0.leases.isEffective(order, now: now) }
    }

    /// Whether a check of the deployment would say something about a drill, and not about the deployment.
    func mayFailCheck(of deployment: String, now: Instant) -> Bool {
        guard isOn else { return false }
        return state.withLock { state in
            state.leases.watches.indices.contains { place in
                var watch = state.leases.watches[place]
                guard watch.isEffective(now: now) else { return false }
                return watch.scope.targets.contains(deployment) || watch.order.target == .resolver
            }
        }
    }

    /// Of the resolver or the management plane: the order by which it does not answer; nil: it does.
    func order(takingOut target: FaultTarget, now: Instant) -> String? {
        guard isOn else { return nil }
        return state.withLock { $0.leases.order(takingOut: target, now: now) }
    }

    /// Nobody answered who asked for this.
    ///
    /// - Parameter goesOn: with what was known before.
    func missed(_ target: FaultTarget, goesOn: Bool, now: Instant) {
        state.withLock { $0.leases.missed(target, goesOn: goesOn, now: now) }
    }

    // MARK: - What is seen

    func count(_ fault: InjectedFault, at deployment: String) {
        state.withLock { $0.injected[Injected(deployment: deployment, fault: fault), default: 0] += 1 }
    }

    func ended(_ exchange: DrilledExchange, now: Instant) {
        state.withLock { $0.leases.ended(exchange, now: now) }
    }

    func shed(_ criticality: Criticality, on route: String, isProbe: Bool, now: Instant) {
        guard isOn else { return }
        state.withLock { $0.leases.shed(criticality, on: route, isProbe: isProbe, now: now) }
    }

    /// The breaker or the suspension of a deployment, or of its provider, changed.
    func changed(_ deployment: String, now: Instant) {
        guard isOn else { return }
        state.withLock { $0.leases.changed(deployment, now: now) }
    }

    // MARK: - What is said

    /// Those under way and those that ended lately, oldest first.
    func watches(now: Instant) -> [DrillWatch] {
        state.withLock { state in
            state.leases.look(now: now)
            return state.leases.watches
        }
    }

    /// By deployment and fault.
    var injected: [(injected: Injected, count: Int)] {
        state.withLock { $0.injected }
            .map { ($0.key, $0.value) }
            .sorted {
                ($0.injected.deployment, $0.injected.fault.rawValue)
                    < ($1.injected.deployment, $1.injected.fault.rawValue)
            }
    }
}

extension InForce {
    /// Deployments that are out, by id: their breakers are not closed, or they or their providers are suspended.
    func unwell(now: Instant) -> Set<String> {
        Set(
            deployments.filter { deployment in
                deployment.providerState.facts != nil
                    || deployment.state.withLock {
                        $0.health.breaker.state != .closed || $0.health.suspension.inEffect(now: now) != nil
                    }
            }.map(\.deployment.id))
    }
}
