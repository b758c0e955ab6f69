/// When one deployment is looked at without a caller behind it: by a page that costs nothing, its provider's list of models.
///
/// Traffic is the best check, so a deployment that answers is never checked. One that has neither answered nor been seen
/// well for an hour is, because a fallback that nobody has asked for a week is no fallback: its key expired on Tuesday. All
/// times are spread by a tenth, so that many gateways do not check together.
///
/// What a check does not know: whether the deployment would answer. Lists are public at some providers, and closed at
/// others to keys that may well ask for answers. So a check takes nothing out and lets nothing in; it says something to
/// people. The one exception is `mayBeMended`, after which an exchange sees whether it is.
package struct CheckSchedule: Sendable {
    package static let periodNanoseconds = 1 * Span.hour
    /// Of a gateway that starts: the first checks are spread over it.
    package static let startNanoseconds = 1 * Span.minute
    /// After a check that failed, doubling up to the period.
    package static let firstRetryNanoseconds = 1 * Span.minute
    /// Of all deployments of one gateway. More would be seen by providers as a client that has lost its mind.
    package static let mostAtOnce = 4
    /// A check that never reported (a lost task, a defect) is made again. Longer than any check is waited for.
    package static let longestNanoseconds = 1 * Span.minute
    /// What was seen well longer ago is cold: a period, its tenth, and time for the check.
    package static let warmNanoseconds = periodNanoseconds * 11 / 10 + longestNanoseconds

    package private(set) var record = CheckRecord()
    private var startedAt: Instant?
    private var runningSince: Instant?
    /// Checks in a row that did not find it well, or found it while it was suspended.
    private var failures: Int64 = 0
    /// Of the next wait, in thousandths of it.
    private var jitterMillis: Int64 = 0
    private var firstWait: Int64 = 0

    package init() {}

    /// The gateway knows of the deployment from now on. Again: nothing happens.
    package mutating func start(now: Instant, random: inout SeededRandom) {
        guard startedAt == nil else { return }
        startedAt = now
        firstWait = random.below(Self.startNanoseconds)
        drawJitter(&random)
    }

    /// An exchange was answered.
    package mutating func answered(now: Instant) {
        record.lastAnsweredAt = max(now, record.lastAnsweredAt ?? now)
        failures = 0
    }

    /// When it is to be checked; nil: not before something changes.
    ///
    /// - Parameter suspension: of the deployment, or of its provider.
    package func dueAt(suspension: Suspension.Facts?, now: Instant) -> Instant? {
        guard let startedAt else { return nil }
        if let runningSince, now.nanoseconds(since: runningSince) < Self.longestNanoseconds { return nil }
        guard let suspension else { return dueAt(startedAt: startedAt) }
        guard suspension.failure.isSeenByCheck else { return nil }
        let from = max(suspension.since, record.last?.at ?? startedAt)
        return min(from.advanced(byNanoseconds: spread(retryNanoseconds)), dueAt(startedAt: startedAt))
    }

    private func dueAt(startedAt: Instant) -> Instant {
        guard let last = record.last else {
            guard let answered = record.lastAnsweredAt else { return startedAt.advanced(byNanoseconds: firstWait) }
            return answered.advanced(byNanoseconds: spread(Self.periodNanoseconds))
        }
        if let answered = record.lastAnsweredAt, answered >= last.at {
            return answered.advanced(byNanoseconds: spread(Self.periodNanoseconds))
        }
        return last.at.advanced(byNanoseconds: spread(failures > 0 ? retryNanoseconds : Self.periodNanoseconds))
    }

    /// As long as it was out or not well, the next wait.
    private var retryNanoseconds: Int64 {
        min(Self.firstRetryNanoseconds << min(max(failures - 1, 0), 10), Self.periodNanoseconds)
    }

    private func spread(_ span: Int64) -> Int64 { span + span / 1_000 * jitterMillis }

    private mutating func drawJitter(_ random: inout SeededRandom) {
        jitterMillis = random.below(201) - 100
    }

    package mutating func begin(now: Instant) { runningSince = now }

    /// Whoever began a check ends it, also where it was given up: then with nil, and it is due as before.
    ///
    /// - Parameter isSuspended: it was when the check ended.
    package mutating func end(
        _ outcome: CheckOutcome?, isSuspended: Bool, now: Instant, random: inout SeededRandom
    ) {
        runningSince = nil
        guard let outcome else { return }
        record.last = CheckRecord.Check(at: now, outcome: outcome)
        if outcome == .ok { record.lastWellAt = now }
        // While it is out it is looked at less and less often too: a list may be open to keys that are not.
        failures = outcome.isDefinite && !isSuspended ? 0 : failures + 1
        drawJitter(&random)
    }

    /// Which of those that are due are checked now: the longest overdue, as many as may be at once.
    ///
    /// - Parameter due: when each is due, by its place; nil: it is not.
    package static func next(_ due: [Instant?], running: Int, now: Instant) -> [Int] {
        let overdue = due.indices.compactMap { place in due[place].map { (place: place, at: $0) } }
            .filter { $0.at <= now }
            .sorted { ($0.at, $0.place) < ($1.at, $1.place) }
        return overdue.prefix(max(mostAtOnce - running, 0)).map(\.place)
    }
}

