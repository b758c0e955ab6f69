/// Under which numbers the two snapshots of a roll-out go, and went. What is urgent and changes meanwhile, such as an
/// override, is signed into both, each under a new number; until a gateway has pulled that, it reports the earlier one,
/// and has the same document.
struct RolloutNumbers: Sendable, Hashable {
    enum Role: Sendable, Hashable {
        case good, proposed, restored
    }

    /// Of each role. A gateway that missed more of them within one pull counts as silent until the next.
    static let mostEarlier = 16

    private(set) var generations: Rollout.Generations
    private var earlierGood: [UInt64] = []
    private var earlierProposed: [UInt64] = []

    init(_ generations: Rollout.Generations) {
        self.generations = generations
    }

    /// Nil: no number of this roll-out.
    func role(of number: UInt64) -> Role? {
        switch number {
        case generations.good: .good
        case generations.proposed: .proposed
        case generations.restored: .restored
        default: earlierGood.contains(number) ? .good : earlierProposed.contains(number) ? .proposed : nil
        }
    }

    func number(of role: Role) -> UInt64 {
        switch role {
        case .good: generations.good
        case .proposed: generations.proposed
        case .restored: generations.restored
        }
    }

    /// - Parameter hasSameProposal: false: what was proposed so far is proposed no more.
    mutating func renumber(_ next: Rollout.Generations, hasSameProposal: Bool) {
        precondition(
            next.good > generations.proposed,
            "\(next.good) is not above \(generations.proposed): whoever has that would not go back")
        earlierGood = (earlierGood + [generations.good]).suffix(Self.mostEarlier)
        earlierProposed = hasSameProposal ? (earlierProposed + [generations.proposed]).suffix(Self.mostEarlier) : []
        generations = next
    }
}
