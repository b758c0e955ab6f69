import HoldfastAPI
import HoldfastCore

/// What a report to the management plane tells of the exchanges that have ended since the last one.
struct ReceiptsReport: Sendable {
    /// How many had ended on each loop when they were told of last.
    struct Marks: Sendable, Equatable {
        fileprivate var byLoop: [Int] = []
    }

    var view: ReceiptsView
    var marks: Marks

    init(shared: GatewayShared, names: KnownNames, operations: String, since marks: Marks) {
        let most = ReceiptsView.most
        let newer = shared.receipts.enumerated().map { place, ring in
            ring.newer(than: place < marks.byLoop.count ? marks.byLoop[place] : 0, most: most)
        }
        let sorted = newer.flatMap(\.receipts).sorted { $0.endedAtMilliseconds > $1.endedAtMilliseconds }
        let places = ReceiptChoice.places(notable: sorted.map(\.isNotable), most: most)
        var items: [ExchangeReceiptView] = []
        var bytes = 0
        for place in places {
            let item = ExchangeReceiptView(sorted[place], names)
            bytes += item.roughBytes
            guard bytes <= ReceiptsView.mostBytes else { break }
            items.append(item)
        }
        let ended = newer.reduce(0) { $0 + $1.ended }
        view = ReceiptsView(items: items, leftOut: ended - items.count, operations: operations)
        self.marks = Marks(byLoop: newer.map(\.mark))
    }
}

extension Receipt {
    /// It did not go as it does on a good day.
    var isNotable: Bool { end != .answered || degraded != nil }
}

extension ExchangeReceiptView {
    /// As JSON, rather more than less.
    var roughBytes: Int {
        600 + candidates.reduce(0) { $0 + $1.utf8.count + 3 }
            + attempts.reduce(0) { $0 + $1.deployment.utf8.count + 160 }
            + exclusions.reduce(0) { $0 + $1.deployment.utf8.count + 120 }
    }
}
