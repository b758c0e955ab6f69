import HoldfastCore

/// A provider that is well or fails in one way at a time, on a timetable drawn from the seed. After the world has
/// healed it is well for good.
struct SimulatedProvider: Sendable {
    enum Condition: CaseIterable, Sendable {
        case well, refuses, unreachable, resets, silent, slowFirstToken, stalls, cuts, inBandError, empty
        case overloaded, rateLimited, rateLimitedShort, rateLimitedLong, serverError, callerFault, policy,
            localExhaustion
        case badKey, quotaUsedUp, accountClosed, restricted, noModelAccess, modelGone, redirects
        /// Fails often, but not often enough for its breaker.
        case flaky
        /// The process dies: what runs is cut, what comes is refused.
        case crashed
        /// It fools breakers: it answers their probes and little else, or anything but them.
        case wellWhenProbed, badWhenProbed
    }

    struct Period: Sendable {
        var from: Instant
        var condition: Condition
    }

    let periods: [Period]
    /// Go before `periods`.
    let outages: [Outage]
    /// The vendor's region that it stands in: a legal block of one is a block of all.
    let group: Int
    /// Tokens that its model takes, and whether the configuration says so.
    let contextTokens: Int
    let isContextKnown: Bool
    /// What it says; others may say the same.
    let voice: Int
    /// Whether the configuration says that it goes on from a begun answer, and whether it does.
    let declaresPrefill: Bool
    let takesPrefill: Bool
    let weight: Int
    let price: Price?
    /// What the contract says, as a gateway's configuration has it.
    let limits: DeploymentLimits
    /// What it refuses beyond, whoever asks.
    let allowance: ProviderAllowance

    /// What it is asked.
    struct Question: Sendable {
        var isStream: Bool
        /// How long the question is.
        var tokens: Int
        /// How long the whole answer is.
        var answerBytes: Int
        /// Where the answer that it is given the beginning of broke off.
        var prefilledBytes: Int?
        /// Whether it shows its breaker if it is back. No provider can know; some seem to.
        var isProbe = false
    }

    /// What goes wrong in one world. Half of the worlds know a few conditions only, so that each of them meets much more
    /// of the same than where everything happens at once (Groce et al., "Swarm Testing", 2012).
    static func drawConditions(random: inout SeededRandom) -> [Condition] {
        guard random.below(2) == 0 else { return Condition.allCases }
        return (0...random.below(3)).map { _ in Condition.allCases[Int(random.below(Int64(Condition.allCases.count)))] }
    }

    /// - Parameters:
    ///   - conditions: what may go wrong; not empty.
    ///   - allowance: how many gateways it takes as many requests from as its contract says.
    init(
        group: Int, healsAt: Instant, conditions: [Condition], outages: [Outage],
        silliness: [WorldOptions.Silliness], allowance: Int, random: inout SeededRandom
    ) {
        self.group = group
        self.outages = outages
        contextTokens = Int(1 + random.below(4)) * 1_000
        isContextKnown = random.below(3) > 0
        voice = Int(random.below(2))
        declaresPrefill = random.below(3) == 0
        takesPrefill = declaresPrefill && random.below(4) > 0
        let hasExtremeWeight = silliness.contains(.extremeWeights)
        weight = hasExtremeWeight ? [1, CandidateOrder.mostWeight].draw(&random) : Int(1 + random.below(10))
        let micros = random.below(1_000_000)
        limits = DeploymentLimits(
            requestsPerMinute: random.below(4) == 0 ? Int(20 + random.below(400)) : nil,
            tokensPerMinute: random.below(8) == 0 ? Int(20_000 + random.below(200_000)) : nil,
            concurrent: random.below(3) == 0 ? Int(1 + random.below(20)) : nil)
        self.allowance = ProviderAllowance(limits, gateways: allowance)
        price = random.below(3) == 0 ? nil : Price(inputMicros: micros, cachedInputMicros: nil, outputMicros: micros)
        periods = Self.drawPeriods(healsAt: healsAt, conditions: conditions, random: &random)
    }

