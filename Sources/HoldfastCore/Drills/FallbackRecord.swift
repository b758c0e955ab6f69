/// What the worth of a fallback rests on, as facts with names: a drill says something about today only as long as they
/// are what they were.
///
/// It holds what decides whether and how a candidate answers in another's place. What it leaves out, on purpose: prices and
/// the other routes, which decide nothing there, and whatever a provider changes without telling anybody, for which there
/// is the age of the drill.
package struct FallbackFingerprint: Sendable, Hashable {
    package struct Fact: Sendable, Hashable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package var route: String
    package var deployment: String
    package var facts: [Fact]

    package init(route: String, deployment: String, facts: [Fact]) {
        self.route = route
        self.deployment = deployment
        self.facts = facts
    }

    /// - Parameter deployment: an index into `Snapshot.deployments`.
    package init(_ route: Route, _ deployment: Int, in snapshot: Snapshot) {
        let found = snapshot.deployments[deployment]
        let provider = snapshot.providers[found.provider]
        func span(_ nanoseconds: Int64?) -> String { nanoseconds.map(ConfigurationUnits.durationText) ?? "usual" }
        let timeouts = route.timeouts
        self.route = route.name
        self.deployment = found.id
        facts = [
            Fact(
                "the route's candidates", route.candidates.map { snapshot.deployments[$0].id }.joined(separator: ", ")),
            Fact("the route's strategy", route.strategy.rawValue),
            Fact("the route's delivery", route.delivery.rawValue),
            Fact("how the route sends unary requests", route.unary.rawValue),
            Fact(
                "the route's timeouts",
                "connect \(span(timeouts.connectNanoseconds)), first byte \(span(timeouts.firstByteNanoseconds)), "
                    + "first token \(span(timeouts.firstTokenNanoseconds)), idle \(span(timeouts.idleNanoseconds)), "
                    + "response \(span(timeouts.responseNanoseconds)), total \(span(timeouts.totalNanoseconds))"),
            Fact(
                "the route's retries",
                "\(route.retries.sameDeployment) at the same deployment, \(route.retries.attempts) attempts"),
            Fact("the model", found.model),
            Fact("its context", found.contextTokens.map { "\($0) tokens" } ?? "unknown"),
            Fact("its capabilities", found.capabilities.sorted().joined(separator: ", ")),
            Fact("the provider's base_url", provider.baseURL.description),
            Fact("the provider's dialect", provider.dialect.rawValue),
            Fact("the provider's vendor", provider.vendor),
            Fact("the provider's region", provider.region ?? "unknown"),
            Fact("the provider's jurisdiction", provider.jurisdiction ?? "unknown"),
            Fact("whose hardware it is", provider.isOwned ? "owned" : "somebody else's"),
        ]
    }

    /// One line for each fact that is another one now. A fact that only one of the two knows of was not looked at by the
    /// version that wrote the other, and says nothing.
    package func changes(to today: FallbackFingerprint) -> [String] {
        facts.compactMap { fact in
            guard let now = today.facts.first(where: { $0.name == fact.name }), now.value != fact.value else {
                return nil
            }
            return "\(fact.name): \(Self.said(fact.value)) then, \(Self.said(now.value)) now"
        }
    }

    private static func said(_ value: String) -> String { value.isEmpty ? "none" : value }
}

/// A drill that has ended, as far as it says something about fallbacks.
package struct FinishedDrill: Sendable, Hashable {
    package var id: String
    package var endedAtMilliseconds: Int64
    package var outcome: DrillVerdict.Outcome
    package var recoveryMilliseconds: Int64?
    package var coverage: [DrillCoverage]
    /// Who answered since t₀.
    package var answerers: Set<String>

    package init(
        id: String, endedAtMilliseconds: Int64, outcome: DrillVerdict.Outcome, recoveryMilliseconds: Int64?,
        coverage: [DrillCoverage], answerers: Set<String>
    ) {
        self.id = id
        self.endedAtMilliseconds = endedAtMilliseconds
        self.outcome = outcome
        self.recoveryMilliseconds = recoveryMilliseconds
        self.coverage = coverage
        self.answerers = answerers
    }
}

