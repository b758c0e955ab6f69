/// One run of a drill: the fault is on its way, is looked at before it begins, is in effect, is over and looked at after.
///
/// It injects nothing itself. Gateways do, each under its own lease, and say what they see; this decides when the order is
/// taken away, and what all of it comes to. It believes nothing that it was not told, and nothing that cannot be: a gateway
/// that is silent, contradicts itself or did not take part makes a drill inconclusive, and never one that has passed.
///
/// Events only note; `tick` decides everything. What `phase` comes to is for whoever runs it to put on record before it
/// takes effect: the order is taken away when `phase` becomes `recovery` or `done`.
package struct DrillRun: Sendable, Hashable {
    /// What of the order the run goes by.
    package struct Terms: Sendable, Hashable {
        package var fault: InjectedFault
        package var target: FaultTarget
        package var sharePercent: Int
        package var leaseNanoseconds: Int64
        package var baselineNanoseconds: Int64
        package var recoveryTargetMilliseconds: Int64

        package init(_ order: FaultOrder, recoveryTargetMilliseconds: Int64) {
            fault = order.fault
            target = order.target
            sharePercent = order.sharePercent
            leaseNanoseconds = order.leaseMilliseconds * Span.millisecond
            baselineNanoseconds = order.baselineMilliseconds * Span.millisecond
            self.recoveryTargetMilliseconds = recoveryTargetMilliseconds
        }
    }

    package struct Limits: Sendable, Hashable {
        /// Several pulls: whoever has not taken the order by then will not.
        package var takeNanoseconds = 15 * Span.second
        /// Many reports that were missed, since gateways that hold an order make one each second.
        package var silentNanoseconds = 15 * Span.second
        /// Beyond what was agreed for a phase, before it is held to be stuck.
        package var slackNanoseconds = 15 * Span.second
        /// A breaker's longest wait, its trial, and the minute in which nothing may break.
        package var recoveryNanoseconds = 120 * Span.second

        package init() {}
    }

    package enum Phase: Sendable, Hashable {
        /// No gateway has the order.
        case starting
        /// They look on.
        case baseline
        case fault
        /// The order was taken away.
        case recovery
        case done(DrillVerdict)
    }

    /// Why it does not go to its end by itself.
    package enum Stop: Sendable, Hashable {
        case person(String)
        /// The one that ends all drills.
        case lever(String)
        /// The order was taken away by somebody else, or its time was over.
        case orderGone
        case configurationChanged
        /// Nobody looked on for a while, and what happened then is not known.
        case restarted
    }

    package let terms: Terms
    package let limits: Limits
    package private(set) var phase = Phase.starting
    /// By id.
    package private(set) var gateways: [DrillGateway]
    package private(set) var stop: Stop?
    private let began: Instant
    private var phaseBegan: Instant
    /// The recovery is not waited for: something has gone wrong with the drill itself.
    private var isCutShort = false

    /// - Parameter expected: ids of the gateways that report when it begins.
    package init(_ terms: Terms, expected: [String], limits: Limits = Limits(), now: Instant) {
        self.terms = terms
        self.limits = limits
        gateways = Set(expected).sorted().map { DrillGateway(id: $0, isExpected: true, heardAt: now) }
        began = now
        phaseBegan = now
    }

    /// As long as a gateway may still hold the order, whoever looks on: for the end that the order has by itself.
    package static func longest(_ order: FaultOrder, _ limits: Limits = Limits()) -> Int64 {
        (order.leaseMilliseconds + order.baselineMilliseconds) * Span.millisecond + limits.takeNanoseconds
            + 2 * limits.slackNanoseconds
    }

    package var isOpen: Bool {
        if case .done = phase { false } else { true }
    }

    /// Whether gateways are to have the order.
    package var isOrderOut: Bool {
        switch phase {
        case .starting, .baseline, .fault: true
        case .recovery, .done: false
        }
    }

    package var verdict: DrillVerdict? {
        if case .done(let verdict) = phase { verdict } else { nil }
    }

    // MARK: - What happens

    /// A gateway reports.
    ///
    /// - Parameters:
    ///   - observation: nil: it says nothing of the order.
    ///   - at: when it was heard; a report that is known already changes nothing.
    package mutating func reported(gateway id: String, _ observation: DrillObservation?, at: Instant) {
        guard isOpen else { return }
        let place: Int
        if let known = gateways.firstIndex(where: { $0.id == id }) {
            place = known
        } else {
            // Whoever joins in the middle and has no order is none of it.
            guard observation != nil else { return }
            place = gateways.firstIndex { $0.id > id } ?? gateways.endIndex
            gateways.insert(DrillGateway(id: id, isExpected: false, heardAt: at), at: place)
        }
        let span = at.nanoseconds(since: began) / Span.millisecond + Self.clockRoomMilliseconds
        gateways[place].heard(observation, within: span, at: at)
    }

    /// Two clocks, and the way between them.
    private static let clockRoomMilliseconds: Int64 = 5_000

    package mutating func stop(_ reason: Stop, now: Instant) {
        guard isOpen else { return }
        stop = stop ?? reason
        finish(now: now)
    }

    /// To be called every second or so.
    package mutating func tick(now: Instant) {
        switch phase {
        case .starting: waitForTaking(now: now)
        case .baseline: watchBaseline(now: now)
        case .fault: watchFault(now: now)
        case .recovery: watchRecovery(now: now)
        case .done: break
        }
    }

    // MARK: - Phases

    private mutating func enter(_ next: Phase, now: Instant) {
        phase = next
        phaseBegan = now
    }

    private mutating func finish(now: Instant) {
        enter(.done(DrillVerdict(of: self, now: now)), now: now)
    }

    /// Takes the order away, and waits only until everybody has let go of it.
    private mutating func cutShort(now: Instant) {
        isCutShort = true
        enter(.recovery, now: now)
    }

    private func isOver(_ span: Int64, now: Instant) -> Bool { now.nanoseconds(since: phaseBegan) >= span }

    private var observing: [DrillGateway] { gateways.filter { $0.observation != nil } }

    private mutating func waitForTaking(now: Instant) {
        if !observing.isEmpty {
            enter(.baseline, now: now)
        } else if isOver(limits.takeNanoseconds + unheardNanoseconds, now: now) {
            finish(now: now)
        }
    }

    private mutating func watchBaseline(now: Instant) {
        if observing.contains(where: { $0.observation?.phase == .refused }) || isAnybodyLost(now: now) {
            cutShort(now: now)
        } else if observing.contains(where: { $0.observation?.hasBegun ?? false }) {
            enter(.fault, now: now)
        } else if isOver(terms.baselineNanoseconds + limits.slackNanoseconds + unheardNanoseconds, now: now) {
            cutShort(now: now)
        }
    }

    private mutating func watchFault(now: Instant) {
        let found = observing
        if found.contains(where: { $0.observation?.ended?.isStopCondition ?? false }) {
            // Whoever has had enough is not the only one.
            enter(.recovery, now: now)
        } else if found.contains(where: { $0.observation?.phase == .refused }) || isAnybodyLost(now: now) {
            cutShort(now: now)
        } else if found.allSatisfy({ $0.observation?.hasEnded ?? false }) {
            enter(.recovery, now: now)
        } else if isOver(terms.leaseNanoseconds + terms.baselineNanoseconds + limits.slackNanoseconds, now: now) {
            enter(.recovery, now: now)
        }
    }

    private mutating func watchRecovery(now: Instant) {
        let found = observing
        let isLetGo = found.allSatisfy { $0.observation?.hasEnded ?? false }
        let isDone = isCutShort ? isLetGo : found.allSatisfy { $0.observation?.isComplete ?? false }
        let bound = isCutShort ? limits.slackNanoseconds : limits.recoveryNanoseconds
        if isDone || isOver(bound, now: now) || (!isCutShort && isAnybodyLost(now: now)) { finish(now: now) }
    }

    /// Somebody who is to be heard is not, or says what cannot be.
    private func isAnybodyLost(now: Instant) -> Bool {
        gateways.contains { $0.observation != nil && ($0.isContradictory || isSilent($0, now: now)) }
    }

    func isSilent(_ gateway: DrillGateway, now: Instant) -> Bool {
        let patience = isOrderOut && gateway.observation?.hasEnded == false ? unheardNanoseconds : 0
        return now.nanoseconds(since: gateway.heardAt) > limits.silentNanoseconds + patience
    }

    /// While the management plane is what fails nobody is heard, and that is as it should be.
    private var unheardNanoseconds: Int64 {
        terms.target == .control ? terms.leaseNanoseconds + terms.baselineNanoseconds : 0
    }
}

