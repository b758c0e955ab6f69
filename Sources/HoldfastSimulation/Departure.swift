import HoldfastCore

/// What an exchange is at when its client leaves, as a driver sees it.
enum DepartureMoment: Int, CaseIterable, Sendable {
    case beforeStart, connecting, receiving, holding, committed, waiting, queued, continuing, hedged
}

/// When a client leaves before its exchange ends.
enum Departure: Sendable {
    case never
    /// Once it has seen so many steps; 0: before the first.
    case afterSteps(Int)
    /// Soon after its exchange has come to this.
    case at(DepartureMoment)

    static let mostSteps = 24

    static func draw(random: inout SeededRandom) -> Departure {
        if random.oneIn(10) { return .afterSteps(Int(random.below(random.oneIn(2) ? 6 : Int64(mostSteps)))) }
        return random.oneIn(16) ? .at(DepartureMoment.allCases.draw(&random)) : .never
    }
}
