/// `GET /state/exchanges/{id}` of a gateway's operations listener: what became of one of the last exchanges, and why.
/// Spans count from its start.
package struct ExchangeReceiptView: Codable, Sendable {
    package struct Attempt: Codable, Sendable {
        package var deployment: String
        package var startedMilliseconds: Int64
        package var firstTokenMilliseconds: Int64?
        package var endedMilliseconds: Int64?
        /// Its failure class; absent for the attempt that answered.
        package var failure: String?
        /// How it was asked to go on with an answer that had broken off: `repeated` or `prefilled`.
        package var continues: String?
        /// The override by which a drill failed it; absent: none did.
        package var injected: String?

        package init(
            deployment: String, startedMilliseconds: Int64, firstTokenMilliseconds: Int64?, endedMilliseconds: Int64?,
            failure: String?, continues: String?, injected: String? = nil
        ) {
            self.deployment = deployment
            self.startedMilliseconds = startedMilliseconds
            self.firstTokenMilliseconds = firstTokenMilliseconds
            self.endedMilliseconds = endedMilliseconds
            self.failure = failure
            self.continues = continues
            self.injected = injected
        }
    }

    /// A candidate that was not asked when its turn came.
    package struct Exclusion: Codable, Sendable {
        package var deployment: String
        /// A failure class where it is suspended; else what stood in the way, such as `breaker_open` or `busy`.
        package var reason: String
        package var atMilliseconds: Int64

        package init(deployment: String, reason: String, atMilliseconds: Int64) {
            self.deployment = deployment
            self.reason = reason
            self.atMilliseconds = atMilliseconds
        }
    }

    package var id: String
    /// RFC 3339.
    package var endedAt: String
    package var route: String
    /// Absent: no key, so no workload.
    package var workload: String?
    /// Of the snapshot that the exchange saw.
    package var generation: UInt64
    package var operation: String
    package var stream: Bool
    package var criticality: String
    package var delivery: String
    package var end: String
    package var status: Int
    package var degraded: String?
    package var milliseconds: Int64
    package var firstTokenMilliseconds: Int64?
    package var inputTokens: Int?
    package var outputTokens: Int?
    /// In the order of the file, stand-ins last.
    package var candidates: [String]
    package var attempts: [Attempt]
    package var exclusions: [Exclusion]

    package init(
        id: String, endedAt: String, route: String, workload: String?, generation: UInt64, operation: String,
        stream: Bool, criticality: String, delivery: String, end: String, status: Int, degraded: String?,
        milliseconds: Int64,
        firstTokenMilliseconds: Int64?, inputTokens: Int?, outputTokens: Int?, candidates: [String],
        attempts: [Attempt], exclusions: [Exclusion]
    ) {
        self.id = id
        self.endedAt = endedAt
        self.route = route
        self.workload = workload
        self.generation = generation
        self.operation = operation
        self.stream = stream
        self.criticality = criticality
        self.delivery = delivery
        self.end = end
        self.status = status
        self.degraded = degraded
        self.milliseconds = milliseconds
        self.firstTokenMilliseconds = firstTokenMilliseconds
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.candidates = candidates
        self.attempts = attempts
        self.exclusions = exclusions
    }
}

/// `GET /state/exchanges`: the newest first.
package struct ExchangeListView: Codable, Sendable {
    package var exchanges: [ExchangeReceiptView]

    package init(exchanges: [ExchangeReceiptView]) {
        self.exchanges = exchanges
    }
}
