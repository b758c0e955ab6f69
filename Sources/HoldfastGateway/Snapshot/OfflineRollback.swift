import HoldfastAPI

/// Somebody at this gateway has gone back to an earlier snapshot of its ring, with nobody else alive.
///
/// It holds until the management plane means something newer than what was left: that it still offers what was left says
/// only that nobody has told it. What operators have laid over the newest snapshot stays, as it does when the management
/// plane rolls back.
package struct OfflineRollback: Codable, Sendable, Equatable {
    package var to: UInt64
    /// The newest that there was.
    package var from: UInt64
    package var author: String
    package var reason: String
    /// Milliseconds since 1970.
    package var at: Int64

    package init(to: UInt64, from: UInt64, author: String, reason: String, at: Int64) {
        self.to = to
        self.from = from
        self.author = author
        self.reason = reason
        self.at = at
    }

    /// What it makes of the ring; nil: it is over, or leads nowhere.
    ///
    /// - Parameter payloads: the newest first.
    func payload(of payloads: [SnapshotPayload]) -> SnapshotPayload? {
        guard var held = payloads.first, held.number <= from, to < held.number,
            let earlier = payloads.first(where: { $0.number == to })
        else { return nil }
        held.number = earlier.number
        held.name = earlier.name
        held.document = earlier.document
        return held
    }

    /// What the gateway says of the snapshot that it does not take meanwhile.
    var refusal: PullRefusal {
        PullRefusal(
            number: from, message: "\(author) has gone back to generation \(to) at the gateway itself: \(reason)",
            mend: "publish a newer generation, or end it there: holdfast rollback \(from) --offline DIR --reason …")
    }
}
