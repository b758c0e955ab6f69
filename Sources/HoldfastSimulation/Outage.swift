import HoldfastCore

/// Several providers fail in the same way at the same time: they share a vendor, a region or a network.
struct Outage: Sendable {
    var providers: [Int]
    var condition: SimulatedProvider.Condition
    var from: Instant
    /// Not included.
    var until: Instant

    /// - Parameters:
    ///   - groups: of each provider: the vendor's region that it stands in.
    ///   - restrictsAll: the law takes everybody out from the start.
    static func draw(
        groups: [Int], conditions: [SimulatedProvider.Condition], healsAt: Instant, restrictsAll: Bool,
        random: inout SeededRandom
    ) -> [Outage] {
        if restrictsAll {
            return [
                Outage(providers: Array(groups.indices), condition: .restricted, from: .zero, until: healsAt)
            ]
        }
        guard random.oneIn(3) else { return [] }
        return (0...random.below(2)).map { _ in
            let from = Instant(nanoseconds: random.below(healsAt.nanoseconds))
            let condition = conditions.draw(&random)
            let group = groups.draw(&random)
            // The law knows regions; a network is shared by anybody.
            let isOfGroup = condition == .restricted || random.oneIn(2)
            let providers = groups.indices.filter { isOfGroup ? groups[$0] == group : random.below(3) > 0 }
            let until = from.advanced(byNanoseconds: Span.second + random.below(15 * Span.second))
            return Outage(
                providers: Array(providers), condition: condition, from: from, until: min(until, healsAt))
        }
    }
}
