/// One fault order at one gateway, from its acceptance to the end of what is looked at: when the fault is effective, what
/// ends it, and what is measured meanwhile.
///
/// It holds the lease. From t₀ on the fault is effective until the lease ends, the order is cleared or one of its stop
/// conditions is met, whichever comes first, and never again after that. Nobody has to tell it: whoever asks whether the
/// fault is effective says what time it is, and that decides. So a gateway that hears from nobody any more, and whose
/// timers are late, fails nothing on purpose beyond its lease.
///
/// What is measured, all since t₀:
/// - detected (t_d): the first attempt that met the fault failed, or the breaker or the suspension of a target changed,
///   whichever came first. A sham fails nothing, so what it detects is a false alarm.
/// - acted (t_a): the first attempt at another deployment that answered an exchange that a target would have answered: it
///   met the fault or another failure there, or a target was out when its turn came.
/// - recovered (t_r): see `RecoveryRun`. Exchanges that began before t₀ say nothing of it, as nothing kept them from their
///   answer; where they are lost they count all the same.
///
/// What it does not know: exchanges whose client gave up. Whoever waits too long and leaves is not counted as lost.
package struct DrillWatch: Sendable, Hashable {
    package enum Phase: String, Sendable, Hashable, CaseIterable {
        /// Looking on, before t₀.
        case baseline
        /// The fault is effective; of a sham: would be.
        case fault
        /// It has ended, and what follows is looked at.
        case recovery
        /// Nothing is looked at any more.
        case over
        /// Nothing was failed: an exchange was lost in the baseline, every target was out already, or the order was
        /// cleared before t₀.
        case refused
    }

    package enum Ending: String, Sendable, Hashable, CaseIterable {
        case lease
        case cleared
        case lostCritical = "lost_critical"
        case lostPercent = "lost_percent"
        case unsteady
    }

    /// After the fault has ended it is looked on for so long at most. A breaker is open for 18 s and closes after two
    /// probes, and a row of good exchanges is final after 60 s: what takes longer than this did not recover.
    package static let recoveryNanoseconds = 90 * Span.second
    /// As long as everything has to be as it was before: then nothing of the drill is left that could break what has
    /// recovered, and to wait for the rest of a minute would show nothing more.
    package static let steadyNanoseconds = 10 * Span.second
    /// Of the timeline, the newest.
    package static let mostSeconds = 180

    package let id: String
    package let order: FaultOrder
    package private(set) var scope: DrillScope
    /// t₀; in the baseline it lies ahead.
    package let beginsAt: Instant
    package private(set) var phase = Phase.baseline
    /// Nil: it has not ended.
    package private(set) var ending: Ending?
    package private(set) var endedAt: Instant?
    /// Since when nothing is looked at any more.
    package private(set) var overAt: Instant?

    package struct Second: Sendable, Hashable {
        /// Since t₀; negative in the baseline.
        package var second: Int
        package var counts: DrillCounts
    }

    package private(set) var baseline = DrillCounts()
    private var counts: [Criticality: DrillCounts] = [:]
    package private(set) var seconds: [Second] = []
    private var answers: [String: Int] = [:]
    /// Exchanges on which the fault told: an attempt met it, or a target was passed over that is out since t₀. With a key
    /// that is refused one attempt meets the fault, and every exchange after it goes round the provider. Of a sham: on
    /// which it would have told.
    package private(set) var met = 0
    package private(set) var probes = 0
    package private(set) var detectedAt: Instant?
    package private(set) var actedAt: Instant?
    private var recovery = RecoveryRun()
    private var unwellBefore: Set<String> = []
    /// Since the fault ended, no target is out that was not out before it. Not known is not so.
    package private(set) var isSteadyAgain = false
    /// Since when it is, and has recovered.
    private var settledSince: Instant?
    /// The latest that it was told: loops read their clocks before they take their turn.
    private var clock: Instant

    /// - Parameter unwell: which of the targets are out already.
    package init(id: String, order: FaultOrder, scope: DrillScope, unwell: Set<String> = [], now: Instant) {
        self.id = id
        self.order = order
        self.scope = scope
        unwellBefore = unwell
        beginsAt = now.advanced(byNanoseconds: max(order.baselineMilliseconds, 0) * Span.millisecond)
        clock = now
        _ = move(to: now)
    }

    // MARK: - Time

    /// When the fault ends by itself.
    package var leaseEndsAt: Instant {
        let lease = min(max(order.leaseMilliseconds, 0), FaultOrder.longestLeaseMilliseconds)
        return beginsAt.advanced(byNanoseconds: lease * Span.millisecond)
    }

    /// Something is still to be seen.
    package var isUnderWay: Bool { overAt == nil }

    package var hasBegun: Bool {
        switch phase {
        case .baseline, .refused: false
        case .fault, .recovery, .over: true
        }
    }

    package mutating func look(now: Instant) { _ = move(to: now) }

    /// Whether attempts fail on purpose at this instant.
    package mutating func isEffective(now: Instant) -> Bool {
        _ = move(to: now)
        return phase == .fault && order.fault != .sham
    }

    private mutating func move(to now: Instant) -> Instant {
        clock = max(clock, now)
        if phase == .baseline, clock >= beginsAt { begin() }
        if phase == .fault, clock >= leaseEndsAt { end(.lease, at: leaseEndsAt) }
        recovery.look(now: clock)
        if phase == .recovery, let endedAt {
            let isSettled = settledSince.map { clock.nanoseconds(since: $0) >= Self.steadyNanoseconds } ?? false
            if isSettled || clock.nanoseconds(since: endedAt) >= Self.recoveryNanoseconds { finish(.over) }
        }
        return clock
    }

    /// Where every target is out already, there is nothing left to fail, and nothing that could be measured.
    private mutating func begin() {
        if !scope.targets.isEmpty, scope.targets.isSubset(of: unwellBefore) {
            refuse(.unsteady, at: beginsAt)
        } else {
            phase = .fault
        }
    }

    private mutating func end(_ ending: Ending, at instant: Instant) {
        self.ending = ending
        endedAt = instant
        phase = .recovery
    }

    private mutating func refuse(_ ending: Ending, at instant: Instant) {
        self.ending = ending
        endedAt = instant
        finish(.refused)
    }

    private mutating func finish(_ phase: Phase) {
        self.phase = phase
        overAt = clock
    }

    /// The order is gone: by its author, or by whoever ends all of them.
    package mutating func clear(now: Instant) {
        let now = move(to: now)
        switch phase {
        case .baseline: refuse(.cleared, at: now)
        case .fault: end(.cleared, at: now)
        case .recovery, .over, .refused: break
        }
    }

    /// The configuration has changed meanwhile, and with it what the order means.
    package mutating func adopt(_ scope: DrillScope) { self.scope = scope }

    // MARK: - What is seen

    package mutating func ended(_ exchange: DrilledExchange, now: Instant) {
        let now = move(to: now)
        guard isUnderWay, scope.watches(exchange.route) else { return }
        count(exchange.fate, exchange.criticality, isProbe: exchange.isProbe, now: now)
        guard phase != .baseline else {
            if exchange.fate == .lost { refuse(.unsteady, at: now) }
            return
        }
        if let answerer = exchange.answerer { answers[answerer.deployment, default: 0] += 1 }
        let failures = exchange.attempts.filter { $0.order == id }
        let isPassedOver = exchange.passedOver.contains { scope.targets.contains($0) && !unwellBefore.contains($0) }
        if !failures.isEmpty || isPassedOver || wouldHaveMet(exchange) { met += 1 }
        note(detected: failures.compactMap(\.failedAt).min())
        note(acted: firstMove(of: exchange))
        switch exchange.fate {
        case .answered, .degraded: if exchange.startedAt >= beginsAt { recovery.answered(now: now) }
        case .lost:
            recovery.lost(now: now)
            stopIfBad(now: now)
        case .shed: break
        }
        noteSettled()
    }

    private mutating func noteSettled() {
        settledSince = isSteadyAgain && recovery.recoveredAt != nil ? settledSince ?? clock : nil
    }

    /// An exchange was refused before it began.
    package mutating func shed(_ criticality: Criticality, on route: String, isProbe: Bool, now: Instant) {
        var exchange = DrilledExchange(route: route, criticality: criticality, fate: .shed, startedAt: now)
        exchange.isProbe = isProbe
        ended(exchange, now: now)
    }

    /// The breaker or the suspension of a deployment changed.
    package mutating func changed(_ deployment: String, now: Instant) {
        let now = move(to: now)
        if phase == .fault, scope.targets.contains(deployment) { note(detected: now) }
    }

    /// What is no exchange met the fault: a look-up, or a question to the management plane.
    ///
    /// - Parameter goesOn: with what was known before.
    package mutating func missed(goesOn: Bool, now: Instant) {
        let now = move(to: now)
        guard phase == .fault else { return }
        note(detected: now)
        if goesOn { note(acted: now) }
    }

    /// Which of the targets are out: their breakers are not closed, or they are suspended.
    package mutating func saw(unwell: Set<String>, now: Instant) {
        _ = move(to: now)
        switch phase {
        case .baseline: unwellBefore = unwell
        case .recovery:
            isSteadyAgain = unwell.isSubset(of: unwellBefore)
            noteSettled()
        case .fault, .over, .refused: break
        }
    }

    private mutating func note(detected instant: Instant?) {
        guard let instant, instant >= beginsAt else { return }
        detectedAt = min(detectedAt ?? instant, instant)
    }

    private mutating func note(acted instant: Instant?) {
        guard let instant, instant >= beginsAt else { return }
        actedAt = min(actedAt ?? instant, instant)
    }

    /// Of a sham: a target was asked while the fault would have been effective.
    private func wouldHaveMet(_ exchange: DrilledExchange) -> Bool {
        guard order.fault == .sham else { return false }
        return exchange.attempts.contains { attempt in
            scope.fails(attempt.deployment, on: exchange.route)
                && attempt.startedAt >= beginsAt && attempt.startedAt < endedAt ?? leaseEndsAt
        }
    }

    /// When somebody else was asked who then answered in place of a target.
    private func firstMove(of exchange: DrilledExchange) -> Instant? {
        guard let answerer = exchange.answerer, !scope.targets.contains(answerer.deployment) else { return nil }
        let hasFailedThere = exchange.attempts.contains {
            $0.order == id || $0.failedAt != nil && scope.targets.contains($0.deployment)
        }
        return hasFailedThere || exchange.passedOver.contains(where: scope.targets.contains) ? answerer.startedAt : nil
    }

    private mutating func count(_ fate: DrillFate, _ criticality: Criticality, isProbe: Bool, now: Instant) {
        if isProbe { probes += 1 }
        if phase == .baseline { baseline.count(fate) } else { counts[criticality, default: DrillCounts()].count(fate) }
        let since = now.nanoseconds(since: beginsAt)
        // Rounded down, before t₀ too.
        let second = Int((since - (since < 0 ? Span.second - 1 : 0)) / Span.second)
        if seconds.last?.second != second { seconds.append(Second(second: second, counts: DrillCounts())) }
        seconds[seconds.count - 1].counts.count(fate)
        if seconds.count > Self.mostSeconds { seconds.removeFirst(seconds.count - Self.mostSeconds) }
    }

    private mutating func stopIfBad(now: Instant) {
        guard phase == .fault else { return }
        if counts(of: .critical).lost >= order.stop.lostCritical { return end(.lostCritical, at: now) }
        let (lost, all) = counts.values.reduce((0, 0)) { ($0.0 + $1.lost, $0.1 + $1.exchanges) }
        guard all >= FaultOrder.StopConditions.fewestExchanges else { return }
        if lost * 100 >= order.stop.lostPercent * all { end(.lostPercent, at: now) }
    }

    // MARK: - What is said

    /// Since t₀.
    package func counts(of criticality: Criticality) -> DrillCounts { counts[criticality] ?? DrillCounts() }

    /// Since t₀, most answers first.
    package var answerers: [(deployment: String, count: Int)] {
        answers.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
    }

    package var recoveredAt: Instant? { recovery.recoveredAt }
    package var recoveryIsFinal: Bool { recovery.isFinal || !isUnderWay }

    /// How long it is until this phase ends by itself; nil: it has ended.
    package func leftNanoseconds(now: Instant) -> Int64? {
        let end: Instant? =
            switch phase {
            case .baseline: beginsAt
            case .fault: leaseEndsAt
            case .recovery: endedAt?.advanced(byNanoseconds: Self.recoveryNanoseconds)
            case .over, .refused: nil
            }
        return end.map { max($0.nanoseconds(since: now), 0) }
    }
}
