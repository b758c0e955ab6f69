import HoldfastCore

/// The newest roll-out with what belongs to it here: the snapshot to go back to, and what people ask about it.
struct StagedRollout: Sendable {
    var rollout: Rollout
    /// The snapshot in force before. The proposed one is the newest generation, as long as this is under way.
    var good: Generation
    /// Of the proposed document.
    var author: String
    var reason: String
    /// Milliseconds since 1970.
    var beganAt: Int64
    var changedAt: Int64
    /// Why it was taken back, in words; nil: it was not.
    var outcome: String?

    /// What the gateway is to have; nil: the newest generation, as everybody.
    func exception(for gateway: String) -> Generation? {
        rollout.isOpen && rollout.target(of: gateway) == good.number ? good : nil
    }
}

extension Rollout.Phase {
    /// As stores and views have it.
    var word: String {
        switch self {
        case .pending: "pending"
        case .canary: "canary"
        case .spreading: "spreading"
        case .done: "done"
        case .returned: "returned"
        }
    }

    var cause: Rollout.Reason? {
        if case .returned(let cause) = self { cause } else { nil }
    }

    /// Nil where it is none of the words.
    init?(word: String, cause: String?) {
        switch word {
        case "pending": self = .pending
        case "canary": self = .canary
        case "spreading": self = .spreading
        case "done": self = .done
        case "returned":
            guard let cause = cause.flatMap(Rollout.Reason.init(rawValue:)) else { return nil }
            self = .returned(cause)
        default: return nil
        }
    }
}