    private static func drawPeriods(
        healsAt: Instant, conditions: [Condition], random: inout SeededRandom
    ) -> [Period] {
        var periods: [Period] = []
        var at = Instant.zero
        let flaps = random.oneIn(4)
        // As long as a breaker stays open: it comes back each time at the worst moment, or at the best.
        let flapsLikeABreaker = random.oneIn(6)
        while at < healsAt {
            let isWell = flapsLikeABreaker ? periods.count % 2 == 0 : random.below(3) == 0
            periods.append(Period(from: at, condition: isWell ? .well : conditions.draw(&random)))
            var lasts = flaps ? Span.second / 5 + random.below(2 * Span.second) : random.below(20 * Span.second)
            if flapsLikeABreaker { lasts = min(Span.second << Int64(periods.count / 2), 15 * Span.second) }
            at = at.advanced(byNanoseconds: lasts + 1)
        }
        periods.append(Period(from: healsAt, condition: .well))
        return periods
    }

    func condition(at now: Instant) -> Condition {
        if let outage = outages.first(where: { $0.from <= now && now < $0.until }) { return outage.condition }
        return periods.last { $0.from <= now }?.condition ?? .well
    }

    /// When its process dies.
    var crashes: [Instant] {
        periods.filter { $0.condition == .crashed }.map(\.from)
            + outages.filter { $0.condition == .crashed }.map(\.from)
    }

    /// What the driver of one attempt would observe, each with its delay from the start of the attempt.
    ///
    /// - Parameter waitNanoseconds: it is asked for more than it allows, and says when to come again.
    func script(
        _ question: Question, waitNanoseconds: Int64?, now: Instant, random: inout SeededRandom
    ) -> [(delay: Int64, part: EventQueue.UpstreamPart)] {
        var script = Script(question, random: random)
        var condition = condition(at: now)
        if condition == .wellWhenProbed { condition = question.isProbe ? .well : .serverError }
        if condition == .badWhenProbed { condition = question.isProbe ? .refuses : .flaky }
        if condition == .well, let waitNanoseconds {
            script.connect()
            script.fail(.rateLimit, retryAfter: waitNanoseconds)
        } else if condition == .well, question.tokens > contextTokens {
            script.connect()
            script.fail(.tooLong)
        } else if condition == .well, question.prefilledBytes != nil, !takesPrefill {
            script.connect()
            script.fail(.callerFault)
        } else {
            script.write(condition, isStream: question.isStream)
        }
        random = script.random
        return script.events
    }

    private struct Script {
        var events: [(delay: Int64, part: EventQueue.UpstreamPart)] = []
        var at: Int64 = 0
        /// Said so far, of `answerBytes`.
        var said: Int
        let answerBytes: Int
        let isPrefilled: Bool
        var random: SeededRandom

        init(_ question: Question, random: SeededRandom) {
            said = question.prefilledBytes ?? 0
            answerBytes = question.answerBytes
            isPrefilled = question.prefilledBytes != nil
            self.random = random
        }

        mutating func add(_ event: ExchangeEvent, after least: Int64, to most: Int64) {
            at += (least + random.below(most - least + 1)) * Span.millisecond
            events.append((at, .event(event)))
        }

        /// The next few bytes of the answer, up to `last`.
        mutating func say(upTo last: Int, after least: Int64, to most: Int64) {
            guard said < last else { return }
            let end = min(said + 1 + Int(random.below(12)), last)
            at += (least + random.below(most - least + 1)) * Span.millisecond
            events.append((at, .text(said..<end)))
            said = end
        }

        mutating func fail(_ failure: FailureClass, retryAfter: Int64? = nil) {
            add(.attemptFailed(failure, retryAfterNanoseconds: retryAfter), after: 0, to: 200)
        }

        mutating func connect() {
            add(.attemptConnected, after: 0, to: 30)
            if random.below(20) == 0 {
                add(.connectionStale, after: 0, to: 2)
                add(.attemptConnected, after: 1, to: 30)
            }
        }

