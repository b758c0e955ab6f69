/// The fault orders of one gateway: which are begun, which is effective for an attempt, and which are remembered.
///
/// An order is begun when it first comes, from the management plane itself and right then. What a gateway finds on its
/// disk is never begun, since nobody knows how long it has lain there; neither is an order that was turned away, or that
/// was seen before in any way, however often the snapshots that carry it come and go. That memory is bounded, but what is
/// among the overrides in force is never forgotten.
package struct FaultLeases: Sendable {
    /// At once, and as many as are remembered with what was seen.
    package static let most = 8
    /// What was seen is kept for so long after it is over.
    package static let keptNanoseconds = 10 * Span.minute
    /// As many overrides as may be in force, and as many of those that were.
    package static let mostKnown = 2 * OverrideSet.most

    /// Oldest first.
    package private(set) var watches: [DrillWatch] = []
    /// Ids of orders that are not to be begun any more, oldest first.
    private var known: [String] = []

    package init() {}

    /// Something is failing, or being looked at.
    package var isAnyUnderWay: Bool { watches.contains(where: \.isUnderWay) }

    /// An order that is in force, and what it means there.
    package struct Offer: Sendable, Hashable {
        package var id: String
        package var order: FaultOrder
        package var scope: DrillScope

        package init(id: String, order: FaultOrder, scope: DrillScope) {
            self.id = id
            self.order = order
            self.scope = scope
        }
    }

    /// A snapshot came into force.
    ///
    /// - Parameters:
    ///   - isLive: the management plane has just said so.
    ///   - unwell: which deployments are out now, by id.
    package mutating func adopt(
        _ effects: OverrideEffects, of snapshot: Snapshot, isLive: Bool, unwell: Set<String> = [], now: Instant
    ) {
        adopt(
            effects.faults.map { Offer(id: $0.id, order: $0.order, scope: snapshot.scope(of: $0)) },
            idle: effects.idle, isLive: isLive, unwell: unwell, now: now)
    }

    /// - Parameter idle: ids of what means nothing here. It may later, and by then nobody waits for it.
    package mutating func adopt(
        _ offers: [Offer], idle: [String] = [], isLive: Bool, unwell: Set<String> = [], now: Instant
    ) {
        look(now: now)
        let ids = Set(offers.map(\.id))
        for place in watches.indices where !ids.contains(watches[place].id) { watches[place].clear(now: now) }
        for offer in offers {
            if let place = watches.firstIndex(where: { $0.id == offer.id }) {
                watches[place].adopt(offer.scope)
            } else if isLive, !known.contains(offer.id), makeRoom() {
                let unwell = unwell.intersection(offer.scope.targets)
                watches.append(
                    DrillWatch(id: offer.id, order: offer.order, scope: offer.scope, unwell: unwell, now: now))
            }
            remember(offer.id)
        }
        for id in idle { remember(id) }
        forget(keeping: ids.union(idle))
    }

    private mutating func remember(_ id: String) {
        if !known.contains(id) { known.append(id) }
    }

    private mutating func forget(keeping inForce: Set<String>) {
        guard known.count > Self.mostKnown else { return }
        var left = known.count - Self.mostKnown
        known.removeAll { id in
            guard left > 0, !inForce.contains(id) else { return false }
            left -= 1
            return true
        }
    }

    /// The oldest that is over gives way; where none is, the new one has no place.
    private mutating func makeRoom() -> Bool {
        guard watches.count >= Self.most else { return true }
        guard let place = watches.firstIndex(where: { !$0.isUnderWay }) else { return false }
        watches.remove(at: place)
        return true
    }

    // MARK: - What fails

    package mutating func look(now: Instant) {
        for place in watches.indices { watches[place].look(now: now) }
        watches.removeAll { watch in
            watch.overAt.map { now.nanoseconds(since: $0) >= Self.keptNanoseconds } ?? false
        }
    }

    /// The order that an attempt meets; nil: none. Of several the oldest.
    ///
    /// - Parameter isMeant: whether the exchange is of the share that the order is for.
    package mutating func fault(
        for deployment: String, on route: String, now: Instant, isMeant: (DrillWatch) -> Bool
    ) -> DrillWatch? {
        for place in watches.indices
        where watches[place].scope.fails(deployment, on: route) && watches[place].isEffective(now: now) {
            if isMeant(watches[place]) { return watches[place] }
        }
        return nil
    }

    package mutating func isEffective(_ id: String, now: Instant) -> Bool {
        guard let place = watches.firstIndex(where: { $0.id == id }) else { return false }
        return watches[place].isEffective(now: now)
    }

    /// Of the resolver and the management plane: the order by which they are out; nil: they are not.
    package mutating func order(takingOut target: FaultTarget, now: Instant) -> String? {
        for place in watches.indices
        where watches[place].order.target == target && watches[place].isEffective(now: now) {
            return watches[place].id
        }
        return nil
    }

    // MARK: - What is seen

    package mutating func ended(_ exchange: DrilledExchange, now: Instant) {
        for place in watches.indices { watches[place].ended(exchange, now: now) }
    }

    package mutating func shed(_ criticality: Criticality, on route: String, isProbe: Bool, now: Instant) {
        for place in watches.indices {
            watches[place].shed(criticality, on: route, isProbe: isProbe, now: now)
        }
    }

    package mutating func changed(_ deployment: String, now: Instant) {
        for place in watches.indices { watches[place].changed(deployment, now: now) }
    }

    /// What is no exchange met the fault of this target.
    package mutating func missed(_ target: FaultTarget, goesOn: Bool, now: Instant) {
        for place in watches.indices where watches[place].order.target == target {
            watches[place].missed(goesOn: goesOn, now: now)
        }
    }

    /// - Parameter unwell: deployments that are out, by id.
    package mutating func saw(unwell: Set<String>, now: Instant) {
        for place in watches.indices {
            watches[place].saw(unwell: unwell.intersection(watches[place].scope.targets), now: now)
        }
    }
}
