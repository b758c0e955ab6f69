import HoldfastAPI
import HoldfastCore

extension DrillObservationView {
    init(_ watch: DrillWatch, now: Instant) {
        func sinceBegin(_ instant: Instant?) -> Int64? {
            instant.map { $0.nanoseconds(since: watch.beginsAt) / Span.millisecond }
        }
        self.init(order: watch.id, phase: Phase(watch.phase))
        ended = watch.ending?.rawValue
        endedAfterMilliseconds = sinceBegin(watch.endedAt)
        ageMilliseconds = watch.hasBegun ? sinceBegin(now) : nil
        met = watch.met
        detectedAfterMilliseconds = sinceBegin(watch.detectedAt)
        actedAfterMilliseconds = sinceBegin(watch.actedAt)
        recoveredAfterMilliseconds = sinceBegin(watch.recoveredAt)
        recoveryIsFinal = watch.recoveryIsFinal
        baseline = Counts(watch.baseline)
        critical = Counts(watch.counts(of: .critical))
        standard = Counts(watch.counts(of: .standard))
        deferrable = Counts(watch.counts(of: .deferrable))
        probes = watch.probes
        answerers = watch.answerers.prefix(Self.mostAnswerers).map {
            Answerer(deployment: $0.deployment, count: $0.count)
        }
        seconds = watch.seconds.suffix(Self.mostSeconds).map { Second(second: $0.second, counts: Counts($0.counts)) }
        isSteadyAgain = watch.isSteadyAgain
    }
}

extension DrillObservationView.Counts {
    fileprivate init(_ counts: DrillCounts) {
        self.init()
        answered = counts.answered
        degraded = counts.degraded
        lost = counts.lost
        shed = counts.shed
    }
}

extension DrillObservationView.Phase {
    init(_ phase: DrillWatch.Phase) {
        self =
            switch phase {
            case .baseline: .baseline
            case .fault: .fault
            case .recovery: .recovery
            case .over: .over
            case .refused: .refused
            }
    }
}
