import Foundation
import HoldfastAPI
import HoldfastCore
import Synchronization

/// The newest exchanges that gateways told of, for whoever asks what became of one.
///
/// Kept in memory alone, and some of them alone: what was promised to a client is on nobody's word here, and each gateway
/// remembers more of its own. As JSON, because thousands of them are kept and few are ever looked at.
final class Exchanges: Sendable {
    struct Limits: Sendable {
        /// Of all gateways. Each has an equal share, but never fewer than `fewest`.
        var most = 20_000
        var mostOfOne = 500
        var fewest = 20
        /// Of all gateways, as JSON.
        var mostBytes = 32 << 20
    }

    struct Filter: Sendable {
        var route: String?
        var workload: String?
        var gateway: String?
        var end: String?
        var isDegraded: Bool?
        /// Only those with a lower number.
        var below: Int?

        fileprivate func takes(_ kept: Kept, of gateway: String) -> Bool {
            (below.map { kept.number < $0 } ?? true) && (self.gateway.map { $0 == gateway } ?? true)
                && (route.map { $0 == kept.route } ?? true) && (workload.map { $0 == kept.workload } ?? true)
                && (end.map { $0 == kept.end } ?? true) && (isDegraded.map { $0 == kept.isDegraded } ?? true)
        }
    }

    fileprivate struct Kept: Sendable {
        var number: Int
        var id: String
        var route: String
        var workload: String?
        var end: String
        var isDegraded: Bool
        var json: Data
    }

    private struct Told: Sendable {
        /// The oldest first.
        var kept: [Kept] = []
        var bytes = 0
        var operations = ""

        mutating func keep(_ new: Kept) {
            kept.append(new)
            bytes += new.json.count
        }

        mutating func trim(most: Int, mostBytes: Int) {
            var gone = max(kept.count - most, 0)
            var left = bytes - kept.prefix(gone).reduce(0) { $0 + $1.json.count }
            while left > mostBytes, gone < kept.count {
                left -= kept[gone].json.count
                gone += 1
            }
            kept.removeFirst(gone)
            bytes = left
        }
    }

    private struct State {
        var told: [String: Told] = [:]
        var newest = 0
        var leftOut = 0
    }

    private let limits: Limits
    private let state = Mutex(State())

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// A gateway tells of what has ended there. Where its answer was lost it tells the same once more.
    func take(_ receipts: ReceiptsView, from gateway: String) {
        let new = receipts.items.reversed().map { item in
            Kept(
                number: 0, id: item.id, route: item.route, workload: item.workload, end: item.end,
                isDegraded: item.degraded != nil, json: APICoding.encode(item))
        }
        state.withLock { state in
            var told = state.told.removeValue(forKey: gateway) ?? Told()
            let known = Set(told.kept.suffix(2 * ReceiptsView.most).map(\.id))
            for var item in new where !known.contains(item.id) {
                state.newest += 1
                item.number = state.newest
                told.keep(item)
            }
            told.operations = receipts.operations
            state.leftOut = min(state.leftOut + receipts.leftOut, APISchema.longestNumber)
            state.told[gateway] = told
            trim(&state)
        }
    }

    private func trim(_ state: inout State) {
        let gateways = state.told.count
        let most = max(min(limits.most / gateways, limits.mostOfOne), limits.fewest)
        for id in state.told.keys { state.told[id]?.trim(most: most, mostBytes: limits.mostBytes / gateways) }
    }

    /// Of gateways that are forgotten nothing is kept either.
    func forget(allBut gateways: Set<String>) {
        state.withLock { state in state.told = state.told.filter { gateways.contains($0.key) } }
    }

    func list(_ filter: Filter, limit: Int) -> ExchangePage {
        let (found, leftOut) = state.withLock { state in
            let found = state.told.flatMap { id, told in
                told.kept.reversed().lazy.filter { filter.takes($0, of: id) }.prefix(limit + 1).map { (id, $0) }
            }
            return (found.sorted { $0.1.number > $1.1.number }, state.leftOut)
        }
        let items = found.prefix(limit).compactMap { ExchangeView($1, gateway: $0) }
        return ExchangePage(
            items: items, next: found.count > limit ? items.last.map { "\($0.number)" } : nil, leftOut: leftOut)
    }

    func find(_ id: String) -> ExchangeView? {
        let found = state.withLock { state in
            state.told.sorted { $0.key < $1.key }.lazy.compactMap { gateway, told in
                told.kept.last { $0.id == id }.map { (gateway, $0) }
            }.first
        }
        return found.flatMap { ExchangeView($1, gateway: $0) }
    }

    /// Where gateways can be asked themselves, by id.
    var operations: [(gateway: String, address: String)] {
        state.withLock { state in state.told.sorted { $0.key < $1.key }.map { ($0.key, $0.value.operations) } }
    }
}

extension ExchangeView {
    /// Nil never comes: what was encoded here is decoded here.
    fileprivate init?(_ kept: Exchanges.Kept, gateway: String) {
        guard let receipt = try? APICoding.decode(ExchangeReceiptView.self, from: kept.json) else { return nil }
        self.init(number: kept.number, gateway: gateway, receipt: receipt)
    }
}
