import HoldfastCore

/// Holds gateways to the newest snapshot they were sent, and each exchange to the one in force when it came. Keeps its
/// own account of what arrived where.
struct SnapshotChecker: Sendable {
    private let publication: Publication
    /// The highest number that reached each gateway.
    private var newest: [UInt64]
    /// Of each exchange.
    private var seen: [Int: UInt64] = [:]
    private(set) var violations: [String] = []

    init(_ publication: Publication, gateways: Int) {
        self.publication = publication
        newest = Array(repeating: 1, count: gateways)
    }

    /// - Parameter inForce: what the gateway made of it.
    mutating func delivered(_ number: UInt64, to gateway: Int, inForce: UInt64) {
        newest[gateway] = max(newest[gateway], number)
        if inForce != newest[gateway] {
            violations.append("gateway \(gateway) has snapshot \(inForce) in force, and \(newest[gateway]) reached it")
        }
    }

    /// Returns what the exchange was promised.
    mutating func arrived(exchange: Int, gateway: Int) -> SimulatedSnapshot {
        seen[exchange] = newest[gateway]
        return publication[newest[gateway]]
    }

    /// - Parameter standIn: is asked for others whatever the snapshot's candidates are.
    mutating func sent(exchange: Int, to provider: Int, standIn: Int?) {
        guard let number = seen[exchange], provider != standIn else { return }
        if !publication[number].candidates.contains(provider) {
            violations.append("exchange \(exchange) saw snapshot \(number), and \(provider) is not in it")
        }
    }

    mutating func ended(exchange: Int) { seen[exchange] = nil }
}
