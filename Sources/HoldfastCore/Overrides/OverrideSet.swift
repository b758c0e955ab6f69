/// All overrides that were made and have not ended, oldest first.
package struct OverrideSet: Sendable, Hashable {
    /// More than people keep track of. Hitting it is a sign that something makes them and nobody clears them.
    package static let most = 1_000

    package private(set) var overrides: [Override] = []

    package enum Refusal: Error, Sendable, Hashable {
        case full
        case idIsTaken

        package var message: String {
            switch self {
            case .full: "there are \(OverrideSet.most) overrides already"
            case .idIsTaken: "there is an override of this id already"
            }
        }

        package var mend: String {
            switch self {
            case .full: "clear those that are done with, restrictions above all: they never end by themselves"
            case .idIsTaken: "give it another id; to change an override, add one and clear the older"
            }
        }
    }

    package init() {}

    /// The override must be free of problems. Whoever wants the room of those that have ended removes them first, since
    /// each end has its record.
    package mutating func add(_ override: Override) throws(Refusal) {
        guard !overrides.contains(where: { $0.id == override.id }) else { throw .idIsTaken }
        guard overrides.count < Self.most else { throw .full }
        let place = overrides.firstIndex { $0.isNewer(than: override) } ?? overrides.endIndex
        overrides.insert(override, at: place)
    }

    /// Nil: there is none of this id.
    @discardableResult
    package mutating func clear(id: String) -> Override? {
        guard let place = overrides.firstIndex(where: { $0.id == id }) else { return nil }
        return overrides.remove(at: place)
    }

    /// Those that have ended by themselves, for the record of it.
    package mutating func removeExpired(nowMilliseconds: Int64) -> [Override] {
        let expired = overrides.filter { !$0.isInForce(nowMilliseconds: nowMilliseconds) }
        overrides.removeAll { !$0.isInForce(nowMilliseconds: nowMilliseconds) }
        return expired
    }

    package func inForce(nowMilliseconds: Int64) -> [Override] {
        overrides.filter { $0.isInForce(nowMilliseconds: nowMilliseconds) }
    }

    /// When something changes by itself next: an override ends, or a restriction is overdue. Nil: never.
    package func nextExpiry(nowMilliseconds: Int64) -> Int64? {
        overrides.map(\.expiresAtMilliseconds).filter { $0 > nowMilliseconds }.min()
    }
}
