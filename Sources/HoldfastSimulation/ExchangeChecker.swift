import HoldfastCore

/// Holds every exchange to what a client was promised, in however many runs. Keeps its own account and shares no code
/// with the machine.
struct ExchangeChecker: Sendable {
    private struct Account: Sendable {
        var exchange: Int
        var facts: ExchangeFacts
        /// Its runs' places in `runs`, at most two.
        var runs: [Int] = []
        var sent: [Int] = []
        var forwarded = false
        var ended = false
        /// The largest context that turned out too small.
        var neededContext: Int?
        var isRefusedForGood = false
        var isUncontinuable = false
        /// A second run was asked for.
        var isHedged = false
    }

    private struct Run: Sendable {
        /// Its place in `accounts`.
        var account: Int
        var permitsOut = 0
        /// The candidate of the attempt in flight.
        var candidate: Int?
        /// Content of that attempt has come.
        var hasContent = false
        var isOver = false
    }

    /// A timer may be heard this much late, and the end of an exchange with it.
    static let tickNanoseconds = 10 * Span.millisecond
    private var accounts: [Account] = []
    /// By number.
    private var runs: [Run] = []
    /// The last stall of each gateway.
    private var stalls: [Int: (from: Instant, until: Instant)] = [:]
    private(set) var violations: [String] = []

    mutating func see(_ observation: Observation, now: Instant) {
        switch observation {
        case .arrived(let exchange, let facts):
            accounts.append(Account(exchange: exchange, facts: facts, runs: [runs.count]))
            runs.append(Run(account: accounts.count - 1))
        case .hedged(let exchange, let run):
            beginSecondRun(run, of: exchange)
        case .stepped(let run, let step, let event):
            check(step, after: event, of: run, now: now)
        case .ended(let exchange, let end, let event):
            check(end, after: event, of: exchange)
        case .permitGiven(let run, _, _):
            runs[run].permitsOut += 1
            if runs[run].permitsOut > 1 { report("\(name(run)) holds two permits") }
        case .permitSettled(let run, _, _, _):
            runs[run].permitsOut -= 1
            if runs[run].permitsOut < 0 { report("\(name(run)) settled a permit twice") }
        case .lastResortAsked, .dropped, .secondTryGranted, .waits, .stoppedWaiting, .handedOver:
            break
        }
    }

    private func name(_ run: Int) -> String { "exchange \(accounts[runs[run].account].exchange)" }

