/// Which port each listener of the embedded default takes: the usual one, or the next free one above it.
struct PortPlan: Sendable, Hashable {
    struct Listener: Sendable, Hashable {
        var name: String
        var usual: Int
        var chosen: Int
    }

    /// Ports tried for one listener. More than this many neighbours in use means something else is wrong.
    static let longestSearch = 100

    private(set) var listeners: [Listener] = []

    /// Nil where no port near the usual one is free.
    static func choose(
        _ wanted: [(name: String, usual: Int)], isFree: (Int) async -> Bool
    ) async -> PortPlan? {
        var plan = PortPlan()
        for (name, usual) in wanted {
            // The usual ports of the others stay theirs, so that one busy port does not move them all.
            let others = wanted.map(\.usual).filter { $0 != usual }
            var chosen: Int?
            for port in usual..<min(usual + longestSearch, 65_536) where chosen == nil {
                let isTaken = others.contains(port) || plan.listeners.contains { $0.chosen == port }
                if !isTaken, await isFree(port) { chosen = port }
            }
            guard let chosen else { return nil }
            plan.listeners.append(Listener(name: name, usual: usual, chosen: chosen))
        }
        return plan
    }

    /// The port of a listener that was asked for.
    subscript(name: String) -> Int {
        guard let listener = listeners.first(where: { $0.name == name }) else {
            preconditionFailure("no listener '\(name)' was asked for, because the plan has \(listeners.map(\.name))")
        }
        return listener.chosen
    }

    var moved: [Listener] {
        listeners.filter { $0.usual != $0.chosen }
    }
}
