import HoldfastAPI
import HoldfastCore

/// What a gateway reports of drills decides whether they have passed, so it is bounded and has to be possible. Whether it
/// fits what the gateway said before is for `DrillRun` to see.
extension DrillObservationView {
    /// Who can have answered: as many as a route has candidates, for a few routes.
    static let mostAnswerers = 512
    static let longestOrder = 100
    /// Of exchanges: far more than there ever are, and the sum over all gateways is still a number.
    fileprivate static let mostCounted = 1 << 40
    /// Seconds since t₀, and milliseconds: no drill and no clock comes near.
    private static let longestSeconds = 86_400
    private static let longestMilliseconds = Int64(longestSeconds) * 1_000

    var isRight: Bool {
        let instants = [
            endedAfterMilliseconds, ageMilliseconds, detectedAfterMilliseconds, actedAfterMilliseconds,
            recoveredAfterMilliseconds,
        ]
        return 1...Self.longestOrder ~= order.unicodeScalars.count
            && (ended?.unicodeScalars.count ?? 0) <= Self.longestOrder
            && instants.compactMap(\.self).allSatisfy { -Self.longestMilliseconds...Self.longestMilliseconds ~= $0 }
            && [met, probes].allSatisfy { 0...Self.mostCounted ~= $0 }
            && [baseline, critical, standard, deferrable].allSatisfy(\.isRight)
            && answerers.count <= Self.mostAnswerers
            && answerers.allSatisfy {
                NameKind.deployment.accepts($0.deployment) && 0...Self.mostCounted ~= $0.count
            }
            && seconds.count <= Self.mostSeconds
            && seconds.allSatisfy { -Self.longestSeconds...Self.longestSeconds ~= $0.second && $0.counts.isRight }
    }
}

extension DrillObservationView.Counts {
    fileprivate var isRight: Bool {
        [answered, degraded, lost, shed].allSatisfy { 0...DrillObservationView.mostCounted ~= $0 }
    }
}
