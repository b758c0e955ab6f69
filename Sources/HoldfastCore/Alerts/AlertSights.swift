/// What the management plane sees at one moment, and which conditions follow from it.
///
/// Nothing here is taken to be well because nothing was heard of it: what a silent gateway said last, what could not be
/// read, and a breaker that is trying itself out are *undecided*, which neither begins an alert nor ends one.
package struct AlertSights: Sendable, Hashable {
    /// Fifteen pulls that were missed; a gateway takes its own configuration for stale after the same time.
    package static let silentNanoseconds = PullSchedule.staleNanoseconds

    /// A deployment or provider that is not as it should be, as a gateway says.
    package struct Trouble: Sendable, Hashable {
        package enum Breaker: String, Sendable, Hashable {
            case open
            case halfOpen = "half-open"
        }

        /// `provider/model`, or a provider's id.
        package var subject: String
        package var breaker: Breaker?
        package var suspension: FailureClass?

        package init(_ subject: String, breaker: Breaker? = nil, suspension: FailureClass? = nil) {
            self.subject = subject
            self.breaker = breaker
            self.suspension = suspension
        }
    }

    package struct Gateway: Sendable, Hashable {
        package var id: String
        package var silentNanoseconds: Int64
        /// 0: none of the management plane's, such as its own file.
        package var generation: UInt64
        /// What it is to have in force; 0: nothing was ever published.
        package var target: UInt64
        package var refused: String?
        package var troubles: [Trouble]
        /// Whether what is not in `troubles` is well: false where it says nothing of it, or not all.
        package var saysAll: Bool

        package init(
            id: String, silentNanoseconds: Int64, generation: UInt64, target: UInt64, refused: String? = nil,
            troubles: [Trouble] = [], saysAll: Bool = true
        ) {
            self.id = id
            self.silentNanoseconds = silentNanoseconds
            self.generation = generation
            self.target = target
            self.refused = refused
            self.troubles = troubles
            self.saysAll = saysAll
        }

        var isSilent: Bool { silentNanoseconds > AlertSights.silentNanoseconds }
    }

    package struct Restriction: Sendable, Hashable {
        package var id: String
        /// Such as `jurisdiction us`.
        package var target: String
        package var author: String
        package var reason: String

        package init(id: String, target: String, author: String, reason: String) {
            self.id = id
            self.target = target
            self.author = author
            self.reason = reason
        }
    }

    package struct Retiring: Sendable, Hashable {
        package var deployment: String
        package var day: CalendarDay
        package var replacement: String?

        package init(deployment: String, day: CalendarDay, replacement: String?) {
            self.deployment = deployment
            self.day = day
            self.replacement = replacement
        }
    }

    package enum Backup: Sendable, Hashable {
        /// Nobody has looked yet.
        case unknown
        /// Milliseconds since one was restored on trial and was good; nil: none ever was.
        case lastVerified(age: Int64?, problem: String?)
    }

    package struct ReturnedRollout: Sendable, Hashable {
        package var generation: UInt64
        package var reason: String

        package init(generation: UInt64, reason: String) {
            self.generation = generation
            self.reason = reason
        }
    }

    /// A fallback whose newest drill has failed.
    package struct FailedFallback: Sendable, Hashable {
        package var route: String
        package var deployment: String
        package var drill: String

        package init(route: String, deployment: String, drill: String) {
            self.route = route
            self.deployment = deployment
            self.drill = drill
        }
    }

    package var gateways: [Gateway] = []
    /// Nil: it is not known.
    package var failedFallbacks: [FailedFallback]?
    /// Nil: what is published cannot be read here.
    package var restrictions: [Restriction]?
    package var retiring: [Retiring]?
    package var backup = Backup.unknown
    /// The newest roll-out, where it went back by itself and nothing was published since.
    package var returned: ReturnedRollout?
    package var today: CalendarDay

    package init(today: CalendarDay) {
        self.today = today
    }
}

extension AlertSights {
    /// What follows from the sights.
    package struct Findings: Sendable, Hashable {
        /// By key.
        package var holding: [Condition]
        package var undecided: Set<AlertKey>
        package var undecidedKinds: Set<AlertKind>
        /// Gateways that are known, and those of them that were heard of late.
        package var known: Set<String>
        package var heard: Set<String>
        /// Those whose word on deployments and providers is whole.
        package var heardWhole: Set<String>
    }

    package var findings: Findings {
        let heard = gateways.filter { !$0.isSilent }
        var found = Findings(
            holding: [], undecided: [], undecidedKinds: [], known: Set(gateways.map(\.id)), heard: Set(heard.map(\.id)),
            heardWhole: Set(heard.filter(\.saysAll).map(\.id)))
        found.holding += gateways.filter(\.isSilent).map(Self.silent)
        found.holding += heard.compactMap(Self.refused) + heard.compactMap(Self.stale)
        addTroubles(of: heard, to: &found)
        if let restrictions {
            found.holding += restrictions.map(Self.condition)
        } else {
            found.undecidedKinds.insert(.restriction)
        }
        if let retiring {
            found.holding += retiring.compactMap { Self.condition(of: $0, today: today) }
        } else {
            found.undecidedKinds.insert(.retirement)
        }
        addBackup(to: &found)
        if let failedFallbacks {
            found.holding += failedFallbacks.map(Self.condition)
        } else {
            found.undecidedKinds.insert(.fallbackFailed)
        }
        if let returned {
            found.holding.append(
                Condition(
                    .rolloutReturned, "\(returned.generation)", .critical,
                    summary: "the roll-out of generation \(returned.generation) was taken back: \(returned.reason)",
                    mend: "see what it changed (holdfast config diff), mend it and publish it again"))
        }
        found.holding.sort { $0.key < $1.key }
        return found
    }

