import HoldfastAPI
import HoldfastCore

/// What a gateway says of drills decides verdicts and is shown to people, so it is bounded like all that it says.
extension DrillObservationView {
    /// Longer than any observation: the longest baseline, lease and recovery together.
    static let longestMilliseconds: Int64 = 2 * 3_600_000
    private static let endings = DrillWatch.Ending.allCases.map(\.rawValue)

    static func areRight(_ drills: [DrillObservationView]) -> Bool {
        drills.count <= most && Set(drills.map(\.order)).count == drills.count && drills.allSatisfy(\.isRight)
    }

    /// Compared and never computed with: what a gateway says may be the largest number there is, and the smallest.
    private static let instants = -longestMilliseconds...longestMilliseconds

    private var isRight: Bool {
        NameKind.id.accepts(order) && ended.map(Self.endings.contains) ?? true
            && spans.allSatisfy(Self.instants.contains)
            && [baseline, critical, standard, deferrable].allSatisfy(\.isRight)
            && ([met, probes] + answerers.map(\.count)).allSatisfy { (0...APISchema.longestNumber).contains($0) }
            && answerers.count <= Self.mostAnswerers
            && answerers.allSatisfy { NameKind.deployment.accepts($0.deployment) }
            && seconds.count <= Self.mostSeconds
            && seconds.allSatisfy { Self.instants.contains(Int64($0.second)) && $0.counts.isRight }
    }

    private var spans: [Int64] {
        [
            endedAfterMilliseconds, ageMilliseconds, detectedAfterMilliseconds, actedAfterMilliseconds,
            recoveredAfterMilliseconds,
        ].compactMap { $0 }
    }
}

extension DrillObservationView.Counts {
    fileprivate var isRight: Bool {
        [answered, degraded, lost, shed].allSatisfy { (0...APISchema.longestNumber).contains($0) }
    }
}
