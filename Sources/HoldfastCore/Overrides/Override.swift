/// What an operator does at run time, kept apart from the file that says what is meant: by whom, why, and until when.
///
/// It speaks of things by name and not by index, since it outlives the snapshot that it was made for. Times are wall
/// clock, in milliseconds since 1970, so that a gateway that hears from nobody ends it all the same.
package struct Override: Sendable, Hashable {
    package var id: String
    package var effect: OverrideEffect
    /// A principal's id.
    package var author: String
    package var reason: String
    package var createdAtMilliseconds: Int64
    /// For a restriction the day on which a person has to look at it again: see `ending`.
    package var expiresAtMilliseconds: Int64

    /// What goes on for longer is no operation but intent, and belongs in the file.
    package static let longestMilliseconds: Int64 = 30 * 86_400_000
    /// Characters as Unicode counts them (scalars): what the eye takes for one can be made of thousands.
    package static let longestReason = 500

    package init(
        id: String, effect: OverrideEffect, author: String, reason: String, createdAtMilliseconds: Int64,
        expiresAtMilliseconds: Int64
    ) {
        self.id = id
        self.effect = effect
        self.author = author
        self.reason = reason
        self.createdAtMilliseconds = createdAtMilliseconds
        self.expiresAtMilliseconds = expiresAtMilliseconds
    }

    package enum Ending: Sendable, Hashable {
        /// At its expiry, whether anybody is there or not.
        case byItself
        /// When a person clears it; from its expiry on it is shown as overdue.
        case byAPerson
    }

    /// A law does not lapse because a timer ran out, so a restriction never ends by itself: requests would go to where
    /// they must not, and nobody would have decided it. Its expiry makes sure that it is not forgotten either. Letting
    /// it end, as every other override does, was rejected for that; having none at all, because a mistaken one would
    /// stay for ever unseen.
    package var ending: Ending {
        if case .restrict = effect { .byAPerson } else { .byItself }
    }

    package func isInForce(nowMilliseconds: Int64) -> Bool {
        ending == .byAPerson || nowMilliseconds < expiresAtMilliseconds
    }

    /// In force, and a person should have looked at it by now.
    package func isOverdue(nowMilliseconds: Int64) -> Bool {
        ending == .byAPerson && nowMilliseconds >= expiresAtMilliseconds
    }

    /// Of two, the one that was made later; made in the same millisecond, the ids decide, so that all gateways agree.
    package func isNewer(than other: Override) -> Bool {
        (createdAtMilliseconds, id) > (other.createdAtMilliseconds, other.id)
    }
}

package enum OverrideEffect: Sendable, Hashable {
    /// Takes nothing new and finishes what runs.
    case drain(DrainTarget)
    /// Out by law or policy: not asked, not probed.
    case restrict(RestrictTarget)
    /// Asked first, and the route's other candidates after it in the file's order, whatever the route's strategy; with
    /// `only`, none of them. Neither is asked where it is drained or restricted.
    case pin(route: String, candidate: String, only: Bool)
    /// Refuses exchanges that are less critical than this, on one route or (nil) on all.
    case shed(below: Criticality, route: String?)
    /// At most so much, for each field that is set. It only ever lowers: what the provider allows is a fact of the
    /// contract, and stands in the file.
    case cap(deployment: String, DeploymentLimits)
    /// In place of the whole row of the file.
    case price(deployment: String, Price)
    /// Fails on purpose, under a lease: made by a drill, and by nothing else.
    case fault(FaultOrder)
}

package enum DrainTarget: Sendable, Hashable {
    case deployment(String)
    case provider(String)
    case route(String)
}

package enum RestrictTarget: Sendable, Hashable {
    case deployment(String)
    case provider(String)
    case vendor(String)
    case jurisdiction(String)
}
