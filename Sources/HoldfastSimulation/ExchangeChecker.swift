import HoldfastCore

/// Holds every exchange to what a client was promised. Keeps its own account and shares no code with the machine.
struct ExchangeChecker: Sendable {
    private struct Account: Sendable {
        var facts: ExchangeFacts
        var sent: [Int] = []
        var forwarded = false
        var ended = false
        var permitsOut = 0
        /// The largest context that turned out too small.
        var neededContext: Int?
        var isRefusedForGood = false
        var isUncontinuable = false
    }

    /// A timer may be heard this much late, and the end of an exchange with it.
    static let tickNanoseconds = 10 * Span.millisecond
    private var accounts: [Account] = []
    /// The last stall of each gateway.
    private var stalls: [Int: (from: Instant, until: Instant)] = [:]
    private(set) var violations: [String] = []

    mutating func see(_ observation: Observation, now: Instant) {
        switch observation {
        case .arrived(_, let facts):
            accounts.append(Account(facts: facts))
        case .stepped(let exchange, let step, let event):
            check(step, after: event, of: exchange, now: now)
        case .permitGiven(let exchange, _, _):
            accounts[exchange].permitsOut += 1
            if accounts[exchange].permitsOut > 1 { report("exchange \(exchange) holds two permits") }
        case .permitSettled(let exchange, _, _, _):
            accounts[exchange].permitsOut -= 1
            if accounts[exchange].permitsOut < 0 { report("exchange \(exchange) settled a permit twice") }
        case .lastResortAsked, .dropped, .secondTryGranted, .waits, .stoppedWaiting, .handedOver:
            break
        }
    }

    mutating func finish() {
        for (exchange, account) in accounts.enumerated() where !account.ended {
            report("exchange \(exchange) never ended")
        }
        if violations.isEmpty, accounts.isEmpty { report("no exchange arrived") }
    }

    /// All exchanges have ended, and something of them is left.
    mutating func leftBehind(_ what: String) { report(what) }

    /// A gateway hears nothing in between, not even its timers.
    mutating func stalled(gateway: Int, from: Instant, until: Instant) { stalls[gateway] = (from, until) }

    /// When at the latest an exchange has to be over.
    private func lastInstant(of facts: ExchangeFacts) -> Instant {
        let last = facts.endsBy.advanced(byNanoseconds: Self.tickNanoseconds)
        guard let stall = stalls[facts.gateway], stall.from <= last else { return last }
        return max(last, stall.until.advanced(byNanoseconds: Self.tickNanoseconds))
    }

    private mutating func check(_ step: ExchangeStep, after event: ExchangeEvent, of exchange: Int, now: Instant) {
        if accounts[exchange].ended {
            if step != ExchangeStep(.none) { report("exchange \(exchange) went on after its end: \(step)") }
            return
        }
        if now > lastInstant(of: accounts[exchange].facts) {
            report("exchange \(exchange) outlived its deadline")
        }
        learn(event, exchange: exchange)
        let account = accounts[exchange]
        switch step.action {
        case .none, .hold, .hedge:
            break
        case .heartbeat:
            if !account.facts.isStream || !(account.forwarded || account.facts.delivery == .hold) {
                report("exchange \(exchange) beat the heart of a client that has no answer yet")
            }
        case .forward:
            if !account.facts.isStream { report("exchange \(exchange) is unary and forwarded a part") }
            accounts[exchange].forwarded = true
        case .sendAttempt(let candidate):
            checkAttempt(candidate, account, exchange: exchange)
        case .finish(let end):
            check(end, after: event, account, exchange: exchange)
        }
    }

    private mutating func learn(_ event: ExchangeEvent, exchange: Int) {
        if event == .becameUncontinuable { accounts[exchange].isUncontinuable = true }
        guard case .attemptFailed(let failure, _) = event, let candidate = accounts[exchange].sent.last else { return }
        // A begun answer may be refused by one and taken by another.
        let isItsOwnFault = failure == .callerFault && !accounts[exchange].forwarded
        if failure == .policy || isItsOwnFault { accounts[exchange].isRefusedForGood = true }
        if failure == .tooLong {
            let size = accounts[exchange].facts.contexts[candidate] ?? .max
            accounts[exchange].neededContext = max(accounts[exchange].neededContext ?? 0, size)
        }
    }

    private mutating func checkAttempt(_ candidate: Int, _ account: Account, exchange: Int) {
        if account.forwarded, account.facts.delivery == .stop || account.isUncontinuable {
            report("exchange \(exchange) sent an attempt after content reached the client")
        }
        if account.isRefusedForGood { report("exchange \(exchange) routed a refusal of its request around") }
        if let needed = account.neededContext, account.facts.contexts[candidate] ?? 0 <= needed {
            report("exchange \(exchange) is too long for candidate \(candidate) and was sent to it")
        }
        accounts[exchange].sent.append(candidate)
        let sent = accounts[exchange].sent
        if sent.count > account.facts.attemptsAllowed { report("exchange \(exchange) made \(sent.count) attempts") }
        if sent.count(where: { $0 == candidate }) > account.facts.triesOfOne {
            report("exchange \(exchange) tried candidate \(candidate) too often")
        }
    }

    private mutating func check(
        _ end: ExchangeEnd, after event: ExchangeEvent, _ account: Account, exchange: Int
    ) {
        accounts[exchange].ended = true
        if account.permitsOut != 0 { report("exchange \(exchange) ended and kept a permit") }
        switch end {
        case .answered:
            if event != .upstreamEnded { report("exchange \(exchange) was answered by \(event)") }
            if account.facts.isStream, !account.forwarded, account.facts.delivery != .hold {
                report("exchange \(exchange) was answered with nothing")
            }
        case .clientGone:
            if event != .clientGone { report("exchange \(exchange) lost its client to \(event)") }
        case .refused:
            if account.forwarded { report("exchange \(exchange) was refused after content reached the client") }
        case .interrupted:
            if !account.forwarded { report("exchange \(exchange) was interrupted before any content") }
        }
    }

    private mutating func report(_ violation: String) {
        violations.append(violation)
    }
}
