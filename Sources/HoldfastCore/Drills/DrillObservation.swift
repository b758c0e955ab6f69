/// What one gateway says of a fault order. Instants are milliseconds since t₀, by its own clock.
package struct DrillObservation: Sendable, Hashable {
    package enum Phase: Sendable, Hashable, CaseIterable {
        case baseline, fault, recovery, over
        /// The baseline was not steady, or there was nothing to look at: nothing was injected.
        case refused
    }

    /// Why the fault has ended.
    package enum Ending: String, Sendable, Hashable, CaseIterable {
        case lease, cleared
        case lostCritical = "lost_critical"
        case lostPercent = "lost_percent"
        case unsteady

        /// Whether the gateway has ended it because of what it did.
        var isStopCondition: Bool { self == .lostCritical || self == .lostPercent }
    }

    /// Exchanges that have ended, by what became of them; each is in one of them.
    package struct Counts: Sendable, Hashable {
        package var answered = 0
        package var degraded = 0
        package var lost = 0
        package var shed = 0

        package init(answered: Int = 0, degraded: Int = 0, lost: Int = 0, shed: Int = 0) {
            self.answered = answered
            self.degraded = degraded
            self.lost = lost
            self.shed = shed
        }

        package var all: Int {
            [answered, degraded, lost, shed].reduce(0) { $0.addingReportingOverflow($1).partialValue }
        }

        package static func + (left: Counts, right: Counts) -> Counts {
            Counts(
                answered: left.answered &+ right.answered, degraded: left.degraded &+ right.degraded,
                lost: left.lost &+ right.lost, shed: left.shed &+ right.shed)
        }

        /// Whether it may come after `earlier`: what was counted stays counted.
        func isNoLess(than earlier: Counts) -> Bool {
            answered >= earlier.answered && degraded >= earlier.degraded && lost >= earlier.lost && shed >= earlier.shed
        }

        /// A gateway that says more than this has not counted it.
        static let most = 1 << 40

        var isPossible: Bool { [answered, degraded, lost, shed].allSatisfy { 0...Self.most ~= $0 } }
    }

    package var phase: Phase
    /// Nil: it has not ended.
    package var ended: Ending?
    package var ageMilliseconds: Int64?
    package var met = 0
    package var detectedAfter: Int64?
    package var actedAfter: Int64?
    package var recoveredAfter: Int64?
    package var recoveryIsFinal = false
    package var baseline = Counts()
    package var critical = Counts()
    package var standard = Counts()
    package var deferrable = Counts()
    package var probes = 0
    package var isSteadyAgain = false

    package init(_ phase: Phase) {
        self.phase = phase
    }

    /// Since t₀.
    package var counts: Counts { critical + standard + deferrable }

    /// Whether the fault is not in effect there, and will not be again.
    var hasEnded: Bool {
        switch phase {
        case .recovery, .over, .refused: true
        case .baseline, .fault: false
        }
    }

    var hasBegun: Bool {
        switch phase {
        case .fault, .recovery, .over: true
        case .baseline, .refused: false
        }
    }

    /// Whether there is nothing more to learn from it.
    var isComplete: Bool {
        switch phase {
        case .over, .refused: true
        // Where nothing met the fault nobody will ever have recovered from it.
        case .recovery: isSteadyAgain && (recoveryIsFinal || met == 0 && recoveredAfter == nil)
        case .baseline, .fault: false
        }
    }

    // MARK: - Whether it can be

    /// Whether it can be true by itself, `spanMilliseconds` after the order was given.
    func isPossible(within spanMilliseconds: Int64) -> Bool {
        let instants = [detectedAfter, actedAfter, recoveredAfter].compactMap(\.self)
        let age = ageMilliseconds ?? 0
        let areCounts = [baseline, critical, standard, deferrable].allSatisfy(\.isPossible)
        guard areCounts, 0...Counts.most ~= met, 0...Counts.most ~= probes else { return false }
        if !hasBegun { return met == 0 && instants.isEmpty }
        return 0...spanMilliseconds ~= age && instants.allSatisfy { 0...age ~= $0 }
    }

    /// Whether a gateway that said `earlier` may say this now: it counts on, and goes on.
    func mayFollow(_ earlier: DrillObservation) -> Bool {
        guard earlier.phase.next.contains(phase) else { return false }
        let pairs = [
            (critical, earlier.critical), (standard, earlier.standard), (deferrable, earlier.deferrable),
            (baseline, earlier.baseline),
        ]
        return pairs.allSatisfy { $0.isNoLess(than: $1) } && met >= earlier.met && probes >= earlier.probes
            && ageMilliseconds ?? 0 >= earlier.ageMilliseconds ?? 0
    }
}

extension DrillObservation.Phase {
    /// What it may be in later, or still.
    var next: [DrillObservation.Phase] {
        switch self {
        case .baseline: [.baseline, .fault, .recovery, .over, .refused]
        case .fault: [.fault, .recovery, .over]
        case .recovery: [.recovery, .over]
        case .over: [.over]
        case .refused: [.refused]
        }
    }
}
