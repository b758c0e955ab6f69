/// What a run of a drill has come to, and why.
///
/// What was seen to fail has failed, also where something else makes it impossible to say that it would have passed. For
/// everything else absence is never success: too little traffic, a gateway that was not heard or a drill that did not go to
/// its end leaves it open.
package struct DrillVerdict: Sendable, Hashable {
    package enum Outcome: String, Sendable, Hashable, CaseIterable {
        case pass, fail, inconclusive
    }

    package var outcome: Outcome
    /// The most important first; empty only where it has passed.
    package var reasons: [DrillReason]

    /// Fewer say nothing about the next one: 20 without a loss bound the share that is lost at 14 % with 95 % confidence.
    package static let fewestExchanges = 20
    /// As many as recovery takes in a row.
    package static let fewestMet = 5

    package init(_ reasons: [DrillReason]) {
        let failures = reasons.filter(\.isFailure)
        self.reasons = failures + reasons.filter { !$0.isFailure }
        outcome = !failures.isEmpty ? .fail : reasons.isEmpty ? .pass : .inconclusive
    }

    /// Of one that was open when the management plane ended: what happened since is not known, and what gateways had ended
    /// because of what it did has failed.
    ///
    /// - Parameter endings: by gateway, of those where the fault had ended.
    package init(leftOpenAfter endings: [(gateway: String, ending: DrillObservation.Ending)]) {
        self.init(
            endings.compactMap { DrillReason(stoppedBy: $0.gateway, $0.ending) } + [.stopped(.restarted)])
    }

    init(of run: DrillRun, now: Instant) {
        let judge = DrillJudge(run: run, now: now)
        self.init(judge.failures + judge.doubts)
    }
}

/// One reason why a drill has not passed.
package enum DrillReason: Sendable, Hashable {
    // Failures.
    case stoppedByItself(gateway: String, DrillObservation.Ending)
    case lostAfterRecovery(critical: Int)
    case notRecovered([String])
    case tooSlow(milliseconds: Int64, target: Int64)
    case notSteadyAgain([String])
    case falseAlarm(gateway: String)
    case harmWithoutFault(DrillObservation.Counts)

    // Doubts.
    case stopped(DrillRun.Stop)
    case nobodyTookIt
    case unsteadyBaseline([String])
    case contradictory([String])
    case silent([String])
    case notTakenBy([String])
    case neverBegan
    case neverEnded([String])
    case notEffective
    case tooFewExchanges(Int)
    case tooFewMet(Int)
    case recoveryNotFinal([String])

    /// Nil: it was not a stop condition that ended it there.
    init?(stoppedBy gateway: String, _ ending: DrillObservation.Ending?) {
        guard let ending, ending.isStopCondition else { return nil }
        self = .stoppedByItself(gateway: gateway, ending)
    }

    package var isFailure: Bool {
        switch self {
        case .stoppedByItself, .lostAfterRecovery, .notRecovered, .tooSlow, .notSteadyAgain, .falseAlarm,
            .harmWithoutFault:
            true
        default: false
        }
    }
}

/// Measured over all gateways: the worst of each, since a client gets any of them.
package struct DrillMeasures: Sendable, Hashable {
    package var detectedAfter: Int64?
    package var actedAfter: Int64?
    /// Nil where one of them has not recovered.
    package var recoveredAfter: Int64?
    package var isRecoveryFinal: Bool
    package var met: Int
    package var probes: Int
    package var baseline: DrillObservation.Counts
    package var critical: DrillObservation.Counts
    package var standard: DrillObservation.Counts
    package var deferrable: DrillObservation.Counts
    package var isSteadyAgain: Bool

    /// Since t₀.
    package var all: DrillObservation.Counts { critical + standard + deferrable }

    package init(of run: DrillRun) {
        let seen = run.gateways.compactMap(\.observation)
        func sum(_ counts: (DrillObservation) -> DrillObservation.Counts) -> DrillObservation.Counts {
            seen.reduce(DrillObservation.Counts()) { $0 + counts($1) }
        }
        let concerned = seen.filter { $0.isConcerned(by: run.terms) }
        detectedAfter = concerned.compactMap(\.detectedAfter).max()
        actedAfter = concerned.compactMap(\.actedAfter).max()
        let recovered = concerned.compactMap(\.recoveredAfter)
        recoveredAfter = recovered.count == concerned.count ? recovered.max() : nil
        isRecoveryFinal = !concerned.isEmpty && concerned.allSatisfy(\.isRecoverySure)
        met = seen.reduce(0) { $0 &+ $1.met }
        probes = seen.reduce(0) { $0 &+ $1.probes }
        baseline = sum(\.baseline)
        critical = sum(\.critical)
        standard = sum(\.standard)
        deferrable = sum(\.deferrable)
        isSteadyAgain = !seen.isEmpty && seen.allSatisfy(\.isSteadyAgain)
    }
}

extension DrillObservation {
    /// Whether there is something to recover from: where nothing met the fault, nothing is known of recovery.
    fileprivate func isConcerned(by terms: DrillRun.Terms) -> Bool {
        hasBegun && (met > 0 || !terms.target.isOfDeployments)
    }

    /// Where nothing was lost, fewer than five in a row are too few to say so.
    fileprivate var isWithoutRecovery: Bool {
        let counts = critical + standard + deferrable
        return recoveredAfter == nil && (counts.lost > 0 || counts.all >= RecoveryRun.goodInARow)
    }

