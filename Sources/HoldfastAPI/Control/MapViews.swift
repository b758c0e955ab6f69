package import HoldfastCore

// The map and what it means, as the API, the command line and the console speak of them. Money is US dollars as a decimal
// text, spans are as in the configuration; what is absent is unknown.

/// What depends on what.
package struct MapView: Codable, Sendable, Equatable {
    /// Sets that are listed for one component.
    package static let mostSets = 200

    package struct Need: Codable, Sendable, Equatable {
        package var least: Int
        package var of: [String]
    }

    package struct Component: Codable, Sendable, Equatable {
        package enum Source: String, Codable, Sendable, CaseIterable {
            case declared, implied, observed
        }

        /// `kind:name`.
        package var id: String
        package var kind: String
        /// Where knowledge of it comes from.
        package var sources: [Source]
        package var owner: String?
        /// The highest of its own and of whatever needs it.
        package var criticality: String
        package var recoveryTarget: String?
        package var latencyTolerance: String?
        package var costPerMinute: String?
        /// `kind:name`.
        package var domains: [String]
        package var needs: [Need]
        package var backsUp: String?
    }

    /// What stops one component: sets of failures, the smallest first.
    package struct CutSets: Codable, Sendable, Equatable {
        package var component: String
        package var sets: [[String]]
        /// Sets that are not listed.
        package var more: Int
        /// Sets up to this order were all looked at.
        package var exactOrder: Int
    }

    /// Failures that mean the same: sets name the first of them.
    package struct Same: Codable, Sendable, Equatable {
        package var failure: String
        package var same: [String]
    }

    /// Absent: of a file.
    package var generation: UInt64?
    /// Whether what gateways see is part of it.
    package var observed: Bool
    package var components: [Component]
    /// Of services, workloads and routes.
    package var cutSets: [CutSets]
    package var same: [Same]
}

/// What an assessment has found.
package struct AssessmentView: Codable, Sendable, Equatable {
    package var generation: UInt64?
    /// `YYYY-MM-DD`: dates are looked at from here.
    package var day: String
    package var observed: Bool
    package var counts: Counts
    /// The worst first, accepted ones among them.
    package var findings: [FindingView]
    /// Sets of two and of three that are not listed.
    package var morePairs: Int
    package var moreTriples: Int
    package var exactOrder: Int

    /// Of findings that count, and of those that somebody has accepted.
    package struct Counts: Codable, Sendable, Equatable {
        package var critical: Int
        package var warning: Int
        package var notice: Int
        package var accepted: Int
    }
}

package struct FindingView: Codable, Sendable, Equatable {
    package struct Acceptance: Codable, Sendable, Equatable {
        package var reason: String
        package var until: String
        /// It counts again.
        package var expired: Bool
    }

    /// The same as long as it is about the same; `map.accept` names it.
    package var id: String
    package var kind: String
    package var severity: String
    package var title: String
    package var reason: String
    package var mend: String
    package var subjects: [String]
    /// Services, workloads and routes that it concerns.
    package var stops: [String]
    package var costPerMinute: String?
    package var acceptance: Acceptance?

    package var isOpen: Bool { acceptance.map(\.expired) ?? true }
}

/// What would stop, and what would carry the rest, without some things.
package struct OutlookView: Codable, Sendable, Equatable {
    package struct Capacity: Codable, Sendable, Equatable {
        package var dimension: String
        package var all: Int
        package var left: Int
    }

    package struct Carrier: Codable, Sendable, Equatable {
        package var route: String
        package var deployment: String
        /// It answers first on every day.
        package var primary: Bool
        /// What drills have shown of it; of a primary traffic shows more.
        package var state: String
        /// Absent where one of the candidates declares no limit.
        package var capacity: [Capacity]
    }

    package struct Line: Codable, Sendable, Equatable {
        package var component: String
        package var criticality: String
        /// `stops`, `degraded` or `goes_on`.
        package var state: String
        package var costPerMinute: String?
        package var carriers: [Carrier]
    }

    package var generation: UInt64?
    package var without: [String]
    /// Services, workloads and routes, the worst first.
    package var lines: [Line]
    /// All that stops.
    package var stopped: [String]
    package var costPerMinute: String?
}

// MARK: - From the core

