/// One thing on the map, with what is known of it. Nil is unknown, and never none.
package struct MapComponent: Sendable, Hashable {
    /// Where knowledge of it comes from; it may be several.
    package struct Sources: OptionSet, Sendable, Hashable {
        package var rawValue: UInt8

        package init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// Under `map` of the document.
        package static let declared = Sources(rawValue: 1)
        /// By the rest of the document.
        package static let implied = Sources(rawValue: 2)
        /// By gateways, at work.
        package static let observed = Sources(rawValue: 4)
    }

    package var id: ComponentID
    package var sources: Sources
    /// A person, a team, or a group of people.
    package var owner: ComponentID?
    package var criticality: Criticality?
    package var recoveryTargetNanoseconds: Int64?
    package var latencyToleranceNanoseconds: Int64?
    /// Millionths of a US dollar for a minute in which it is down.
    package var minuteCostMicros: Int64?
    package var domains: Set<FailureDomain>
    /// Every one of them has to hold.
    package var needs: [Need]
    /// What it is the backup of.
    package var backsUp: ComponentID?

    package init(
        _ id: ComponentID, _ sources: Sources, domains: Set<FailureDomain> = [], needs: [Need] = []
    ) {
        self.id = id
        self.sources = sources
        self.domains = domains
        self.needs = needs
    }

    /// So many of these.
    package struct Need: Sendable, Hashable {
        package var least: Int
        package var of: [ComponentID]

        package init(least: Int, of members: [ComponentID]) {
            self.least = least
            of = members
        }

        package static func one(_ id: ComponentID) -> Need { Need(least: 1, of: [id]) }
    }

    /// What another source knows of the same: facts that are missing here are taken from there, and needs add up. Of two
    /// domains of a kind the declared one is meant: a provider may be reached over another network than the internet.
    package mutating func join(_ other: MapComponent) {
        precondition(id == other.id, "\(other.id) is joined to \(id), which is something else")
        sources.formUnion(other.sources)
        owner = owner ?? other.owner
        criticality = criticality ?? other.criticality
        recoveryTargetNanoseconds = recoveryTargetNanoseconds ?? other.recoveryTargetNanoseconds
        latencyToleranceNanoseconds = latencyToleranceNanoseconds ?? other.latencyToleranceNanoseconds
        minuteCostMicros = minuteCostMicros ?? other.minuteCostMicros
        backsUp = backsUp ?? other.backsUp
        for domain in other.domains.sorted() {
            let known = domains.filter { $0.kind == domain.kind }
            guard known.isEmpty || other.sources.contains(.declared) else { continue }
            domains.subtract(known)
            domains.insert(domain)
        }
        for need in other.needs where !needs.contains(need) { needs.append(need) }
    }
}

/// What is wrong with a map, and in which part of which component.
package struct MapProblem: Error, Sendable, Hashable {
    package enum Field: String, Sendable, Hashable {
        case needs, of, least, owner
        case backsUp = "backs_up"
    }

    package var component: ComponentID
    package var field: Field
    /// The one of a list that is meant.
    package var reference: ComponentID?
    package var message: String
    package var mend: String
}
