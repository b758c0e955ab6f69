import HoldfastAPI
import HoldfastCore
import Synchronization

/// The map of the newest generation, joined with what gateways see and what drills have shown.
///
/// An assessment is made when somebody asks, and kept for a moment: a console that looks every second, and three people
/// with it, cost one.
final class Maps: Sendable {
    /// How old an assessment may be.
    static let freshNanoseconds = 2 * Span.second

    /// What an assessment is made of, besides the document.
    struct Sources: Sendable {
        /// Nil: nobody looked.
        var observed: @Sendable () -> ObservedFacts?
        /// By route and deployment; what is not in it is untested.
        var fallbacks: @Sendable () async throws -> [FallbackView]

        init(
            observed: @escaping @Sendable () -> ObservedFacts? = { nil },
            fallbacks: @escaping @Sendable () async throws -> [FallbackView] = { [] }
        ) {
            self.observed = observed
            self.fallbacks = fallbacks
        }
    }

    /// An assessment, and of what.
    struct Sight: Sendable {
        var number: UInt64
        var snapshot: Snapshot
        var assessment: Assessment
        var fallbacks: [FallbackState]
        var at: Instant

        var planner: Planner { Planner(assessment.map, of: snapshot, fallbacks: fallbacks) }
    }

    private let snapshots: Snapshots
    private let sources: Sources
    private let kept = Mutex<Sight?>(nil)

    init(snapshots: Snapshots, sources: Sources) {
        self.snapshots = snapshots
        self.sources = sources
    }

    /// - Throws: `ProblemView` where nothing has been published, or what was cannot be read here.
    func look(now: Instant, nowMilliseconds: Int64) async throws -> Sight {
        guard let newest = snapshots.newest else { throw ProblemView.nothingToAssess }
        if let kept = kept.withLock({ $0 }), kept.number == newest.number,
            now.nanoseconds(since: kept.at) < Self.freshNanoseconds
        {
            return kept
        }
        let snapshot = try snapshots.loaded(newest).snapshot
        let fallbacks = try await sources.fallbacks().map(\.record)
        let assessment = Assessment(
            Assessment.Input(
                snapshot, today: CalendarDay(unixMilliseconds: nowMilliseconds), observed: sources.observed(),
                fallbacks: fallbacks))
        let sight = Sight(
            number: newest.number, snapshot: snapshot, assessment: assessment, fallbacks: fallbacks, at: now)
        kept.withLock { $0 = sight }
        return sight
    }
}

extension FallbackView {
    fileprivate var record: FallbackState {
        let state: FallbackState.State =
            switch self.state {
            case .untested: .untested
            case .outdated: .outdated
            case .tested: .tested
            case .failed: .failed
            }
        return FallbackState(
            route: route, deployment: deployment, state: state,
            recoveryNanoseconds: lastRecoveryMilliseconds.flatMap {
                $0.multipliedReportingOverflow(by: Span.millisecond).overflow ? nil : $0 * Span.millisecond
            }, changes: changes)
    }
}

extension Gateways {
    /// What those that report have seen since they started; nil: none has told anything.
    ///
    /// - Parameter backupsBesideOriginal: nil where it is not known.
    func observed(now: Instant, backupsBesideOriginal: Bool?) -> ObservedFacts? {
        let reports = seen(now: now)
        guard !reports.isEmpty else { return nil }
        var facts = ObservedFacts()
        facts.gateways = reports.map(\.id)
        facts.backupsBesideOriginal = backupsBesideOriginal
        var calls: [CallPlace: Int] = [:]
        var endpoints: [EndpointPlace: Set<String>] = [:]
        var servers: Set<String> = []
        for figures in reports.compactMap(\.seen.figures?.view) {
            for call in figures.calls {
                let place = CallPlace(workload: call.workload, route: call.route, deployment: call.deployment)
                calls[place] = (calls[place] ?? 0).addingSaturating(max(0, call.count))
            }
            for endpoint in figures.endpoints {
                let place = EndpointPlace(provider: endpoint.provider, host: endpoint.host)
                endpoints[place, default: []].formUnion(endpoint.addresses)
            }
            servers.formUnion(figures.nameServers)
        }
        facts.calls = calls.sorted { $0.key < $1.key }.map { place, count in
            ObservedFacts.Call(
                workload: place.workload, route: place.route, deployment: place.deployment, count: count)
        }
        facts.endpoints = endpoints.sorted { $0.key < $1.key }.map { place, addresses in
            ObservedFacts.Endpoint(provider: place.provider, host: place.host, addresses: addresses.sorted())
        }
        facts.nameServers = servers.sorted()
        return facts
    }
}

/// Calls of several gateways are one where they are of the same.
private struct CallPlace: Hashable, Comparable {
    var workload: String?
    var route: String
    var deployment: String?

    static func < (left: CallPlace, right: CallPlace) -> Bool {
        (left.workload ?? "", left.route, left.deployment ?? "") < (
            right.workload ?? "", right.route, right.deployment ?? ""
        )
    }
}

private struct EndpointPlace: Hashable, Comparable {
    var provider: String
    var host: String

    static func < (left: EndpointPlace, right: EndpointPlace) -> Bool {
        (left.provider, left.host) < (right.provider, right.host)
    }
}

extension ProblemView {
    static let nothingToAssess = conflict(
        "nothing has been published, so there is no map",
        mend: "publish a configuration first: holdfast config publish FILE --reason …")
}