extension MapView {
    package init(_ assessment: Assessment, generation: UInt64? = nil) {
        let (map, cuts) = (assessment.map, assessment.cuts)
        self.generation = generation
        observed = assessment.isObserved
        components = map.components.indices.map { Component(map.components[$0], map.criticalities[$0]) }
        cutSets = map.tops.map { top in
            let all = cuts.sets(of: top)
            return CutSets(
                component: map.components[top].id.description,
                sets: all.prefix(Self.mostSets).map { $0.map { cuts.failure($0).description } },
                more: max(0, all.count - Self.mostSets), exactOrder: cuts.exactOrder(of: top))
        }
        same = cuts.classes.indices.filter { cuts.classes[$0].count > 1 }.map { place in
            Same(
                failure: cuts.failure(place).description,
                same: cuts.failures(place).dropFirst().map(\.description))
        }
    }
}

extension MapView.Component {
    init(_ component: MapComponent, _ criticality: Criticality) {
        id = component.id.description
        kind = component.id.kind.rawValue
        let known: [(MapComponent.Sources, Source)] = [
            (.declared, .declared), (.implied, .implied), (.observed, .observed),
        ]
        sources = known.filter { component.sources.contains($0.0) }.map(\.1)
        owner = component.owner?.description
        self.criticality = criticality.rawValue
        recoveryTarget = component.recoveryTargetNanoseconds.map(ConfigurationUnits.durationText)
        latencyTolerance = component.latencyToleranceNanoseconds.map(ConfigurationUnits.durationText)
        costPerMinute = component.minuteCostMicros.map(ConfigurationUnits.moneyText)
        domains = component.domains.sorted().map(\.description)
        needs = component.needs.map { MapView.Need(least: $0.least, of: $0.of.map(\.description)) }
        backsUp = component.backsUp?.description
    }
}

extension AssessmentView {
    package init(_ assessment: Assessment, generation: UInt64? = nil) {
        self.generation = generation
        day = assessment.today.description
        observed = assessment.isObserved
        findings = assessment.findings.map(FindingView.init)
        func count(_ severity: Finding.Severity) -> Int {
            assessment.findings.count { $0.isOpen && $0.severity == severity }
        }
        counts = Counts(
            critical: count(.critical), warning: count(.warning), notice: count(.notice),
            accepted: assessment.findings.count { !$0.isOpen })
        morePairs = assessment.morePairs
        moreTriples = assessment.moreTriples
        exactOrder = assessment.exactOrder
    }
}

extension FindingView {
    init(_ finding: Finding) {
        id = finding.id
        kind = finding.kind.rawValue
        severity = finding.severity.rawValue
        title = finding.title
        reason = finding.reason
        mend = finding.mend
        subjects = finding.subjects
        stops = finding.stops.map(\.description)
        costPerMinute = finding.minuteCostMicros.map(ConfigurationUnits.moneyText)
        acceptance =
            switch finding.acceptance {
            case .accepted(let known): Acceptance(known, expired: false)
            case .expired(let known): Acceptance(known, expired: true)
            case nil: nil
            }
    }
}

extension FindingView.Acceptance {
    init(_ acceptance: DeclaredMap.Acceptance, expired: Bool) {
        self.init(reason: acceptance.reason, until: acceptance.until.description, expired: expired)
    }
}

extension OutlookView {
    package init(_ outlook: Outlook, generation: UInt64? = nil) {
        self.generation = generation
        without = outlook.failed.map(\.description)
        lines = outlook.lines.map(Line.init)
        stopped = outlook.stopped.map(\.description)
        costPerMinute = outlook.minuteCostMicros.map(ConfigurationUnits.moneyText)
    }
}

extension OutlookView.Line {
    init(_ line: Outlook.Line) {
        component = line.component.description
        criticality = line.criticality.rawValue
        state = line.state.rawValue
        costPerMinute = line.minuteCostMicros.map(ConfigurationUnits.moneyText)
        carriers = line.carriers.map { carrier in
            OutlookView.Carrier(
                route: carrier.route, deployment: carrier.deployment, primary: carrier.isPrimary,
                state: carrier.state.rawValue,
                capacity: carrier.capacity.map {
                    OutlookView.Capacity(dimension: $0.dimension.rawValue, all: $0.all, left: $0.left)
                })
        }
    }
}
