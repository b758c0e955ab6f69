import HoldfastAPI
import HoldfastCore

/// The drill under way: what decides about it, and what people see of it.
struct ActiveDrill: Sendable {
    var run: DrillRun
    /// As it is committed.
    var stored: StoredDrill
    let overrideID: String
    /// The newest generation that was looked at, and whether it holds the document that is drilled.
    var looked: UInt64
    let document: String

    var id: String { stored.view.id }

    /// What gateways say of its order, and when they said it.
    func observations(of gateways: Gateways, now: Instant) -> [(id: String, view: DrillObservationView?, at: Instant)] {
        gateways.seen(now: now).map { id, seen in
            (id, seen.report.drills?.first { $0.order == overrideID }, seen.at)
        }
    }

    /// Takes in what was reported, and decides.
    mutating func look(_ gateways: Gateways, newest: Generation?, now: Instant) {
        for (id, view, at) in observations(of: gateways, now: now) {
            run.reported(gateway: id, view.map(DrillObservation.init), at: at)
        }
        if run.isOrderOut, let newest {
            if newest.number != looked, newest.payload.document != document {
                run.stop(.configurationChanged, now: now)
            } else if !newest.payload.overrides.contains(where: { $0.id == overrideID }) {
                run.stop(.orderGone, now: now)
            }
            looked = newest.number
        }
        run.tick(now: now)
    }

    /// What people see of it now.
    func view(_ gateways: Gateways, now: Rollouts.Times) -> DrillView {
        var view = stored.view
        view.phase = run.phase.word
        view.measures = DrillView.Measures(DrillMeasures(of: run), target: run.terms.recoveryTargetMilliseconds)
        let seen = observations(of: gateways, now: now.monotonic).filter { found in
            run.gateways.contains { $0.id == found.id && ($0.observation != nil || $0.isExpected) }
        }
        view.gateways = seen.map { DrillView.Gateway(id: $0.id, observation: $0.view) }
        let told = seen.compactMap(\.view)
        view.measures?.answerers = DrillObservationView.Answerer.sum(of: told)
        view.seconds = DrillObservationView.Second.sum(of: told)
        if view.faultAt == nil, let age = told.compactMap(\.ageMilliseconds).max() {
            view.faultAt = TimeOfDay.text(milliseconds: now.wall - age)
        }
        if let verdict = run.verdict {
            view.verdict = DrillView.Verdict(rawValue: verdict.outcome.rawValue)
            view.because = verdict.reasons.map(\.message)
            view.mend = verdict.reasons.first?.mend
            if verdict.outcome == .pass {
                view.because = DrillMeasures(of: run).facts(target: run.terms.recoveryTargetMilliseconds)
            }
            view.endedAt = TimeOfDay.text(milliseconds: now.wall)
        }
        return view
    }

    /// To be committed.
    func stored(_ gateways: Gateways, now: Rollouts.Times) -> StoredDrill {
        var next = stored
        next.view = view(gateways, now: now)
        if run.verdict != nil { next.endedAt = now.wall }
        return next
    }
}

extension DrillRun.Phase {
    var word: DrillView.Phase {
        switch self {
        case .starting: .starting
        case .baseline: .baseline
        case .fault: .fault
        case .recovery: .recovery
        case .done: .done
        }
    }
}

// MARK: - Views

extension DrillObservation {
    init(_ view: DrillObservationView) {
        let phase: Phase =
            switch view.phase {
            case .baseline: .baseline
            case .fault: .fault
            case .recovery: .recovery
            case .over: .over
            case .refused: .refused
            }
        self.init(phase)
        ended = view.ended.flatMap(Ending.init(rawValue:))
        ageMilliseconds = view.ageMilliseconds
        met = view.met
        detectedAfter = view.detectedAfterMilliseconds
        actedAfter = view.actedAfterMilliseconds
        recoveredAfter = view.recoveredAfterMilliseconds
        recoveryIsFinal = view.recoveryIsFinal
        baseline = Counts(view.baseline)
        critical = Counts(view.critical)
        standard = Counts(view.standard)
        deferrable = Counts(view.deferrable)
        probes = view.probes
        isSteadyAgain = view.isSteadyAgain
    }
}

extension DrillObservation.Counts {
    init(_ view: DrillObservationView.Counts) {
        self.init(answered: view.answered, degraded: view.degraded, lost: view.lost, shed: view.shed)
    }
}

extension DrillObservationView.Counts {
    init(_ counts: DrillObservation.Counts) {
        self.init()
        answered = counts.answered
        degraded = counts.degraded
        lost = counts.lost
        shed = counts.shed
    }
}

extension DrillView.Measures {
    init(_ measures: DrillMeasures, target: Int64) {
        self.init()
        detectedAfter = measures.detectedAfter
        actedAfter = measures.actedAfter
        recoveredAfter = measures.recoveredAfter
        recoveryTime = measures.isRecoveryFinal ? measures.recoveredAfter : nil
        recoveryTarget = target
        met = measures.met
        probes = measures.probes
        baseline = DrillObservationView.Counts(measures.baseline)
        critical = DrillObservationView.Counts(measures.critical)
        standard = DrillObservationView.Counts(measures.standard)
        deferrable = DrillObservationView.Counts(measures.deferrable)
        isSteadyAgain = measures.isSteadyAgain
    }
}

extension DrillObservationView.Answerer {
    /// By count, the most first.
    static func sum(of observations: [DrillObservationView]) -> [Self] {
        var counts: [String: Int] = [:]
        for answerer in observations.flatMap(\.answerers) {
            counts[answerer.deployment, default: 0] &+= answerer.count
        }
        return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
            Self(deployment: $0.key, count: $0.value)
        }
    }
}

extension DrillObservationView.Second {
    /// In their order.
    static func sum(of observations: [DrillObservationView]) -> [Self] {
        var sums: [Int: DrillObservation.Counts] = [:]
        for second in observations.flatMap(\.seconds) {
            sums[second.second] =
                (sums[second.second] ?? DrillObservation.Counts()) + DrillObservation.Counts(second.counts)
        }
        return sums.sorted { $0.key < $1.key }.map {
            Self(second: $0.key, counts: DrillObservationView.Counts($0.value))
        }
    }
}
