import HoldfastCore

/// Reads what each client reads. It knows what every provider would have said, and holds the bytes that arrive against
/// that: one answer from its beginning to its end, or several that are joined where they may be.
struct DeliveryChecker: Sendable {
    struct Facts: Sendable {
        var delivery: Delivery
        /// Bytes that may be held before the client gets some of them.
        var holdBytes: Int
        /// Of the whole answer, whoever gives it.
        var bytes: Int
        /// Of each provider: what it says, and whether it takes an answer that was begun.
        var voices: [Int]
        var prefills: [Bool]
    }

    private struct Account: Sendable {
        var facts: Facts
        var text: [UInt8] = []
        var provider: Int?
        /// The run whose words the client has.
        var run: Int?
        var isUncontinuable = false
    }

    private var accounts: [Int: Account] = [:]
    private(set) var violations: [String] = []

    mutating func began(exchange: Int, _ facts: Facts) {
        accounts[exchange] = Account(facts: facts)
    }

    mutating func becameUncontinuable(exchange: Int) {
        accounts[exchange]?.isUncontinuable = true
    }

    mutating func delivered(_ bytes: [UInt8], by provider: Int, run: Int, exchange: Int) {
        guard var account = accounts[exchange], !bytes.isEmpty else { return }
        let facts = account.facts
        if account.run ?? run != run { report("exchange \(exchange) mixed the answers of two runs") }
        account.run = run
        if let before = account.provider, before != provider {
            let isRepeated =
                account.text
                == SimulatedText.bytes(0..<account.text.count, exchange: exchange, voice: facts.voices[provider])
            if facts.delivery == .stop || account.isUncontinuable || !(isRepeated || facts.prefills[provider]) {
                report("exchange \(exchange) joined an answer of \(provider) to one of \(before) that it does not fit")
            }
        }
        let range = account.text.count..<account.text.count + bytes.count
        if bytes != SimulatedText.bytes(range, exchange: exchange, voice: facts.voices[provider]) {
            report("exchange \(exchange) was sent what \(provider) never said")
        }
        account.text += bytes
        account.provider = provider
        accounts[exchange] = account
    }

    mutating func ended(_ end: ExchangeEnd, exchange: Int) {
        guard let account = accounts[exchange] else { return }
        if end == .answered, account.text.count != account.facts.bytes {
            report("exchange \(exchange) passed \(account.text.count) of \(account.facts.bytes) bytes for the whole")
        }
        if case .interrupted = end, account.facts.delivery == .hold, account.text.count <= account.facts.holdBytes {
            report("exchange \(exchange) was to be held and its client saw half of it")
        }
        accounts[exchange] = nil
    }

    private mutating func report(_ violation: String) {
        violations.append(violation)
    }
}