    // MARK: - Gateways

    private static func silent(_ gateway: Gateway) -> Condition {
        Condition(
            .gatewaySilent, gateway.id, .critical, summary: "the gateway \(gateway.id) does not report",
            mend: "see whether it runs and reaches the management plane; it serves on with what it has",
            gateways: [gateway.id])
    }

    private static func refused(_ gateway: Gateway) -> Condition? {
        guard let reason = gateway.refused else { return nil }
        return Condition(
            .configRefused, gateway.id, .critical,
            summary: "the gateway \(gateway.id) refuses what it is to have: \(reason)",
            mend: "see its /state; holdfast rollback --previous --reason … brings the last one back",
            gateways: [gateway.id])
    }

    /// One that refuses says why; there it is said once.
    private static func stale(_ gateway: Gateway) -> Condition? {
        guard gateway.refused == nil, gateway.target > 0, gateway.generation != gateway.target else { return nil }
        return Condition(
            .staleConfig, gateway.id, .warning,
            summary: gateway.generation == 0
                ? "the gateway \(gateway.id) has its own file in force and not generation \(gateway.target)"
                : "the gateway \(gateway.id) has generation \(gateway.generation) in force and not \(gateway.target)",
            mend: "see its log and /state, and that it trusts this management plane's key", gateways: [gateway.id])
    }

    // MARK: - Deployments

    private func addTroubles(of heard: [Gateway], to found: inout Findings) {
        var open: [String: [String]] = [:]
        var suspended: [String: (failure: FailureClass, gateways: [String])] = [:]
        var trying: Set<String> = []
        for gateway in heard {
            for trouble in gateway.troubles {
                switch trouble.breaker {
                case .open: open[trouble.subject, default: []].append(gateway.id)
                case .halfOpen: trying.insert(trouble.subject)
                case nil: break
                }
                // What ends by waiting a little is for nobody to be woken by.
                guard let failure = trouble.suspension, failure.policy.alert else { continue }
                suspended[trouble.subject, default: (failure, [])].gateways.append(gateway.id)
            }
        }
        found.holding += open.map { subject, gateways in
            Condition(
                .breaker, subject, .warning, summary: "the breaker of \(subject) is open: it keeps failing",
                mend: "see last_failure in /state; others answer in its place where a route has them",
                gateways: gateways.sorted())
        }
        found.holding += suspended.map { subject, entry in
            Condition(
                .suspension, subject, .critical, summary: "\(subject) is out: \(entry.failure.rawValue)",
                mend: entry.failure.mend, gateways: entry.gateways.sorted())
        }
        found.undecided.formUnion(trying.subtracting(open.keys).map { AlertKey(.breaker, $0) })
    }

    // MARK: - What is published

    private static func condition(of restriction: Restriction) -> Condition {
        Condition(
            .restriction, restriction.id, .warning,
            summary: "\(restriction.target) is restricted by \(restriction.author): \(restriction.reason)",
            mend: "a person clears it when it is over: holdfast overrides clear \(restriction.id) --reason …")
    }

    private static func condition(of retiring: Retiring, today: CalendarDay) -> Condition? {
        let retirement = Retirement(retires: retiring.day, today: today)
        guard let severity = retirement.severity, severity >= .warning else { return nil }
        let when = retirement == .retired ? "was retired on" : "is retired on"
        let mend = retiring.replacement.map { "\($0) answers from then on; move the routes to it" }
        return Condition(
            .retirement, retiring.deployment, severity == .urgent ? .critical : .warning,
            summary: "\(retiring.deployment) \(when) \(retiring.day)",
            mend: mend ?? "move the routes to another deployment, or set replaced_by")
    }

    private static func condition(of fallback: FailedFallback) -> Condition {
        Condition(
            .fallbackFailed, "\(fallback.route) \(fallback.deployment)", .critical,
            summary:
                "\(fallback.deployment) is no fallback of \(fallback.route): the drill \(fallback.drill) has failed",
            mend: "see why (holdfast drill show \(fallback.drill)), mend it and run the drill again")
    }

    // MARK: - Backups

    /// One is made and tried every day: two days without are two that failed.
    package static let backupMilliseconds = 2 * Span.day / Span.millisecond

    private func addBackup(to found: inout Findings) {
        guard case .lastVerified(let age, let problem) = backup else {
            found.undecidedKinds.insert(.backupUntested)
            return
        }
        let isFresh = age.map { $0 <= Self.backupMilliseconds } ?? false
        guard !isFresh || problem != nil else { return }
        let summary =
            problem.map { "the last backup is not good: \($0)" }
            ?? (age == nil
                ? "no backup was ever restored on trial" : "no backup was restored on trial for more than two days")
        found.holding.append(
            Condition(
                .backupUntested, "backup", .warning, summary: summary,
                mend: "see GET /v1/backups, and ask for one: POST /v1/backups"))
    }
}
