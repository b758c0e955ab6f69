/// What a drill makes fail, under the name that people start it by.
package enum DrillPlan: String, Sendable, Hashable, CaseIterable {
    case killPrimary = "kill-primary"
    case killDeployment = "kill-deployment"
    case killProvider = "kill-provider"
    case killVendor = "kill-vendor"
    case killJurisdiction = "kill-jurisdiction"
    case killLocal = "kill-local"
    case killResolver = "kill-resolver"
    case killControl = "kill-control"
    case tabletop

    package var summary: String {
        switch self {
        case .killPrimary: "the candidate that a route asks first, as it is in force now"
        case .killDeployment: "one model at one provider"
        case .killProvider: "everything at one provider"
        case .killVendor: "every provider of one vendor"
        case .killJurisdiction: "every provider in one jurisdiction"
        case .killLocal: "every provider that is owned"
        case .killResolver: "the resolver: names have no addresses any more but those that are known"
        case .killControl: "the management plane, as gateways see it"
        case .tabletop: "nothing: people go through the steps, and say how each went"
        }
    }

    /// What `name` is of; nil: the plan names by itself what fails.
    package var noun: String? {
        switch self {
        case .killDeployment: "deployment"
        case .killProvider: "provider"
        case .killVendor: "vendor"
        case .killJurisdiction: "jurisdiction"
        case .killPrimary, .killLocal, .killResolver, .killControl, .tabletop: nil
        }
    }
}

/// A drill as somebody asks for it, or a schedule does: by name, before it is known whether it can be.
package struct DrillRequest: Sendable, Hashable {
    /// Long enough for five good exchanges in a row where one comes every five seconds, and shorter than people wait
    /// before they ask again. Whoever has promised less names it.
    package static let usualTargetMilliseconds: Int64 = 30_000
    package static let longestTargetMilliseconds: Int64 = 86_400_000
    package static let usualLeaseMilliseconds: Int64 = 60_000

    package var plan: DrillPlan
    package var route: String?
    /// A deployment, provider, vendor or jurisdiction: see `DrillPlan.noun`.
    package var name: String?
    package var fault = InjectedFault.refuse
    package var sharePercent = 100
    package var leaseMilliseconds = usualLeaseMilliseconds
    /// Nil: as `FaultOrder` has it.
    package var delayMilliseconds: Int64?
    package var baselineMilliseconds: Int64?
    package var probesPerSecond = 0
    /// Nil: what the map promises, else `usualTargetMilliseconds`.
    package var recoveryTargetMilliseconds: Int64?
    /// Everything but the failure: what it reports is a false alarm.
    package var isSham = false
    package var stop = FaultOrder.StopConditions()
    /// It is known that nobody is left to answer, and how that goes is what is to be seen.
    package var isOutageConfirmed = false

    package init(_ plan: DrillPlan) {
        self.plan = plan
    }
}

/// What is wrong with a drill that was asked for; never empty.
package struct DrillProblems: Error, Sendable, Hashable {
    package var problems: [OverrideProblem]

    package init(_ problems: [OverrideProblem]) {
        precondition(!problems.isEmpty, "a drill is refused for a reason")
        self.problems = problems
    }
}

/// A drill that can be: what gateways are told, and whose worth as a fallback it says something about.
package struct PlannedDrill: Sendable, Hashable {
    package var order: FaultOrder
    package var recoveryTargetMilliseconds: Int64
    /// Routes that ask for what fails, in the document's order.
    package var routes: [String]
    /// Those of `routes` on which nobody is left.
    package var routesWithoutAnswer: [String]
    /// Empty where more than one route is in it: who answered is counted by deployment and not by route, and what cannot
    /// be told apart is not taken for a test of each.
    package var coverage: [DrillCoverage]
}

/// One fallback that a drill is about.
package struct DrillCoverage: Sendable, Hashable {
    package var fingerprint: FallbackFingerprint
    /// The one to answer first: where the drill fails, it is the one that has failed.
    package var isNext: Bool

    package init(_ fingerprint: FallbackFingerprint, isNext: Bool) {
        self.fingerprint = fingerprint
        self.isNext = isNext
    }
}