    fileprivate var isRecoverySure: Bool { recoveredAfter != nil && (recoveryIsFinal || phase == .over) }
}

/// Looks at what was seen.
private struct DrillJudge {
    let run: DrillRun
    let now: Instant
    let measures: DrillMeasures
    private let seen: [(id: String, what: DrillObservation)]
    private let concerned: [(id: String, what: DrillObservation)]

    init(run: DrillRun, now: Instant) {
        self.run = run
        self.now = now
        measures = DrillMeasures(of: run)
        seen = run.gateways.compactMap { gateway in gateway.observation.map { (gateway.id, $0) } }
        concerned = seen.filter { $0.what.isConcerned(by: run.terms) }
    }

    // MARK: - What was seen to fail

    var failures: [DrillReason] {
        var found = seen.compactMap { DrillReason(stoppedBy: $0.id, $0.what.ended) }
        if run.terms.fault == .sham { return found + falseAlarms }
        let lost = run.gateways.reduce(0) { $0 + $1.lostCriticalAfterRecovery }
        if lost > 0 { found.append(.lostAfterRecovery(critical: lost)) }
        if wentToItsEnd {
            let without = concerned.filter { $0.what.isWithoutRecovery }.map(\.id)
            if !without.isEmpty { found.append(.notRecovered(without)) }
        }
        if let after = concerned.compactMap(\.what.recoveredAfter).max(), after > run.terms.recoveryTargetMilliseconds {
            found.append(.tooSlow(milliseconds: after, target: run.terms.recoveryTargetMilliseconds))
        }
        if wentToItsEnd {
            let unsteady = concerned.filter { !$0.what.isSteadyAgain }.map(\.id)
            if !unsteady.isEmpty { found.append(.notSteadyAgain(unsteady)) }
        }
        return found
    }

    /// Nothing failed, so whatever was noticed or done is a false alarm, and whatever was lost is not the drill's doing.
    private var falseAlarms: [DrillReason] {
        guard !isUnsettledSham else { return [] }
        var found: [DrillReason] = seen.filter { $0.what.detectedAfter != nil || $0.what.actedAfter != nil }
            .map { .falseAlarm(gateway: $0.id) }
        let counts = measures.all
        if counts.degraded + counts.lost > 0 { found.append(.harmWithoutFault(counts)) }
        return found
    }

    /// Somebody else answered before it began, as in the slow start after a failure: what goes on of that is no alarm.
    private var isUnsettledSham: Bool { run.terms.fault == .sham && measures.baseline.degraded > 0 }

    private var wentToItsEnd: Bool {
        run.stop == nil && lost.isEmpty && seen.allSatisfy { $0.what.hasEnded && $0.what.phase != .refused }
    }

    private var lost: [String] {
        run.gateways.filter { $0.observation != nil && ($0.isContradictory || run.isSilent($0, now: now)) }.map(\.id)
    }

    // MARK: - What is not known

    var doubts: [DrillReason] {
        if run.stop == .restarted { return [.stopped(.restarted)] }
        var found: [DrillReason] = run.stop.map { [.stopped($0)] } ?? []
        let contradictory = ids(\.isContradictory)
        if !contradictory.isEmpty { found.append(.contradictory(contradictory)) }
        guard !seen.isEmpty else { return found.isEmpty ? [.nobodyTookIt] : found }
        let unsteady = ids { $0.observation?.phase == .refused || isUnsettledSham && $0.observation != nil }
        if !unsteady.isEmpty { return found + [.unsteadyBaseline(unsteady)] }
        let silent = ids { $0.observation != nil && !$0.isContradictory && run.isSilent($0, now: now) }
        if !silent.isEmpty { found.append(.silent(silent)) }
        let without = ids { $0.isExpected && $0.observation == nil && !$0.isContradictory }
        if !without.isEmpty { found.append(.notTakenBy(without)) }
        guard seen.contains(where: \.what.hasBegun) else { return found.isEmpty ? [.neverBegan] : found }
        if run.stop == nil {
            let open = seen.filter { !$0.what.hasEnded }.map(\.id)
            if !open.isEmpty { found.append(.neverEnded(open)) }
        }
        return found + trafficDoubts
    }

    private var trafficDoubts: [DrillReason] {
        var found: [DrillReason] = []
        let all = measures.all
        if all.all < DrillVerdict.fewestExchanges { found.append(.tooFewExchanges(all.all)) }
        if run.terms.target.isOfDeployments {
            if measures.met < DrillVerdict.fewestMet {
                found.append(.tooFewMet(measures.met))
            } else if isWithoutEffect(all) {
                found.append(.notEffective)
            }
        }
        if run.stop == nil {
            // What a few exchanges could not show is not known either, also where others have recovered.
            let open = concerned.filter { !$0.what.isWithoutRecovery && !$0.what.isRecoverySure }.map(\.id)
            if !open.isEmpty { found.append(.recoveryNotFinal(open)) }
        }
        return found
    }

    /// Every attempt was to fail, and yet everything went as on a good day: what was said to be injected was not.
    private func isWithoutEffect(_ all: DrillObservation.Counts) -> Bool {
        switch run.terms.fault {
        case .refuse, .silence, .revoke, .status500, .status503, .status429:
            run.terms.sharePercent == 100 && all.degraded + all.lost + all.shed == 0 && measures.detectedAfter == nil
        case .slow, .cut, .sham: false
        }
    }

    private func ids(_ isMeant: (DrillGateway) -> Bool) -> [String] { run.gateways.filter(isMeant).map(\.id) }
}