/// What is known of how well a deployment was, and since when.
package struct CheckRecord: Sendable, Hashable {
    package struct Check: Sendable, Hashable {
        package var at: Instant
        package var outcome: CheckOutcome
    }

    package internal(set) var last: Check?
    package internal(set) var lastWellAt: Instant?
    package internal(set) var lastAnsweredAt: Instant?

    /// For a page that people read.
    package enum Warmth: Sendable, Hashable {
        case untested
        case warm(nanosecondsAgo: Int64)
        case cold(nanosecondsAgo: Int64)
        /// The last check found something else, after whatever was seen before.
        case doubtful(CheckOutcome, nanosecondsAgo: Int64)
    }

    package func warmth(now: Instant) -> Warmth {
        let seenAt = [lastWellAt, lastAnsweredAt].compactMap { $0 }.max()
        if let last, last.outcome.isDoubt, seenAt.map({ $0 < last.at }) ?? true {
            return .doubtful(last.outcome, nanosecondsAgo: now.nanoseconds(since: last.at))
        }
        guard let seenAt else { return .untested }
        let ago = max(now.nanoseconds(since: seenAt), 0)
        return ago < CheckSchedule.warmNanoseconds ? .warm(nanosecondsAgo: ago) : .cold(nanosecondsAgo: ago)
    }
}

/// What came back for a list of models.
package enum CheckReply: Sendable, Hashable {
    /// Names, connection, TLS or time: no head came.
    case nothing
    /// Any status but a success.
    case refused(FailureSignal)
    /// - isWhole: no page follows.
    case list(hasModel: Bool, isWhole: Bool)
    /// A success with something else in it.
    case noList
}

package enum CheckOutcome: Sendable, Hashable {
    case ok
    case unreachable
    case credentialRefused
    /// The list is whole, and the model is not in it. Some models answer and are not listed, such as a deployment's own
    /// name or a new alias.
    case modelNotListed
    /// The provider has no such page, which says nothing about it.
    case notSupported
    /// It has too much to do, or fails: what the breaker is for.
    case overloaded
    /// A legal block, a closed account, an empty one.
    case refused(FailureClass)

    package init(_ reply: CheckReply) {
        switch reply {
        case .nothing: self = .unreachable
        case .list(let hasModel, let isWhole): self = hasModel || !isWhole ? .ok : .modelNotListed
        case .noList: self = .notSupported
        case .refused(let signal):
            // By its status alone: what it says of a page that it does not have is not about a model.
            if [404, 405, 501].contains(signal.status) {
                self = .notSupported
                return
            }
            switch FailureTable.classify(signal) {
            case .credential: self = .credentialRefused
            case .transient, .capacity, .rateLimit: self = .overloaded
            case let failure where failure.policy.hold != .none: self = .refused(failure)
            default: self = .notSupported
            }
        }
    }

    /// Nothing is gained by looking again soon.
    fileprivate var isDefinite: Bool {
        switch self {
        case .ok, .modelNotListed, .notSupported: true
        case .unreachable, .credentialRefused, .overloaded, .refused: false
        }
    }

    /// Speaks against the deployment.
    fileprivate var isDoubt: Bool {
        switch self {
        case .ok, .notSupported, .overloaded: false
        case .unreachable, .credentialRefused, .modelNotListed, .refused: true
        }
    }

    /// Whether what was suspended for this may be mended, as far as a list of models shows that.
    package func mayBeMended(_ failure: FailureClass) -> Bool { self == .ok && failure.isSeenByCheck }
}

extension FailureClass {
    /// Whether a list of models can show that it is over. A key that was mended at the provider is found this way and not
    /// by a caller; money and standing do not show there; a limit ends by itself, and the list may count against it. What
    /// the law forbids is not asked for in any way.
    fileprivate var isSeenByCheck: Bool {
        switch self {
        case .credential, .modelAccess, .modelGone: true
        default: false
        }
    }
}