    mutating func finish() {
        for account in accounts where !account.ended { report("exchange \(account.exchange) never ended") }
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

    private mutating func check(_ step: ExchangeStep, after event: ExchangeEvent, of run: Int, now: Instant) {
        let place = runs[run].account
        if accounts[place].ended || runs[run].isOver {
            if step != ExchangeStep(.none) { report("\(name(run)) went on after its end: \(step)") }
            return
        }
        if now > lastInstant(of: accounts[place].facts) {
            report("\(name(run)) outlived its deadline")
        }
        learn(event, step, run: run)
        let account = accounts[place]
        switch step.action {
        case .none, .hold: break
        case .hedge: checkHedge(account, run: run)
        case .heartbeat:
            if !account.facts.isStream || !(account.forwarded || account.facts.delivery == .hold) {
                report("\(name(run)) beat the heart of a client that has no answer yet")
            }
        case .forward:
            if !account.facts.isStream { report("\(name(run)) is unary and forwarded a part") }
            accounts[place].forwarded = true
        case .sendAttempt(let candidate):
            checkAttempt(candidate, account, run: run)
        case .finish(let end):
            if end == .clientGone, runs[run].candidate != nil, !step.cancelsAttempt {
                report("\(name(run)) left an attempt behind that nobody waits for")
            }
            if runs[run].permitsOut != 0 { report("\(name(run)) ended and kept a permit") }
            runs[run].isOver = true
            runs[run].candidate = nil
        }
    }

    private mutating func learn(_ event: ExchangeEvent, _ step: ExchangeStep, run: Int) {
        let place = runs[run].account
        if event == .becameUncontinuable { accounts[place].isUncontinuable = true }
        if event == .chunkReceived(hasToken: true), runs[run].candidate != nil {
            runs[run].hasContent = true
            if rival(of: run) != nil { report("\(name(run)) went on in two runs after content had come") }
        }
        guard let candidate = runs[run].candidate else { return }
        var isEnd = step.cancelsAttempt || event == .upstreamEnded
        if case .attemptFailed(let failure, _) = event {
            isEnd = true
            learn(failure, of: candidate, place)
        }
        // How the last attempt of a run ends is judged with the run.
        if case .finish = step.action { return }
        if isEnd { runs[run].candidate = nil }
    }

    private mutating func learn(_ failure: FailureClass, of candidate: Int, _ place: Int) {
        // A begun answer may be refused by one and taken by another.
        let isItsOwnFault = failure == .callerFault && !accounts[place].forwarded
        if failure == .policy || isItsOwnFault { accounts[place].isRefusedForGood = true }
        if failure == .tooLong {
            let size = accounts[place].facts.contexts[candidate] ?? .max
            accounts[place].neededContext = max(accounts[place].neededContext ?? 0, size)
        }
    }

    private mutating func checkAttempt(_ candidate: Int, _ account: Account, run: Int) {
        if account.forwarded, account.facts.delivery == .stop || account.isUncontinuable {
            report("\(name(run)) sent an attempt after content reached the client")
        }
        if account.isRefusedForGood { report("\(name(run)) routed a refusal of its request around") }
        if let needed = account.neededContext, account.facts.contexts[candidate] ?? 0 <= needed {
            report("\(name(run)) is too long for candidate \(candidate) and was sent to it")
        }
        if let rival = rival(of: run), runs[rival].candidate == candidate {
            report("\(name(run)) asked candidate \(candidate) in both runs at once")
        }
        runs[run].candidate = candidate
        runs[run].hasContent = false
        accounts[runs[run].account].sent.append(candidate)
        let sent = accounts[runs[run].account].sent
        if sent.count > account.facts.attemptsAllowed { report("\(name(run)) made \(sent.count) attempts") }
        if sent.count(where: { $0 == candidate }) > account.facts.triesOfOne {
            report("\(name(run)) tried candidate \(candidate) too often")
        }
    }

    private mutating func check(_ end: ExchangeEnd, after event: ExchangeEvent, of exchange: Int) {
        let place = runs[exchange].account
        let account = accounts[place]
        if account.ended { report("exchange \(exchange) ended twice") }
        accounts[place].ended = true
        if account.runs.contains(where: { !runs[$0].isOver }) { report("exchange \(exchange) ended and a run goes on") }
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

    // MARK: - Two runs

    /// The other run of the same exchange, while it is at it.
    private func rival(of run: Int) -> Int? {
        accounts[runs[run].account].runs.first { $0 != run && !runs[$0].isOver }
    }

    private mutating func checkHedge(_ account: Account, run: Int) {
        if !account.facts.mayHedge { report("\(name(run)) was hedged, and its route or its client does not want that") }
        if account.isHedged { report("\(name(run)) was hedged twice") }
        if runs[run].candidate == nil { report("\(name(run)) was hedged with nothing in flight") }
        if runs[run].hasContent || account.forwarded { report("\(name(run)) was hedged after content had come") }
        accounts[runs[run].account].isHedged = true
    }

    private mutating func beginSecondRun(_ run: Int, of exchange: Int) {
        let place = runs[exchange].account
        if !accounts[place].isHedged || accounts[place].runs.count > 1 || accounts[place].ended {
            report("exchange \(exchange) has a second run that nobody asked for")
        }
        accounts[place].runs.append(run)
        runs.append(Run(account: place))
    }

    private mutating func report(_ violation: String) {
        violations.append(violation)
    }
}