        /// The beginning of a stream, cut off somewhere after its first content.
        mutating func begin(isStream: Bool) {
            add(.headReceived, after: 10, to: 400)
            guard isStream else { return }
            if random.below(2) == 0 { add(.chunkReceived(hasToken: false), after: 0, to: 50) }
            for _ in 0...random.below(8) { say(upTo: answerBytes - 1, after: 10, to: 200) }
        }

        mutating func answer(isStream: Bool) {
            if random.below(30) == 0 {
                // A head before the end of the request.
                add(.headReceived, after: 1, to: 30)
                add(.attemptConnected, after: 0, to: 5)
            } else {
                connect()
                add(.headReceived, after: 10, to: 400)
            }
            guard isStream else {
                add(.upstreamEnded, after: 50, to: 1_000)
                return
            }
            while said < answerBytes { say(upTo: answerBytes, after: 10, to: 300) }
            add(.upstreamEnded, after: 0, to: 20)
        }

        mutating func write(_ condition: Condition, isStream: Bool) {
            switch condition {
            case .well, .wellWhenProbed, .badWhenProbed:
                answer(isStream: isStream)
            case .flaky:
                if random.below(5) == 0 { fail(.transient) } else { answer(isStream: isStream) }
            case .refuses, .crashed:
                add(.attemptFailed(.transient, retryAfterNanoseconds: nil), after: 0, to: 3)
            case .unreachable:
                break
            case .localExhaustion:
                fail(.localExhaustion)
            case .resets, .silent, .slowFirstToken, .stalls, .cuts, .inBandError, .empty:
                connect()
                writeBadAnswer(condition, isStream: isStream)
            case .overloaded, .rateLimited, .rateLimitedShort, .rateLimitedLong, .serverError, .callerFault, .policy,
                .badKey, .quotaUsedUp, .accountClosed, .restricted, .noModelAccess, .modelGone, .redirects:
                connect()
                writeRefusal(condition)
            }
        }

        private mutating func writeBadAnswer(_ condition: Condition, isStream: Bool) {
            switch condition {
            case .resets:
                fail(.transient)
            case .slowFirstToken:
                add(.headReceived, after: 10, to: 400)
                if isStream { say(upTo: answerBytes, after: 500, to: 20_000) }
                while isStream, said < answerBytes { say(upTo: answerBytes, after: 0, to: 50) }
                if isStream {
                    add(.upstreamEnded, after: 0, to: 100)
                } else {
                    add(.upstreamEnded, after: 500, to: 20_000)
                }
            case .stalls:
                begin(isStream: isStream)
            case .cuts:
                begin(isStream: isStream)
                fail(.truncated)
            case .inBandError:
                begin(isStream: isStream)
                fail(.capacity)
            case .empty:
                add(.headReceived, after: 10, to: 400)
                // Of an answer that was begun elsewhere a proper end without a word would be the whole rest.
                if isStream, !isPrefilled { add(.upstreamEnded, after: 0, to: 100) } else { fail(.empty) }
            default:
                break
            }
        }

        private mutating func writeRefusal(_ condition: Condition) {
            switch condition {
            case .overloaded: fail(.capacity, retryAfter: random.below(2) == 0 ? nil : random.below(8 * Span.second))
            case .rateLimited: fail(.rateLimit)
            case .rateLimitedShort: fail(.rateLimit, retryAfter: random.below(2 * Span.second))
            case .rateLimitedLong: fail(.rateLimit, retryAfter: Span.minute)
            case .serverError: fail(.transient)
            case .badKey: fail(.credential)
            case .quotaUsedUp: fail(.quota)
            case .accountClosed: fail(.account)
            case .restricted: fail(.restricted)
            case .noModelAccess: fail(.modelAccess)
            case .modelGone: fail(.modelGone)
            case .redirects: fail(.misconfigured)
            case .policy: fail(.policy)
            default: fail(.callerFault)
            }
        }
    }
}
