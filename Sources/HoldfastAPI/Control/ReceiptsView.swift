/// Exchanges that ended at a gateway since its last report of them: a part of its report, as `FiguresView` is. No content
/// and no key stands in them.
package struct ReceiptsView: Codable, Sendable {
    package static let most = 50
    /// As JSON, of all of them: what a gateway is to have in force must not wait for what it has to tell.
    package static let mostBytes = 256 << 10

    /// The newest first, at most `most`. Where more have ended, half of the places are for those that did not go as they do
    /// on a good day.
    package var items: [ExchangeReceiptView]
    /// How many more have ended since: they can be asked for at the gateway alone.
    package var leftOut: Int
    /// The gateway's operations listener, as it knows it.
    package var operations: String

    package init(items: [ExchangeReceiptView], leftOut: Int, operations: String) {
        self.items = items
        self.leftOut = leftOut
        self.operations = operations
    }
}

/// `GET /v1/exchanges/{id}`: one exchange, and who served it.
package struct ExchangeView: Codable, Sendable {
    /// Counts what gateways told of, since the management plane was started.
    package var number: Int
    package var gateway: String
    package var receipt: ExchangeReceiptView

    package init(number: Int, gateway: String, receipt: ExchangeReceiptView) {
        self.number = number
        self.gateway = gateway
        self.receipt = receipt
    }
}

/// `GET /v1/exchanges`: the newest first.
package struct ExchangePage: Codable, Sendable {
    package var items: [ExchangeView]
    /// For `after`; absent: this was the end.
    package var next: String?
    /// Exchanges that gateways have counted and not told of, since the management plane was started: where it is not 0, this
    /// list is some of them, and not all.
    package var leftOut: Int

    package init(items: [ExchangeView], next: String?, leftOut: Int) {
        self.items = items
        self.next = next
        self.leftOut = leftOut
    }
}