/// What is known of one gateway in a drill.
package struct DrillGateway: Sendable, Hashable {
    package let id: String
    /// It reported when the drill began, so it is to take part.
    package let isExpected: Bool
    package fileprivate(set) var heardAt: Instant
    /// The newest that can be true; nil: it has not taken the order.
    package fileprivate(set) var observation: DrillObservation?
    /// It has said what cannot be, and is not listened to any more.
    package fileprivate(set) var isContradictory = false
    /// Critical exchanges that were lost while recovery was claimed.
    package fileprivate(set) var lostCriticalAfterRecovery = 0
    /// When recovery was claimed, and what was lost by then.
    private var claim: Claim?

    private struct Claim: Sendable, Hashable {
        var after: Int64
        var lost: Int
    }

    fileprivate init(id: String, isExpected: Bool, heardAt: Instant) {
        self.id = id
        self.isExpected = isExpected
        self.heardAt = heardAt
    }

    fileprivate mutating func heard(_ next: DrillObservation?, within span: Int64, at: Instant) {
        guard !isContradictory, at >= heardAt else { return }
        guard let next else {
            // It has forgotten, such as by a restart: from here on it says nothing of the order.
            if observation == nil { heardAt = at }
            return
        }
        guard next.isPossible(within: span), observation.map(next.mayFollow) ?? true else {
            isContradictory = true
            return
        }
        heardAt = at
        observation = next
        note(next)
    }

    private mutating func note(_ next: DrillObservation) {
        guard let after = next.recoveredAfter else {
            claim = nil
            return
        }
        guard let claim, claim.after == after else {
            self.claim = Claim(after: after, lost: next.critical.lost)
            return
        }
        lostCriticalAfterRecovery = max(lostCriticalAfterRecovery, next.critical.lost - claim.lost)
    }
}
