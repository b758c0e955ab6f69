/// A failure that gateways inject on purpose, in their own attempt layer, so that nobody else's primary is harmed.
///
/// It travels as the effect of an override, so that it has an author, a reason and an end, is signed like everything else
/// that gateways act on, and is shown wherever overrides are. What it does *not* rely on is that anybody takes the
/// override away again: a gateway that takes an order on holds a lease of its own, on its monotonic clock, and the fault
/// ends with that lease, whatever becomes of the management plane, the wall clock or the snapshot. An order that a
/// gateway finds on its disk at a start is never begun, and one whose lease has ended is never begun again.
package struct FaultOrder: Sendable, Hashable {
    package var fault: InjectedFault
    package var target: FaultTarget
    /// Only attempts of exchanges on this route; nil: of every exchange. The breaker that they open is shared by all routes.
    package var route: String?
    /// Of the exchanges in question, 1 … 100.
    package var sharePercent = 100
    /// 1 s … `longestLeaseMilliseconds`, from t₀ on.
    package var leaseMilliseconds: Int64
    /// What a `slow` attempt waits before it is really made.
    package var delayMilliseconds: Int64 = 5_000
    /// Exchanges that the gateway makes by itself on `route`, through its own listener, for a drill that has no traffic to
    /// measure; 0: none. They cost what exchanges cost.
    package var probesPerSecond = 0
    /// How long the gateway only looks on before the fault becomes effective. Where an exchange is lost meanwhile, the
    /// state was not steady, and the fault is not injected at all.
    package var baselineMilliseconds: Int64 = 3_000
    package var stop = StopConditions()

    /// What a gateway ends the fault for by itself, at once and without asking anybody.
    package struct StopConditions: Sendable, Hashable {
        /// Critical exchanges that were lost.
        package var lostCritical = 10
        /// Of all exchanges since t₀, where at least `fewestExchanges` have ended: lost ones, in percent.
        package var lostPercent = 50
        package static let fewestExchanges = 20

        package init() {}
    }

    package static let shortestLeaseMilliseconds: Int64 = 1_000
    /// A drill that takes longer is an outage.
    package static let longestLeaseMilliseconds: Int64 = 900_000
    package static let longestDelayMilliseconds: Int64 = 120_000
    package static let longestBaselineMilliseconds: Int64 = 60_000
    package static let mostProbesPerSecond = 50

    package init(_ fault: InjectedFault, _ target: FaultTarget, route: String? = nil, leaseMilliseconds: Int64) {
        self.fault = fault
        self.target = target
        self.route = route
        self.leaseMilliseconds = leaseMilliseconds
    }
}

/// How an attempt fails that meets an injected fault.
package enum InjectedFault: String, Sendable, Hashable, CaseIterable {
    /// The connection is refused.
    case refuse
    /// The connection stands, and nothing comes.
    case silence
    /// The attempt is made after a delay.
    case slow
    /// The attempt is made, and its answer breaks off after its first part.
    case cut
    /// The provider's key is refused.
    case revoke
    case status500 = "500"
    case status503 = "503"
    case status429 = "429"
    /// Nothing fails: whatever a drill reports of this is a false alarm.
    case sham
}

/// What fails.
package enum FaultTarget: Sendable, Hashable {
    case deployment(String)
    case provider(String)
    case vendor(String)
    case jurisdiction(String)
    /// Every provider that runs on hardware of one's own.
    case owned
    /// Names are not resolved any more; attempts go on at the addresses that are known.
    case resolver
    /// The gateway does not hear the management plane, and is not heard by it.
    case control
}
