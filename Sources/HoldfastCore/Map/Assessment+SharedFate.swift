/// What is meant to be independent and is not.
extension AssessmentSight {
    func sharedFate() -> [Finding] {
        management() + alertChannels() + backups() + groups() + snapshot.routes.flatMap(fallbacks)
    }

    /// Of two ascending lists.
    static func common(_ left: [Int], _ right: [Int]) -> [Int] { left.filter { CutFamily.contains(right, $0) } }

    // MARK: - Management path and data path

    private func management() -> [Finding] {
        guard let control = map.index(of: .control) else { return [] }
        return cuts.singles(of: control).compactMap { place in
            let stops = tops.filter { CutFamily.contains(cuts.singles(of: $0), place) }
            guard !stops.isEmpty else { return nil }
            let failure = cuts.failure(place)
            return stopping(
                stops,
                Finding(
                    .sharedManagement, worst(stops) == .critical ? .warning : .notice, of: [failure.description],
                    "\(failure) takes the management plane down together with \(Self.names(stops.map(id)))",
                    reason: "what is needed to mend it is gone at the same time",
                    mend: "give management:control a place under map.components that does without \(failure)"))
        }
    }

    // MARK: - Alert channels and what they tell of

    private func alertChannels() -> [Finding] {
        let critical = tops.filter { map.criticalities[$0] == .critical }
        let channels = map.components.indices.filter { id($0).kind == .alertChannel }
        guard let first = channels.first else { return critical.isEmpty ? [] : [noAlert(critical)] }
        let all = channels.dropFirst().reduce(cuts.singles(of: first)) { Self.common($0, cuts.singles(of: $1)) }
        return all.compactMap { place in
            let stops = critical.filter { CutFamily.contains(cuts.singles(of: $0), place) }
            guard !stops.isEmpty else { return nil }
            let failure = cuts.failure(place)
            return stopping(
                stops,
                Finding(
                    .sharedAlert, .warning, of: [failure.description],
                    "nobody is told when \(failure) stops \(Self.names(stops.map(id)))",
                    reason: "\(Self.names(channels.map(id))) \(channels.count == 1 ? "stops" : "stop") with it",
                    mend: "add a receiver under control.notifications that does without \(failure)"))
        }
    }

    private func noAlert(_ critical: [Int]) -> Finding {
        stopping(
            critical,
            Finding(
                .noAlert, .warning, of: ["control.notifications"],
                "nobody is told of an outage of \(Self.names(critical.map(id)))",
                reason: "the document names no receiver of alerts, and the map no alert-channel",
                mend: "add a receiver under control.notifications, and test it: holdfast notifications test NAME"))
    }

    // MARK: - Backups and originals

    private func backups() -> [Finding] {
        var found: [Finding] = []
        if input.observed?.backupsBesideOriginal == true {
            found.append(
                Finding(
                    .sharedBackup, .warning, of: ["backup", ComponentID.control.description],
                    "the backups of the management plane lie in its own folder",
                    reason: "the disk that takes the original takes them too",
                    mend: "start holdfast control with --backups and a folder on another disk or machine"))
        }
        for (index, component) in map.components.enumerated() {
            guard let original = component.backsUp.flatMap({ map.index(of: $0) }) else { continue }
            let places = Self.common(cuts.singles(of: index), cuts.singles(of: original))
            guard !places.isEmpty else { continue }
            let names = places.flatMap(cuts.failures).map(\.description)
            found.append(
                Finding(
                    .sharedBackup, .warning, of: [component.id.description, id(original).description],
                    "\(component.id) is lost together with \(id(original)), which it is the backup of",
                    reason: "both fail with \(Listing.text(names, most: 5))",
                    mend: "keep a copy that shares none of them"))
        }
        return found
    }

    // MARK: - Groups that are none

    private func groups() -> [Finding] {
        map.components.indices.compactMap { index in
            let component = map.components[index]
            // Where every member is needed nobody has meant a redundancy.
            guard component.id.kind == .group, let gate = map.gates[index].first, gate.defeat > 1 else { return nil }
            let places = cuts.singles(of: index)
            guard !places.isEmpty else { return nil }
            let names = places.flatMap(cuts.failures).map(\.description)
            return Finding(
                .sharedGroup, .warning, of: [component.id.description],
                "\(component.id) is no redundancy: one failure is enough to defeat it",
                reason: "too many of \(Self.names(gate.members.map(id))) fail with \(Listing.text(names, most: 5))",
                mend: "move one of them to where it shares none of these, or take the group for what it is")
        }
    }

    // MARK: - Fallback and primary

    /// Domains that most providers share with some other: worth knowing, and no reason to hurry.
    private static let wideDomains: Set<DomainKind> = [.region, .jurisdiction, .price, .people]

    private func fallbacks(_ route: Route) -> [Finding] {
        guard let primary = route.candidates.first, route.candidates.count > 1,
            let routeIndex = map.index(of: ComponentID(.route, route.name))
        else { return [] }
        let alone = cuts.singles(of: routeIndex)
        let shares = route.candidates.dropFirst().map { fallback in
            shared(primary, fallback).filter { place in
                // What stops the route as a whole is a finding of its own.
                !CutFamily.contains(alone, place)
            }.flatMap(cuts.failures).filter { $0 != .domain(ImpliedMap.internet) }
        }
        let hasIndependent = shares.contains { $0.allSatisfy(Self.isWide) }
        return zip(route.candidates.dropFirst(), shares).compactMap { fallback, shared in
            guard !shared.isEmpty else { return nil }
            let isClose = !shared.allSatisfy(Self.isWide)
            let isSerious = isClose && !hasIndependent && criticality(of: route) == .critical
            let (first, second) = (deployment(primary).id, deployment(fallback).id)
            return stopping(
                concerned(route),
                Finding(
                    .sharedFallback, isSerious ? .warning : .notice, of: ["route:\(route.name)", first, second],
                    "\(second) is no fallback for \(first) on route:\(route.name) where they fail together",
                    reason: "both fail with \(Listing.text(shared.map(\.description), most: 5))",
                    mend: hasIndependent
                        ? "ask a candidate that shares nothing with \(first) before it"
                        : "add a candidate that shares nothing with \(first)"))
        }
    }

    private func shared(_ left: Int, _ right: Int) -> [Int] {
        let indices = [left, right].compactMap { map.index(of: ComponentID(.deployment, deployment($0).id)) }
        guard indices.count == 2 else { return [] }
        return Self.common(cuts.singles(of: indices[0]), cuts.singles(of: indices[1]))
    }

    private static func isWide(_ failure: Failure) -> Bool {
        if case .domain(let domain) = failure { wideDomains.contains(domain.kind) } else { false }
    }
}
