package import HoldfastCore

/// What a practice provider has seen, so that a test can tell what was really sent and whether a cancel arrived.
package struct RequestRecord: Equatable, Sendable {
    package enum Outcome: String, CaseIterable, Sendable {
        /// Still being answered, or left hanging on purpose.
        case active
        case answered
        /// A good provider's refusal: a missing key, an unknown model, a malformed body.
        case rejected
        /// A fault made it fail.
        case failed
        /// The client closed the connection before the answer was complete.
        case clientLeft = "client_left"
        /// Cut off because the provider was stopped or began to refuse.
        case aborted
    }

    package struct Header: Equatable, Sendable {
        package var name: String
        package var value: String
    }

    package var number: Int
    /// Counts connections, so that reuse can be seen.
    package var connection: Int
    package var method: String
    package var path: String
    package var model: String?
    package var stream = false
    /// As received, in order; the values of credentials are left out.
    package var headers: [Header]
    package var bodyBytes: Int
    package var fault: String?
    package var outcome = Outcome.active
    package var status: Int?
    package var tokensSent = 0
    package var started: Instant
    /// From the request's last byte to the end of its answer, or to the client's leaving.
    package var durationNanoseconds: Int64?
}

package struct RequestReport: Equatable, Sendable {
    /// Since the start, by outcome; `active` is what is being answered at this moment.
    package var counts: [RequestRecord.Outcome: Int]
    /// The newest, oldest first.
    package var requests: [RequestRecord]
}

struct RequestJournal: Sendable {
    /// Enough for a test to look back on, little enough that hours of load stay flat in memory.
    static let capacity = 256

    private static let credentials: Set<String> = [
        "authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie",
    ]

    private var slots: [RequestRecord] = []
    private var counts: [RequestRecord.Outcome: Int] = [:]
    private(set) var lastNumber = 0

    static func visible(_ name: String, _ value: String) -> RequestRecord.Header {
        RequestRecord.Header(name: name, value: credentials.contains(name.lowercased()) ? "***" : value)
    }

    mutating func begin(_ make: (Int) -> RequestRecord) -> Int {
        lastNumber += 1
        let record = make(lastNumber)
        counts[.active, default: 0] += 1
        if slots.count < RequestJournal.capacity {
            slots.append(record)
        } else {
            slots[slot(lastNumber)] = record
        }
        return lastNumber
    }

    /// What is known once the body is read.
    mutating func describe(_ number: Int, model: String?, stream: Bool, fault: String?) {
        guard slots[slot(number)].number == number else { return }
        slots[slot(number)].model = model
        slots[slot(number)].stream = stream
        slots[slot(number)].fault = fault
    }

    mutating func finish(
        _ number: Int, outcome: RequestRecord.Outcome, status: Int?, tokensSent: Int, durationNanoseconds: Int64
    ) {
        counts[.active, default: 0] -= 1
        counts[outcome, default: 0] += 1
        // A request that outlived the journal's memory is counted all the same.
        guard slots[slot(number)].number == number else { return }
        slots[slot(number)].outcome = outcome
        slots[slot(number)].status = status
        slots[slot(number)].tokensSent = tokensSent
        slots[slot(number)].durationNanoseconds = durationNanoseconds
    }

    var report: RequestReport {
        RequestReport(counts: counts, requests: slots.sorted { $0.number < $1.number })
    }

    private func slot(_ number: Int) -> Int { (number - 1) % RequestJournal.capacity }
}

extension RequestReport {
    var json: JSONValue {
        let tally = RequestRecord.Outcome.allCases.map {
            JSONMember(name: $0.rawValue, value: .integer(counts[$0] ?? 0))
        }
        return ["counts": .object(tally), "requests": .array(requests.map(\.json))]
    }
}

extension RequestRecord {
    /// Present where the client left early.
    package var clientLeftAfterMilliseconds: Int? {
        outcome == .clientLeft ? durationNanoseconds.map { Int($0 / Span.millisecond) } : nil
    }

    var json: JSONValue {
        let span = durationNanoseconds.map { JSONValue.integer(Int($0 / Span.millisecond)) }
        return [
            "number": .integer(number), "connection": .integer(connection), "method": .string(method),
            "path": .string(path), "model": model.map(JSONValue.string) ?? nil, "stream": .bool(stream),
            "fault": fault.map(JSONValue.string) ?? nil, "outcome": .string(outcome.rawValue),
            "status": status.map(JSONValue.integer) ?? nil, "tokens_sent": .integer(tokensSent),
            "body_bytes": .integer(bodyBytes), "duration_ms": span ?? nil,
            "client_left_after_ms": clientLeftAfterMilliseconds.map(JSONValue.integer) ?? nil,
            "headers": .array(headers.map { ["name": .string($0.name), "value": .string($0.value)] }),
        ]
    }
}
