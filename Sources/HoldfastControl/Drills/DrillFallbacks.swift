import HoldfastAPI
import HoldfastCore
import Synchronization

/// What is known of fallbacks, which status and alerts ask for each second.
struct KnownFallbacks: Sendable {
    var generation: UInt64
    /// It grows old by itself: milliseconds since 1970.
    var madeAt: Int64
    var views: [FallbackView]

    static let freshMilliseconds: Int64 = 60_000

    func isFresh(_ generation: UInt64?, now: Int64) -> Bool {
        self.generation == generation && (0..<Self.freshMilliseconds).contains(now - madeAt)
    }
}

extension Drills {
    /// Drills that are looked at for what they say about fallbacks: a daily one for ten years.
    private static let mostFinished = 4_000

    /// Every fallback of every route of the newest configuration, in the document's order. Nil: it cannot be read here.
    func fallbacks(now: Int64) async throws -> [FallbackView]? {
        guard let newest = snapshots.newest else { return [] }
        if let known = state.withLock({ $0.fallbacks }), known.isFresh(newest.number, now: now) { return known.views }
        guard let snapshot = published() else { return nil }
        let ended = state.withLock(\.ended)
        let drills = try await finished()
        let views = snapshot.routes.flatMap { route in
            route.fallbacks.map { deployment in
                let today = FallbackFingerprint(route, deployment, in: snapshot)
                let known = drills[FallbackName(today)] ?? []
                return FallbackView(today, FallbackRecord(of: today, drills: known, nowMilliseconds: now))
            }
        }
        state.withLock { state in
            guard state.ended == ended else { return }
            state.fallbacks = KnownFallbacks(generation: newest.number, madeAt: now, views: views)
        }
        return views
    }

    private struct FallbackName: Hashable {
        var route: String
        var deployment: String

        init(_ fingerprint: FallbackFingerprint) {
            route = fingerprint.route
            deployment = fingerprint.deployment
        }
    }

    /// By what they say something about.
    private func finished() async throws -> [FallbackName: [FinishedDrill]] {
        let found = try await audit.store.read { try DrillStore.covering(limit: Self.mostFinished, in: $0) }
        var drills: [FallbackName: [FinishedDrill]] = [:]
        for drill in found.compactMap(FinishedDrill.init) {
            for covered in drill.coverage { drills[FallbackName(covered.fingerprint), default: []].append(drill) }
        }
        return drills
    }

    /// For alerts. Nil: it is not known which there are.
    func failedFallbacks(now: Int64) async throws -> [AlertSights.FailedFallback]? {
        try await fallbacks(now: now)?.filter { $0.state == .failed }.map {
            AlertSights.FailedFallback(route: $0.route, deployment: $0.deployment, drill: $0.lastDrill ?? "")
        }
    }

    func status(now: Int64) async throws -> DrillsStatusView {
        var view = status
        view.fallbacks = try await fallbacks(now: now)?.counts
        return view
    }

    /// As it was known last. Nil: nobody has looked since that changed.
    var knownFallbacks: DrillsStatusView.Fallbacks? { state.withLock { $0.fallbacks?.views.counts } }
}

extension [FallbackView] {
    fileprivate var counts: DrillsStatusView.Fallbacks {
        reduce(into: DrillsStatusView.Fallbacks()) { counts, fallback in
            switch fallback.state {
            case .tested: counts.tested += 1
            case .outdated: counts.outdated += 1
            case .untested: counts.untested += 1
            case .failed: counts.failed += 1
            }
        }
    }
}

extension Route {
    /// Indices of those that answer where another does not. Where the route decides anew for each exchange, all of them
    /// stand in for each other.
    fileprivate var fallbacks: [Int] {
        switch strategy {
        case .ordered: Array(candidates.dropFirst())
        case .weighted, .fastest, .cheapest: candidates.count > 1 ? candidates : []
        }
    }
}

extension FinishedDrill {
    /// Nil where it has not ended.
    init?(_ drill: StoredDrill) {
        guard let endedAt = drill.endedAt, let verdict = drill.view.verdict,
            let outcome = DrillVerdict.Outcome(rawValue: verdict.rawValue)
        else { return nil }
        let measures = drill.view.measures
        self.init(
            id: drill.view.id, endedAtMilliseconds: endedAt, outcome: outcome,
            recoveryMilliseconds: measures?.recoveryTime, coverage: drill.coverage,
            answerers: Set((measures?.answerers ?? []).filter { $0.count > 0 }.map(\.deployment)))
    }
}

extension FallbackView {
    fileprivate init(_ fingerprint: FallbackFingerprint, _ record: FallbackRecord) {
        let state: State =
            switch record.state {
            case .untested: .untested
            case .outdated: .outdated
            case .tested: .tested
            case .failed: .failed
            }
        self.init(
            route: fingerprint.route, deployment: fingerprint.deployment, state: state, passes: record.passes,
            changes: record.changes)
        confidencePercent = record.confidencePercent
        lastPassedAt = record.lastPassedAtMilliseconds.map { TimeOfDay.text(milliseconds: $0) }
        lastRecoveryMilliseconds = record.lastRecoveryMilliseconds
        lastDrill = record.lastDrill
    }
}