/// How good a fallback is known to be. A fallback without a fresh passing run is untested, whatever anybody believes.
///
/// A pass is a drill in which it answered: one that passed because somebody else did says nothing about it. A drill that
/// failed has shown that whoever was to answer first did not, and nothing about those behind. Inconclusive ones and shams
/// count for nothing. The bound on reliability treats drills as independent, which drills of one afternoon are not: it is
/// the most that can be claimed.
package struct FallbackRecord: Sendable, Hashable {
    package enum State: String, Sendable, Hashable, CaseIterable {
        case untested, outdated, tested, failed
    }

    /// After a quarter nobody remembers what else has changed.
    package static let freshMilliseconds: Int64 = 90 * 86_400_000

    package var state: State
    /// Since the last that failed, and since what it covers last changed between two of them.
    package var passes: Int
    package var lastPassedAtMilliseconds: Int64?
    package var lastRecoveryMilliseconds: Int64?
    /// The newest that says something about it.
    package var lastDrill: String?
    package var changes: [String]

    /// - Parameter drills: in any order.
    package init(of today: FallbackFingerprint, drills: [FinishedDrill], nowMilliseconds: Int64) {
        let relevant = drills.compactMap { Trial($0, of: today) }
            .sorted { ($0.at, $0.id) > ($1.at, $1.id) }
        (passes, changes) = (0, [])
        lastDrill = relevant.first?.id
        guard let newest = relevant.first else {
            state = .untested
            return
        }
        let lastPass = relevant.first(where: \.passed)
        lastPassedAtMilliseconds = lastPass?.at
        lastRecoveryMilliseconds = lastPass?.recovery
        guard newest.passed else {
            state = .failed
            return
        }
        for trial in relevant {
            guard trial.passed, trial.fingerprint.changes(to: newest.fingerprint).isEmpty else { break }
            passes += 1
        }
        changes = newest.fingerprint.changes(to: today)
        if BackupRetention.age(of: newest.at, nowMilliseconds: nowMilliseconds) > Self.freshMilliseconds {
            changes.append(
                "the last drill was on \(TimeOfDay.text(milliseconds: newest.at).prefix(10)), over 90 days ago")
        }
        state = changes.isEmpty ? .tested : .outdated
    }

    private struct Trial {
        var id: String
        var at: Int64
        var passed: Bool
        var recovery: Int64?
        var fingerprint: FallbackFingerprint

        init?(_ drill: FinishedDrill, of today: FallbackFingerprint) {
            let covered = drill.coverage.first {
                $0.fingerprint.route == today.route && $0.fingerprint.deployment == today.deployment
            }
            guard let covered else { return nil }
            switch drill.outcome {
            case .pass where drill.answerers.contains(today.deployment): passed = true
            case .fail where covered.isNext: passed = false
            case .pass, .fail, .inconclusive: return nil
            }
            (id, at, recovery) = (drill.id, drill.endedAtMilliseconds, drill.recoveryMilliseconds)
            fingerprint = covered.fingerprint
        }
    }

    /// The lower bound of its reliability at 95 % confidence, in whole percent and rounded down: 100 · 0.05^(1/n) for n
    /// passes without a failure. Nil: there was none.
    package var confidencePercent: Int? {
        guard passes > 0 else { return nil }
        return (1...99).last { Self.isAtMostOneInTwenty(percent: $0, toThe: passes) }
    }

    /// Whether (percent/100)^n ≤ 1/20, in fixed point with 15 digits, which is exact for n = 1 and far finer than the
    /// distance to the next whole percent for every other n.
    private static func isAtMostOneInTwenty(percent: Int, toThe power: Int) -> Bool {
        let one: Int64 = 1_000_000_000_000_000
        var value = one
        for _ in 0..<power {
            value = value / 100 * Int64(percent) + value % 100 * Int64(percent) / 100
            if value <= one / 20 { return true }
        }
        return false
    }
}
