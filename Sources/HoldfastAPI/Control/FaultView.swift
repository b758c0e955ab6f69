package import HoldfastCore

/// A `FaultOrder` as overrides carry it.
package struct FaultView: Codable, Sendable, Hashable {
    /// A word of `InjectedFault`.
    package var fault: String
    /// `deployment`, `provider`, `vendor`, `jurisdiction`, `owned`, `resolver` or `control`.
    package var target: String
    /// Which one; absent for the last three.
    package var name: String?
    package var route: String?
    package var sharePercent: Int
    package var leaseMilliseconds: Int64
    package var delayMilliseconds: Int64
    package var probesPerSecond: Int
    package var baselineMilliseconds: Int64
    package var stopLostCritical: Int
    package var stopLostPercent: Int

    package init(_ order: FaultOrder) {
        fault = order.fault.rawValue
        (target, name) = order.target.words
        route = order.route
        sharePercent = order.sharePercent
        leaseMilliseconds = order.leaseMilliseconds
        delayMilliseconds = order.delayMilliseconds
        probesPerSecond = order.probesPerSecond
        baselineMilliseconds = order.baselineMilliseconds
        stopLostCritical = order.stop.lostCritical
        stopLostPercent = order.stop.lostPercent
    }

    /// As the core knows it. What the words mean is checked here, what the numbers may be by `OverrideEffect.problems`.
    package func order() throws(OverrideProblem) -> FaultOrder {
        guard let fault = InjectedFault(rawValue: fault) else {
            throw OverrideProblem(
                "fault", "there is no such fault",
                mend: "use \(InjectedFault.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard let target = FaultTarget(target, name: name) else {
            throw OverrideProblem(
                "target", "this is nothing that can fail", mend: "use \(FaultTarget.words.joined(separator: ", "))")
        }
        var order = FaultOrder(fault, target, route: route, leaseMilliseconds: leaseMilliseconds)
        order.sharePercent = sharePercent
        order.delayMilliseconds = delayMilliseconds
        order.probesPerSecond = probesPerSecond
        order.baselineMilliseconds = baselineMilliseconds
        order.stop.lostCritical = stopLostCritical
        order.stop.lostPercent = stopLostPercent
        return order
    }
}

extension FaultTarget {
    package static let words = ["deployment", "provider", "vendor", "jurisdiction", "owned", "resolver", "control"]

    /// As views spell it.
    package var words: (target: String, name: String?) {
        switch self {
        case .deployment(let name): ("deployment", name)
        case .provider(let name): ("provider", name)
        case .vendor(let name): ("vendor", name)
        case .jurisdiction(let name): ("jurisdiction", name)
        case .owned: ("owned", nil)
        case .resolver: ("resolver", nil)
        case .control: ("control", nil)
        }
    }

    /// Nil: the words mean nothing.
    package init?(_ target: String, name: String?) {
        switch (target, name) {
        case ("deployment", let name?): self = .deployment(name)
        case ("provider", let name?): self = .provider(name)
        case ("vendor", let name?): self = .vendor(name)
        case ("jurisdiction", let name?): self = .jurisdiction(name)
        case ("owned", nil): self = .owned
        case ("resolver", nil): self = .resolver
        case ("control", nil): self = .control
        default: return nil
        }
    }
}
